# SPDX-License-Identifier: Apache-2.0
"""Answers the monitor's requests: the page's files for everybody, all else for those who bear a token.

What is not the caller's to see is answered like what does not exist, by the same rules as the gRPC services:
`JobStore` for jobs, `Visibility` for blobs.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import logging
import re
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from void_server.access.audit import AuditLog
from void_server.access.principals import Principal, Role, View
from void_server.access.refusals import Refusals, too_many
from void_server.access.tokens import TokenBook
from void_server.errors import (
    InvalidInput,
    LimitExceeded,
    NotFound,
    PreconditionFailed,
    TooManyRefusals,
    VoidError,
)
from void_server.frames.blobs import BlobFolder
from void_server.jobs.database import Database
from void_server.jobs.model import JobRecord
from void_server.jobs.store import JobStore
from void_server.jobs.visibility import Visibility
from void_server.monitor.event_log import latest_lines
from void_server.monitor.http_messages import Answer, Request, error_answer, json_answer
from void_server.monitor.sessions import SESSION_SECONDS, Sessions
from void_server.monitor.views import FILES, Estimate, Summaries, job_page, job_row, no_estimate

log = logging.getLogger(__name__)

METRICS = "/metrics"
"""Where Prometheus looks by default."""
MOST_JOBS = 200
"""Lines of the queue; older jobs are found with `void jobs list`."""
MOST_WAIT_SECONDS = 20
"""A question for news is answered after so long, with or without."""
LEAST_SECONDS = 0.5
"""Between two looks at the store for the same viewer, however many browsers ask."""

_STATIC_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_STATUS: tuple[tuple[type[VoidError], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (PreconditionFailed, HTTPStatus.CONFLICT),
    (LimitExceeded, HTTPStatus.TOO_MANY_REQUESTS),
    (TooManyRefusals, HTTPStatus.TOO_MANY_REQUESTS),
)
_JOB = re.compile(r"/api/jobs/([0-9a-f]{12})")
_CANCEL = re.compile(r"/api/jobs/([0-9a-f]{12})/cancel")
_FILE = re.compile(r"/api/jobs/([0-9a-f]{12})/files/([a-z_]{1,32})/(-?[0-9]{1,10})")
_THUMB = re.compile(r"/api/jobs/([0-9a-f]{12})/thumb")


@dataclass(frozen=True)
class _Kept:
    made: float
    tag: str
    jobs: list[dict[str, Any]]


class Desk:
    """See the module.

    Args:
        loopback: listens on this machine only, so that the Host header is checked: a page of another site whose name
            was turned to 127.0.0.1 (DNS rebinding) gets no answer. Beyond it the certificate's name does the same.
        secure: behind TLS.
        activity: counts requests in progress, for the idle watch.
        notice: what everybody should know of the server now, in a sentence; empty for nothing.
        stopping: set when the server ends; questions for news are answered then.
        estimate: when a job is expected to begin and end.
        figures: gives the metrics for an Accept header, with their content type.
        most_waiting: questions for news that may wait at once; further ones are answered at once.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        database: Database,
        blobs: BlobFolder,
        visible: Visibility,
        tokens: TokenBook,
        audit: AuditLog,
        refusals: Refusals,
        version: str,
        activity: AbstractContextManager[None],
        stopping: threading.Event,
        notice: Callable[[], str],
        loopback: bool,
        secure: bool,
        most_waiting: int,
        figures: Callable[[str], tuple[bytes, str]],
        estimate: Callable[[str], Estimate] = no_estimate,
    ) -> None:
        self._store, self._database, self._blobs, self._visible = store, database, blobs, visible
        self._audit, self._version, self._activity = audit, version, activity
        self._stopping, self._loopback, self._secure = stopping, loopback, secure
        self._estimate = estimate
        self._notice = notice
        self._figures = figures
        self._refusals = refusals
        self._tokens = tokens
        self._waiting = threading.Semaphore(max(1, most_waiting))
        self._lock = threading.Lock()
        self._summaries = Summaries()
        self._kept: dict[View, _Kept] = {}
        self._static = _read_static()
        self.open_for(0)

    def open_for(self, port: int) -> None:
        """Take the port that was bound, for the cookie's name, because cookies do not know ports; ends all sessions."""
        self._cookie = f"void_monitor_{port}"
        self._sessions = Sessions(self._tokens, self._cookie)

    def answer(self, request: Request) -> Answer:
        """The answer to any request; never raises."""
        try:
            if self._loopback and not _names_this_machine(request.header("host")):
                return error_answer(
                    HTTPStatus.MISDIRECTED_REQUEST,
                    "invalid_input",
                    "Open this page as localhost or 127.0.0.1.",
                )
            if request.path in self._static and request.method == "GET":
                kind, data = self._static[request.path]
                return Answer(HTTPStatus.OK, kind, data, len(data))
            if request.path != METRICS and not request.path.startswith("/api/"):
                return _NO_PAGE
            with self._activity:
                return self._api(request)
        except VoidError as error:
            status = next((s for k, s in _STATUS if isinstance(error, k)), HTTPStatus.INTERNAL_SERVER_ERROR)
            return error_answer(status, error.code, error.message, error.fix)
        except Exception:
            log.exception("defect while answering the monitor")
            return error_answer(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "internal",
                "The server met a defect; its log has the details.",
            )

    def _api(self, request: Request) -> Answer:
        presents = request.path == "/api/login" or request.header("authorization") != ""
        if presents and (wait := self._refusals.wait_seconds(_as_grpc_names(request.peer))):
            raise too_many(wait)
        if request.method == "POST":
            if refused := _unsafe(request, self._secure):
                return refused
            if request.path == "/api/login":
                return self._login(request)
        who = self._sessions.who(request)
        if who is None:
            return self._refuse(request)
        if request.path == METRICS and request.method == "GET" and who.role is not Role.ARTIST:
            body, kind = self._figures(request.header("accept"))
            return Answer(HTTPStatus.OK, kind, body, len(body))
        if who.role is Role.METRICS:
            return _NO_PAGE
        if request.method == "POST":
            return self._change(request, who)
        if request.path == "/api/me":
            return json_answer({"name": who.name, "role": who.role.value, "version": self._version})
        if request.path == "/api/jobs":
            return self._news(request, lambda: self._queue(who))
        if found := _JOB.fullmatch(request.path):
            job_id = found[1]
            return self._news(request, lambda: self._job(job_id, who))
        if found := _FILE.fullmatch(request.path):
            return self._file(found[1], found[2], int(found[3]), who)
        if found := _THUMB.fullmatch(request.path):
            return self._file(found[1], "still_thumb", None, who)
        return _NO_PAGE

    def _login(self, request: Request) -> Answer:
        try:
            token = json.loads(request.body)["token"].strip()
        except (ValueError, KeyError, TypeError, AttributeError):
            token = ""
        opened = self._sessions.open(token)
        if opened is None:
            return self._refuse(request)
        principal, secret, key = opened
        cookie = f"{self._cookie}={secret}; Path=/; Max-Age={SESSION_SECONDS:.0f}; HttpOnly; SameSite=Strict"
        return json_answer(
            {"name": principal.name, "role": principal.role.value, "version": self._version, "key": key},
            headers={"Set-Cookie": cookie + ("; Secure" if self._secure else "")},
        )

    def _refuse(self, request: Request) -> Answer:
        # A browser whose session ended guesses nothing.
        if request.path == "/api/login" or request.header("authorization"):
            self._refusals.refused(_as_grpc_names(request.peer))
        self._audit.refused("monitor", request.peer)
        return error_answer(
            HTTPStatus.UNAUTHORIZED, "unauthenticated", "The token is missing, wrong or revoked."
        )

    def _change(self, request: Request, who: Principal) -> Answer:
        if request.path == "/api/logout":
            self._sessions.close(request)
            gone = f"{self._cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
            return json_answer({}, headers={"Set-Cookie": gone})
        if found := _CANCEL.fullmatch(request.path):
            with self._audit.attempt(who.name, "Cancel", found[1]):
                job = self._store.request_cancel(found[1], who.view)
            return json_answer({"state": job.state.value})
        return _NO_PAGE

    def _news(self, request: Request, look: Callable[[], tuple[str, dict[str, Any]]]) -> Answer:
        """What `look` gives as (tag, value), at once or when the tag is no longer `seen`, but after `wait` seconds."""
        until = time.monotonic() + request.number("wait", MOST_WAIT_SECONDS)
        seen = request.query.get("seen", "")
        waits = self._waiting.acquire(blocking=False)
        try:
            while True:
                changes = self._store.changes()
                tag, value = look()
                notice = self._notice()
                tag += f"-{_tag(notice)}" if notice else ""
                left = until - time.monotonic()
                if tag != seen or not waits or left <= 0 or self._stopping.is_set() or request.gone():
                    return json_answer({"tag": tag, "now": time.time(), "notice": notice, **value})
                self._store.wait_for_change(changes, min(1.0, left))
                self._stopping.wait(LEAST_SECONDS)
        finally:
            if waits:
                self._waiting.release()

    def _queue(self, who: Principal) -> tuple[str, dict[str, Any]]:
        with self._lock:
            kept = self._kept.get(who.view)
            if kept is None or time.monotonic() - kept.made > LEAST_SECONDS:
                rows = [self._row(j) for j in self._store.newest(limit=MOST_JOBS, viewer=who.view)]
                kept = _Kept(time.monotonic(), _tag(rows), rows)
                self._kept = {v: k for v, k in self._kept.items() if kept.made - k.made < 60}
                self._kept[who.view] = kept
        return kept.tag, {"jobs": kept.jobs, "most": MOST_JOBS}

    def _job(self, job_id: str, who: Principal) -> tuple[str, dict[str, Any]]:
        job = self._store.get(job_id, who.view)
        with self._lock:
            row = self._row(job)
        page = job_page(row, job, latest_lines(self._database, job.id))
        return _tag(page), {"job": page}

    def _row(self, job: JobRecord) -> dict[str, Any]:
        return job_row(job, self._summaries.of(job), self._store.progress(job.id), self._estimate)

    def _file(self, job_id: str, kind: str, frame: int | None, who: Principal) -> Answer:
        """A published file of a job that the caller may see; `frame` None is the first of its kind."""
        job = self._store.get(job_id, who.view)
        fitting = [o for o in job.outputs if o.kind == kind and frame in (None, o.frame)]
        if kind not in FILES or not fitting:
            return _NO_PAGE
        digest = fitting[0].digest
        with self._audit.attempt(who.name, "Download", digest):
            if not self._visible.opens(digest, who):
                raise NotFound(f"There is no job {job_id}.")
            size = self._blobs.size(digest)
        return Answer(HTTPStatus.OK, FILES[kind], self._blobs.read(digest), size)


