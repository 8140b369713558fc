# SPDX-License-Identifier: Apache-2.0
"""Who calls, and what each role may see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from void_server.errors import InvalidInput

OWNER_NAME = "owner"
"""Name of whoever bears the token in STORE/token; no other token may take it."""


class Role(str, Enum):
    """What a principal may see; docs/security.md lists the same."""

    ARTIST = "artist"
    """Sees, cancels and deletes its own jobs only; jobs of others do not exist for it."""
    SUPERVISOR = "supervisor"
    """Sees, watches, fetches, cancels and deletes the jobs of everybody."""
    METRICS = "metrics"
    """Reads the figures of the server and asks whether it serves; no job or frame exists for it."""


@dataclass(frozen=True)
class View:
    """Which jobs somebody may see; a job of no show belongs to every show.

    Attributes:
        owner: only this one's; None = everybody's.
        shows: only of these; None = of every show.
    """

    owner: str | None = None
    shows: frozenset[str] | None = None

    CONDITION: ClassVar[str] = (
        "(:owner IS NULL OR job.owner = :owner) AND (:shows IS NULL OR job.show = ''"
        " OR job.show IN (SELECT value FROM json_each(:shows)))"
    )
    """For a query on the table `job` with `parameters`."""

    @property
    def parameters(self) -> dict[str, str | None]:
        """Of `CONDITION`."""
        shows = None if self.shows is None else json.dumps(sorted(self.shows))
        return {"owner": self.owner, "shows": shows}


EVERYTHING = View()


@dataclass(frozen=True)
class Principal:
    """The bearer of a token.

    Attributes:
        name: becomes the owner of the jobs that it submits.
        shows: the only shows that it works on; None = every show.
    """

    name: str
    role: Role
    shows: frozenset[str] | None = None

    @property
    def view(self) -> View:
        """Which jobs it may see: its own or everybody's, of its shows."""
        return View(None if self.role is Role.SUPERVISOR else self.name, self.shows)


_SHOW = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_shows(names: Iterable[str]) -> frozenset[str]:
    """The names of shows, if they can be that.

    Raises:
        InvalidInput: one cannot.
    """
    found = frozenset(names)
    for name in found:
        if not _SHOW.fullmatch(name):
            raise InvalidInput(
                f"{name[:80]!r} cannot be the name of a show.",
                fix="Use lower-case letters, digits, dot, dash and underscore, at most 64.",
            )
    return found
