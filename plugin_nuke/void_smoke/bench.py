# SPDX-License-Identifier: Apache-2.0
"""What a check is, where it may work, and how its outcome is noted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import nuke

OK, DIFFERS, NOT_CHECKED = "ok", "differs", "not checked"

TERMINAL, WINDOW = "-t", "window"

LONGEST_SEEN = 400
"""Characters of what was seen that a report has."""


class NotHere(Exception):
    """A check that cannot be made in this Nuke, or not without harm; says why."""


class Check(NamedTuple):
    """A check.

    Attributes:
        rule: id in docs/nuke_model.md.
        name: of its function.
        says: what is assumed.
        modes: where it can be made: `TERMINAL`, `WINDOW`.
        call: takes a `Bench`, returns whether it is so and what was seen.
    """

    rule: str
    name: str
    says: str
    modes: tuple[str, ...]
    call: Callable[[Bench], tuple[bool, Any]]


class Outcome(NamedTuple):
    """Of a check, as the report has it."""

    rule: str
    name: str
    says: str
    result: str
    seen: str
    seconds: float


class Bench:
    """Where checks work.

    Attributes:
        folder: an empty one of their own, with slashes.
        gui: whether Nuke's window is open.
        major: of Nuke's version.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder.replace("\\", "/")
        self.gui = bool(nuke.GUI)
        self.major = int(nuke.NUKE_VERSION_MAJOR)
        self._files = 0

    @property
    def mode(self) -> str:
        """`TERMINAL` or `WINDOW`."""
        return WINDOW if self.gui else TERMINAL

    def file(self, extension: str) -> str:
        """A path of its own for a check."""
        self._files += 1
        return f"{self.folder}/{self._files:03d}{extension}"

    def paste(self, text: str) -> list[Any]:
        """Nodes made of a script's text, as a paste makes them; those of the outermost level."""
        path = self.file(".nk")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        for node in nuke.selectedNodes():
            node.setSelected(False)
        nuke.nodePaste(path)
        return list(nuke.selectedNodes())

    def again(self, node: Any) -> Any:
        """A node as it is after copying to a file and pasting, with the text of that file as `pasted_text`."""
        for other in nuke.selectedNodes():
            other.setSelected(False)
        node.setSelected(True)
        path = self.file(".nk")
        nuke.nodeCopy(path)
        with open(path, encoding="utf-8") as file:
            self.pasted_text = file.read()
        node.setSelected(False)
        nuke.nodePaste(path)
        return nuke.selectedNode()


CHECKS: list[Check] = []
"""All of them, in the order in which they are made."""


def check(
    rule: str, says: str, modes: tuple[str, ...] = (TERMINAL, WINDOW)
) -> Callable[[Callable[[Bench], tuple[bool, Any]]], Callable[[Bench], tuple[bool, Any]]]:
    """Add a function to the checks."""

    def add(call: Callable[[Bench], tuple[bool, Any]]) -> Callable[[Bench], tuple[bool, Any]]:
        CHECKS.append(Check(rule, call.__name__, says, modes, call))
        return call

    return add


def raised(call: Callable[..., Any], *args: Any) -> tuple[str, Any]:
    """Name of the exception that a call raises and its text; an empty name and what came back if it does not.

    The name is that of Python's own exception which it is, or is a kind of.
    """
    try:
        return "", call(*args)
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        family = next(one for one in type(error).__mro__ if one.__module__ == "builtins")
        return family.__name__, str(error)


def outcome(one: Check, bench: Bench) -> Outcome:
    """Make a check in a group of its own, which is gone afterwards."""
    started = time.monotonic()
    if bench.mode not in one.modes:
        where = "in a Nuke without its window (nuke -t)" if bench.gui else "in Nuke's window"
        return _outcome(one, NOT_CHECKED, f"can only be seen {where}", started)
    try:
        with scratch_group():
            so, seen = one.call(bench)
    except (NotHere, NotImplementedError) as reason:
        return _outcome(one, NOT_CHECKED, str(reason), started)
    except Exception as error:  # noqa: BLE001 - a check that raises saw something else than is assumed
        return _outcome(one, DIFFERS, f"raised {type(error).__name__}: {error}", started)
    return _outcome(one, OK if so else DIFFERS, seen if isinstance(seen, str) else repr(seen), started)


def _outcome(one: Check, result: str, seen: str, started: float) -> Outcome:
    if len(seen) > LONGEST_SEEN:
        seen = seen[: LONGEST_SEEN - 1] + "…"
    return Outcome(one.rule, one.name, one.says, result, seen, round(time.monotonic() - started, 3))


@contextmanager
def scratch_group() -> Iterator[Any]:
    """A group that is entered within, and deleted afterwards with all in it."""
    group = nuke.nodes.Group(name="VOID_check1")
    try:
        with group:
            yield group
    finally:
        nuke.delete(group)
