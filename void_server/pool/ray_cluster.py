# SPDX-License-Identifier: Apache-2.0
"""The pool on a Ray cluster: a worker for each GPU of its nodes (or another resource), behind the same schedule.

Nodes that join are used, and what nodes that are lost had in hand is computed elsewhere.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from void_server.configuration import RaySettings
from void_server.errors import PreconditionFailed, VoidError, WorkerCrashed
from void_server.pool.messages import StepAnswer, Stepped, carry_through
from void_server.pool.node_report import differences
from void_server.pool.ray_access import driver_environment
from void_server.pool.ray_link import RayLink
from void_server.pool.scheduled import PlaceLost, ScheduledPool, Seat

log = logging.getLogger(__name__)

NODES_SECONDS = 2.0
"""How often the cluster is asked for its nodes."""
START_SECONDS = 120.0
"""In which a worker of a node must begin to answer: its GPU may be another program's just now."""
REPORT_SECONDS = 300.0
"""In which it must report: PyTorch may come from a slow disk."""
AGAIN_SECONDS = 60.0
"""After so long a node that was refused is looked at again: somebody may have mounted or installed what was missing."""
FIRST_NODE_SECONDS = 300.0
"""So long a server that starts waits for a node with the resource: its machines may have been switched on together."""


@dataclass(frozen=True)
class _Node:
    id: str
    address: str
    slots: int

    def __str__(self) -> str:
        return f"node {self.address} ({self.id[:8]})"


@dataclass(frozen=True)
class _Served:
    node: _Node
    link: RayLink
    seat: Seat


class _NodeRefused(Exception):
    """A node cannot be used; its text says why."""


class _RayPlace:
    """A worker on a node."""

    def __init__(self, link: RayLink, number: int, node: _Node) -> None:
        self._link, self._number, self._node = link, number, node

    def run(self, task: dict[str, Any], on_step: Stepped | None = None) -> Any:
        """See `void_server.pool.scheduled.Place`."""
        return carry_through(self, task, on_step)

    def begin(self, task: dict[str, Any]) -> dict[str, Any]:
        """See `void_server.pool.messages.Worker`."""
        return self._exchange("begin", task)

    def go_on(self, answer: StepAnswer) -> dict[str, Any]:
        """See `void_server.pool.messages.Worker`."""
        return self._exchange("go_on", answer.value)

    def call(
        self, method: str, *arguments: Any, seconds: float | None = None, stop: threading.Event | None = None
    ) -> Any:
        """Call a method of its `NodeWorker`; see `RayLink.ask`."""
        try:
            return self._link.ask(
                "call", worker=self._number, method=method, arguments=arguments, seconds=seconds, stop=stop
            )
        except PlaceLost as lost:
            raise PlaceLost(f"The worker on {self._node} is lost: {lost}") from None

    def _exchange(self, method: str, argument: Any) -> dict[str, Any]:
        reply: dict[str, Any] = self.call(method, argument)
        if (crash := reply.get("crashed")) is not None:
            message = f"{crash['message'].rstrip('.')} on {self._node}."
            raise WorkerCrashed(message, signal=crash["signal"], how=crash["how"])
        return reply


