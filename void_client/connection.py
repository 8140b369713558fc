# SPDX-License-Identifier: Apache-2.0
"""One connection to a server, and what happens when the network breaks.

Every call bears the token. A call that the server is safe to see twice is tried again with bounded
exponential backoff; whoever reads a stream resumes it, with the same `RetryPolicy`.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TypeVar

import grpc
from void.v1 import frames_pb2, frames_pb2_grpc, jobs_pb2_grpc, masks_pb2_grpc, server_pb2_grpc

from void_client.chunks import Received, download_response, upload_request
from void_client.errors import ClientError, ServerUnreachable, from_rpc, rich_details, status_of
from void_client.keepalive import Keepalive
from void_client.stop import Cancellable, Stop, Stopped
from void_client.target import Target

MAX_MESSAGE_BYTES = 64 * 2**20
"""Largest message taken or sent: a spec of 4096 frames and eight inputs passes gRPC's own 4 MiB."""

CALL_TIMEOUT_S = 60.0
"""Longest wait for the answer of a call that moves no frames."""

CLOSING_S = 5.0
"""Longest wait for a channel to close; what is left of it ends with the process."""

STARTING_S = 10.0
"""How long a server may take from being started to listening, for a client that comes first."""

_STARTING_PAUSE_S = 0.25
# What gRPC says where nothing listens (strerror(3) of ECONNREFUSED).
_REFUSED = "Connection refused"

_UPLOAD_METHOD, _DOWNLOAD_METHOD = "/void.v1.FrameStore/Upload", "/void.v1.FrameStore/Download"
_HEALTH_METHOD = "/grpc.health.v1.Health/Check"
# HealthCheckResponse{status: SERVING} on the wire; the client does without the health package for one enum
# (github.com/grpc/grpc, src/proto/grpc/health/v1/health.proto).
_SERVING = b"\x08\x01"

_BROKEN = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
)

# Frames go to the server that the user named and nowhere else, so a proxy from the environment is not asked.
# The reconnect times are below gRPC's (1 s growing to 120 s), because the retry policy already spaces the
# attempts.
_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
)

Request_contra = TypeVar("Request_contra", contravariant=True)
Request = TypeVar("Request")
Response = TypeVar("Response")
Response_co = TypeVar("Response_co", covariant=True)


@dataclass(frozen=True)
class RetryPolicy:
    """Bounded exponential backoff with jitter.

    Attributes:
        attempts: tries without any progress before giving up, at least 1.
        first_wait_s: wait after the first failure; doubles each time.
        longest_wait_s: upper bound of one wait.
    """

    attempts: int = 9
    first_wait_s: float = 0.2
    longest_wait_s: float = 5.0

    def wait_s(self, failures: int) -> float:
        """Seconds to wait after `failures` failures in a row (from 1), up to 25 % taken off at random."""
        full = min(self.longest_wait_s, self.first_wait_s * 2.0 ** min(failures - 1, 30))
        return full * random.uniform(0.75, 1.0)


class Retries:
    """Counts failures in a row during one task and waits between the tries.

    Args:
        policy: the limits.
        sleep: waits; replaced in tests of the waiting itself.
    """

    def __init__(self, policy: RetryPolicy, sleep: Callable[[float], None] = time.sleep) -> None:
        self._policy = policy
        self._sleep = sleep
        self._failures = 0

    def progressed(self) -> None:
        """Something arrived: the next failure counts as the first."""
        self._failures = 0

    def absorb(self, error: grpc.RpcError) -> bool:
        """Wait and return True when the task may be tried again; False when the error must be told."""
        wait = retry_wait(error)
        return wait is not None and self.failed(wait)

    def failed(self, least_wait_s: float = 0.0) -> bool:
        """Count a failure; wait and return True when the task may be tried again."""
        self._failures += 1
        if self._failures >= self._policy.attempts:
            return False
        self._sleep(max(least_wait_s, self._policy.wait_s(self._failures)))
        return True


def retry_wait(error: grpc.RpcError) -> float | None:
    """Seconds that the server asks to wait before another try; None when another try is of no use.

    A broken connection is worth another try at once (0); any other failure only if the server sent RetryInfo.
    """
    if status_of(error) in _BROKEN:
        return 0.0
    return rich_details(error).retry_after_s


class Answer(Cancellable, Protocol[Response_co]):
    """A call under way that has one answer."""

    def result(self) -> Response_co:
        """Wait for it."""


class Method(Protocol[Request_contra, Response_co]):
    """A stub's method for one call."""

    def __call__(
        self, request: Request_contra, *, timeout: float | None, metadata: tuple[tuple[str, str], ...]
    ) -> Response_co:
        """Make the call."""

    def future(
        self, request: Request_contra, *, timeout: float | None, metadata: tuple[tuple[str, str], ...]
    ) -> Answer[Response_co]:
        """Begin the call."""


