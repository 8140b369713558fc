# SPDX-License-Identifier: Apache-2.0
"""One worker process as the server sees it: started on demand, replaced after a crash, killed at a time limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from void_server.errors import WorkerCrashed
from void_server.pool.messages import (
    StepAnswer,
    Stepped,
    answer_of,
    carry_through,
    read_message,
    write_message,
)
from void_server.pool.output import relay

JSON_LOG = "--log-format=json"
"""Of a worker's command: its standard error is brought into the server's log, line by line."""

# One thread per library in each worker: units are the parallelism, and results then do not depend on the machine.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
# What a worker gets on top. Models are loaded from the weights folder; only `void-server weights fetch` may ask a hub.
GIVEN_VARIABLES = {**dict.fromkeys(THREAD_VARIABLES, "1"), "HF_HUB_OFFLINE": "1"}
EXIT_GRACE_SECONDS = 5.0

# All that a worker gets of the server's environment, where keys and passwords of other programs may lie: where to find
# programs and libraries, where to write temporary and cached files, language and clock, and how coverage is measured.
KEPT_VARIABLES = frozenset(
    {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP", "VIRTUAL_ENV"}
    | {"PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}
    | {"VOID_WEIGHTS", "VOID_DATA_DIR", "XDG_DATA_HOME", "LOCALAPPDATA", "CUDA_VISIBLE_DEVICES"}
    | {"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "SYSTEMROOT"}
)
KEPT_PREFIXES = ("LC_", "COVERAGE_")
MODEL_VARIABLES = frozenset({"OPENAI_API_KEY", "GEMINI_API_KEY"})
"""Keys of models, kept as well where the server was told which ones may be asked (`--vlm`)."""


class WorkerProcess:
    """A worker process; used by one thread at a time, except for `kill`.

    Args:
        command: what starts it, without a shell.
        timeout_seconds: limit `unit_timeout_seconds`: a task that takes longer ends with its worker killed.
    """

    def __init__(self, command: Sequence[str], timeout_seconds: float) -> None:
        self._command = list(command)
        self._timeout = timeout_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._at: dict[str, str] = {}

    @property
    def pid(self) -> int | None:
        """Process id, or None when it is not running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def run(self, task: dict[str, Any], on_step: Stepped | None = None) -> Any:
        """Run one task to its end.

        Args:
            on_step: told of the steps of a task that has some.

        Raises:
            VoidError: what the worker answered.
            TaskStopped: `on_step` asked for it.
            WorkerCrashed: the worker died or was killed at the time limit; the next call starts a new one.
        """
        return carry_through(self, task, on_step)

    def begin(self, task: dict[str, Any]) -> dict[str, Any]:
        """Give the process a task; returns its first reply, a step or the end.

        Raises:
            WorkerCrashed: as for `run`.
        """
        process = self._ensure()
        self._at = task.get("log", {})
        return self._exchange(process, task)

    def go_on(self, answer: StepAnswer) -> dict[str, Any]:
        """Answer the step of the task in hand; returns the next reply.

        Raises:
            WorkerCrashed: as for `run`.
        """
        if self._process is None:
            raise WorkerCrashed("The worker process ended.")
        return self._exchange(self._process, answer_of(answer))

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Let the process end by itself; kill it if it does not."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(EXIT_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def _ensure(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            environment = worker_environment(os.environ, asks_models="--vlm" in self._command)
            # A session of its own: Ctrl-C in the server's terminal reaches the server, which then ends the workers.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if JSON_LOG in self._command else None,
                env=environment,
                start_new_session=True,
            )
            if self._process.stderr is not None:
                relay(self._process.stderr, self._process.pid, lambda: self._at)
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], message: dict[str, Any]) -> dict[str, Any]:
        # A task that tells of steps may take long; none of them may.
        limit = threading.Timer(self._timeout, process.kill)
        limit.daemon = True
        limit.start()
        try:
            reply = _talk(process, message)
        finally:
            limit.cancel()
        if reply is None:
            raise self._post_mortem(process)
        return reply

    def _post_mortem(self, process: subprocess.Popen[bytes]) -> WorkerCrashed:
        code = process.wait()
        self.close()
        how = describe_exit(code)
        return WorkerCrashed(f"The worker process {how}.", signal=max(0, -code), how=how)


def _talk(process: subprocess.Popen[bytes], message: dict[str, Any]) -> dict[str, Any] | None:
    """The reply to a message; None when the process is gone."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        write_message(process.stdin, message)
        return read_message(process.stdout)
    except BrokenPipeError:
        return None


def worker_environment(environment: Mapping[str, str], asks_models: bool = False) -> dict[str, str]:
    """What a worker gets of the server's environment: `KEPT_VARIABLES`, `KEPT_PREFIXES`; and `GIVEN_VARIABLES`.

    Args:
        asks_models: whether `MODEL_VARIABLES` are kept, too.
    """
    wanted = KEPT_VARIABLES | (MODEL_VARIABLES if asks_models else frozenset())
    kept = {n: v for n, v in environment.items() if n in wanted or n.startswith(KEPT_PREFIXES)}
    return kept | GIVEN_VARIABLES


def describe_exit(code: int) -> str:
    """How a process ended, in words, from `subprocess`'s return code."""
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    hints = {
        signal.SIGKILL: " (killed from outside, as the system does when memory runs out, or at the time limit)",
        signal.SIGSEGV: " (segmentation fault)",
        signal.SIGABRT: " (aborted)",
        signal.SIGBUS: " (bus error: a file shrank or the disk failed while it was read)",
    }
    return f"was ended by {name}{hints.get(signal.Signals(-code), '')}"
