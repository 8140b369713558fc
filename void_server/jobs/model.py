# SPDX-License-Identifier: Apache-2.0
"""What the job store keeps, as plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from void_server.jobs.states import JobState
from void_server.pool.schedule import Band


@dataclass(frozen=True)
class Output:
    """A published file.

    Attributes:
        kind: "result", "matte", "sidecar", "contact_sheet", "qc_plot", "coded_video", "matte_remove", "matte_affected",
            "matte_overlap" or "matte_blend"; for the monitor page "still_before", "still_after", "still_regions" and
            "still_thumb".
        frame: frame number; 0 for outputs of the whole shot.
        digest: SHA-256 of the bytes.
        size: length in bytes.
    """

    kind: str
    frame: int
    digest: str
    size: int


@dataclass(frozen=True)
class Problem:
    """Something found; see `Problem` in protos/void/v1/types.proto for the fields."""

    severity: str
    code: str
    message: str
    fix: str = ""
    input: str = ""
    frames: tuple[int, ...] = ()
    file: str = ""

    @staticmethod
    def from_dict(value: dict[str, Any]) -> Problem:
        """From the JSON form that workers send."""
        return Problem(
            severity=value["severity"],
            code=value["code"],
            message=value["message"],
            fix=value.get("fix", ""),
            input=value.get("input", ""),
            frames=tuple(value.get("frames", ())),
            file=value.get("file", ""),
        )


@dataclass(frozen=True)
class Progress:
    """How far the current stage is; `eta_seconds` is negative when nothing can be said yet."""

    stage: str = ""
    stage_number: int = 0
    stage_count: int = 0
    done: int = 0
    total: int = 0
    eta_seconds: float = -1.0


@dataclass(frozen=True)
class Event:
    """A durable line of a job's history.

    Attributes:
        sequence: counts from 1 without gaps within a job.
        time: seconds since 1970, UTC.
        kind: "state", "stage", "output", "problem" or "message".
        payload: the JSON form of what happened.
    """

    sequence: int
    time: float
    kind: str
    payload: dict[str, Any]


@dataclass(frozen=True)
class JobRecord:
    """A job as stored.

    Attributes:
        spec: the serialised `void.v1.JobSpec`.
        fresh: compute everything anew: only unit results recorded after the job's `number` serve.
        created, started, finished: seconds since 1970, UTC; None before it happened.
        number: place in the store's order; jobs and unit results are numbered in one series, whatever the clock does.
        band: where its units wait.
        problems: what ended it or is worth knowing.
        collected: when a collection ceased to keep its files, in seconds since 1970, UTC; None while they are kept.
    """

    id: str
    request_id: str
    attempt: int
    owner: str
    state: JobState
    spec: bytes
    fresh: bool
    created: float
    started: float | None
    finished: float | None
    last_event: int
    number: int
    band: Band = Band.NORMAL
    problems: tuple[Problem, ...] = ()
    outputs: tuple[Output, ...] = ()
    collected: float | None = None


@dataclass(frozen=True)
class UnitResult:
    """What a finished unit left.

    Attributes:
        blobs: digest of each named result.
        sizes: bytes of each named result.
        info: small JSON values for the following stages.
        seconds: wall time that the unit took.
    """

    key: str
    kind: str
    blobs: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
