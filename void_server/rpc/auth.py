# SPDX-License-Identifier: Apache-2.0
"""A token on every call, `authorization: Bearer TOKEN`, and with it the principal that servicers act for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from void_server.access.audit import AuditLog
from void_server.access.principals import Principal, Role
from void_server.access.refusals import Refusals, too_many
from void_server.access.tokens import TokenBook, token_digest
from void_server.errors import Internal
from void_server.rpc.handlers import behaviour_of, shaped_like
from void_server.rpc.status import RichStatus

_PREFIX = "Bearer "
_HEALTH = "/grpc.health.v1.Health/"
_REFUSED = "The token is missing, wrong or revoked. Give the file with your token with --token-file."

_METRICS_ONLY = "This token is for the server's metrics and health only."


class PrincipalContext:
    """A call's `grpc.ServicerContext` that also says who calls; all else is the original's."""

    def __init__(self, context: grpc.ServicerContext, principal: Principal) -> None:
        self._context = context
        self.principal = principal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def caller(context: Any) -> Principal:
    """Who makes this call.

    Raises:
        Internal: the call did not come through `TokenInterceptor`.
    """
    if not isinstance(context, PrincipalContext):
        raise Internal("A call reached its servicer without a principal.")
    return context.principal


class TokenInterceptor(grpc.ServerInterceptor):
    """Refuses calls without a valid token, and counts calls in progress for the idle watch.

    A refused request is not even parsed, and of an address that failed too often not even the token is looked at. A
    stream ends with its next message when its token is revoked.
    """

    def __init__(self, tokens: TokenBook, activity: Activity, audit: AuditLog, refusals: Refusals) -> None:
        self._refusals = refusals
        self._tokens = tokens
        self._activity = activity
        self._audit = audit

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See `grpc.ServerInterceptor`."""
        handler = continuation(details)
        if handler is None:
            return None
        inner = behaviour_of(handler)
        presented, method = _presented(details), str(details.method)

        def unary(request: Any, context: grpc.ServicerContext) -> Any:
            _, principal = self._admitted(presented, method, context)
            with self._activity:
                return inner(request, PrincipalContext(context, principal))

        def stream(request: Any, context: grpc.ServicerContext) -> Any:
            digest, principal = self._admitted(presented, method, context)
            with self._activity:
                for message in inner(request, PrincipalContext(context, principal)):
                    if self._tokens.find(digest) != principal:
                        context.abort(grpc.StatusCode.UNAUTHENTICATED, _REFUSED)
                    yield message

        chosen = stream if handler.response_streaming else unary
        # Without a deserializer: `ParsingInterceptor`, which stands behind, parses what is admitted.
        return shaped_like(handler, chosen, None, handler.response_serializer)

    def _admitted(self, presented: str, method: str, context: grpc.ServicerContext) -> tuple[str, Principal]:
        """The digest of a valid token and its bearer; the call ends here where there is none."""
        peer = context.peer()
        if wait := self._refusals.wait_seconds(peer):
            context.abort_with_status(RichStatus(too_many(wait)))
        digest = token_digest(presented) if presented else ""
        principal = self._tokens.find(digest) if digest else None
        if principal is None:
            self._refusals.refused(peer)
            self._audit.refused(method, peer)
            context.abort(grpc.StatusCode.UNAUTHENTICATED, _REFUSED)
        if principal.role is Role.METRICS and not method.startswith(_HEALTH):
            self._audit.refused(method, peer)
            context.abort(grpc.StatusCode.PERMISSION_DENIED, _METRICS_ONLY)
        return digest, principal


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


def _presented(details: grpc.HandlerCallDetails) -> str:
    """The token that came with a call; empty when none came."""
    for key, value in details.invocation_metadata or ():
        if key == "authorization" and isinstance(value, str) and value.startswith(_PREFIX):
            return value[len(_PREFIX) :]
    return ""
