# SPDX-License-Identifier: Apache-2.0
"""Everything that can go wrong for a user of the client, as typed errors, and the exit code of each in one
place.

An error says what is wrong (`message`), where (`frame`, `file`) and what to do about it (`fix`). `from_rpc`
turns a gRPC failure with its rich details (google.rpc, https://google.aip.dev/193) into one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import grpc
from google.protobuf.message import DecodeError
from void.google_rpc import error_details_pb2, status_pb2
from void.v1 import types_pb2

_DETAILS_KEY = "grpc-status-details-bin"
# gRPC nests the reason, such as "Connection refused", behind what it tried.
_INNERMOST = "remote host: "


class ExitCode(IntEnum):
    """What the command's exit codes mean; documented in `void --help`."""

    DONE = 0
    BAD_INPUT = 2
    SERVER_UNREACHABLE = 3
    JOB_FAILED = 4
    CANCELLED = 130


class ClientError(Exception):
    """Base of all errors of the client.

    Args:
        message: what is wrong, in one or two plain sentences.
        fix: what the user can do about it; empty when nothing can be said.
        frame: the frame number concerned, or None.
        file: the file concerned, as the user wrote it; empty when none is.
        code: the machine-readable kind; by default the class's own.
    """

    code: str = "client_error"
    exit_code: ExitCode = ExitCode.JOB_FAILED

    def __init__(
        self, message: str, *, fix: str = "", frame: int | None = None, file: str = "", code: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.frame = frame
        self.file = file
        self.code = code or type(self).code

    def __str__(self) -> str:
        told = self.frame is None or str(self.frame) in self.message
        where = [] if told else [f"frame {self.frame}"]
        if self.file and self.file not in self.message:
            where.append(self.file)
        text = f"{', '.join(where)}: {self.message}" if where else self.message
        return f"{text} {self.fix}" if self.fix else text


class BadInput(ClientError):
    """An option, a pattern or a file is not usable as given."""

    code = "invalid_input"
    exit_code = ExitCode.BAD_INPUT


class ProtocolMismatch(ClientError):
    """A host speaks another protocol than the helper.

    Args:
        protocol: the helper's.
    """

    code = "protocol_mismatch"
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, message: str, *, fix: str, protocol: int) -> None:
        super().__init__(message, fix=fix)
        self.protocol = protocol


class SpecRefused(ClientError):
    """Preflight, or the check against the server's capabilities, found errors.

    Args:
        problems: all that was found, warnings included.
        unseen_files: how many files were not uploaded yet, hence not looked at.
    """

    code = "preflight"
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, problems: Sequence[types_pb2.Problem], unseen_files: int = 0) -> None:
        count = sum(p.severity == types_pb2.SEVERITY_ERROR for p in problems)
        later = f" {unseen_files} files were not looked at yet." if unseen_files else ""
        super().__init__(f"{count} problem{'s' if count != 1 else ''} must be solved first.{later}")
        self.problems = tuple(problems)
        self.unseen_files = unseen_files


class ServerUnreachable(ClientError):
    """Nothing answers at the server's address, or the connection broke and stayed broken."""

    code = "unreachable"
    exit_code = ExitCode.SERVER_UNREACHABLE


class AccessRefused(ClientError):
    """The server answers, but does not accept the token, or not for this."""

    code = "access_refused"
    exit_code = ExitCode.SERVER_UNREACHABLE


class RequestRefused(ClientError):
    """The server understood and refused: bad input, a limit, a missing thing, a wrong state."""

    code = "refused"
    exit_code = ExitCode.BAD_INPUT


class ServerDefect(ClientError):
    """The server failed at something that it should have done."""

    code = "internal"
    exit_code = ExitCode.JOB_FAILED


class CorruptTransfer(ClientError):
    """Downloaded bytes are not the ones that were announced."""

    code = "data_loss"
    exit_code = ExitCode.JOB_FAILED


class WriteFailed(ClientError):
    """A result file could not be written: disk full, folder gone, no permission."""

    code = "write_failed"
    exit_code = ExitCode.JOB_FAILED


class JobFailed(ClientError):
    """The job ended by a problem, which the message names."""

    code = "job_failed"
    exit_code = ExitCode.JOB_FAILED


class JobCancelled(ClientError):
    """The job ended because somebody asked for it."""

    code = "cancelled"
    exit_code = ExitCode.CANCELLED


class Left(ClientError):
    """The user left with Ctrl-C; the job, if there is one, goes on."""

    code = "left"
    exit_code = ExitCode.CANCELLED


class ClientDefect(ClientError):
    """The client failed at something that it should have done, or should have refused in better words."""

    code = "client_defect"
    exit_code = ExitCode.JOB_FAILED


