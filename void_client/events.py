# SPDX-License-Identifier: Apache-2.0
"""What the client tells while it works: one small immutable value per event, for a terminal, JSON lines or a
host.

`to_json` gives the documented form: an object with `"event"` and the fields of the class, nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from void.v1 import jobs_pb2, types_pb2

from void_client.errors import ClientError, SpecRefused

SEVERITY_NAMES = {types_pb2.SEVERITY_WARNING: "warning", types_pb2.SEVERITY_ERROR: "error"}


@dataclass(frozen=True)
class Event:
    """Base of all events; `kind` is the value of `"event"` in JSON."""

    kind: ClassVar[str] = ""


@dataclass(frozen=True)
class Finding:
    """A problem as plain values: severity (`warning` or `error`), code, input, frames, file, message, fix."""

    severity: str
    code: str
    input: str
    frames: tuple[int, ...]
    file: str
    message: str
    fix: str


@dataclass(frozen=True)
class Notes(Event):
    """Sentences worth telling."""

    kind: ClassVar[str] = "notes"
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Moving(Event):
    """How far the looking at, hashing, uploading or fetching of files is; `kind` follows `activity`."""

    activity: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True)
class Preflight(Event):
    """The findings of a preflight; `unseen_files` were not uploaded yet, hence not looked at."""

    kind: ClassVar[str] = "preflight"
    problems: tuple[Finding, ...]
    unseen_files: int


@dataclass(frozen=True)
class Accepted(Event):
    """The server has the job; `created` is False when an earlier one serves."""

    kind: ClassVar[str] = "job"
    id: str
    request_id: str
    attempt: int
    created: bool
    state: str


@dataclass(frozen=True)
class StateChanged(Event):
    """The job is queued, running, cancelling, done, failed or cancelled."""

    kind: ClassVar[str] = "state"
    job: str
    state: str


@dataclass(frozen=True)
class StageBegan(Event):
    """A stage of the job began."""

    kind: ClassVar[str] = "stage"
    job: str
    stage: str
    stage_number: int
    stage_count: int


@dataclass(frozen=True)
class Progressed(Event):
    """Units done in the current stage; `eta_seconds` is None while unknown."""

    kind: ClassVar[str] = "progress"
    stage: str
    stage_number: int
    stage_count: int
    done: int
    total: int
    eta_seconds: float | None


@dataclass(frozen=True)
class Published(Event):
    """The server published a file."""

    kind: ClassVar[str] = "output"
    job: str
    output: str
    frame: int
    digest: str
    bytes: int


@dataclass(frozen=True)
class Found(Event):
    """The job found something."""

    kind: ClassVar[str] = "problem"
    job: str
    problem: Finding


@dataclass(frozen=True)
class Said(Event):
    """The job says a sentence."""

    kind: ClassVar[str] = "message"
    job: str
    message: str


@dataclass(frozen=True)
class Reconnecting(Event):
    """The connection broke; the client goes on where it was."""

    kind: ClassVar[str] = "reconnecting"
    reason: str


@dataclass(frozen=True)
class Written(Event):
    """A result file is whole on disk; `fetched` is False when the same bytes were there already."""

    kind: ClassVar[str] = "written"
    output: str
    frame: int
    path: str
    fetched: bool


@dataclass(frozen=True)
class Done(Event):
    """The job is done and everything is written."""

    kind: ClassVar[str] = "done"
    job: str
    directory: str
    files: int
    seconds: float


@dataclass(frozen=True)
class Failed(Event):
    """The command ends with this error and exit code."""

    kind: ClassVar[str] = "error"
    code: str
    message: str
    fix: str
    frame: int | None
    file: str
    exit_code: int


Sink = Callable[[Event], None]
"""Takes events, from any thread."""


def to_json(event: Event) -> dict[str, Any]:
    """The event as JSON-ready values, `"event"` first."""
    fields = dataclasses.asdict(event)
    kind = fields.pop("activity") if isinstance(event, Moving) else event.kind
    return {"event": kind, **fields}


def finding(problem: types_pb2.Problem) -> Finding:
    """The plain form of a problem."""
    return Finding(
        severity=SEVERITY_NAMES.get(problem.severity, "warning"),
        code=problem.code,
        input=problem.input,
        frames=tuple(problem.frames),
        file=problem.file,
        message=problem.message,
        fix=problem.fix,
    )


def of_error(error: ClientError) -> tuple[Event, ...]:
    """How an error that ends the work is told: its findings, if it has some, then itself."""
    found: tuple[Event, ...] = ()
    if isinstance(error, SpecRefused):
        found = (Preflight(tuple(map(finding, error.problems)), error.unseen_files),)
    last = Failed(error.code, error.message, error.fix, error.frame, error.file, int(error.exit_code))
    return (*found, last)


def progressed(progress: jobs_pb2.Progress) -> Progressed:
    """The plain form of a progress."""
    return Progressed(
        stage=progress.stage,
        stage_number=progress.stage_number,
        stage_count=progress.stage_count,
        done=progress.done,
        total=progress.total,
        eta_seconds=progress.eta_seconds if progress.eta_seconds >= 0 else None,
    )


def state_name(state: jobs_pb2.JobState.ValueType) -> str:
    """The word for a state, such as `running`."""
    return jobs_pb2.JobState.Name(state).removeprefix("JOB_STATE_").lower()


def output_name(kind: jobs_pb2.OutputKind.ValueType) -> str:
    """The word for a kind of output, such as `contact_sheet`."""
    return jobs_pb2.OutputKind.Name(kind).removeprefix("OUTPUT_KIND_").lower()


def published(job_id: str, output: jobs_pb2.Output) -> Published:
    """The plain form of an output."""
    return Published(job_id, output_name(output.kind), output.frame, output.blob.digest, output.blob.bytes)
