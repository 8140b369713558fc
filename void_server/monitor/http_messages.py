# SPDX-License-Identifier: Apache-2.0
"""HTTP requests and answers as plain values, and the reading of a request's head."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

MAX_HEAD_BYTES = 16 << 10
MAX_BODY_BYTES = 4 << 10
"""The longest body is a login: a token has 43 characters."""

SECURITY_HEADERS = {
    # No inline code or style, nothing from elsewhere; `blob:` are stills, fetched with the session's key.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Frames of unreleased footage must not stay in a browser's files.
    "Cache-Control": "no-store",
}

_REQUEST_LINE = re.compile(r"(GET|HEAD|POST) (/[\x21-\x7e]{0,2047}) HTTP/1\.([01])")
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}):[ \t]*([\x20-\x7e\x80-\xff\t]*?)[ \t]*")
_ONCE = ("host", "content-length", "authorization", "cookie", "content-type", "origin")


class BadRequest(Exception):
    """The request is not one that this server reads; the connection ends after the answer."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Request:
    """A request as read.

    Attributes:
        method: "GET" or "POST"; HEAD reads as GET, and its answer is sent without a body.
        path: as sent, without the query; never decoded, because no name here needs it.
        headers: by name in lower case.
        peer: address of the other side.
        gone: whether the other side has left; asked while an answer waits.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    peer: str = ""
    gone: Callable[[], bool] = _never
    head_only: bool = False
    keep: bool = True

    def header(self, name: str) -> str:
        """A header, empty when it was not sent."""
        return self.headers.get(name, "")

    def number(self, name: str, most: int) -> int:
        """A whole number of the query from 0 to `most`; 0 when there is none or something else."""
        text = self.query.get(name, "")
        return min(int(text), most) if re.fullmatch(r"[0-9]{1,9}", text) else 0


@dataclass(frozen=True)
class Answer:
    """An answer to be sent.

    Attributes:
        body: bytes, or pieces of together `size` bytes.
        headers: beside `SECURITY_HEADERS`.
    """

    status: HTTPStatus
    content_type: str
    body: bytes | Iterator[bytes]
    size: int
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(
    value: Any, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Answer:
    """A JSON-ready value as an answer."""
    data = json.dumps(value).encode()
    return Answer(status, "application/json", data, len(data), headers or {})


def error_answer(status: HTTPStatus, code: str, message: str, fix: str = "") -> Answer:
    """An error as the page and scripts read it."""
    return json_answer({"code": code, "message": message, "fix": fix}, status)


def head_bytes(answer: Answer, *, keep: bool) -> bytes:
    """Status line and headers."""
    lines = [f"HTTP/1.1 {answer.status.value} {answer.status.phrase}"]
    headers = {
        "Content-Type": answer.content_type,
        "Content-Length": str(answer.size),
        "Connection": "keep-alive" if keep else "close",
        **SECURITY_HEADERS,
        **answer.headers,
    }
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def parse_head(head: bytes) -> tuple[Request, int]:
    """A request from its head, and how long its body is.

    Args:
        head: all up to the empty line, which is left out.

    Raises:
        BadRequest: it is not HTTP as browsers send it, or its body is too long or of unknown length.
    """
    first, *rest = head.decode("latin-1").split("\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        known = re.match(r"[A-Z]{1,16} ", first)
        raise BadRequest(
            HTTPStatus.METHOD_NOT_ALLOWED
            if known and known[0] not in ("GET ", "HEAD ", "POST ")
            else HTTPStatus.BAD_REQUEST
        )
    headers: dict[str, str] = {}
    for text in rest:
        found = _HEADER.fullmatch(text)
        if found is None or (found[1].lower() in _ONCE and found[1].lower() in headers):
            raise BadRequest(HTTPStatus.BAD_REQUEST)
        headers[found[1].lower()] = found[2]
    method, target, minor = line.groups()
    length = _body_length(method, headers)
    path, _, query = target.partition("?")
    try:
        pairs = dict(parse_qsl(query, max_num_fields=8, encoding="latin-1"))
    except ValueError:
        raise BadRequest(HTTPStatus.BAD_REQUEST) from None
    request = Request(
        method="GET" if method == "HEAD" else method,
        path=path,
        query=pairs,
        headers=headers,
        head_only=method == "HEAD",
        keep=minor == "1" and headers.get("connection", "").lower() != "close",
    )
    return request, length


def _body_length(method: str, headers: Mapping[str, str]) -> int:
    text = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not re.fullmatch(r"[0-9]{1,12}", text):
        raise BadRequest(HTTPStatus.BAD_REQUEST)
    length = int(text)
    if length > (MAX_BODY_BYTES if method == "POST" else 0):
        raise BadRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return length