_CLASS_OF_STATUS: dict[grpc.StatusCode, type[ClientError]] = {
    grpc.StatusCode.UNAVAILABLE: ServerUnreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: ServerUnreachable,
    grpc.StatusCode.UNAUTHENTICATED: AccessRefused,
    grpc.StatusCode.PERMISSION_DENIED: AccessRefused,
    grpc.StatusCode.INVALID_ARGUMENT: RequestRefused,
    grpc.StatusCode.FAILED_PRECONDITION: RequestRefused,
    grpc.StatusCode.OUT_OF_RANGE: RequestRefused,
    grpc.StatusCode.NOT_FOUND: RequestRefused,
    grpc.StatusCode.ALREADY_EXISTS: RequestRefused,
    grpc.StatusCode.RESOURCE_EXHAUSTED: RequestRefused,
    grpc.StatusCode.UNIMPLEMENTED: RequestRefused,
    grpc.StatusCode.ABORTED: RequestRefused,
    grpc.StatusCode.DATA_LOSS: CorruptTransfer,
}

_DEFAULT_FIX: dict[type[ClientError], str] = {
    ServerUnreachable: "Check --server and that the server runs; `void doctor` says what is wrong.",
    AccessRefused: "Whoever runs the server hands out tokens; $VOID_TOKEN_FILE can name yours too.",
    ServerDefect: "The server's log has the details.",
}


@dataclass(frozen=True)
class RichDetails:
    """What the google.rpc details of a failed call say; empty fields where they say nothing."""

    reason: str = ""
    fix: str = ""
    frame: int | None = None
    file: str = ""
    violations: tuple[str, ...] = ()
    retry_after_s: float | None = None


# What gRPC says of a call whose connection ended before the server answered, as where TLS met a damaged byte.
_STREAM_REMOVED = "Stream removed"


def status_of(error: grpc.RpcError) -> grpc.StatusCode:
    """The status code of a failed call; UNKNOWN when the transport gave none."""
    code = error.code() if isinstance(error, grpc.Call) else None
    if code is grpc.StatusCode.UNKNOWN and (error.details() or "").startswith(_STREAM_REMOVED):
        return grpc.StatusCode.UNAVAILABLE
    return code if isinstance(code, grpc.StatusCode) else grpc.StatusCode.UNKNOWN


def rich_details(error: grpc.RpcError) -> RichDetails:
    """The rich details of a failed call; unreadable or absent details give the empty value."""
    status = _status_message(error)
    packed_by_name = {d.TypeName(): d for d in status.details} if status else {}
    info = error_details_pb2.ErrorInfo()
    request = error_details_pb2.BadRequest()
    quota = error_details_pb2.QuotaFailure()
    resource = error_details_pb2.ResourceInfo()
    retry = error_details_pb2.RetryInfo()
    for message in (info, request, quota, resource, retry):
        packed = packed_by_name.get(message.DESCRIPTOR.full_name)
        if packed is not None:
            packed.Unpack(message)
    frame = info.metadata.get("frame", "")
    delay = retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None
    violations = [f"{v.field}: {v.description}" for v in request.field_violations]
    violations += [f"{v.subject}: {v.description}" for v in quota.violations]
    return RichDetails(
        reason=info.reason,
        fix=info.metadata.get("fix", ""),
        frame=int(frame) if frame.lstrip("-").isdigit() else None,
        file=info.metadata.get("file", "") or resource.resource_name,
        violations=tuple(violations),
        retry_after_s=delay,
    )


def from_rpc(error: grpc.RpcError, address: str) -> ClientError:
    """The typed error for a failed call.

    Args:
        error: what a stub raised.
        address: the server's address, named in messages about reaching it.
    """
    cls = _CLASS_OF_STATUS.get(status_of(error), ServerDefect)
    details = rich_details(error)
    said = (error.details() if isinstance(error, grpc.Call) else None) or status_of(error).name
    if cls is ServerUnreachable:
        message = f"The server at {address} does not answer: {said.rsplit(_INNERMOST, 1)[-1]}."
    else:
        news = [v for v in details.violations if v.split(": ", 1)[-1] not in said]
        message = "; ".join([said, *news])
    fix = details.fix or _DEFAULT_FIX.get(cls, "")
    return cls(
        message,
        fix="" if fix in message else fix,
        frame=details.frame,
        file=details.file,
        code=details.reason,
    )


def _status_message(error: grpc.RpcError) -> status_pb2.Status | None:
    trailing = error.trailing_metadata() if isinstance(error, grpc.Call) else None
    entries: dict[str, str | bytes] = dict(trailing) if trailing else {}
    packed = entries.get(_DETAILS_KEY)
    if not isinstance(packed, bytes):
        return None
    try:
        return status_pb2.Status.FromString(packed)
    except DecodeError:
        return None
