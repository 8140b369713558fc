# SPDX-License-Identifier: Apache-2.0
"""What a server is told when it starts: where it listens, where it stores, and its limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from void_server.errors import InvalidInput

MAX_DEFAULT_WORKERS = 8
DRAIN_SECONDS = 80.0
"""How long a server that was asked to end waits for its units in hand: several times the longest one that
docs/group_server.md reports, and less than the 90 s that systemd allows by default (systemd-system.conf(5))."""


def default_workers() -> int:
    """One worker per usable core, at most `MAX_DEFAULT_WORKERS`."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, MAX_DEFAULT_WORKERS))


@dataclass(frozen=True)
class RaySettings:
    """Which Ray cluster runs the workers, and how.

    Attributes:
        address: HOST:PORT of the head node.
        resource: one worker is started for each whole one that a node offers: GPU, CPU, or a name of the site's own.
        without_token: whether a cluster will do that asks nobody for a token.
    """

    address: str
    resource: str = "GPU"
    without_token: bool = False


def _limit(default: int, unit: str, text: str, *, least: int = 1, most: int = 2**63 - 1) -> int:
    value: int = field(default=default, metadata={"unit": unit, "help": text, "least": least, "most": most})
    return value


@dataclass(frozen=True)
class Limits:
    """Named limits; each error about one names it, its value and what to do.

    Each is a flag of `void-server serve` and is listed by GetCapabilities. `max_pixels` and `max_channels` can only
    be lowered: beyond them this release has not been tried, and they are `void_server.plates.header.EXRLimits`' own.

    Raises:
        InvalidInput: a value is outside its range.
    """

    max_frames: int = _limit(10_000, "frames", "Most frames of one job.")
    max_blob_bytes: int = _limit(2 << 30, "bytes", "Largest file that may be uploaded.")
    max_watches: int = _limit(
        192, "calls", "Watch, Preflight and Health.Watch calls at once; each holds a thread."
    )
    max_pixels: int = _limit(
        16384 * 8192, "pixels", "Largest data or display window of an uploaded EXR.", most=16384 * 8192
    )
    max_channels: int = _limit(1024, "channels", "Most channels of a part of an uploaded EXR.", most=1024)
    max_open_jobs: int = _limit(100, "jobs", "Most jobs of one owner that have not ended.")
    max_queued_frames: int = _limit(
        50_000, "frames", "Most frames of all jobs of one owner that have not ended."
    )
    max_owner_bytes: int = _limit(
        0,
        "bytes",
        "What one owner's uploads and results may take in the store; 0 = no limit.",
        least=0,
    )
    min_free_bytes: int = _limit(
        1 << 30,
        "bytes",
        "Space that uploads and units leave free on the store's disk; 0 = no limit.",
        least=0,
    )
    unit_timeout_seconds: int = _limit(
        3600, "seconds", "Longest time of one unit, or of one step of a unit that tells of steps."
    )
    worker_memory_bytes: int = _limit(0, "bytes", "Address space of one worker; 0 = no limit.", least=0)
    worker_cache_bytes: int = _limit(
        1 << 30, "bytes", "Decoded frames and analysis that one worker keeps for its next units.", least=0
    )
    max_request_bytes: int = _limit(
        1 << 20,
        "bytes",
        "Largest message of a request; orders may have 3200 more for each frame of --max-frames, uploads 4 MiB.",
        least=512 << 10,
        most=4 << 20,
    )
    idle_stream_seconds: int = _limit(
        600, "seconds", "Longest time in which nothing moves on a Watch, Download or Upload."
    )
    silent_upload_seconds: int = _limit(
        20,
        "seconds",
        "An upload from which nothing came for so long gives way to another try at the same file.",
    )
    max_refusals: int = _limit(
        100, "calls", "Calls without a valid token from one address in a window; then it is not listened to."
    )
    max_refusals_overall: int = _limit(
        1000, "calls", "Such calls from all addresses in a window; then one is enough for each."
    )
    refusal_window_seconds: int = _limit(60, "seconds", "Length of that window.")
    max_audit_bytes: int = _limit(
        16 << 20, "bytes", "Size at which the audit log is set aside; 8 such files are kept.", least=4096
    )
    keep_results_days: int = _limit(
        30, "days", "How long results and inputs of an ended job are kept; 0 = until it is deleted.", least=0
    )
    keep_units_days: int = _limit(
        14,
        "days",
        "How long work in between is kept after its last use; 0 = as long as there is room.",
        least=0,
    )
    grace_hours: int = _limit(
        24, "hours", "How long nothing is removed that was stored or asked for, whatever it is."
    )
    low_water_bytes: int = _limit(
        10 << 30,
        "bytes",
        "With less free on the store's disk, work in between goes before its time; 0 = never.",
        least=0,
    )
    collect_files_per_second: int = _limit(
        100, "files", "Most files that are removed in a second while jobs wait or run."
    )
    max_monitor_connections: int = _limit(
        64,
        "connections",
        "Browsers' connections to the monitor page at once; one address has a quarter.",
        least=8,
    )

    def __post_init__(self) -> None:
        for limit in fields(self):
            value, least, most = getattr(self, limit.name), limit.metadata["least"], limit.metadata["most"]
            if not least <= value <= most:
                raise InvalidInput(f"{limit.name} = {value} is outside {least} to {most}.")


@dataclass(frozen=True)
class ServerConfiguration:
    """How one server runs.

    Attributes:
        store: folder of database and frames.
        token_file: file with the owner's token, mode 0600; made when missing.
        listen: HOST:PORT; port 0 picks a free one.
        workers: number of worker processes.
        tls_certificate, tls_key: PEM files; needed for any address but loopback.
        idle_seconds: end after so long without calls and live jobs; 0 = never.
        endpoint_file: JSON file that tells local clients the address; None = none.
        vlm: file that says which vision-language models may be asked; None for none.
        monitor: HOST:PORT of the monitor page; empty = none.
        ray: the cluster whose nodes run the workers; None = this machine does.
        roots: by name, folders of shared storage whose files are read where they lie.
        root_shows: by name of a root, the shows whose jobs may read it; of one that is not in it, all.
        tls_client_ca: PEM file; clients must show a certificate that it signed, besides their token.
        log_format, log_level: of the log's lines, also of the workers'; see `void_server.logs`.
        drain_seconds: longest wait for units in hand once the server was asked to end.
        signing_key: private key with which sidecars are signed; None = they are not.
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
    vlm: Path | None = None
    roots: Mapping[str, Path] = field(default_factory=dict)
    root_shows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    tls_client_ca: Path | None = None
    signing_key: Path | None = None
    monitor: str = ""
    ray: RaySettings | None = None
    log_format: str = "text"
    log_level: str = "info"
    drain_seconds: float = DRAIN_SECONDS


def named_tokens_file(store: Path) -> Path:
    """Where a store keeps the hashes of the tokens that were handed out."""
    return store / "tokens.json"


def audit_file(store: Path) -> Path:
    """Where a store keeps its audit log."""
    return store / "audit.jsonl"
