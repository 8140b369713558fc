# SPDX-License-Identifier: Apache-2.0
"""Requests become messages in the call's own thread, behind the token and under a limit of their size.

Left to gRPC, bytes that are no message would end a call as INTERNAL, as if the server had a defect, and a long request
would be parsed in the one thread that serves all connections. A response that is bytes already goes out as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError

from void_server.errors import LimitExceeded, VoidError
from void_server.rpc.chunks import ready_or
from void_server.rpc.handlers import Behaviour, behaviour_of, shaped_like
from void_server.rpc.status import RichStatus
from void_server.rpc.wire import check_parts, not_the_message

MAX_REQUEST_BYTES = 1 << 20
"""Of one message of a request, unless the method has a limit of its own; the longest that a client sends, FindMissing
of 4096 blobs, has about 350 kB."""

QuickParser = Callable[[bytes], Any]
"""Reads a message from the wire; None of one that it does not know."""


@dataclass(frozen=True)
class RequestLimit:
    """How large a message of a method's request may be.

    Attributes:
        bytes: on the wire.
        message: its type, where `parts` is to be checked in messages over `MAX_REQUEST_BYTES`.
        parts: most messages that it may hold.
        quick: reads messages as the servicer takes them, in place of the parser; all that it does not know is parsed.
    """

    bytes: int = MAX_REQUEST_BYTES
    message: Descriptor | None = None
    parts: int = 0
    quick: QuickParser | None = None


class ParsingInterceptor(grpc.ServerInterceptor):
    """Answers INVALID_ARGUMENT to bytes that are no message, and RESOURCE_EXHAUSTED to too many of them.

    Stands behind `TokenInterceptor`, so that a refused caller's bytes are never parsed.

    Args:
        limits: by full method name, such as "/void.v1.Jobs/Submit".
        most_bytes: limit `max_request_bytes`, of all other methods.
    """

    def __init__(self, limits: Mapping[str, RequestLimit], most_bytes: int = MAX_REQUEST_BYTES) -> None:
        self._limits = dict(limits)
        self._others = RequestLimit(most_bytes)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See `grpc.ServerInterceptor`."""
        handler = continuation(details)
        if handler is None:
            return None
        limit = self._limits.get(str(details.method), self._others)
        return shaped_like(handler, _parsing(handler, limit), None, ready_or(handler.response_serializer))


def _parsing(handler: Any, limit: RequestLimit) -> Behaviour:
    inner = behaviour_of(handler)

    def parsed(data: bytes, context: Any) -> Any:
        try:
            return _message(handler.request_deserializer, data, limit)
        except VoidError as error:
            context.abort_with_status(RichStatus(error))

    def one(data: bytes, context: Any) -> Any:
        return inner(parsed(data, context), context)

    def many(pieces: Iterator[bytes], context: Any) -> Any:
        return inner((parsed(data, context) for data in pieces), context)

    return many if handler.request_streaming else one


def _message(deserializer: Callable[[bytes], Any], data: bytes, limit: RequestLimit) -> Any:
    """Raises LimitExceeded or InvalidInput."""
    if len(data) > limit.bytes:
        raise LimitExceeded(
            f"A message of {len(data)} bytes was sent; this call takes max_request_bytes = {limit.bytes}.",
            fix="Ask in portions.",
        )
    if limit.message is not None and len(data) > MAX_REQUEST_BYTES:
        check_parts(data, limit.message, limit.parts)
    if limit.quick is not None and (found := limit.quick(data)) is not None:
        return found
    try:
        return deserializer(data)
    except (DecodeError, ValueError) as error:
        raise not_the_message() from error