class Stubs:
    """The services of one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.frames = frames_pb2_grpc.FrameStoreStub(channel)
        # Generated stubs would copy the frames through messages.
        self.upload: grpc.StreamUnaryMultiCallable[
            frames_pb2.UploadStart | bytes, frames_pb2.UploadResponse
        ] = channel.stream_unary(_UPLOAD_METHOD, upload_request, frames_pb2.UploadResponse.FromString)
        self.download: grpc.UnaryStreamMultiCallable[frames_pb2.DownloadRequest, Received] = (
            channel.unary_stream(
                _DOWNLOAD_METHOD, frames_pb2.DownloadRequest.SerializeToString, download_response
            )
        )
        self.jobs = jobs_pb2_grpc.JobsStub(channel)
        self.masks = masks_pb2_grpc.MasksStub(channel)
        self.server = server_pb2_grpc.ServerStub(channel)
        self.health = channel.unary_unary(
            _HEALTH_METHOD, request_serializer=bytes, response_deserializer=bytes
        )


class Connection:
    """A channel to one server, shared by threads; a context manager.

    Args:
        find: says where the server is; asked again after the connection broke, since a local server may have
            ended and been started anew at another port.
        policy: how long to keep trying.
        keepalive: when a silent server is asked, and given up.
    """

    def __init__(
        self,
        find: Callable[[], Target],
        policy: RetryPolicy | None = None,
        keepalive: Keepalive | None = None,
    ) -> None:
        self.policy = policy or RetryPolicy()
        self._keepalive = keepalive or Keepalive()
        self._find = find
        self._lock = threading.Lock()
        self._target = find()
        self._channel = open_channel(self._target, self._keepalive)
        self._stubs = Stubs(self._channel)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel; calls under way end with an error."""
        # A call that Ctrl-C met at a bad moment is never done for gRPC, and closing would wait for it.
        closing = threading.Thread(target=self._channel.close, name="close", daemon=True)
        closing.start()
        closing.join(CLOSING_S)

    @property
    def target(self) -> Target:
        """Where the server is."""
        return self._target

    @property
    def stubs(self) -> Stubs:
        """The services of the channel as it is now; asked anew for each call, since `renew` may replace them."""
        return self._stubs

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What each call bears."""
        return (("authorization", f"Bearer {self._target.token}"),)

    def greet(self, timeout_s: float = 10.0, on_wait: Callable[[str], None] | None = None) -> None:
        """Make sure that a server answers, serves, and accepts the token.

        Args:
            timeout_s: longest wait for an answer.
            on_wait: told what is waited for, once, when nothing listens at the address: a server that is just
                starting gets `STARTING_S` to do so. None = do not wait.

        Raises:
            ServerUnreachable, AccessRefused: it does not.
        """
        deadline = time.monotonic() + (STARTING_S if on_wait else 0)
        while True:
            try:
                self.call(lambda s: s.health, b"", timeout_s=timeout_s, policy=RetryPolicy(attempts=2))
                return
            except ServerUnreachable as error:
                if _REFUSED not in error.message or time.monotonic() >= deadline:
                    raise
            if on_wait:
                on_wait(
                    f"Nothing listens at {self._target.address}; waiting {STARTING_S:.0f} s in case the server is"
                    " just starting."
                )
                on_wait = None
            time.sleep(_STARTING_PAUSE_S)
            self.renew()

    def call(
        self,
        method: Callable[[Stubs], Method[Request, Response]],
        request: Request,
        *,
        timeout_s: float = CALL_TIMEOUT_S,
        repeatable: bool = True,
        policy: RetryPolicy | None = None,
        stop: Stop | None = None,
    ) -> Response:
        """Make one call and return its answer.

        Args:
            method: picks the stub's method, such as `lambda s: s.jobs.Get`.
            request: what to send.
            timeout_s: longest wait for one try.
            repeatable: whether the server may see the call twice; only then is it tried again.
            policy: instead of the connection's own.
            stop: ends the call, and the waiting between the tries, early.

        Raises:
            ClientError: the typed form of the failure.
            Stopped: a stop was requested.
        """
        stop = stop or Stop()
        retries = Retries(policy or self.policy, stop.sleep)
        while True:
            stop.check()
            try:
                call = method(self._stubs).future(request, timeout=timeout_s, metadata=self.metadata)
                with stop.tracking(call):
                    return call.result()
            except grpc.FutureCancelledError as error:
                raise Stopped from error
            except grpc.RpcError as error:
                if not (repeatable and retries.absorb(error)):
                    stop.check()
                    raise self.error(error) from error
            stop.check()
            self.renew()

    def renew(self) -> None:
        """After a break: ask where the server is, and open a channel there if it moved.

        Raises:
            ClientError: it is nowhere to be found.
        """
        with self._lock:
            target = self._find()
            if target != self._target:
                self._channel.close()
                self._target, self._channel = target, open_channel(target, self._keepalive)
                self._stubs = Stubs(self._channel)

    def error(self, error: grpc.RpcError) -> ClientError:
        """The typed form of a failure of this connection."""
        return from_rpc(error, self._target.address)


def open_channel(target: Target, keepalive: Keepalive | None = None) -> grpc.Channel:
    """A channel to the target, with TLS unless it is this machine; nothing is connected yet."""
    options = (*_CHANNEL_OPTIONS, *(keepalive or Keepalive()).options)
    if not target.encrypted:
        return grpc.insecure_channel(target.address, options=options)
    key, certificate = target.own or (None, None)
    credentials = grpc.ssl_channel_credentials(target.ca, key, certificate)
    return grpc.secure_channel(target.address, credentials, options=options)


def is_serving(target: Target, timeout_s: float = 5.0) -> bool:
    """Whether a server answers at the target, accepts the token and says that it serves."""
    with open_channel(target) as channel:
        try:
            answer = Stubs(channel).health(
                b"", timeout=timeout_s, metadata=(("authorization", f"Bearer {target.token}"),)
            )
        except grpc.RpcError:
            return False
        return bool(answer == _SERVING)
