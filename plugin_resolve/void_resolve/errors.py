# SPDX-License-Identifier: Apache-2.0
"""What can go wrong for an artist, in words that say what to do."""

from __future__ import annotations

from typing import TypeVar

from void_line.errors import Told

Answer = TypeVar("Answer")


class ArtistError(Told):
    """Something that the artist can put right."""


class Cancelled(Exception):
    """The artist cancelled."""


LOST = (RuntimeError, TypeError, AttributeError, OSError)
"""What a call raises when Resolve has quit, or has thrown away what the call is made on."""

AGAIN = "Close every window of settings in Resolve, then try again."


def need(answer: Answer, message: str, fix: str = AGAIN) -> Answer:
    """The answer of a call, which must not be empty: Resolve never gives a reason.

    Raises:
        ArtistError: it is.
    """
    if not answer:
        raise ArtistError(message, fix)
    return answer
