# SPDX-License-Identifier: Apache-2.0
"""A client that orders, watches, fetches and checks one small job after the other, as `void_client` does it."""

from __future__ import annotations

import hashlib
import io
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from void.v1 import jobs_pb2, masks_pb2, types_pb2

from benchmarks.load.plan import FIRST_FRAME, HEIGHT, SHARED_ORDERS, WIDTH, Order, Plan, order
from void_client.connection import Connection
from void_client.errors import ClientError
from void_client.events import Event
from void_client.follow import cancel_job, get_job
from void_client.order import preflight, submit
from void_client.stop import Stop, Stopped
from void_client.target import Target
from void_client.transfer import download, find_missing, upload

Tell = Callable[[dict[str, Any]], None]
"""Told one record, by several threads: `what`, `at` (seconds since 1970), `user`, `client`, and what belongs to it."""

SHARED, CANCELLED, PREVIEWED, ASKED, REPEATED = 0.25, 0.08, 0.4, 0.5, 0.15
"""Chances that an order is one of the shared ones, is cancelled, comes with a preview, is asked for with Get and List,
and is given once more when it is done."""

LONGEST_CANCEL_WAIT_S = 2.0
PAUSE_AFTER_FAILURE_S = 1.0


class Artist:
    """One client with a connection of its own.

    Args:
        client: its number, from 0.
        tell: told what it measured.
        stop: requested when it is to cancel its job and end.
    """

    def __init__(self, plan: Plan, client: int, tell: Tell, stop: Stop) -> None:
        self._plan = plan
        self._client = client
        self._user = plan.user(client)
        self._tell_all = tell
        self._stop = stop
        self._chance = random.Random(plan.seed * 1000 + client)
        target = Target(plan.address, plan.tokens[self._user])
        self._connection = Connection(lambda: target)
        self._turn = 0
        self._job = ""

    def run(self) -> None:
        """Work until it is told to stop; what fails is told, and the next order follows."""
        with self._connection:
            while not self._stop.requested:
                try:
                    self._one_order()
                except Stopped:
                    break
                except (ClientError, grpc.RpcError) as error:
                    if self._stop.requested:
                        break
                    self._tell("failure", kind=type(error).__name__, text=str(error)[:300])
                    self._stop.sleep(PAUSE_AFTER_FAILURE_S)
                self._turn += 1
            if self._job:
                cancel_job(self._connection, self._job)

    def _one_order(self) -> None:
        wanted = self._next_order()
        missing = find_missing(self._connection, [c.blob for c in wanted.contents], self._stop)
        upload(self._connection, wanted.contents, _quiet)
        self._tell("sent", files=len(wanted.contents), missing=len(missing))
        if self._plan.previews and (self._turn == 0 or self._chance.random() < PREVIEWED):
            self._preview(wanted)
        preflight(self._connection, wanted.spec, _quiet, self._stop)
        self._submit_and_fetch(wanted, cancelled=self._chance.random() < CANCELLED)
        if self._chance.random() < ASKED:
            request = jobs_pb2.ListRequest(limit=20)
            self._timed("list", lambda: self._connection.call(lambda s: s.jobs.List, request))
        if self._chance.random() < REPEATED:
            self._submit_and_fetch(wanted, cancelled=False)

    def _submit_and_fetch(self, wanted: Order, cancelled: bool) -> None:
        answer = self._timed("submit", lambda: submit(self._connection, wanted.spec, False, _quiet))
        self._job = answer.job.id
        if cancelled:
            self._stop.sleep(self._chance.uniform(0, LONGEST_CANCEL_WAIT_S))
            self._timed("cancel", lambda: cancel_job(self._connection, self._job))
        self._watch(self._job)
        self._fetch(self._timed("get", lambda: get_job(self._connection, self._job)), answer.created)
        self._job = ""

    def _next_order(self) -> Order:
        shot = Path(self._plan.shot)
        if self._chance.random() < SHARED:
            number = self._chance.randrange(SHARED_ORDERS)
            return order(shot, number, f"/shared/{number}")
        number = SHARED_ORDERS + self._client + 1000 * (self._turn + 1)
        return order(shot, number, f"/{self._user}/{number}")

    def _watch(self, job_id: str) -> None:
        """All events from the first on, until the job has ended.

        The latency of an event is the time from its own, when the server recorded it, to its arrival; of those that
        are older than the watch it says nothing.
        """
        began, expected = time.time(), 1
        request = jobs_pb2.WatchRequest(id=job_id, from_event=1)
        call = self._connection.stubs.jobs.Watch(request, metadata=self._connection.metadata)
        with self._stop.tracking(call):
            for message in call:
                now, event = time.time(), message.event
                if not message.HasField("event"):
                    continue
                if event.sequence != expected:
                    self._tell("failure", kind="EventLost", text=f"{event.sequence} after {expected - 1}")
                expected = event.sequence + 1
                recorded = event.time.ToNanoseconds() / 1e9
                if recorded >= began:
                    self._tell("watch", s=now - recorded)

    def _fetch(self, job: jobs_pb2.Job, created: bool) -> None:
        """Fetch all files of a job that is done, each checked against its digest, and tell how it went.

        A cancelled one is no failure: another client of the same user may have cancelled an order that both made.
        """
        state = jobs_pb2.JobState.Name(job.state).removeprefix("JOB_STATE_").lower()
        times = {
            name: getattr(job, name).ToNanoseconds() / 1e9
            for name in ("created", "started", "finished")
            if job.HasField(name)
        }
        if job.state == jobs_pb2.JOB_STATE_CANCELLED:
            self._tell("cancelled", **times)
            return
        if job.state != jobs_pb2.JOB_STATE_DONE:
            problems = "; ".join(p.message for p in job.problems)
            self._tell("failure", kind=f"Job {state}", text=problems[:300])
            return
        began, size = time.monotonic(), 0
        for output in job.outputs:
            size += self._download(output.blob)
        self._tell("fetch", s=time.monotonic() - began, bytes=size, files=len(job.outputs))
        kept = sorted((o.kind, o.frame, o.blob.digest) for o in job.outputs if o.frame)
        content = hashlib.sha256(repr(kept).encode()).hexdigest()
        self._tell("job", job=job.id, found=not created, request=job.request_id, content=content, **times)

    def _download(self, blob: types_pb2.Blob) -> int:
        with io.BytesIO() as file:
            download(self._connection, blob, file, lambda _: None, self._stop)
            data = file.getvalue()
        if hashlib.sha256(data).hexdigest() != blob.digest:
            self._tell("wrong", text=blob.digest)
        return len(data)

    def _preview(self, wanted: Order) -> None:
        x, y = self._chance.uniform(1, WIDTH - 1), self._chance.uniform(1, HEIGHT - 1)
        point = types_pb2.PointPrompt(frame=FIRST_FRAME, x=x, y=y, positive=True)
        request = masks_pb2.PreviewRequest(frame=wanted.first_plate, points=[point])
        made = self._timed("preview", lambda: self._connection.call(lambda s: s.masks.Preview, request))
        self._download(made.matte)

    def _timed(self, what: str, call: Callable[[], Any]) -> Any:
        began = time.monotonic()
        answer = call()
        self._tell(what, s=time.monotonic() - began)
        return answer

    def _tell(self, what: str, **more: Any) -> None:
        self._tell_all({"what": what, "at": time.time(), "user": self._user, "client": self._client, **more})


def _quiet(event: Event) -> None:
    """Nobody looks at a single event here."""
