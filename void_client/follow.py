# SPDX-License-Identifier: Apache-2.0
"""Follows a job to its end: every event once and in order, however often the connection breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import grpc
from void.v1 import jobs_pb2

from void_client import events
from void_client.connection import Connection, Retries
from void_client.errors import ClientError, JobCancelled, JobFailed, ServerDefect, status_of
from void_client.events import Sink
from void_client.results import WRITTEN_KINDS

WATCH_RENEWAL_S = 600.0
"""A watch is begun anew after this time: a connection that died without a word is noticed no later."""

ENDED = frozenset({jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED})


def follow(
    connection: Connection,
    job_id: str,
    on_event: Sink,
    on_output: Callable[[jobs_pb2.Output], None] | None = None,
    from_event: int = 1,
) -> jobs_pb2.Job:
    """Tell all events of a job from `from_event` on, until it ends.

    Args:
        connection: the server.
        job_id: the job's full id.
        on_event: told each event and the latest progress.
        on_output: told each published file, besides `on_event`.
        from_event: number of the first event wanted, from 1.

    Returns:
        The ended job.

    Raises:
        ClientError: the connection stayed broken, or the server refused.
    """
    watcher = _Watcher(job_id, on_event, on_output, from_event)
    retries = Retries(connection.policy)
    while not watcher.ended:
        request = jobs_pb2.WatchRequest(id=job_id, from_event=watcher.next_event)
        before = watcher.next_event
        try:
            watcher.take(
                connection.stubs.jobs.Watch(request, timeout=WATCH_RENEWAL_S, metadata=connection.metadata)
            )
            again = watcher.next_event > before or retries.failed()
            if not watcher.ended and not again:
                raise ServerDefect(f"The server ends every watch of job {job_id}, though it goes on.")
        except grpc.RpcError as error:
            if watcher.next_event > before:
                retries.progressed()
            if status_of(error) == grpc.StatusCode.DEADLINE_EXCEEDED:
                continue
            on_event(events.Reconnecting(connection.error(error).message))
            if not retries.absorb(error):
                raise connection.error(error) from error
            connection.renew()
    return get_job(connection, job_id)


def get_job(connection: Connection, job_id: str) -> jobs_pb2.Job:
    """The job as it is now."""
    return connection.call(lambda s: s.jobs.Get, jobs_pb2.GetRequest(id=job_id)).job


def cancel_job(connection: Connection, job_id: str) -> jobs_pb2.Job:
    """Ask a job to stop; returns it as it is then."""
    return connection.call(lambda s: s.jobs.Cancel, jobs_pb2.CancelRequest(id=job_id)).job


def error_of(job: jobs_pb2.Job) -> ClientError | None:
    """What to tell of an ended job that is not done; None for one that is."""
    if job.state == jobs_pb2.JOB_STATE_DONE:
        return None
    if job.state == jobs_pb2.JOB_STATE_CANCELLED:
        return JobCancelled(
            f"Job {job.id} was cancelled.", fix="The same command makes a new attempt; finished work is kept."
        )
    errors = [events.finding(p) for p in job.problems]
    problem = next((p for p in errors if p.severity == "error"), None)
    if problem is None:
        return JobFailed(f"Job {job.id} failed without a reason.", fix="The server's log has the details.")
    return JobFailed(
        f"Job {job.id} failed: {problem.message}",
        fix=problem.fix,
        frame=problem.frames[0] if problem.frames else None,
        file=problem.file,
        code=problem.code,
    )


class _Watcher:
    """Turns the messages of one watch after the other into events, each once."""

    def __init__(
        self,
        job_id: str,
        on_event: Sink,
        on_output: Callable[[jobs_pb2.Output], None] | None,
        from_event: int,
    ) -> None:
        self.next_event = max(1, from_event)
        self.ended = False
        self._job_id = job_id
        self._on_event = on_event
        self._on_output = on_output

    def take(self, messages: Iterable[jobs_pb2.WatchResponse]) -> None:
        for message in messages:
            if message.HasField("progress"):
                self._on_event(events.progressed(message.progress))
            elif message.event.sequence >= self.next_event:
                self._tell(message.event)

    def _tell(self, event: jobs_pb2.Event) -> None:
        if event.sequence != self.next_event:
            raise ServerDefect(
                f"The server left out events {self.next_event} to {event.sequence - 1} of job {self._job_id}.",
                fix=f"`void jobs fetch {self._job_id}` gets all results.",
            )
        self.next_event = event.sequence + 1
        if event.HasField("output") and event.output.kind not in WRITTEN_KINDS:
            return
        self._on_event(client_event(self._job_id, event))
        if event.HasField("output") and self._on_output:
            self._on_output(event.output)
        if event.HasField("state") and event.state in ENDED:
            self.ended = True


def client_event(job_id: str, event: jobs_pb2.Event) -> events.Event:
    """The client's form of a durable event."""
    what = event.WhichOneof("what")
    if what == "state":
        return events.StateChanged(job_id, events.state_name(event.state))
    if what == "stage":
        stage = event.stage
        return events.StageBegan(job_id, stage.stage, stage.stage_number, stage.stage_count)
    if what == "output":
        return events.published(job_id, event.output)
    if what == "problem":
        return events.Found(job_id, events.finding(event.problem))
    return events.Said(job_id, event.message)
