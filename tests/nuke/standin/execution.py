# SPDX-License-Identifier: Apache-2.0
"""nuke.execute: frames, views, proxy, errors, cancel (2.3, 2.5, N30 to N39)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from tests.nuke.standin import pixels, substitution
from tests.nuke.standin.application import Application
from tests.nuke.standin.formats import FrameRange
from tests.nuke.standin.nodes import Group, Node

BUSY = "I'm already executing something else"
CANCELLED = "Cancelled"


class Execution:
    """What tests tell of renders, and what was rendered.

    Attributes:
        renderer: called with Write, frame, view and path; makes the file.
        cancel_at: frame at which the artist cancels.
        fail_at: message of the failure by frame.
        before_frame: called with each frame before it is rendered.
        rendered: name of the Write, frame, view and path of each file.
    """

    def __init__(self, app: Application) -> None:
        self.app = app
        self.renderer: Callable[[Any, int, str, str], None] = pixels.write_exr
        self.cancel_at: Any = None
        self.fail_at: dict[int, str] = {}
        self.before_frame: Callable[[int], None] | None = None
        self.rendered: list[tuple[str, int, str, str]] = []

    def scale(self) -> float:
        """N37: renders are at the active scale (2.3)."""
        knobs = self.app.script.root._knobs
        return float(knobs["proxy_scale"]._number(0)) if knobs["proxy"].value() else 1.0

    def execute(
        self,
        node: Any,
        first: Any = None,
        last: Any = None,
        incr: int = 1,
        views: Any = None,
        continueOnError: bool = False,  # noqa: N803
    ) -> None:
        """Renders a Write's frames; N30: not while something executes, nor inside of knobChanged."""
        if self.app.executing or self.app.in_knob_changed:
            raise RuntimeError(BUSY)
        write = self.app.script.find(node, self.app.script.context[-1]) if isinstance(node, str) else node
        if not isinstance(write, Node):
            raise RuntimeError(f"there is no node {node!r}")
        if isinstance(write, Group):
            self._group(write, first, last, incr, views, continueOnError)
            return
        if write._class != "Write":
            raise NotImplementedError(f"the stand-in executes a Write, not a {write._class}")
        if isinstance(first, FrameRange):
            first, last, incr = first._frames
        if not all(isinstance(one, int) and not isinstance(one, bool) for one in (first, last, incr)):
            raise TypeError("execute takes its frames as int")
        wanted = list(self.app.script.views if views is None else views)
        self.app.executing = True
        try:
            self._around(write, "before", "Render")
            self._frames(write, range(first, last + 1, incr), wanted, continueOnError)
            self._around(write, "after", "Render")
        finally:
            self.app.executing = False

    def _group(self, group: Any, *how: Any) -> None:
        """N72: a group is its Writes, those in groups of it too."""
        for inner in self.app.script.every_node(group):
            if inner._class == "Write":
                self.execute(inner, *how)

    def _around(self, write: Any, when: str, what: str) -> None:
        text = write._knobs[f"{when}{what}"]._value
        if text:
            self.app.script.run_text(text, write)
        self.app.script.callbacks.run(f"{when.title()}{what}", write)

    def _frames(self, write: Any, frames: range, views: list[str], go_on: bool) -> None:
        """N38: disabled, reading, or out of limit or views, a Write silently writes nothing (2.5)."""
        knobs = write._knobs
        known = self.app.script.views
        unknown = [view for view in views if view not in known]
        if unknown:
            raise RuntimeError(f"there is no view {unknown[0]}")
        allowed = str(knobs["views"]._value).split()
        chosen = [view for view in views if view in allowed or allowed == ["main"]]
        limited = knobs["use_limit"].value()
        low, high = (int(knobs[name]._number(0)) for name in ("first", "last"))
        for frame in frames:
            if self.before_frame is not None:
                self.before_frame(frame)
            if self.cancel_at == frame:
                raise RuntimeError(CANCELLED)
            if knobs["disable"].value() or knobs["reading"].value() or (limited and not low <= frame <= high):
                continue
            self._around(write, "before", "FrameRender")
            for view in chosen:
                try:
                    self._file(write, frame, view)
                except RuntimeError as error:
                    if not go_on or isinstance(error, NotImplementedError):
                        raise
            self._around(write, "after", "FrameRender")

    def _file(self, write: Any, frame: int, view: str) -> None:
        """N31, N36: a missing folder fails; a file has its name only when it is complete (2.5)."""
        if frame in self.fail_at:
            raise RuntimeError(self.fail_at[frame])
        knobs = write._knobs
        at_proxy = self.scale() != 1 and knobs["proxy"]._value
        text = knobs["proxy" if at_proxy else "file"]._evaluated(frame)
        if not text:
            raise RuntimeError(f"{write._path()}: no file name")
        path = Path(substitution.numbered(text, frame, view))
        if not path.parent.is_dir():
            if not knobs["create_directories"].value():
                raise RuntimeError(f"{write._path()}: {path}: No such file or directory")
            path.parent.mkdir(parents=True)
        unfinished = path.with_name(path.name + ".tmp")
        self.renderer(write, frame, view, str(unfinished))
        unfinished.replace(path)
        self.rendered.append((write._path(), frame, view, str(path)))
