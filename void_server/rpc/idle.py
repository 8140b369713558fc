# SPDX-License-Identifier: Apache-2.0
"""Streams on which nothing moves are ended: a client that is gone, or does not read, holds no thread for ever."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc

from void_server.errors import StreamIdle
from void_server.rpc.handlers import behaviour_of, shaped_like

T = TypeVar("T")

LOOK_SECONDS = 0.5
_READ_AHEAD = 2
"""Messages of a request that wait for their reader; each has at most 4 MiB."""


def stream_idle(seconds: int) -> StreamIdle:
    """What a client is told whose stream was ended."""
    return StreamIdle(
        f"Nothing moved on this stream for idle_stream_seconds = {seconds} seconds.",
        fix="Begin it again where it ended; the client does so by itself. The server's keeper can raise"
        " --idle-stream-seconds.",
    )


def moving(requests: Iterator[T], seconds: int) -> Iterator[T]:
    """The messages of a request, as long as each comes within so many seconds.

    Raises:
        StreamIdle: one did not.
    """
    waiting: queue.Queue[tuple[bool, Any]] = queue.Queue(_READ_AHEAD)
    gone = threading.Event()

    def put(item: tuple[bool, Any]) -> None:
        while not gone.is_set():
            try:
                waiting.put(item, timeout=LOOK_SECONDS)
            except queue.Full:
                continue
            return

    def read() -> None:
        try:
            for message in requests:
                put((True, message))
                if gone.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - raised again in the call's own thread
            put((False, error))
        else:
            put((False, None))

    threading.Thread(target=read, name="upload", daemon=True).start()
    try:
        while True:
            try:
                more, item = waiting.get(timeout=seconds)
            except queue.Empty:
                raise stream_idle(seconds) from None
            if more:
                yield item
            elif item is None:
                return
            else:
                raise item
    finally:
        gone.set()


class IdleInterceptor(grpc.ServerInterceptor):
    """Ends calls whose client does not take what it is sent.

    Such a call is stuck in gRPC's own sending, so it is ended from another thread, with the status and text of
    `StreamIdle`, but without details.

    Args:
        seconds: limit `idle_stream_seconds`.
    """

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._sending: dict[int, tuple[float, Any]] = {}
        self._numbers = itertools.count()
        self._closing = threading.Event()
        threading.Thread(target=self._look, name="idle", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._closing.set()

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See `grpc.ServerInterceptor`."""
        handler: Any = continuation(details)
        if handler is None or not handler.response_streaming:
            return handler  # type: ignore[no-any-return]
        inner = behaviour_of(handler)

        def stream(request: Any, context: Any) -> Iterator[Any]:
            number = next(self._numbers)
            try:
                for message in inner(request, context):
                    with self._lock:
                        self._sending[number] = time.monotonic(), context
                    yield message
                    with self._lock:
                        del self._sending[number]
            finally:
                with self._lock:
                    self._sending.pop(number, None)

        return shaped_like(handler, stream, handler.request_deserializer, handler.response_serializer)

    def _look(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            now = time.monotonic()
            with self._lock:
                stuck = [c for began, c in self._sending.values() if now - began > self._seconds]
            for context in stuck:
                _end(context, stream_idle(self._seconds))


def _end(context: Any, error: StreamIdle) -> None:
    """End a call from outside, so that its client reads why; grpcio has no public name for that on a server."""
    call = getattr(getattr(context, "_rpc_event", None), "call", None)
    if call is None:
        context.cancel()
        return
    call.cancel(grpc.StatusCode.DEADLINE_EXCEEDED.value[0], str(error))
