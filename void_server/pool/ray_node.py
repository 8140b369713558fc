# SPDX-License-Identifier: Apache-2.0
"""A worker as it runs on a node of a Ray cluster: an actor that holds one worker process, as the local pool's are."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from void_server.errors import WorkerCrashed
from void_server.pool.messages import StepAnswer
from void_server.pool.process import WorkerProcess


class NodeWorker:
    """One worker process of a node; Ray runs one call at a time.

    All arguments and answers are JSON-ready.

    Args:
        command: what starts the process, with the server's Python in its first place, for which this node's is taken.
        timeout_seconds: limit `unit_timeout_seconds`.
    """

    def __init__(self, command: Sequence[str], timeout_seconds: float) -> None:
        # As in `void_server.main`: what workers leave in the store is for the server's account alone.
        os.umask(0o077)
        self._process = WorkerProcess([sys.executable, *command[1:]], timeout_seconds)

    def look(self, probe: str, text: str, answer: str, folders: Sequence[str]) -> list[str]:
        """What this node lacks of the shared storage, in words; empty when nothing.

        Args:
            probe: a file in the store that holds `text`.
            answer: a file in the store to be made, with the same text.
            folders: others that must be there.
        """
        try:
            if Path(probe).read_text() != text:
                return [f"{probe} is another file there"]
            Path(answer).write_text(text)
        except OSError as error:
            return [f"{error.filename or probe}: {error.strerror or error}"]
        return [f"{folder}: not there" for folder in folders if not Path(folder).exists()]

    def begin(self, task: dict[str, Any]) -> dict[str, Any]:
        """Give the process a task; returns its first reply, or {"crashed": …} when it ended."""
        try:
            return self._process.begin(task)
        except WorkerCrashed as crash:
            return _crashed(crash)

    def go_on(self, answer: str) -> dict[str, Any]:
        """Answer a step with the value of a `StepAnswer`; returns as `begin` does."""
        try:
            return self._process.go_on(StepAnswer(answer))
        except WorkerCrashed as crash:
            return _crashed(crash)

    def close(self) -> None:
        """Let the process end."""
        self._process.close()


def _crashed(crash: WorkerCrashed) -> dict[str, Any]:
    return {"crashed": {"message": crash.message, "signal": int(crash.signal), "how": crash.how}}
