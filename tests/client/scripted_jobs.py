# SPDX-License-Identifier: Apache-2.0
"""A real gRPC server whose Jobs service answers a watch as a test says: to show what a server may never do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from void.v1 import jobs_pb2, jobs_pb2_grpc

Script = Callable[[int, grpc.ServicerContext], Iterator[jobs_pb2.WatchResponse]]


class ScriptedJobs(jobs_pb2_grpc.JobsServicer):
    """Each watch runs the next script (the last one again and again); `asked` holds each `from_event`.

    Each Get or Submit first runs the next of `failing`; `got` counts them.
    """

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self.asked: list[int] = []
        self.failing: list[Callable[[grpc.ServicerContext], None]] = []
        self.got = 0
        self.state = jobs_pb2.JOB_STATE_RUNNING
        self.spec = jobs_pb2.JobSpec()

    def Watch(self, request, context):  # noqa: N802
        self.asked.append(request.from_event)
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        yield from script(request.from_event, context)

    def Submit(self, request, context):  # noqa: N802
        self.got += 1
        if self.failing:
            self.failing.pop(0)(context)
        return jobs_pb2.SubmitResponse(job=jobs_pb2.Job(id="j", state=self.state), created=True)

    def Get(self, request, context):  # noqa: N802
        self.got += 1
        if self.failing:
            self.failing.pop(0)(context)
        return jobs_pb2.GetResponse(job=jobs_pb2.Job(id=request.id, state=self.state, spec=self.spec))


def serve(servicer: ScriptedJobs) -> tuple[grpc.Server, str]:
    server = grpc.server(ThreadPoolExecutor(4))
    jobs_pb2_grpc.add_JobsServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"


def said(number: int) -> jobs_pb2.WatchResponse:
    return jobs_pb2.WatchResponse(event=jobs_pb2.Event(sequence=number, message=f"event {number}"))


def ended(
    number: int, state: jobs_pb2.JobState.ValueType = jobs_pb2.JOB_STATE_DONE
) -> jobs_pb2.WatchResponse:
    return jobs_pb2.WatchResponse(event=jobs_pb2.Event(sequence=number, state=state))