class RayPool(ScheduledPool):
    """Workers on the nodes of a Ray cluster.

    Returns when the first worker is there: its report is what those of all others are compared with.

    Args:
        settings: the cluster.
        command: what starts a worker on this machine; nodes start the same with their own Python.
        store: folder of the frame store, which all nodes must see under this path.
        shared: other folders and files that they must see.
        timeout_seconds: limit `unit_timeout_seconds`.
        nodes_seconds, first_node_seconds: see `NODES_SECONDS`, `FIRST_NODE_SECONDS`.

    Raises:
        InvalidInput, PreconditionFailed: the cluster cannot be used, or none of its nodes.
    """

    def __init__(
        self,
        settings: RaySettings,
        command: Sequence[str],
        store: Path,
        shared: Sequence[Path] = (),
        timeout_seconds: float = 3600.0,
        *,
        nodes_seconds: float = NODES_SECONDS,
        first_node_seconds: float = FIRST_NODE_SECONDS,
    ) -> None:
        super().__init__()
        self._settings, self._command, self._timeout = settings, list(command), timeout_seconds
        self._store = store.absolute()
        self._shared = [str(path.absolute()) for path in shared if path.exists()]
        self._nodes_seconds = nodes_seconds
        self._numbers = count(1)
        self._occupied: dict[tuple[str, int], threading.Thread] = {}
        self._serving: dict[tuple[str, int], _Served] = {}
        self._not_before: dict[str, float] = {}
        self._told: dict[str, str] = {}
        self._first: tuple[_Node, dict[str, Any]] | None = None
        self._link = self._connect()
        self._watcher = threading.Thread(target=self._watch, name="ray-nodes", daemon=True)
        self._watcher.start()
        try:
            self._wait_for_first(first_node_seconds)
        except BaseException:
            self.close()
            raise

    @property
    def workers(self) -> int:
        """How many there are now; 0 = tasks wait for a node."""
        return len(self._serving)

    def pids(self) -> list[int]:
        """None of the workers is a process of this server."""
        return []

    def places(self) -> list[str]:
        """Addresses of the nodes of the workers, one for each worker."""
        with self._changed:
            return sorted(served.node.address for served in self._serving.values())

    def close(self) -> None:
        """Finish the tasks in hand, drop the waiting ones, end the workers, leave the cluster."""
        self._begin_to_close()
        self._watcher.join()
        for thread in list(self._occupied.values()):
            thread.join()
        self._drop_waiting()
        self._link.close()

    def kill(self) -> None:
        """Leave the cluster at once, whereupon it ends the workers; the tasks in hand end as stopped."""
        self._begin_to_close()
        self._link.close()

    def _connect(self) -> RayLink:
        if find_spec("ray") is None:
            raise PreconditionFailed(
                "The pool ray needs the package ray.",
                fix="Install it with: pip install 'void-for-hosts[ray]'",
            )
        at, without = self._settings.address, self._settings.without_token
        link = RayLink(at, driver_environment(at, os.environ, without))
        if link.dashboard:
            log.warning("Ray's dashboard runs at %s; nothing here needs it", link.dashboard)
        return link

    def _wait_for_first(self, first_node_seconds: float) -> None:
        until = time.monotonic() + first_node_seconds
        with self._changed:
            while not self._serving:
                if self._told and not self._occupied:
                    raise PreconditionFailed(
                        f"No node of the Ray cluster at {self._settings.address} can be used: "
                        + "; ".join(sorted(set(self._told.values()))),
                        fix="Repair what is said of each node, then start the server again; see docs/ray.md.",
                    )
                if not self._occupied and time.monotonic() > until:
                    raise PreconditionFailed(
                        f"No node of the Ray cluster at {self._settings.address} offers the resource"
                        f" {self._settings.resource}.",
                        fix="Start nodes that have one, or name another with --ray-resource; see docs/ray.md.",
                    )
                self._changed.wait(0.1)

    def _watch(self) -> None:
        """Keep a worker on each slot of each node, and a connection to the cluster."""
        told = ""
        while not self._closing.is_set():
            try:
                if not self._link.alive:
                    self._link.close()
                    self._link = self._connect()
                    log.info("connected to the Ray cluster again")
                nodes = list(self._nodes())
                self._dismiss_lost({node.id for node in nodes})
                for node in nodes:
                    self._occupy(node)
                told = ""
            except (PlaceLost, VoidError, OSError) as error:
                if not self._link.alive:
                    self._dismiss_lost(set())
                if str(error) != told:
                    told = str(error)
                    log.error("the Ray cluster: %s Tried again every %g s.", told, self._nodes_seconds)
            self._closing.wait(self._nodes_seconds)

    def _nodes(self) -> Iterator[_Node]:
        for node in self._link.ask("nodes", seconds=START_SECONDS, stop=self._closing):
            slots = int(node["resources"].get(self._settings.resource, 0))
            if slots:
                yield _Node(node["id"], node["address"], slots)

    def _dismiss_lost(self, alive: set[str]) -> None:
        """Let those that wait for tasks go whose node or connection is lost; the others notice by themselves."""
        with self._changed:
            lost = [s for s in self._serving.values() if s.node.id not in alive or s.link is not self._link]
        for served in lost:
            self._dismiss(served.seat)

    def _occupy(self, node: _Node) -> None:
        """Start what a node lacks of workers, unless it was refused just now."""
        if time.monotonic() < self._not_before.get(node.id, 0.0):
            return
        for slot in range(node.slots):
            key = node.id, slot
            with self._changed:
                if key in self._occupied:
                    continue
                name = f"ray-{node.address}-{slot}"
                thread = threading.Thread(target=self._keep, args=(key, node), name=name, daemon=True)
                self._occupied[key] = thread
            thread.start()

    def _keep(self, key: tuple[str, int], node: _Node) -> None:
        """Have a worker on a slot of a node, from its start until it is lost or the pool closes."""
        link, number = self._link, next(self._numbers)
        place = _RayPlace(link, number, node)
        try:
            try:
                self._start(link, number, node)
                self._admit(place, node)
            except (_NodeRefused, PlaceLost, VoidError) as refusal:
                # Of a lost connection no node is to blame.
                if link.alive:
                    self._refuse(node, str(refusal))
                return
            seat = Seat()
            with self._changed:
                self._serving[key] = _Served(node, link, seat)
                self._told.pop(node.id, None)
                self._changed.notify_all()
            log.info("a worker on %s; %d in all", node, self.workers)
            with contextlib.suppress(PlaceLost):
                self._serve(place, seat)
        finally:
            with contextlib.suppress(PlaceLost, VoidError):
                link.ask("end", worker=number, seconds=START_SECONDS)
            self._leave(key, node)

    def _leave(self, key: tuple[str, int], node: _Node) -> None:
        with self._changed:
            served = self._serving.pop(key, None)
            del self._occupied[key]
            self._changed.notify_all()
        if served is not None and not self._closing.is_set():
            log.warning("a worker less on %s; %d left", node, self.workers)
            if not self.workers:
                log.error("there is no worker: all tasks wait until a node of the Ray cluster can be used")

    def _refuse(self, node: _Node, why: str) -> None:
        if self._closing.is_set():
            return
        with self._changed:
            told = self._told.get(node.id)
            self._told[node.id] = f"{node}: {why}"
            self._not_before[node.id] = time.monotonic() + AGAIN_SECONDS
        if told != f"{node}: {why}":
            log.error("%s is not used: %s", node, why)

    def _start(self, link: RayLink, number: int, node: _Node) -> None:
        link.ask(
            "start",
            worker=number,
            node=node.id,
            resource=self._settings.resource,
            command=self._command,
            timeout=self._timeout,
            seconds=START_SECONDS,
            stop=self._closing,
        )

    def _admit(self, place: _RayPlace, node: _Node) -> None:
        """Let a worker in that sees the store, and would compute the same bits as the first.

        Raises:
            _NodeRefused: it does not.
            PlaceLost, VoidError: it cannot be asked.
        """
        self._check_store(place)
        report = {
            "identity": self._asked(place, "identity"),
            "capabilities": self._asked(place, "capabilities"),
        }
        with self._changed:
            if self._first is None:
                self._first = node, report
                return
            first, expected = self._first
        if found := differences(expected, report):
            raise _NodeRefused(
                f"it would not compute the same as {first}, the first of this server: {found}. Give all nodes the same"
                " processor and GPU model, packages and weights."
            )

    def _asked(self, place: _RayPlace, what: str) -> Any:
        reply = place.call("begin", {"do": what}, seconds=REPORT_SECONDS, stop=self._closing)
        if "ok" not in reply:
            error = reply.get("error") or reply.get("crashed") or {}
            raise _NodeRefused(f"its worker does not report: {error.get('message', reply)}")
        return reply["ok"]

    def _check_store(self, place: _RayPlace) -> None:
        with _probe(self._store) as (probe, text, answer):
            missing = place.call(
                "look",
                str(probe),
                text,
                str(answer),
                self._shared,
                seconds=START_SECONDS,
                stop=self._closing,
            )
            if not missing and (not answer.is_file() or answer.read_text() != text):
                missing = [f"{answer}: what the node writes there does not arrive here"]
        if missing:
            raise _NodeRefused(
                f"it does not see the store {self._store}, or what else is shared ({'; '.join(missing)})."
                " Mount it there under the same path, for the same account to read and write."
            )


@contextmanager
def _probe(store: Path) -> Iterator[tuple[Path, str, Path]]:
    """A file in the store with a text of its own, and the name of another for the answer; both are removed."""
    text = secrets.token_hex(16)
    probe, answer = (store / "tmp" / f"{name}-{text}" for name in ("probe", "answer"))
    try:
        probe.write_text(text)
        yield probe, text, answer
    finally:
        for path in (probe, answer):
            path.unlink(missing_ok=True)
