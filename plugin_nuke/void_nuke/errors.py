# SPDX-License-Identifier: Apache-2.0
"""What can go wrong for an artist, in words that name the node and say what to do."""

from __future__ import annotations


class NodeError(Exception):
    """Something that the artist can put right.

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


class Cancelled(NodeError):
    """The artist cancelled the rendering of the inputs."""
