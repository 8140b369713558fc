# SPDX-License-Identifier: Apache-2.0
"""Service Jobs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from functools import partial

import grpc
from void.v1 import jobs_pb2, jobs_pb2_grpc

from void_server.access.audit import AuditLog
from void_server.access.principals import Principal
from void_server.configuration import Limits
from void_server.errors import Draining, InvalidInput, PreconditionFailed
from void_server.frames.blobs import BlobFolder
from void_server.frames.looks import Looks
from void_server.frames.roots import Roots
from void_server.jobs.canonical import input_digests, request_id
from void_server.jobs.estimates import Estimates
from void_server.jobs.inputs import claim_paths, files_of
from void_server.jobs.model import JobRecord, Problem, Progress
from void_server.jobs.runner import Runner
from void_server.jobs.stage import Stopped
from void_server.jobs.states import ENDED, JobState
from void_server.jobs.store import JobStore
from void_server.jobs.visibility import Visibility
from void_server.rpc import translate
from void_server.rpc.auth import caller
from void_server.rpc.idle import stream_idle
from void_server.rpc.long_calls import LongCalls
from void_server.rpc.status import answers_errors, streams_errors
from void_server.rpc.validate import Validator, check_priority, settle_show

WATCH_POLL_SECONDS = 1.0
BACK_SECONDS = 30
"""What a client is told to wait for a server that ends: about as long as a restart between two units takes."""


class Jobs(jobs_pb2_grpc.JobsServicer):
    """See protos/void/v1/jobs.proto.

    Args:
        visible: decides which blobs a caller may use; the others count as not uploaded.
        limits: of the configuration.
        long_calls: counts Watch and Preflight, together with the long calls of other services.
        stopping: set when the server ends.
        draining: set before that, when it takes no more jobs.
        estimates: when jobs will begin and end.
    """

    def __init__(
        self,
        store: JobStore,
        runner: Runner,
        blobs: BlobFolder,
        roots: Roots,
        looks: Looks,
        visible: Visibility,
        validator: Validator,
        limits: Limits,
        long_calls: LongCalls,
        audit: AuditLog,
        stopping: threading.Event,
        draining: threading.Event,
        estimates: Estimates,
    ) -> None:
        self._store = store
        self._runner = runner
        self._blobs = blobs
        self._roots = roots
        self._looks = looks
        self._visible = visible
        self._validator = validator
        self._limits = limits
        self._audit = audit
        self._long_calls = long_calls
        self._stopping = stopping
        self._draining = draining
        self._estimates = estimates

    @streams_errors
    def Preflight(
        self, request: jobs_pb2.PreflightRequest, context: grpc.ServicerContext
    ) -> Iterator[jobs_pb2.PreflightResponse]:
        """Looks at what is uploaded; yields progress, then the report."""
        with self._long_calls:
            yield from self._preflight(request, context)

    def _preflight(
        self, request: jobs_pb2.PreflightRequest, context: grpc.ServicerContext
    ) -> Iterator[jobs_pb2.PreflightResponse]:
        self._check_open()
        self._validator.check(request.spec)
        spec = jobs_pb2.JobSpec.FromString(request.spec.SerializeToString())
        who = caller(context)
        settle_show(spec, who)
        usable = self._usable(spec, who)
        _check_archive(spec, usable)
        unusable = claim_paths(spec, self._roots_of(spec, who), self._looks)
        unseen = _leave_out_missing(spec, usable, unusable)
        progress: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        outcome: list[tuple[list[Problem], list[str]] | BaseException] = []

        def gone() -> bool:
            return not context.is_active()

        def work() -> None:
            try:
                outcome.append(self._runner.preflight(spec, progress.put, gone, who.name))
            except Exception as error:  # noqa: BLE001 - raised again in the call's own thread
                outcome.append(error)
            finally:
                progress.put(None)

        threading.Thread(target=work, name="preflight", daemon=True).start()
        while (latest := progress.get()) is not None:
            yield jobs_pb2.PreflightResponse(progress=translate.progress_to_proto(latest))
        result = outcome[0]
        if isinstance(result, Stopped):
            raise _draining()
        if isinstance(result, BaseException):
            raise result
        problems, notes = [*unusable, *result[0]], result[1]
        report = jobs_pb2.PreflightReport(
            problems=[translate.problem_to_proto(p) for p in sorted(problems, key=_errors_first)],
            unseen_files=unseen,
            notes=notes,
        )
        yield jobs_pb2.PreflightResponse(report=report)

    @answers_errors
    def Submit(
        self, request: jobs_pb2.SubmitRequest, context: grpc.ServicerContext
    ) -> jobs_pb2.SubmitResponse:
        """Accepts a job."""
        who = caller(context)
        with self._audit.attempt(who.name, "Submit") as attempt:
            self._check_open()
            self._validator.check(request.spec)
            check_priority(request.spec, who)
            settle_show(request.spec, who)
            usable = self._usable(request.spec, who)
            for role, file in files_of(request.spec):
                if not file.HasField("path") and file.blob.digest not in usable:
                    raise PreconditionFailed(
                        f"{role} {file.name} is not uploaded.",
                        fix="Upload it, then submit again.",
                        frame=file.frame,
                        file=file.name,
                    )
            _check_archive(request.spec, usable)
            identity = request_id(request.spec)
            for problem in claim_paths(request.spec, self._roots_of(request.spec, who), self._looks):
                raise PreconditionFailed(
                    problem.message, fix=problem.fix, frame=problem.frames[0], file=problem.file
                )
            order = (identity, request.spec.SerializeToString(), who.name)
            submit = partial(
                self._store.submit,
                *order,
                max_open=self._limits.max_open_jobs,
                max_frames=self._limits.max_queued_frames,
                max_bytes=self._limits.max_owner_bytes,
            )
            record, created = submit(again=request.again)
            named = {o.digest for o in record.outputs}
            if record.state is JobState.DONE and len(self._blobs.touch(named)) < len(named):
                record, created = submit(again=True, fresh=False)
            attempt.subject, attempt.outcome = record.id, "accepted" if created else "found"
        return jobs_pb2.SubmitResponse(job=self._to_proto(record), created=created)

    @answers_errors
    def Get(self, request: jobs_pb2.GetRequest, context: grpc.ServicerContext) -> jobs_pb2.GetResponse:
        """Returns one job."""
        return jobs_pb2.GetResponse(job=self._to_proto(self._store.get(request.id, caller(context).view)))

    @answers_errors
    def List(self, request: jobs_pb2.ListRequest, context: grpc.ServicerContext) -> jobs_pb2.ListResponse:
        """Lists jobs, newest first."""
        wanted = translate.states_from_proto(request.states)
        jobs = self._store.newest(wanted, limit=request.limit or 100, viewer=caller(context).view)
        return jobs_pb2.ListResponse(jobs=[self._to_proto(job, with_files=False) for job in jobs])

    @streams_errors
    def Watch(
        self, request: jobs_pb2.WatchRequest, context: grpc.ServicerContext
    ) -> Iterator[jobs_pb2.WatchResponse]:
        """Replays and follows a job's events until the job ends."""
        with self._long_calls:
            yield from self._watch(request, context)

    def _watch(
        self, request: jobs_pb2.WatchRequest, context: grpc.ServicerContext
    ) -> Iterator[jobs_pb2.WatchResponse]:
        job = self._store.get(request.id, caller(context).view)
        if request.from_event > job.last_event + 1:
            raise InvalidInput(
                f"Event {request.from_event} of job {job.id} was asked for, but it has had {job.last_event} events:"
                " the server's record of it was made anew.",
                fix="Watch from event 1; the same command again does so.",
            )
        job_id = job.id
        upcoming = max(1, request.from_event)
        shown, moved = Progress(), time.monotonic()
        while context.is_active() and not self._stopping.is_set():
            seen = self._store.changes()
            ended = self._store.state(job_id) in ENDED
            for event in self._store.events(job_id, upcoming):
                upcoming, moved = event.sequence + 1, time.monotonic()
                yield jobs_pb2.WatchResponse(event=translate.event_to_proto(event))
            if ended:
                return
            progress = self._store.progress(job_id)
            if progress != shown and progress.total:
                shown, moved = progress, time.monotonic()
                yield jobs_pb2.WatchResponse(progress=translate.progress_to_proto(progress))
            self._store.wait_for_change(seen, WATCH_POLL_SECONDS)
            if time.monotonic() - moved > self._limits.idle_stream_seconds:
                raise stream_idle(self._limits.idle_stream_seconds)
        if self._stopping.is_set():
            context.abort(grpc.StatusCode.UNAVAILABLE, "The server is stopping; watch again when it is back.")

    @answers_errors
    def Cancel(
        self, request: jobs_pb2.CancelRequest, context: grpc.ServicerContext
    ) -> jobs_pb2.CancelResponse:
        """Asks a job to stop."""
        who = caller(context)
        with self._audit.attempt(who.name, "Cancel", request.id) as attempt:
            record = self._store.request_cancel(request.id, who.view)
            attempt.subject = record.id
        return jobs_pb2.CancelResponse(job=self._to_proto(record))

    @answers_errors
    def Delete(
        self, request: jobs_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> jobs_pb2.DeleteResponse:
        """Forgets an ended job."""
        who = caller(context)
        with self._audit.attempt(who.name, "Delete", request.id) as attempt:
            attempt.subject = self._store.delete(request.id, who.view)
        return jobs_pb2.DeleteResponse()

    def _check_open(self) -> None:
        if self._draining.is_set():
            raise _draining()

    def _to_proto(self, record: JobRecord, with_files: bool = True) -> jobs_pb2.Job:
        job = translate.job_to_proto(record, self._store.progress(record.id), with_files=with_files)
        if record.state not in ENDED:
            translate.add_estimate(job, self._estimates.of(record.id), time.time())
        return job

    def _roots_of(self, spec: jobs_pb2.JobSpec, who: Principal) -> Roots:
        """The roots that a job of this show and caller may read; a job of no show reads those that are for all."""
        return self._roots.of_shows(who.shows).of_shows(frozenset({spec.show}))

    def _usable(self, spec: jobs_pb2.JobSpec, who: Principal) -> set[str]:
        """Digests of the order that are stored and that the caller may open."""
        return self._blobs.touch(self._visible.among(input_digests(spec), who))


def _draining() -> Draining:
    return Draining(
        "The server is about to end and takes no more jobs.",
        fix="Give the same command again when it is back; jobs that it has accepted go on then by themselves.",
        retry_seconds=BACK_SECONDS,
    )


def _leave_out_missing(spec: jobs_pb2.JobSpec, usable: set[str], unusable: list[Problem]) -> int:
    """Take away the source of files that cannot be looked at; returns how many were not uploaded."""
    known = {(p.input, frame) for p in unusable for frame in p.frames}
    unseen = 0
    for name, file in files_of(spec):
        if file.HasField("path"):
            if (name, file.frame) in known:
                file.ClearField("source")
        elif file.blob.digest not in usable:
            file.ClearField("source")
            unseen += 1
    return unseen


def _check_archive(spec: jobs_pb2.JobSpec, usable: set[str]) -> None:
    archive = spec.shot.colour.archive.digest
    if archive and archive not in usable:
        raise PreconditionFailed("The OCIO archive is not uploaded.", fix="Upload it, then submit again.")


def _errors_first(problem: Problem) -> int:
    return 0 if problem.severity == "error" else 1
