# SPDX-License-Identifier: Apache-2.0
"""Requests become messages in the call's own thread, behind the token and under a limit of their size.

Left to gRPC, bytes that are no message would end a call as INTERNAL, as if the server had a defect, and a long request
would be parsed in the one thread that serves all connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from void_server.errors import InvalidInput, LimitExceeded, VoidError
from void_server.rpc.handlers import Behaviour, behaviour_of, shaped_like
from void_server.rpc.status import RichStatus

MAX_REQUEST_BYTES = 1 << 20
"""Of one message of a request, unless the method has a limit of its own; the longest that a client sends, FindMissing
of 4096 blobs, has about 350 kB. A message of empty parts takes about thirty times its bytes once it is parsed."""


class ParsingInterceptor(grpc.ServerInterceptor):
    """Answers INVALID_ARGUMENT to bytes that are no message, and RESOURCE_EXHAUSTED to too many of them.

    Stands behind `TokenInterceptor`, so that a refused caller's bytes are never parsed.

    Args:
        limits: most bytes of a request's message by full method name, such as "/void.v1.Jobs/Submit".
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = dict(limits)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """See `grpc.ServerInterceptor`."""
        handler = continuation(details)
        if handler is None:
            return None
        limit = self._limits.get(str(details.method), MAX_REQUEST_BYTES)
        return shaped_like(handler, _parsing(handler, limit), None, handler.response_serializer)


def _parsing(handler: Any, limit: int) -> Behaviour:
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


def _message(deserializer: Callable[[bytes], Any], data: bytes, limit: int) -> Any:
    """Raises LimitExceeded or InvalidInput."""
    if len(data) > limit:
        raise LimitExceeded(
            f"A message of {len(data)} bytes was sent; this call takes max_request_bytes = {limit}.",
            fix="Ask in portions.",
        )
    try:
        return deserializer(data)
    except (DecodeError, ValueError) as error:
        raise InvalidInput(
            "The bytes of the request are not the message that this method takes.",
            fix="Use a client of the same contract (void.v1), and send text as UTF-8.",
        ) from error
