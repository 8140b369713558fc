# SPDX-License-Identifier: Apache-2.0
"""One load from its start to its end: a server, one artist alone, all clients at once, and a moment of rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

from benchmarks.generated_shot import GeneratedShot
from benchmarks.load.clients import Clients, Record
from benchmarks.load.gauges import Gauges, Sample
from benchmarks.load.plan import FIRST_FRAME, HEIGHT, LONG_FRAMES, WIDTH, Plan
from benchmarks.server_process import ServerProcess
from void_server.access.principals import Role
from void_server.access.tokens import add_token
from void_server.configuration import named_tokens_file

USERS = ("anna", "bo", "cai", "dan")

ALONE = 999
"""Number of the one artist: none of the others, so that its orders are not theirs."""

FIRST_JOB_LIMIT_S = 180.0
"""For the workers to start and load what they need."""

Tell = Callable[[float, "Load"], None]
"""Told now and then: seconds of the load so far, and what was measured."""


@dataclass(frozen=True)
class Wanted:
    """What is to be measured.

    Attributes:
        clients: at once, the slow ones among them.
        slow: how many of them read slowly.
        seconds: of the load, all clients at once.
        least_jobs: fetched ones without which the load does not end, however long it takes; 0 = it ends in time.
        alone_s: of one artist alone before it, the first job not counted; 0 = no such phase.
        previews: whether artists ask for previews, with a tiny SAM2 of random values.
        per_process: clients in one process.
        server_options: of `void-server serve`.
        interval_s: between two samples of the processes.
        rest_s: after clients ended, before threads and files are counted.
        plan: what more the clients are told; address, tokens and shot are put in.
    """

    clients: int = 12
    slow: int = 1
    seconds: float = 3600.0
    least_jobs: int = 0
    alone_s: float = 60.0
    previews: bool = True
    per_process: int = 1
    server_options: Sequence[str] = ()
    interval_s: float = 2.0
    rest_s: float = 3.0
    plan: Plan = field(default_factory=Plan)

    @property
    def artists(self) -> int:
        """Clients that read as fast as they can."""
        return self.clients - self.slow


@dataclass
class Load:
    """What was measured; times are seconds since 1970.

    Attributes:
        alone, loaded: what the clients told while one was alone, and while all were at work.
        samples: of the processes.
        began, ended: of the load.
        before, after: the processes once one artist had been served and had left, and at rest in the end.
        interrupted: whether somebody pressed Ctrl-C.
    """

    alone: list[Record] = field(default_factory=list)
    loaded: list[Record] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0
    before: dict[str, Sample] = field(default_factory=dict)
    after: dict[str, Sample] = field(default_factory=dict)
    interrupted: bool = False


def measure(wanted: Wanted, folder: Path, tell: Tell) -> Load:
    """Run a load; Ctrl-C ends it early, with what was measured until then.

    Args:
        folder: an empty folder for store and frames; what is in it is the caller's to remove.
        tell: told about once a second how far it is.

    Raises:
        RuntimeError: the server did not start, or served no job.
    """
    load = Load()
    write_shot(folder / "shot")
    with _weights(folder, wanted.previews), ServerProcess(folder / "store", *wanted.server_options) as server:
        plan = _plan(wanted, server, folder / "shot")
        with Gauges(server.pid, server.store, wanted.interval_s) as gauges:
            load.samples = gauges.samples
            try:
                _alone(wanted, plan, load)
                time.sleep(wanted.rest_s)
                load.before = gauges.look()
                _all(wanted, plan, load, tell)
                time.sleep(wanted.rest_s)
            except KeyboardInterrupt:
                load.interrupted = True
            load.ended = load.ended or time.time()
            load.after = gauges.look()
    return load


def write_shot(folder: Path) -> None:
    """The frames that all orders are made of, uncompressed."""
    shot = GeneratedShot(WIDTH, HEIGHT)
    for index in range(LONG_FRAMES):
        shot.write_plate(folder / f"plate.{FIRST_FRAME + index}.exr", index, "none")
        shot.write_matte(folder / f"roto.{FIRST_FRAME + index}.exr", index)


def _plan(wanted: Wanted, server: ServerProcess, shot: Path) -> Plan:
    tokens = {user: add_token(named_tokens_file(server.store), user, Role.ARTIST) for user in USERS}
    return replace(
        wanted.plan,
        address=server.target.address,
        tokens=tokens,
        shot=str(shot),
        previews=wanted.previews,
    )


def _alone(wanted: Wanted, plan: Plan, load: Load) -> None:
    """One artist; what it told before its first job was done is not counted, as workers start meanwhile."""
    with Clients(plan, [[ALONE]], frozenset()) as clients:
        limit = time.monotonic() + FIRST_JOB_LIMIT_S
        while not any(r["what"] == "job" for r in list(clients.records)):
            if time.monotonic() > limit:
                raise RuntimeError(f"no job was done in {FIRST_JOB_LIMIT_S:.0f} s: {clients.records[-3:]}")
            time.sleep(0.1)
        since = time.time()
        time.sleep(wanted.alone_s)
    load.alone = [r for r in clients.records if r["at"] >= since or r["what"] in ("failure", "wrong")]


def _all(wanted: Wanted, plan: Plan, load: Load, tell: Tell) -> None:
    numbers = list(range(wanted.clients))
    groups = [numbers[i : i + wanted.per_process] for i in range(0, len(numbers), wanted.per_process)]
    load.began = time.time()
    with Clients(plan, groups, frozenset(numbers[wanted.artists :])) as clients:
        load.loaded = clients.records
        try:
            while (spent := time.time() - load.began) < wanted.seconds or _jobs(load) < wanted.least_jobs:
                tell(spent, load)
                time.sleep(min(1.0, max(0.1, wanted.seconds - spent)))
        except KeyboardInterrupt:
            load.interrupted = True
        load.ended = time.time()


def _jobs(load: Load) -> int:
    return sum(r["what"] == "job" for r in list(load.loaded))


@contextmanager
def _weights(folder: Path, wanted: bool) -> Iterator[None]:
    """While it lasts, `VOID_WEIGHTS` is a folder that has a tiny SAM2 of random values, or nothing."""
    weights = folder / "weights"
    weights.mkdir(parents=True)
    if wanted:
        # The model of the tests: the one thing here that needs a checkout, and a package that takes seconds to load.
        models = import_module("tests.segmenters.sam2_models")
        models.tiny_model().save_pretrained(weights / "sam2" / "sam2.1-hiera-tiny")
    before = os.environ.get("VOID_WEIGHTS")
    os.environ["VOID_WEIGHTS"] = str(weights)
    try:
        yield
    finally:
        if before is None:
            del os.environ["VOID_WEIGHTS"]
        else:
            os.environ["VOID_WEIGHTS"] = before
