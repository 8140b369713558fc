# SPDX-License-Identifier: Apache-2.0
"""Who looks at the monitor: a bearer token on each request, or a session that a token opened.

A session needs two things: a cookie, which no script can read, and a key, which the page keeps for its own origin and
sends as a header. A cookie alone would also be sent to other ports of the same host (RFC 6265, section 8.5), and with
requests that another site makes; the key alone is worth nothing without it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from void_server.access.principals import Principal
from void_server.access.tokens import TokenBook, token_digest
from void_server.monitor.http_messages import Request

SESSION_IDLE_SECONDS = 8 * 3600.0
"""A working day without a look ends a session."""
SESSION_SECONDS = 7 * 24 * 3600.0
MAX_SESSIONS = 1000
"""Open at once; the one that was used longest ago makes room."""
KEY_HEADER = "x-void-key"
_BEARER = "Bearer "


@dataclass
class _Session:
    key: str
    token: str
    principal: Principal
    opened: float
    used: float


class Sessions:
    """The open sessions, in memory only: a restart of the server ends them all.

    Args:
        tokens: asked again with each request, so that a revoked token ends its sessions at once.
        cookie: name of the cookie.
        clock: seconds that only grow.
    """

    def __init__(self, tokens: TokenBook, cookie: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._tokens = tokens
        self._cookie = cookie
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, _Session] = {}

    def open(self, token: str) -> tuple[Principal, str, str] | None:
        """Principal, secret of the cookie and key of a new session; None when nobody bears the token."""
        digest = token_digest(token)
        principal = self._tokens.find(digest)
        if principal is None:
            return None
        secret, key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock:
            self._open[token_digest(secret)] = _Session(key, digest, principal, now, now)
            if len(self._open) > MAX_SESSIONS:
                del self._open[min(self._open, key=lambda i: self._open[i].used)]
        return principal, secret, key

    def who(self, request: Request) -> Principal | None:
        """Who makes this request; None when nobody known does."""
        bearer = request.header("authorization")
        if bearer:
            return self._tokens.find(token_digest(bearer[len(_BEARER) :])) if _is_bearer(bearer) else None
        name = self._name(request)
        with self._lock:
            session = self._open.get(name)
            if session is None or not secrets.compare_digest(
                session.key.encode(), request.header(KEY_HEADER).encode("latin-1")
            ):
                return None
            now = self._clock()
            old = now - session.used > SESSION_IDLE_SECONDS or now - session.opened > SESSION_SECONDS
            if old or self._tokens.find(session.token) != session.principal:
                del self._open[name]
                return None
            session.used = now
            return session.principal

    def close(self, request: Request) -> None:
        """End the session of this request."""
        with self._lock:
            self._open.pop(self._name(request), None)

    def _name(self, request: Request) -> str:
        """Under which name the session of the request's cookie is kept."""
        try:
            found = SimpleCookie(request.header("cookie")).get(self._cookie)
        except CookieError:
            found = None
        return token_digest(found.value) if found is not None else ""


def _is_bearer(text: str) -> bool:
    return text.startswith(_BEARER)
