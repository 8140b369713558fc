# SPDX-License-Identifier: Apache-2.0
"""Every error that the server or a worker can answer with, as a small typed hierarchy.

An error says what is wrong (`message`), where (`frame`, `file`) and what to do about it (`fix`). Workers send errors
to the server as plain dictionaries (`to_dict`, `from_dict`); `void_server.rpc.status` maps each class to its gRPC
status code, in one place.
"""

from __future__ import annotations

from typing import Any, ClassVar


class VoidError(Exception):
    """Base of all errors.

    Args:
        message: what is wrong, in one or two plain sentences, naming values and names.
        fix: what the user can do about it; empty when nothing can be said.
        frame: the frame number concerned, or None.
        file: the file (or blob digest) concerned; empty when none is.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, fix: str = "", frame: int | None = None, file: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.frame = frame
        self.file = file

    def __str__(self) -> str:
        where = [f"frame {self.frame}"] if self.frame is not None else []
        if self.file and self.file not in self.message:
            where.append(self.file)
        text = f"{', '.join(where)}: {self.message}" if where else self.message
        return f"{text} {self.fix}" if self.fix else text

    def to_dict(self) -> dict[str, Any]:
        """The error as JSON-ready values."""
        return {
            "code": self.code,
            "message": self.message,
            "fix": self.fix,
            "frame": self.frame,
            "file": self.file,
        }


class InvalidInput(VoidError):
    """The request, a setting or a file is not usable as given."""

    code = "invalid_input"


class LimitExceeded(VoidError):
    """A named limit was passed; the message names it, its value and what was asked."""

    code = "limit_exceeded"


class Unsupported(VoidError):
    """Well-formed, but not something that this release does."""

    code = "unsupported"


class NotFound(VoidError):
    """No such job, blob or output, or not the caller's to see."""

    code = "not_found"


class PreconditionFailed(VoidError):
    """The request would be fine in another state: a blob is missing, a job is still running."""

    code = "precondition_failed"


class SourceChanged(PreconditionFailed):
    """A file on shared storage is no longer the one that the job was accepted with."""

    code = "source_changed"


class SourceUnavailable(VoidError):
    """Shared storage does not give a file just now: not mounted, not answering, or refusing the server's account."""

    code = "source_unavailable"


class Busy(VoidError):
    """Somebody else holds what is needed just now; trying again shortly will do."""

    code = "busy"


class DataLoss(VoidError):
    """Bytes are not what they were said to be: truncated, corrupt, or of another digest."""

    code = "data_loss"


class StoreFull(VoidError):
    """The disk of the store takes no more bytes, or the server's quota is used up."""

    code = "store_full"


class StoreFailed(VoidError):
    """The disk of the store refuses: read-only, broken, or damaged content."""

    code = "store_failed"


class OutOfMemory(VoidError):
    """A unit needed more memory than the machine or the worker's limit gives."""

    code = "out_of_memory"


class WorkerCrashed(VoidError):
    """A worker process ended in the middle of a unit.

    Args:
        signal: number of the signal that ended it; 0 when it exited.
        how: how it ended, such as "was ended by SIGSEGV (segmentation fault)".
        message, fix, frame, file: as for `VoidError`.
    """

    code = "worker_crashed"

    def __init__(
        self,
        message: str,
        *,
        fix: str = "",
        frame: int | None = None,
        file: str = "",
        signal: int = 0,
        how: str = "ended",
    ) -> None:
        super().__init__(message, fix=fix, frame=frame, file=file)
        self.signal = signal
        self.how = how


class SetAside(VoidError):
    """Workers died twice over a task of a job: the job is not tried again by itself."""

    code = "set_aside"


class StreamIdle(VoidError):
    """Nothing moved on a stream for too long; it can be begun again where it ended."""

    code = "stream_idle"


class Draining(VoidError):
    """The server is about to end and takes no more jobs.

    Args:
        retry_seconds: after which it should be back, in whole seconds.
        message, fix, frame, file: as for `VoidError`.
    """

    code = "draining"

    def __init__(
        self, message: str, *, fix: str = "", frame: int | None = None, file: str = "", retry_seconds: int = 1
    ) -> None:
        super().__init__(message, fix=fix, frame=frame, file=file)
        self.retry_seconds = retry_seconds


class TooManyRefusals(VoidError):
    """So many calls without a valid token came from this address that it is not listened to for a while.

    Args:
        retry_seconds: for how long, in whole seconds.
        message, fix, frame, file: as for `VoidError`.
    """

    code = "too_many_refusals"

    def __init__(
        self, message: str, *, fix: str = "", frame: int | None = None, file: str = "", retry_seconds: int = 1
    ) -> None:
        super().__init__(message, fix=fix, frame=frame, file=file)
        self.retry_seconds = retry_seconds


class Internal(VoidError):
    """A defect of this program; the log has the trace."""

    code = "internal"


_BY_CODE: dict[str, type[VoidError]] = {
    c.code: c
    for c in (
        InvalidInput,
        LimitExceeded,
        Unsupported,
        NotFound,
        PreconditionFailed,
        SourceChanged,
        SourceUnavailable,
        Busy,
        DataLoss,
        StoreFull,
        StoreFailed,
        OutOfMemory,
        WorkerCrashed,
        SetAside,
        StreamIdle,
        Draining,
        TooManyRefusals,
        Internal,
    )
}


def from_dict(value: dict[str, Any]) -> VoidError:
    """The error that `to_dict` wrote; an unknown code becomes `Internal`."""
    cls = _BY_CODE.get(str(value.get("code", "")), Internal)
    return cls(
        str(value.get("message", "")),
        fix=str(value.get("fix", "")),
        frame=value.get("frame"),
        file=str(value.get("file", "")),
    )
