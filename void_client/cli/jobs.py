# SPDX-License-Identifier: Apache-2.0
"""`void jobs`: list, show, watch, cancel, fetch and delete jobs of a server."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from void.v1 import jobs_pb2

from void_client import events
from void_client.bring import folder_of
from void_client.cli.connecting import add_server_options, connect, server_address
from void_client.cli.following import follow_and_deliver, watch
from void_client.cli.terminal import Speaker, finding_text, progress_text, table
from void_client.connection import Connection
from void_client.errors import ExitCode
from void_client.follow import cancel_job, error_of, get_job

STATES = ("queued", "running", "cancelling", "done", "failed", "cancelled")
_EXIT_CODES = (
    "exit codes: 0 done, 2 bad input, 3 server unreachable, 4 job failed, 130 cancelled or left with Ctrl-C"
)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to `void`."""
    parser = commands.add_parser(
        "jobs", help="list, show, watch, cancel, fetch or delete jobs", epilog=_EXIT_CODES
    )
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="jobs, newest first", epilog=_EXIT_CODES)
    listed.add_argument("--state", choices=STATES, action="append", default=[], help="only these; repeatable")
    listed.add_argument("--limit", type=int, default=20, help="at most so many (default: 20)")
    add_server_options(listed)
    listed.set_defaults(run=run_list)
    for name, run, text in (
        ("show", run_show, "everything about one job"),
        ("watch", run_watch, "follow a job to its end; Ctrl-C leaves, the job goes on"),
        ("cancel", run_cancel, "ask a job to stop; finished work stays recorded"),
        ("fetch", run_fetch, "write a job's results, following it if it still runs; Ctrl-C leaves"),
        ("delete", run_delete, "forget an ended job and its outputs on the server"),
    ):
        action = actions.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", epilog=_EXIT_CODES
        )
        action.add_argument("id", help="the job's id, or its first characters, at least 4")
        if name == "fetch":
            action.add_argument(
                "--out", metavar="DIR", default="", help="folder of the results (default: the job's own)"
            )
        add_server_options(action)
        action.set_defaults(run=run)


