# SPDX-License-Identifier: Apache-2.0
"""What every plugin tells an artist: what is wrong, and what to do."""

from __future__ import annotations


class Told(Exception):
    """Something that is told to a person.

    Args:
        message: what is wrong, one sentence.
        fix: what to do about it.
    """

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class HelperGone(Told):
    """There is no helper, or it has ended."""


class ProtocolMismatch(HelperGone):
    """Plugin and helper are of releases that do not understand each other; says which is older and what to do."""
