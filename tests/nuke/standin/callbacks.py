# SPDX-License-Identifier: Apache-2.0
"""Callbacks: what is registered, what a node carries itself, and when each is called (2.4, N23 to N28)."""

from __future__ import annotations

import traceback
from typing import Any, Callable

from tests.nuke.standin.application import Application
from tests.nuke.standin.knobs import String_Knob

KINDS = (
    *(
        "OnCreate",
        "OnUserCreate",
        "OnDestroy",
        "OnScriptLoad",
        "OnScriptSave",
        "OnScriptClose",
        "KnobChanged",
    ),
    *("BeforeRender", "AfterRender", "BeforeFrameRender", "AfterFrameRender"),
)
DEEPEST = 20
"""N27: so deep knobChanged calls itself before the test fails."""


class Callbacks:
    """Registered callables, by kind and class of node."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.registered: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in KINDS}

    def add(
        self,
        kind: str,
        call: Any,
        args: Any = (),
        kwargs: Any = None,
        nodeClass: str = "*",  # noqa: N803
        node: Any = None,
    ) -> None:
        """N23: ValueError for what cannot be called and for keywords that are no dict (2.4)."""
        kwargs = {} if kwargs is None else kwargs
        if not callable(call):
            raise ValueError("a callback must be callable")
        if not isinstance(args, tuple):
            args = (args,)
        if not isinstance(kwargs, dict):
            raise ValueError("the keywords of a callback are a dict")
        self.registered[kind].append((call, args, kwargs, nodeClass, node))

    def remove(
        self,
        kind: str,
        call: Any,
        args: Any = (),
        kwargs: Any = None,
        nodeClass: str = "*",  # noqa: N803
        node: Any = None,
    ) -> None:
        wanted = (call, args if isinstance(args, tuple) else (args,), kwargs or {}, nodeClass, node)
        self.registered[kind] = [one for one in self.registered[kind] if one != wanted]

    def _matching(self, kind: str, node: Any) -> list[Callable[[], Any]]:
        chosen = []
        for pattern in (node._class, "*"):
            for call, args, kwargs, wanted, only in self.registered[kind]:
                if wanted == pattern and only in (None, node):
                    chosen.append(lambda call=call, args=args, kwargs=kwargs: call(*args, **kwargs))
        return chosen

    def run(self, kind: str, node: Any, knob: Any = None, own: str = "") -> None:
        """N26: calls a node's own text, then its class's callbacks, then those of `*`."""
        calls = self._matching(kind, node)
        text = node._knobs[own]._value if own and own in node._knobs else ""
        if text:
            calls.insert(0, lambda: self.app.script.run_text(text, node, knob))
        self.app.this.append((node, knob))
        try:
            for call in calls:
                self._guard(call, f"{kind} of {node._path()}")
        finally:
            self.app.this.pop()

    def _guard(self, call: Callable[[], Any], what: str) -> None:
        """N28: an exception of a callback is printed by Nuke, and fails the test."""
        try:
            call()
        except Exception:  # noqa: BLE001 - whatever plugin code raises
            self.app.printed.append(traceback.format_exc())
            self.app.breach("callback", "N28", f"{what}: {traceback.format_exc(limit=-2)}")

    def created(self, node: Any) -> None:
        """N25: on load and paste too, then with the loading flag (2.4)."""
        self.run("OnCreate", node, own="onCreate")

    def knob_changed(self, node: Any, knob: Any) -> None:
        if self.app.in_knob_changed >= DEEPEST:
            self.app.breach("recursion", "N27", f"knobChanged of {node._path()}.{knob._name} calls itself")
            return
        self.app.in_knob_changed += 1
        try:
            self.run("KnobChanged", node, knob, own="knobChanged")
        finally:
            self.app.in_knob_changed -= 1

    def programmatic(self, node: Any, knob: Any) -> None:
        """N24: what Python sets says knobChanged since 17, and not before (2.4)."""
        if self.app.major >= 17:
            self.knob_changed(node, knob)

    def pseudo(self, node: Any, name: str) -> None:
        """N29: showPanel, hidePanel and inputChange come as knobs that no node has (2.4)."""
        self.knob_changed(node, String_Knob(name))

    def plain(self, kind: str) -> None:
        """Callbacks of the script rather than of a node."""
        self.run(kind, self.app.script.root)