def run_list(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """`void jobs list`."""
    states = [jobs_pb2.JobState.Value(f"JOB_STATE_{s.upper()}") for s in arguments.state]
    request = jobs_pb2.ListRequest(states=states, limit=max(1, arguments.limit))
    with connect(arguments) as connection:
        jobs = connection.call(lambda s: s.jobs.List, request).jobs
    if arguments.json:
        for job in jobs:
            speaker.print("", _data(job))
    elif not jobs:
        speaker.print("No jobs.", {})
    else:
        speaker.print(listing(jobs, with_owner=bool(server_address(arguments))), {})
    return ExitCode.DONE


def run_show(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """`void jobs show`."""
    with connect(arguments) as connection:
        job = get_job(connection, arguments.id)
    speaker.print(describe(job), _data(job))
    return ExitCode.DONE


def run_watch(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """`void jobs watch`."""
    with connect(arguments) as connection:
        job = get_job(connection, arguments.id)
        _tell_found(job, speaker)
        ended = watch(connection, job.id, speaker)
    if problem := error_of(ended):
        raise problem
    speaker.print(describe(ended), _data(ended))
    return ExitCode.DONE


def run_cancel(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """`void jobs cancel`."""
    with connect(arguments) as connection:
        job = cancel_job(connection, get_job(connection, arguments.id).id)
    speaker.print(f"Job {job.id} is {events.state_name(job.state)}.", _data(job))
    return ExitCode.DONE


def run_fetch(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """`void jobs fetch`."""
    with connect(arguments) as connection:
        job = get_job(connection, arguments.id)
        out = Path(arguments.out) if arguments.out else None
        _tell_found(job, speaker)
        folder = folder_of(job, out, speaker)
        follow_and_deliver(connection, job, folder, speaker, ours=False)
    return ExitCode.DONE


def run_delete(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """`void jobs delete`."""
    with connect(arguments) as connection:
        job_id = get_job(connection, arguments.id).id
        _delete(connection, job_id)
    speaker.print(f"Job {job_id} is deleted.", {"event": "deleted", "job": job_id})
    return ExitCode.DONE


def listing(jobs: Iterable[jobs_pb2.Job], *, with_owner: bool) -> str:
    """A line a job under headings; the owner too when a group shares the server, since a supervisor sees all."""
    columns = tuple(c for c in _COLUMNS if with_owner or c[0] != "OWNER")
    return table([[title for title, _ in columns], *([of(job) for _, of in columns] for job in jobs)])


def describe(job: jobs_pb2.Job) -> str:
    """A job in a few lines."""
    shot, place = job.spec.shot, job.spec.output
    frames = f"{shot.range.first}-{shot.range.last}" + (f"x{shot.range.step}" if shot.range.step > 1 else "")
    rows = [
        ("job", job.id),
        ("state", events.state_name(job.state)),
        ("attempt", str(job.attempt)),
        ("owner", job.owner),
        ("created", _time(job)),
        ("plate", shot.plate.pattern),
        ("frames", f"{frames} ({len(shot.plate.files)})"),
        ("engine", job.spec.settings.engine),
        ("results", f"{place.directory}, {place.name}"),
        ("outputs", str(len(job.outputs))),
    ]
    rows += [
        (name, text)
        for name, text in (
            ("show", job.spec.show),
            ("begins", _begins(job)),
            ("ends", _ends(job)),
            ("collected", _collected(job)),
        )
        if text
    ]
    if job.state == jobs_pb2.JOB_STATE_RUNNING:
        rows.append(("progress", progress_text(events.progressed(job.progress))))
    problems = [finding_text(events.finding(p)) for p in job.problems]
    return "\n".join([table(rows), *problems])


def _tell_found(job: jobs_pb2.Job, speaker: Speaker) -> None:
    state = events.state_name(job.state)
    speaker(events.Accepted(job.id, job.request_id, job.attempt, False, state))


def _delete(connection: Connection, job_id: str) -> None:
    connection.call(lambda s: s.jobs.Delete, jobs_pb2.DeleteRequest(id=job_id))


def _progress(job: jobs_pb2.Job) -> str:
    if job.state == jobs_pb2.JOB_STATE_RUNNING and job.progress.total:
        return f"{job.progress.stage} {job.progress.done}/{job.progress.total}"
    return f"collected {job.collected.ToDatetime():%Y-%m-%d}" if job.HasField("collected") else ""


def _time(job: jobs_pb2.Job) -> str:
    return job.created.ToDatetime().strftime("%Y-%m-%d %H:%M:%S") + " UTC"


def _data(job: jobs_pb2.Job) -> dict[str, object]:
    return {"event": "job_details", **MessageToDict(job, preserving_proto_field_name=True)}


def _begins(job: jobs_pb2.Job) -> str:
    """When a waiting job is expected to begin; of one that has begun, nothing."""
    if job.state != jobs_pb2.JOB_STATE_QUEUED:
        return ""
    return _clock(job.estimated_start) if job.HasField("estimated_start") else "unknown"


def _ends(job: jobs_pb2.Job) -> str:
    """When a job is expected to end; of one that has ended, nothing."""
    if job.state not in (jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING):
        return ""
    return _clock(job.estimated_finish) if job.HasField("estimated_finish") else "unknown"


def _collected(job: jobs_pb2.Job) -> str:
    """When the server ceased to keep a job's files, and what to do; of one whose files are kept, nothing."""
    if not job.HasField("collected"):
        return ""
    when = f"{job.collected.ToDatetime():%Y-%m-%d %H:%M} UTC"
    return f"{when}: its files are no longer kept on the server; order it again"


def _clock(stamp: Timestamp) -> str:
    return stamp.ToDatetime().strftime("%m-%d %H:%M") + " UTC"


_COLUMNS: tuple[tuple[str, Callable[[jobs_pb2.Job], str]], ...] = (
    ("JOB", lambda job: job.id),
    ("STATE", lambda job: events.state_name(job.state)),
    ("OWNER", lambda job: job.owner),
    ("CREATED", _time),
    ("PROGRESS", _progress),
    ("BEGINS", _begins),
    ("ENDS", _ends),
    ("NAME", lambda job: job.spec.output.name),
    ("OUT", lambda job: job.spec.output.directory),
)
