# SPDX-License-Identifier: Apache-2.0
"""A real Ray cluster of several nodes on this machine, each at an address of its own, behind a token.

Each node is what `ray start --block` starts, a tree of processes of its own. `ray stop` is not for here: it ends every
Ray of the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from void_server.configuration import RaySettings
from void_server.pool.ray_cluster import RayPool

ROOT = Path(__file__).parents[2]
RESOURCE, OTHER_RESOURCE = "void", "own"
"""A pool holds those of its resource: two pools at once need different ones."""
START_SECONDS = 200.0
ODD_WORKER = [sys.executable, str(ROOT / "tests" / "server" / "crashing_worker.py")]


class LocalCluster:
    """A head node that computes nothing, and nodes that offer one of each resource."""

    def __init__(self, folder: Path, *, token: bool = True) -> None:
        # Another run of the tests may have its own on this machine.
        self._net = f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(256)}"
        self.token_file = folder / "auth_token"
        self.token_file.write_text(secrets.token_hex(32))
        self.token_file.chmod(0o600)
        self._folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "RAY_AUTH_MODE": "token" if token else "disabled",
            "RAY_AUTH_TOKEN_PATH": str(self.token_file),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._given: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {}
        head = self.at(2)
        self.address = f"{head}:{_free_port(head)}"
        self._start(head, "--head", f"--port={self.address.rpartition(':')[2]}")
        self._wait_for(head)

    def at(self, number: int) -> str:
        """An address of this cluster; the head node has 2."""
        return f"{self._net}.{number}"

    def add(
        self,
        address: str,
        *,
        resources: dict[str, int] | None = None,
        path: str = "",
        environment: dict[str, str] | None = None,
    ) -> None:
        """Begin to start a node.

        Args:
            path: folder that its Python looks into first.
            environment: what its processes have besides.
        """
        offered = json.dumps(resources or {RESOURCE: 1, OTHER_RESOURCE: 1})
        given = {"PYTHONPATH": f"{path}{os.pathsep}{ROOT}" if path else str(ROOT), **(environment or {})}
        self._start(address, f"--address={self.address}", f"--resources={offered}", environment=given)

    def ensure(self, *addresses: str) -> None:
        """Have nodes at these addresses."""
        for address in addresses:
            if address not in self._nodes:
                self.add(address)
        for address in addresses:
            self._wait_for(address)

    def kill(self, address: str) -> None:
        """End a node as a power cut does: every process of it, by SIGKILL."""
        node = self._nodes.pop(address)
        for pid in [*descendants(node.pid), node.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.wait()

    def stop(self) -> None:
        """End all nodes."""
        for address in list(self._nodes):
            self.kill(address)

    def _start(self, address: str, *more: str, environment: dict[str, str] | None = None) -> None:
        given = environment or {"PYTHONPATH": str(ROOT)}
        self._given[address] = (given, more)
        own = self._folder / address.rpartition(".")[2]
        log = (self._folder / f"{address}.log").open("wb")
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=0"]
        command += [
            f"--node-ip-address={address}",
            "--object-store-memory=80000000",
            f"--temp-dir={own}",
            *more,
        ]
        if "--head" in more:
            command += ["--include-dashboard=false", "--disable-usage-stats"]
        with log:
            self._nodes[address] = subprocess.Popen(
                command,
                env=self._environment | given,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_for(self, address: str) -> None:
        """Return when a node runs. Ray gives one 30 s to start, which is too little on a busy machine: begin again."""
        log, until = self._folder / f"{address}.log", time.monotonic() + START_SECONDS
        while b"runtime started" not in log.read_bytes():
            assert time.monotonic() < until, log.read_text()
            if self._nodes[address].poll() is not None:
                assert "timed out during startup" in log.read_text(), log.read_text()
                given, more = self._given[address]
                self._start(address, *more, environment=given)
            time.sleep(0.1)


def new_pool(cluster: LocalCluster, store: Path, resource: str = RESOURCE, **options: object) -> RayPool:
    """A pool whose workers do what the pool's tests ask for."""
    (store / "tmp").mkdir(parents=True, exist_ok=True)
    given = {"command": ODD_WORKER, "timeout_seconds": 60.0, "nodes_seconds": 0.3} | options
    return RayPool(RaySettings(cluster.address, resource), store=store, **given)  # type: ignore[arg-type]


def wait_for(true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Return once it is."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    """Process ids of all below a process, the deepest last."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    wanted = [pid]
    while wanted:
        below = children.get(wanted.pop(), [])
        found += below
        wanted += below
    return found


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
