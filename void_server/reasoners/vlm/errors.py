# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between this machine and a vision-language model.

All are preconditions: the same job is fine once the endpoint answers, consent is given, or another model is asked. No
message ever holds a key, and what an endpoint said is repeated in part only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from void_server.errors import PreconditionFailed

if TYPE_CHECKING:
    from void_server.reasoners.vlm.record import Record


class VlmError(PreconditionFailed):
    """Base of all errors of the reasoners `gemini` and `openai`.

    Attributes:
        record: what had left this machine by then; None where nothing did.
    """

    record: Record | None = None


class ConsentMissing(VlmError):
    """Frames would leave the building, and nobody has allowed it."""


class Unreachable(VlmError):
    """The endpoint has no address, does not answer, breaks off, or answers that it is broken.

    Attributes:
        again: trying again may help: a dropped connection does not say that the next one drops.
    """

    def __init__(self, message: str, *, fix: str = "", again: bool = False) -> None:
        super().__init__(message, fix=fix)
        self.again = again


class Refused(VlmError):
    """The endpoint does not take the request: the key, a quota, a redirect, or the request itself.

    Attributes:
        status: the HTTP status.
    """

    def __init__(self, message: str, *, fix: str = "", status: int = 0) -> None:
        super().__init__(message, fix=fix)
        self.status = status


class Declined(VlmError):
    """The model refuses to look at these pictures or to answer."""


class MalformedAnswer(VlmError):
    """The answer is not what was asked for.

    Attributes:
        path: the field, such as `affected_objects[1].size_in_cells.rows`; empty for the answer as a whole.
    """

    def __init__(self, message: str, *, fix: str = "", path: str = "") -> None:
        super().__init__(f"{path}: {message}" if path else message, fix=fix)
        self.path = path


class TimedOut(VlmError):
    """The endpoint did not answer in time."""


class Stopped(VlmError):
    """The job was cancelled while the endpoint was being asked."""
