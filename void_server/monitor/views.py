# SPDX-License-Identifier: Apache-2.0
"""What the page is told of jobs, JSON-ready. Times are seconds since 1970, UTC."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from void.v1 import jobs_pb2

from void_server.jobs.model import Event, JobRecord, Progress
from void_server.jobs.states import ENDED

Estimate = tuple[float | None, float | None]
"""When a job is expected to begin and to end, in seconds since 1970; None = unknown."""

ESTIMATE_STEP = 10.0
"""Estimates are told in whole steps of so many seconds, so that they do not change all the time."""
PAPERS = {"contact_sheet": "image/png", "qc_plot": "image/png", "sidecar": "application/json"}
STILLS = {
    "still_before": "image/jpeg",
    "still_after": "image/jpeg",
    "still_regions": "image/png",
    "still_thumb": "image/jpeg",
}
FILES = PAPERS | STILLS
"""Kinds of output that a browser may open, with their types."""
KEPT_SUMMARIES = 2000


@dataclass(frozen=True)
class Summary:
    """What an order says of itself; an order of thousands of frames is read once."""

    name: str
    kind: str
    engine: str
    first: int
    last: int
    count: int
    preview: bool
    directory: str


class Summaries:
    """Summaries of jobs by id: an accepted order never changes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Summary] = OrderedDict()

    def of(self, job: JobRecord) -> Summary:
        """The summary of a job; not safe for several threads at once."""
        if job.id not in self._kept:
            self._kept[job.id] = _summary(jobs_pb2.JobSpec.FromString(job.spec))
            if len(self._kept) > KEPT_SUMMARIES:
                self._kept.popitem(last=False)
        return self._kept[job.id]


def _summary(spec: jobs_pb2.JobSpec) -> Summary:
    span = spec.shot.range
    return Summary(
        name=spec.output.name,
        kind="quadmask" if spec.kind == jobs_pb2.JOB_KIND_QUADMASK else "remove",
        engine=spec.settings.engine,
        first=span.first,
        last=span.last,
        count=len(range(span.first, span.last + 1, max(1, span.step))),
        preview=spec.settings.preview,
        directory=spec.output.directory,
    )


def no_estimate(_job_id: str) -> Estimate:
    """Of a server that estimates nothing."""
    return None, None


def job_row(
    job: JobRecord, summary: Summary, progress: Progress, estimate: Callable[[str], Estimate]
) -> dict[str, Any]:
    """A line of the queue."""
    expected = no_estimate(job.id) if job.state in ENDED else estimate(job.id)
    begin, end = (round(t / ESTIMATE_STEP) * ESTIMATE_STEP if t else None for t in expected)
    errors = [p.message for p in job.problems if p.severity == "error"]
    return {
        "id": job.id,
        "owner": job.owner,
        "attempt": job.attempt,
        "state": job.state.value,
        **asdict(summary),
        "created": job.created,
        "started": job.started,
        "finished": job.finished,
        "collected": job.collected,
        "estimated_start": begin,
        "estimated_finish": end,
        "progress": asdict(progress) if progress.total else None,
        "error": errors[0] if errors else "",
        "problems": len(job.problems),
    }


def job_page(row: dict[str, Any], job: JobRecord, lines: Iterable[Event]) -> dict[str, Any]:
    """All that the page of one job shows, but its pictures."""
    stills: dict[int, dict[str, Any]] = {}
    for output in job.outputs:
        if output.kind in STILLS and output.kind != "still_thumb":
            still = stills.setdefault(output.frame, {"frame": output.frame})
            still[output.kind.removeprefix("still_")] = output.digest
    published = Counter(o.kind for o in job.outputs)
    return {
        **row,
        "problems": [asdict(p) for p in job.problems],
        "published": {"result": published["result"], "matte": published["matte"]},
        "papers": {o.kind: o.digest for o in job.outputs if o.kind in PAPERS},
        "stills": [stills[frame] for frame in sorted(stills)],
        "log": [_line(event) for event in lines],
    }


def _line(event: Event) -> dict[str, Any]:
    payload = event.payload
    if event.kind == "state":
        text = f"{payload['state']}"
    elif event.kind == "stage":
        text = f"stage {payload['stage_number']}/{payload['stage_count']}: {payload['stage']}"
    elif event.kind == "problem":
        text = " ".join(t for t in (payload["message"], payload.get("fix", "")) if t)
    else:
        text = payload["message"]
    level = payload.get("severity", "") if event.kind == "problem" else ""
    return {"n": event.sequence, "time": event.time, "kind": event.kind, "level": level, "text": text}
