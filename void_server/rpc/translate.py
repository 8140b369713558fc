# SPDX-License-Identifier: Apache-2.0
"""Between the contract's messages and the server's own values."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp
from void.v1 import jobs_pb2, types_pb2

from void_server.errors import InvalidInput
from void_server.jobs.canonical import SEQUENCES
from void_server.jobs.forecast import Estimate
from void_server.jobs.model import Event, JobRecord, Output, Problem, Progress
from void_server.jobs.states import JobState

_STATES = {
    JobState.QUEUED: jobs_pb2.JOB_STATE_QUEUED,
    JobState.RUNNING: jobs_pb2.JOB_STATE_RUNNING,
    JobState.CANCELLING: jobs_pb2.JOB_STATE_CANCELLING,
    JobState.DONE: jobs_pb2.JOB_STATE_DONE,
    JobState.FAILED: jobs_pb2.JOB_STATE_FAILED,
    JobState.CANCELLED: jobs_pb2.JOB_STATE_CANCELLED,
}
_STATES_BACK = {v: k for k, v in _STATES.items()}

_OUTPUTS = {
    "result": jobs_pb2.OUTPUT_KIND_RESULT,
    "matte": jobs_pb2.OUTPUT_KIND_MATTE,
    "sidecar": jobs_pb2.OUTPUT_KIND_SIDECAR,
    "contact_sheet": jobs_pb2.OUTPUT_KIND_CONTACT_SHEET,
    "qc_plot": jobs_pb2.OUTPUT_KIND_QC_PLOT,
    "coded_video": jobs_pb2.OUTPUT_KIND_CODED_VIDEO,
    "matte_remove": jobs_pb2.OUTPUT_KIND_MATTE_REMOVE,
    "matte_affected": jobs_pb2.OUTPUT_KIND_MATTE_AFFECTED,
    "matte_overlap": jobs_pb2.OUTPUT_KIND_MATTE_OVERLAP,
    "matte_blend": jobs_pb2.OUTPUT_KIND_MATTE_BLEND,
    "still_before": jobs_pb2.OUTPUT_KIND_STILL_BEFORE,
    "still_after": jobs_pb2.OUTPUT_KIND_STILL_AFTER,
    "still_regions": jobs_pb2.OUTPUT_KIND_STILL_REGIONS,
    "still_thumb": jobs_pb2.OUTPUT_KIND_STILL_THUMB,
}

_SEVERITIES = {"warning": types_pb2.SEVERITY_WARNING, "error": types_pb2.SEVERITY_ERROR}


def states_from_proto(values: Iterable[int]) -> list[JobState]:
    """The states for the contract's words, each once.

    Raises:
        InvalidInput: a word that no job is ever in.
    """
    try:
        return [_STATES_BACK[jobs_pb2.JobState.ValueType(value)] for value in dict.fromkeys(values)]
    except KeyError as error:
        raise InvalidInput(f"No job is ever in state {error}.", fix="Give states of the contract.") from None


def output_to_proto(output: Output) -> jobs_pb2.Output:
    """An output as the contract says it."""
    blob = types_pb2.Blob(digest=output.digest, bytes=output.size)
    return jobs_pb2.Output(kind=_OUTPUTS[output.kind], frame=output.frame, blob=blob)


def problem_to_proto(problem: Problem) -> types_pb2.Problem:
    """A problem as the contract says it."""
    return types_pb2.Problem(
        severity=_SEVERITIES[problem.severity],
        code=problem.code,
        input=problem.input,
        frames=problem.frames,
        file=problem.file,
        message=problem.message,
        fix=problem.fix,
    )


def progress_to_proto(progress: Progress) -> jobs_pb2.Progress:
    """Progress as the contract says it."""
    return jobs_pb2.Progress(
        stage=progress.stage,
        stage_number=progress.stage_number,
        stage_count=progress.stage_count,
        done=progress.done,
        total=progress.total,
        eta_seconds=progress.eta_seconds,
    )


def event_to_proto(event: Event) -> jobs_pb2.Event:
    """An event as the contract says it."""
    message = jobs_pb2.Event(sequence=event.sequence, time=_timestamp(event.time))
    payload = event.payload
    if event.kind == "state":
        message.state = _STATES[JobState(payload["state"])]
    elif event.kind == "stage":
        message.stage.CopyFrom(progress_to_proto(Progress(**payload)))
    elif event.kind == "output":
        message.output.CopyFrom(output_to_proto(Output(**payload)))
    elif event.kind == "problem":
        message.problem.CopyFrom(problem_to_proto(Problem.from_dict(payload)))
    else:
        message.message = payload["message"]
    return message


def job_to_proto(job: JobRecord, progress: Progress, *, with_files: bool = True) -> jobs_pb2.Job:
    """A job as the contract says it; without its file lists for listings."""
    spec = jobs_pb2.JobSpec.FromString(job.spec)
    if not with_files:
        for name in SEQUENCES:
            getattr(spec.shot, name).ClearField("files")
    message = jobs_pb2.Job(
        id=job.id,
        request_id=job.request_id,
        attempt=job.attempt,
        owner=job.owner,
        state=_STATES[job.state],
        spec=spec,
        created=_timestamp(job.created),
        progress=progress_to_proto(progress),
        outputs=[output_to_proto(o) for o in job.outputs] if with_files else [],
        problems=[problem_to_proto(p) for p in job.problems],
        last_event=job.last_event,
    )
    if job.started is not None:
        message.started.CopyFrom(_timestamp(job.started))
    if job.finished is not None:
        message.finished.CopyFrom(_timestamp(job.finished))
    if job.collected is not None:
        message.collected.CopyFrom(_timestamp(job.collected))
    return message


def add_estimate(job: jobs_pb2.Job, estimate: Estimate, now: float) -> None:
    """Put in when a job is expected to begin and end.

    Args:
        now: seconds since 1970, UTC.
    """
    if estimate.start is not None and job.state == jobs_pb2.JOB_STATE_QUEUED and not job.HasField("started"):
        job.estimated_start.CopyFrom(_timestamp(now + estimate.start))
    if estimate.finish is not None:
        job.estimated_finish.CopyFrom(_timestamp(now + estimate.finish))


def _timestamp(seconds: float) -> Timestamp:
    stamp = Timestamp()
    stamp.FromNanoseconds(int(seconds * 1e9))
    return stamp
