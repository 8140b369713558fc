# SPDX-License-Identifier: Apache-2.0
"""What a server is told when it starts: where it listens, where it stores, and its limits."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

MAX_DEFAULT_WORKERS = 8


def default_workers() -> int:
    """One worker per usable core, at most `MAX_DEFAULT_WORKERS`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, MAX_DEFAULT_WORKERS))


def _limit(default: int, unit: str, text: str) -> int:
    value: int = field(default=default, metadata={"unit": unit, "help": text})
    return value


@dataclass(frozen=True)
class Limits:
    """Named limits; each error about one names it."""

    max_frames: int = _limit(10_000, "frames", "Most frames of one job.")
    max_blob_bytes: int = _limit(2 << 30, "bytes", "Largest file that may be uploaded.")
    max_watches: int = _limit(192, "calls", "Watch and Preflight calls at once; each holds a thread.")
    unit_timeout_seconds: int = _limit(3600, "seconds", "Longest time that one unit may take.")
    worker_memory_bytes: int = _limit(0, "bytes", "Address space of one worker; 0 = no limit.")


@dataclass(frozen=True)
class ServerConfiguration:
    """How one server runs.

    Attributes:
        store: folder of database and frames.
        token_file: file with the token, mode 0600; made when missing.
        listen: HOST:PORT; port 0 picks a free one.
        workers: number of worker processes.
        tls_certificate, tls_key: PEM files; needed for any address but loopback.
        idle_seconds: end after so long without calls and live jobs; 0 = never.
        endpoint_file: JSON file that tells local clients the address; None = none.
    """

    store: Path
    token_file: Path
    listen: str = "127.0.0.1:7788"
    workers: int = field(default_factory=default_workers)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    idle_seconds: float = 0.0
    endpoint_file: Path | None = None
    limits: Limits = field(default_factory=Limits)
