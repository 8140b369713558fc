# SPDX-License-Identifier: Apache-2.0
"""A gRPC method handler taken apart and made again, as interceptors need it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

Behaviour = Callable[[Any, Any], Any]
"""What answers a call: takes the request (an iterator of them for a stream) and the context."""


def behaviour_of(handler: Any) -> Behaviour:
    """The function behind a handler of any of the four kinds."""
    found: Behaviour = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    return found


def shaped_like(
    handler: Any, behaviour: Behaviour, deserializer: Any, serializer: Any
) -> grpc.RpcMethodHandler[Any, Any]:
    """A handler of the same kind around another function; without a deserializer it gets the request's bytes."""
    makers = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    make: Any = makers[bool(handler.request_streaming), bool(handler.response_streaming)]
    made: grpc.RpcMethodHandler[Any, Any] = make(behaviour, deserializer, serializer)
    return made
