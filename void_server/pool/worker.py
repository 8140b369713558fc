# SPDX-License-Identifier: Apache-2.0
"""A worker process: reads tasks from its standard input, answers on its standard output, ends when input closes.

Started by `void_server.pool.process`. All that decodes, computes or loads models is imported here and never in the
server.
"""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any

from void_server import logs
from void_server.errors import Internal, OutOfMemory, VoidError
from void_server.frames.blobs import BlobFolder
from void_server.frames.roots import Roots, add_root_option
from void_server.frames.storage_errors import storage_error
from void_server.plates.header import EXRLimits
from void_server.pool.messages import TaskStopped, read_message, write_message

log = logging.getLogger(__name__)


def main(arguments: list[str] | None = None) -> None:
    """Serve tasks until standard input closes."""
    parser = argparse.ArgumentParser(prog="void_server.pool.worker", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="folder of the frame store")
    parser.add_argument("--memory-bytes", type=int, default=0, help="address space limit; 0 = none")
    parser.add_argument("--cache-bytes", type=int, default=1 << 30, help="decoded frames to keep")
    parser.add_argument("--min-free-bytes", type=int, default=0, help="free space to keep; 0 = none")
    parser.add_argument("--max-pixels", type=int, help="pixels of an EXR window")
    parser.add_argument("--max-channels", type=int, help="channels of an EXR part")
    parser.add_argument("--vlm", type=Path, help="file that says which models may be asked")
    parser.add_argument("--shared-gpu", action="store_true", help="other workers use the same GPU")
    parser.add_argument(
        "--end-with-parent", action="store_true", help="end at once when the parent is killed"
    )
    add_root_option(parser)
    parser.add_argument("--log-format", choices=logs.FORMATS, default="text", help="form of the log's lines")
    parser.add_argument("--log-level", choices=logs.LEVELS, default="info", help="least level of a line")
    options = parser.parse_args(arguments)
    logs.set_up(options.log_format, options.log_level, who=f"worker {os.getpid()} ")
    replies = _claim_standard_output()
    if options.end_with_parent:
        _end_with_parent()
    if options.memory_bytes:
        _limit_memory(options.memory_bytes)
    given = {"max_pixels": options.max_pixels, "max_channels": options.max_channels}
    limits = EXRLimits(**{name: value for name, value in given.items() if value is not None})
    blobs = BlobFolder(options.store, options.min_free_bytes)
    serve(
        sys.stdin.buffer,
        replies,
        blobs,
        Roots(dict(options.root)),
        limits,
        options.cache_bytes,
        options.vlm,
        not options.shared_gpu,
    )


def serve(
    tasks: IO[bytes],
    replies: IO[bytes],
    blobs: BlobFolder,
    roots: Roots,
    limits: EXRLimits,
    cache_bytes: int,
    vlm: Path | None = None,
    alone: bool = True,
) -> None:
    """Answer each task of `tasks` on `replies`; files that are over `limits` are refused before they are decoded."""
    from void_server.pipeline.session import Session

    session = Session(blobs, roots, limits, cache_bytes, vlm, alone)
    while (task := read_message(tasks)) is not None:
        with logs.saying(**task.get("log", {})):
            answer = _answer(session, task, partial(_step, tasks, replies))
        try:
            write_message(replies, answer)
        except ValueError as error:
            wrong = Internal(f"The answer of {task.get('label', task['do'])} cannot be sent: {error}")
            write_message(replies, {"error": wrong.to_dict()})


def _step(tasks: IO[bytes], replies: IO[bytes], done: int, total: int, kept: bool = False) -> bool:
    """Tell the server of a step of the task in hand; returns whether others wait for this worker.

    Args:
        kept: what was done is saved: the same task, begun again, would go on from here.

    Raises:
        TaskStopped: the server wants the task to end.
        SystemExit: the server is gone.
    """
    write_message(replies, {"step": [done, total], "kept": kept})
    answer = read_message(tasks)
    if answer is None:
        raise SystemExit(0)
    if not answer["go"]:
        raise TaskStopped
    return bool(answer.get("wanted"))


def _answer(session: Any, task: dict[str, Any], step: Callable[..., bool]) -> dict[str, Any]:
    began = time.monotonic()
    try:
        answer = session.handle(task, step)
        log.debug("%s took %.3f s", task.get("label") or task["do"], time.monotonic() - began)
        return {"ok": answer}
    except TaskStopped:
        return {"stopped": True}
    except VoidError as error:
        return {"error": error.to_dict()}
    except MemoryError:
        session.drop_caches()
        return {"error": _out_of_memory().to_dict()}
    except Exception as error:
        if failure := storage_error(error):
            return {"error": failure.to_dict()}
        if "Insufficient memory" in str(error) or "bad_alloc" in str(error):
            session.drop_caches()
            return {"error": _out_of_memory().to_dict()}
        log.exception("defect in task %s", task.get("kind", task.get("do")))
        return {"error": Internal(f"{type(error).__name__}: {error}").to_dict()}


def _out_of_memory() -> OutOfMemory:
    return OutOfMemory(
        "The worker ran out of memory.",
        fix="Run fewer workers (--workers), give more memory, or try --preview.",
    )


def _claim_standard_output() -> IO[bytes]:
    """Keep standard output for replies; whatever a library prints goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _end_with_parent() -> None:
    """Have the system kill this process when its parent dies, in the middle of a unit too; Linux only."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    # PR_SET_PDEATHSIG of <linux/prctl.h>
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(0)


def _limit_memory(limit: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
