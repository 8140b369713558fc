# SPDX-License-Identifier: Apache-2.0
"""What a check finds, and the running of many so that none keeps the others away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from void_server.configuration import Limits


class Result(str, Enum):
    """How something stands."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One line of the table: what was looked at, how it stands, what was seen, and what to do."""

    name: str
    result: Result
    seen: str
    fix: str = ""


@dataclass(frozen=True)
class Subject:
    """What is looked at: a machine, and a server as it would be started.

    Attributes:
        store: folder of the store, which need not be there yet.
        listen, monitor: HOST:PORT; empty = none.
        certificate, key, client_ca: PEM files; None = none.
        roots: folders of shared storage by name.
        constraints: file with the exact versions that the release was tested with; None = none is at hand.
        deep: read also what takes minutes: all bytes of the weights.
    """

    store: Path
    listen: str = "127.0.0.1:7788"
    monitor: str = ""
    certificate: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    roots: dict[str, Path] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    constraints: Path | None = None
    deep: bool = False


Look = Callable[[Subject], Iterable[Check]]
"""Looks at one thing; its name is the check's where it raises."""


def ok(name: str, seen: str) -> Check:
    """Nothing is to be done."""
    return Check(name, Result.OK, seen)


def warn(name: str, seen: str, fix: str) -> Check:
    """A server works, but somebody should know."""
    return Check(name, Result.WARN, seen, fix)


def fail(name: str, seen: str, fix: str) -> Check:
    """A server does not start, or jobs fail."""
    return Check(name, Result.FAIL, seen, fix)


def examine(subject: Subject, looks: Iterable[Look]) -> list[Check]:
    """What all of them found; one that raises is a failed check with what it said."""
    found: list[Check] = []
    for look in looks:
        try:
            found += look(subject)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others are looked at
            name = look.__name__.replace("_", " ")
            found.append(
                fail(name, f"{type(error).__name__}: {error}", "Mend what it says, then look again.")
            )
    return found
