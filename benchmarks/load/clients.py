# SPDX-License-Identifier: Apache-2.0
"""Starts client processes, keeps what they tell, and ends them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from benchmarks.load.plan import Plan

END_LIMIT_S = 30.0
"""Longest wait for clients to cancel their jobs and end."""

Record = dict[str, Any]


class Clients:
    """Client processes; a context manager.

    Args:
        plan: what they are told.
        groups: the clients' numbers, a list for each process.
        slow: those of them that read slowly.

    Attributes:
        records: all that they told, in the order of its arrival.
    """

    def __init__(self, plan: Plan, groups: Sequence[Sequence[int]], slow: frozenset[int]) -> None:
        self.records: list[Record] = []
        self._plan, self._groups, self._slow = plan, groups, slow
        self._processes: list[subprocess.Popen[str]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Clients:
        for group in self._groups:
            self._start(group)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            if process.stdin:
                process.stdin.close()
        for process in self._processes:
            try:
                code = process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code:
                self.records.append({"what": "failure", "kind": f"client ended with {code}", "at": 0.0})
        for thread in self._threads:
            thread.join()

    def _start(self, group: Sequence[int]) -> None:
        # A session of its own: Ctrl-C reaches the benchmark, which then ends its clients.
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load.client_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
            start_new_session=True,
        )
        self._processes.append(process)
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a client has no pipes")
        told = {
            "artists": [n for n in group if n not in self._slow],
            "slow": [n for n in group if n in self._slow],
        }
        process.stdin.write(f"{json.dumps(told)}\n{self._plan.to_json()}\n")
        process.stdin.flush()
        thread = threading.Thread(target=self._keep, args=(process.stdout,), daemon=True)
        thread.start()
        self._threads.append(thread)

    def _keep(self, lines: IO[str]) -> None:
        for line in lines:
            self.records.append(json.loads(line))
