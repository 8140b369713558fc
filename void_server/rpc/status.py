# SPDX-License-Identifier: Apache-2.0
"""The one place where errors become gRPC statuses, with google.rpc details that point at frame and file."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from void.google_rpc import error_details_pb2, status_pb2

from void_server import errors
from void_server.frames.storage_errors import storage_error

log = logging.getLogger(__name__)

_CODES: dict[type[errors.VoidError], grpc.StatusCode] = {
    errors.InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    errors.LimitExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unsupported: grpc.StatusCode.UNIMPLEMENTED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.PreconditionFailed: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SourceChanged: grpc.StatusCode.FAILED_PRECONDITION,
    errors.SourceUnavailable: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Busy: grpc.StatusCode.ABORTED,
    errors.DataLoss: grpc.StatusCode.DATA_LOSS,
    errors.StoreFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.StoreFailed: grpc.StatusCode.FAILED_PRECONDITION,
    errors.OutOfMemory: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.WorkerCrashed: grpc.StatusCode.UNAVAILABLE,
    errors.SetAside: grpc.StatusCode.FAILED_PRECONDITION,
    errors.StreamIdle: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.TooManyRefusals: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Draining: grpc.StatusCode.UNAVAILABLE,
    errors.Internal: grpc.StatusCode.INTERNAL,
}

ERROR_DOMAIN = "void"
RETRY_SECONDS = 1

MOST_STATUS_BYTES, MOST_TEXT_BYTES, MOST_NAME_BYTES = 700, 500, 200
"""A status travels in HTTP/2 trailers, of which gRPC takes 8 KiB by default; beyond that a client would be told of the
trailers instead. The text is in there up to six times, once with three bytes for each that is not ASCII."""

_CUT = " …"

_Method = TypeVar("_Method", bound=Callable[..., Any])


class RichStatus(grpc.Status):
    """A status whose details travel in the standard `grpc-status-details-bin` trailer.

    The layout is that of grpc.github.io/grpc/python/grpc_status.html.
    """

    def __init__(self, error: errors.VoidError) -> None:
        self.code = _CODES.get(type(error), grpc.StatusCode.INTERNAL)
        self.details = shortened(str(error), MOST_STATUS_BYTES)
        rich = status_pb2.Status(code=self.code.value[0], message=self.details)
        for detail in _details(error):
            packed = AnyMessage()
            packed.Pack(detail)
            rich.details.append(packed)
        self.trailing_metadata = (("grpc-status-details-bin", rich.SerializeToString()),)


def answers_errors(method: _Method) -> _Method:
    """Let a unary servicer method answer `VoidError` as a rich status; a defect as INTERNAL, logged."""

    @functools.wraps(method)
    def call(self: Any, request: Any, context: grpc.ServicerContext) -> Any:
        with _Answer(context):
            return method(self, request, context)

    return call  # type: ignore[return-value]


def streams_errors(method: _Method) -> _Method:
    """As `answers_errors`, for a method that yields its responses."""

    @functools.wraps(method)
    def call(self: Any, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with _Answer(context):
            yield from method(self, request, context)

    return call  # type: ignore[return-value]


class _Answer:
    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, errors.VoidError):
            self._context.abort_with_status(RichStatus(error))
        if error is not None and (failure := storage_error(error)):
            log.error("the store failed while answering a call: %s", error)
            self._context.abort_with_status(RichStatus(failure))
        if isinstance(error, Exception) and self._context.is_active() and self._context.code() is None:  # type: ignore[attr-defined]
            log.error("defect while answering a call", exc_info=error)
            wrapped = errors.Internal("The server met a defect; its log has the details.")
            self._context.abort_with_status(RichStatus(wrapped))


def shortened(text: str, most: int) -> str:
    """The text, its end given up where it has more than `most` bytes as UTF-8."""
    data = text.encode("utf-8", errors="replace")
    if len(data) <= most:
        return data.decode()
    return data[: most - len(_CUT.encode())].decode("utf-8", errors="ignore") + _CUT


def _details(error: errors.VoidError) -> list[Message]:
    message, file = shortened(error.message, MOST_TEXT_BYTES), shortened(error.file, MOST_NAME_BYTES)
    facts = {"fix": shortened(error.fix, MOST_NAME_BYTES), "file": file, "message": message}
    if error.frame is not None:
        facts["frame"] = str(error.frame)
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=error.code, domain=ERROR_DOMAIN, metadata=facts)
    ]
    if error.file:
        details.append(
            error_details_pb2.ResourceInfo(resource_type="file", resource_name=file, description=message)
        )
    if isinstance(error, errors.InvalidInput):
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=f"frame {error.frame}" if error.frame is not None else file, description=message
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if isinstance(error, errors.LimitExceeded):
        quota = error_details_pb2.QuotaFailure.Violation(subject=file, description=message)
        details.append(error_details_pb2.QuotaFailure(violations=[quota]))
    if isinstance(error, errors.Busy | errors.StreamIdle | errors.TooManyRefusals | errors.Draining):
        seconds = getattr(error, "retry_seconds", RETRY_SECONDS)
        details.append(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds)))
    return details
