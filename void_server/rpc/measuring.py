# SPDX-License-Identifier: Apache-2.0
"""Counts gRPC calls by method and status, and how long they take; outermost, so that refused ones count too."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from void_server.logs import saying
from void_server.metrics.figures import Figures
from void_server.rpc.handlers import behaviour_of, shaped_like

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""For methods that this server does not have: their names are the caller's choice."""


class MeasuringInterceptor(grpc.ServerInterceptor):
    """Tells `figures` of every call, when it has ended in whatever way."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See `grpc.ServerInterceptor`."""
        handler = continuation(details)
        if handler is None:
            self._figures.calls.labels(UNKNOWN, grpc.StatusCode.UNIMPLEMENTED.name).inc()
            return None
        inner = behaviour_of(handler)
        method = str(details.method).lstrip("/")

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            with _Call(self._figures, method, context), saying(call=method, peer=context.peer()):
                return inner(request, context)

        def stream(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            with _Call(self._figures, method, context):
                yield from _said(inner(request, context), call=method, peer=context.peer())

        return shaped_like(
            handler,
            stream if handler.response_streaming else unary,
            handler.request_deserializer,
            handler.response_serializer,
        )


def _said(messages: Iterator[Any], **fields: str) -> Iterator[Any]:
    """The same messages; what is said while one is made carries `fields`. gRPC may ask for each in another thread."""
    end = object()
    while True:
        with saying(**fields):
            message = next(messages, end)
        if message is end:
            return
        yield message


class _Call:
    """One call: counted when gRPC says that it is over, as its servicer or else its client ended it."""

    def __init__(self, figures: Figures, method: str, context: grpc.ServicerContext) -> None:
        self._figures, self._method, self._context = figures, method, context
        self._began = time.monotonic()
        self._answered = False
        self._failed = False

    def __enter__(self) -> None:
        self._figures.calls_open.inc()
        if not self._context.add_callback(self._over):
            self._over()

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        self._answered = error is None
        self._failed = isinstance(error, Exception)

    def _over(self) -> None:
        code, seconds = self._code(), time.monotonic() - self._began
        self._figures.calls_open.dec()
        self._figures.calls.labels(self._method, code).inc()
        self._figures.call_seconds.labels(self._method).observe(seconds)
        with saying(call=self._method, peer=self._context.peer()):
            log.debug("ended as %s after %.3f s", code, seconds)

    def _code(self) -> str:
        told = self._context.code()  # type: ignore[attr-defined]
        if isinstance(told, grpc.StatusCode):
            return told.name
        if self._answered:
            return grpc.StatusCode.OK.name
        return (grpc.StatusCode.UNKNOWN if self._failed else grpc.StatusCode.CANCELLED).name
