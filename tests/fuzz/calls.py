# SPDX-License-Identifier: Apache-2.0
"""Raw bytes on every method of a real server, with a valid token: the generic stub serialises nothing."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from void.v1 import frames_pb2, jobs_pb2, masks_pb2, server_pb2, types_pb2

from tests.fuzz.messages import random_bytes
from tests.fuzz.oracle import check_status
from tests.fuzz.target import Target
from tests.server.calls import by_path, sha256, spec_of

CONTRACT = (frames_pb2, jobs_pb2, masks_pb2, server_pb2, health_pb2, reflection_pb2)
CALL_SECONDS = 5.0
HANGING = frozenset({"Watch"})
"""Methods that go on until somebody ends them."""
OPEN_SECONDS = 0.3


def methods() -> list[MethodDescriptor]:
    """Every method that the server has."""
    services = [s for f in CONTRACT for s in f.DESCRIPTOR.services_by_name.values()]
    return [m for s in services for m in s.methods]


class RawCalls:
    """Calls that are made from numbers, and how they ended."""

    def __init__(self, target: Target, job: jobs_pb2.Job) -> None:
        self._target = target
        self._job = job
        self._methods = methods()
        self.ended: Counter[str] = Counter()

    def run(self, numbers: Iterable[int]) -> None:
        """Make the calls of these numbers.

        Raises:
            Broken: one was answered as a defect.
        """
        for number in numbers:
            self._one(random.Random(number), f"call {number}")

    def _one(self, rng: random.Random, what: str) -> None:
        method = rng.choice(self._methods)
        payloads = [
            random_bytes(rng, method.input_type, self._base(rng, method))
            for _ in range(rng.choice((0, 1, 1, 1, 1, 1, 1, 2, 3)))
        ]
        caller = rng.choice(self._target.callers)
        path = f"/{method.containing_service.full_name}/{method.name}"
        seconds = OPEN_SECONDS if method.name in HANGING else CALL_SECONDS
        code = send(caller.channel, path, payloads, caller.metadata, rng.random(), seconds)
        self.ended[code.name if code is not None else "OK"] += 1
        check_status(code, f"{what} to {path}")

    def _base(self, rng: random.Random, method: MethodDescriptor) -> Message | None:
        """A good request of this method, to spoil."""
        job, shot = self._job, self._target.shot
        digest = rng.choice([o.blob.digest for o in job.outputs] + [b.digest for b in _inputs(job)])
        spec = spec_of(shot)
        spec.output.directory = f"/out/{rng.randrange(3)}"
        if rng.random() < 0.5:
            by_path(spec, shot)
        small = rng.randbytes(100)
        blob = types_pb2.Blob(digest=sha256(small), bytes=100)
        good: dict[str, Any] = {
            "FindMissing": lambda: frames_pb2.FindMissingRequest(blobs=[types_pb2.Blob(digest=digest)]),
            "Upload": lambda: rng.choice(
                (
                    frames_pb2.UploadRequest(start=frames_pb2.UploadStart(blob=blob)),
                    frames_pb2.UploadRequest(chunk=small),
                )
            ),
            "Download": lambda: frames_pb2.DownloadRequest(digest=digest),
            "Probe": lambda: frames_pb2.ProbeRequest(digests=[digest]),
            "Preflight": lambda: jobs_pb2.PreflightRequest(spec=spec),
            "Submit": lambda: jobs_pb2.SubmitRequest(spec=spec),
            "Get": lambda: jobs_pb2.GetRequest(id=job.id),
            "List": lambda: jobs_pb2.ListRequest(),
            "Watch": lambda: jobs_pb2.WatchRequest(id=job.id),
            "Cancel": lambda: jobs_pb2.CancelRequest(id=job.id),
        }
        if method.containing_service.file.package != "void.v1" or method.name not in good:
            return None
        made: Message = good[method.name]()
        return made


def send(
    channel: grpc.Channel,
    path: str,
    payloads: list[bytes],
    metadata: Any,
    manner: float,
    seconds: float = CALL_SECONDS,
) -> grpc.StatusCode | None:
    """Send these messages and read all answers; returns the status, None for OK.

    Args:
        manner: 0..1; most calls are made as they should be, some are given hardly any time, are cancelled at
            once, or never say that they have ended.
    """
    left_open = threading.Event()

    def requests() -> Iterator[bytes]:
        yield from payloads
        if manner >= 0.9:
            left_open.wait(OPEN_SECONDS)

    timeout = manner / 50 if manner < 0.05 else OPEN_SECONDS if manner >= 0.9 else seconds
    call = channel.stream_stream(path)(requests(), metadata=metadata, timeout=timeout)
    if 0.05 <= manner < 0.1:
        call.cancel()
    try:
        for _ in call:
            if 0.1 <= manner < 0.15:
                call.cancel()
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    finally:
        left_open.set()
    return None


def _inputs(job: jobs_pb2.Job) -> list[types_pb2.Blob]:
    return [file.blob for file in job.spec.shot.plate.files]
