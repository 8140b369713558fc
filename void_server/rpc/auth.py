# SPDX-License-Identifier: Apache-2.0
"""A token on every call: `authorization: Bearer TOKEN`, compared in constant time."""

from __future__ import annotations

import hmac
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from void_server.errors import InvalidInput
from void_server.frames.durable import write_file

_PREFIX = "Bearer "
OWNER = "artist"
"""Who a bearer of the server's token is."""


def read_or_create_token(path: Path) -> str:
    """The token in `path`; a new one of 256 bits is written, mode 0600, when the file is not there.

    Raises:
        InvalidInput: the file is empty, or others than its owner may read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, (secrets.token_urlsafe(32) + "\n").encode(), mode=0o600)
    if os.name != "nt" and path.stat().st_mode & 0o077:
        raise InvalidInput(f"Others may read the token file {path}.", fix=f"Run: chmod 600 {path}")
    token = path.read_text().strip()
    if not token:
        raise InvalidInput(f"The token file {path} is empty.", fix="Delete it; the server writes a new one.")
    return token


class TokenInterceptor(grpc.ServerInterceptor):  # type: ignore[type-arg]
    """Refuses calls without the token, and counts calls in progress for the idle watch."""

    def __init__(self, token: str, activity: Activity) -> None:
        self._token = token.encode()
        self._activity = activity

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See `grpc.ServerInterceptor`."""
        handler = continuation(details)
        if handler is None:
            return None
        if not self._accepted(details):
            return _same_shape(handler, _refuse)
        return _counted(handler, self._activity)

    def _accepted(self, details: grpc.HandlerCallDetails) -> bool:
        for key, value in details.invocation_metadata or ():
            if key == "authorization" and isinstance(value, str) and value.startswith(_PREFIX):
                return hmac.compare_digest(value[len(_PREFIX) :].encode(), self._token)
        return False


class Activity:
    """Calls in progress, and when the last one ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._last = time.monotonic()

    def __enter__(self) -> None:
        with self._lock:
            self._calls += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._calls -= 1
            self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """Seconds since the last call ended; 0 while one is in progress."""
        with self._lock:
            return 0.0 if self._calls else time.monotonic() - self._last


def _refuse(_request: Any, context: grpc.ServicerContext) -> Any:
    context.abort(
        grpc.StatusCode.UNAUTHENTICATED,
        "The token is missing or wrong. Give the server's token file with --token-file.",
    )


def _counted(handler: Any, activity: Activity) -> grpc.RpcMethodHandler[Any, Any]:
    inner = _behaviour(handler)
    if handler.response_streaming:

        def stream(request: Any, context: grpc.ServicerContext) -> Any:
            with activity:
                yield from inner(request, context)

        return _same_shape(handler, stream)

    def unary(request: Any, context: grpc.ServicerContext) -> Any:
        with activity:
            return inner(request, context)

    return _same_shape(handler, unary)


def _behaviour(handler: Any) -> Callable[[Any, grpc.ServicerContext], Any]:
    found: Callable[[Any, grpc.ServicerContext], Any] = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    return found


def _same_shape(
    handler: Any, behaviour: Callable[[Any, grpc.ServicerContext], Any]
) -> grpc.RpcMethodHandler[Any, Any]:
    makers = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    make: Any = makers[bool(handler.request_streaming), bool(handler.response_streaming)]
    made: grpc.RpcMethodHandler[Any, Any] = make(
        behaviour, handler.request_deserializer, handler.response_serializer
    )
    return made
