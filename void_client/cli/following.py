# SPDX-License-Identifier: Apache-2.0
"""Following a job from the command line: results are written as they are published.

Ctrl-C cancels the job for whoever ordered it just now, and only leaves it for whoever looks at it.
"""

from __future__ import annotations

import time

from void.v1 import jobs_pb2

from void_client import events
from void_client.bring import OnOutput, bring
from void_client.cli.interrupt import CancelOnInterrupt
from void_client.cli.terminal import Speaker
from void_client.connection import Connection
from void_client.errors import Left, WriteFailed
from void_client.follow import cancel_job, error_of, follow
from void_client.results import ResultFolder


def follow_and_deliver(
    connection: Connection, job: jobs_pb2.Job, folder: ResultFolder, speaker: Speaker, *, ours: bool
) -> None:
    """Follow a job to its end and write its outputs.

    Args:
        connection: the server.
        job: as it is now.
        folder: where the outputs go.
        speaker: told what happens.
        ours: whether Ctrl-C cancels the job; else it leaves it.

    Raises:
        JobFailed, JobCancelled: it ended so; what it had published is written.
        Left: Ctrl-C was pressed.
        ClientError: the connection stayed broken, or a file could not be fetched or written.
    """
    begun = time.monotonic()
    try:
        watching = _watch_or_cancel if ours else watch
        brought = bring(
            connection, job, folder, speaker, lambda take: watching(connection, job.id, speaker, take)
        )
    except WriteFailed as error:
        error.fix = f"{error.fix} The job goes on; `void jobs fetch {job.id}` gets the rest.".strip()
        raise
    except KeyboardInterrupt as error:
        raise Left(
            f"Left before all results of job {job.id} were here.",
            fix=f"`void jobs fetch {job.id}` gets the rest.",
        ) from error
    if problem := error_of(brought.job):
        raise problem
    speaker(events.Done(job.id, str(folder.root), brought.files, round(time.monotonic() - begun, 3)))


def watch(
    connection: Connection, job_id: str, speaker: Speaker, on_output: OnOutput | None = None
) -> jobs_pb2.Job:
    """Follow a job to its end; returns the ended job.

    Raises:
        Left: Ctrl-C was pressed; the job goes on.
        ClientError: the connection stayed broken.
    """
    try:
        return follow(connection, job_id, speaker, on_output)
    except KeyboardInterrupt as error:
        raise Left(
            f"Left job {job_id} before its end.", fix=f"The job goes on; `void jobs cancel {job_id}` ends it."
        ) from error


def _watch_or_cancel(
    connection: Connection, job_id: str, speaker: Speaker, on_output: OnOutput
) -> jobs_pb2.Job:
    """Follow a job to its end, with Ctrl-C as cancel; returns the ended job."""
    interrupts = CancelOnInterrupt(
        lambda: cancel_job(connection, job_id), lambda text: speaker(events.Notes((text,)))
    )
    try:
        with interrupts:
            return follow(connection, job_id, speaker, on_output)
    except KeyboardInterrupt as error:
        said = (
            "Its cancel was requested." if interrupts.confirmed else f"`void jobs cancel {job_id}` ends it."
        )
        raise Left(f"Left job {job_id}.", fix=said) from error
