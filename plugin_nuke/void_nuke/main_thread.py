# SPDX-License-Identifier: Apache-2.0
"""The way from the helper's threads to Nuke, whose every call belongs on its main thread."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import nuke


def post(call: Callable[..., None], *args: Any) -> None:
    """Let Nuke's main thread do something, soon; from other threads only, as Nuke hangs otherwise."""
    nuke.executeInMainThread(_guarded, (call, args))


def _guarded(call: Callable[..., None], args: tuple[Any, ...]) -> None:
    try:
        call(*args)
    except Exception:  # noqa: BLE001 - an error here must not end what Nuke does next
        traceback.print_exc()


UNHEARD: set[str] = set()
"""Nodes whose knobs are being set by us: Nuke 17 calls `knobChanged` for that, too."""


@contextmanager
def unheard(node: Any) -> Iterator[None]:
    """What the body sets on a node is no change of the artist's."""
    name = str(node.fullName())
    outer = name in UNHEARD
    UNHEARD.add(name)
    try:
        yield
    finally:
        if not outer:
            UNHEARD.discard(name)


@contextmanager
def outside_undo() -> Iterator[None]:
    """What the body changes is no step of the artist's."""
    undo = nuke.Undo()
    undo.disable()
    try:
        yield
    finally:
        undo.enable()


@contextmanager
def undo_step(name: str) -> Iterator[None]:
    """What the body changes is one step."""
    undo = nuke.Undo()
    undo.begin(name)
    try:
        yield
    finally:
        undo.end()
