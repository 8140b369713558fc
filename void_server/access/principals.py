# SPDX-License-Identifier: Apache-2.0
"""Who calls, and what the two roles may see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

OWNER_NAME = "owner"
"""Name of whoever bears the token in STORE/token; no other token may take it."""


class Role(str, Enum):
    """What a principal may see; the docs list the same two."""

    ARTIST = "artist"
    """Sees, cancels and deletes its own jobs only; jobs of others do not exist for it."""
    SUPERVISOR = "supervisor"
    """Sees, watches, fetches, cancels and deletes the jobs of everybody."""


@dataclass(frozen=True)
class Principal:
    """The bearer of a token.

    Attributes:
        name: becomes the owner of the jobs that it submits.
    """

    name: str
    role: Role

    @property
    def viewer(self) -> str | None:
        """Whose jobs it may see: its own name, or None for everybody's."""
        return None if self.role is Role.SUPERVISOR else self.name