_NO_PAGE = error_answer(HTTPStatus.NOT_FOUND, "not_found", "There is no such page.")


def _as_grpc_names(address: str) -> str:
    """An address as gRPC writes that of a peer, so that both doors count the same one."""
    return f"ipv6:[{address}]:0" if ":" in address else f"ipv4:{address}:0"


def _tag(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _names_this_machine(host: str) -> bool:
    """Whether a Host header means this machine, under any port: a tunnel may end at another one."""
    name = re.sub(r":[0-9]{1,5}$", "", host).strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _unsafe(request: Request, secure: bool) -> Answer | None:
    """Refuses what another site's page may send without being asked: its origin, or a form's type of content."""
    origin = request.header("origin")
    own = f"{'https' if secure else 'http'}://{request.header('host')}"
    if (origin and origin != own) or request.header("content-type") != "application/json":
        return error_answer(
            HTTPStatus.FORBIDDEN, "forbidden", "This request does not come from the monitor's own page."
        )
    return None


def _read_static() -> dict[str, tuple[str, bytes]]:
    """The page's files by path: read once, so that no request ever names a file."""
    found: dict[str, tuple[str, bytes]] = {}
    for entry in (files("void_server.monitor") / "static").iterdir():
        suffix = entry.name.rpartition(".")[2]
        if suffix in _STATIC_TYPES:
            found[f"/static/{entry.name}"] = _STATIC_TYPES[suffix], entry.read_bytes()
    found["/"] = found["/static/index.html"]
    return found
