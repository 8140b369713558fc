# SPDX-License-Identifier: Apache-2.0
"""What nodes say of their pictures without pixels: frames, format, area, channels, metadata (2.3, 2.6)."""

from __future__ import annotations

from typing import Any, Callable

from tests.nuke.standin import expressions, substitution
from tests.nuke.standin.formats import Format


class Source:
    """Pixels that a test gives a node in place of what the node would make.

    Args:
        pixels: called with frame and view, returns arrays by channel such as rgba.red, of the data window,
            the top row first.
        frames: first and last frame.
        size: width and height of the format.
        window: data window as EXR counts, x and y of the first pixel and the last; None = the format.
        aspect: of a pixel.
        metadata: as the node says it, such as input/timecode.
        channels: what there is, without making pixels.
    """

    def __init__(
        self,
        pixels: Callable[[int, str], Any] | None = None,
        frames: tuple[int, int] = (1, 1),
        size: tuple[int, int] = (8, 6),
        window: tuple[int, int, int, int] | None = None,
        aspect: float = 1.0,
        metadata: dict[str, Any] | None = None,
        channels: tuple[str, ...] = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"),
    ) -> None:
        self.pixels, self.frames, self.size, self.aspect = pixels, frames, size, aspect
        self.window = window or (0, 0, size[0] - 1, size[1] - 1)
        self.metadata, self.channels = metadata or {}, channels


class Picture:
    """Follows a node up to where its picture is from."""

    def __init__(self, script: Any) -> None:
        self.script = script

    def origin(self, node: Any) -> Any:
        """The node with a source, or the Read, that a first input leads to, or None."""
        while node is not None:
            if node in self.script.sources or node._class == "Read":
                return node
            node = self.above(node)
        return None

    def above(self, node: Any) -> Any:
        """What a node's picture is made from: its input 0, also through the border of a group."""
        if node._class == "Input":
            number, group = int(node._knobs["number"]._number(0)), node._group
            return group._inputs[number] if number < len(group._inputs) else None
        if node._class in ("Group", "Gizmo"):
            return next((one for one in node._children if one._class == "Output"), None)
        return node._inputs[0] if node._inputs else None

    def source(self, node: Any) -> Any:
        """The source of a node's picture; a Read's is what its file says."""
        origin = self.origin(node)
        if origin is None:
            return None
        if origin in self.script.sources:
            return self.script.sources[origin]
        return self._of_file(origin, int(origin._knobs["first"]._number(0)))

    def _of_file(self, read: Any, frame: int, view: str = "") -> Any:
        from tests.nuke.standin import exr_files

        return exr_files.described(self.path(read, frame, view))

    def path(self, read: Any, number: int, view: str = "") -> str:
        """The file of a Read that has a number."""
        text = read._knobs["file"]._evaluated(number)
        return substitution.numbered(text, number, view or self.script.views[0])

    def frames(self, node: Any) -> tuple[int, int]:
        if node is self.script.root:
            return self.script.root._range()
        origin = self.origin(node)
        if origin is None:
            return self.script.root._range()
        if origin in self.script.sources:
            return self.script.sources[origin].frames
        first, last = (int(origin._knobs[name]._number(0)) for name in ("first", "last"))
        # By an expression the range is not shifted (N70).
        shift = 0 if origin._knobs["frame_mode"]._value == "expression" else file_number(origin, 0)
        return first - shift, last - shift

    def format(self, node: Any) -> Format:
        source = self.source(node)
        if source is None:
            return self.script.root._knobs["format"].value()
        return Format(source.size[0], source.size[1], source.aspect)

    def box(self, node: Any) -> tuple[int, int, int, int]:
        """x, y, right, top; y counts upwards from the format's bottom (2.6)."""
        source = self.source(node)
        if source is None:
            form = self.format(node)
            return 0, 0, form._width, form._height
        left, top, right, bottom = source.window
        return left, source.size[1] - bottom - 1, right + 1, source.size[1] - top

    def channels(self, node: Any) -> list[str]:
        source = self.source(node)
        found = list(source.channels) if source is not None else []
        at = node
        while at is not None and at not in self.script.sources:
            if at._class == "Copy":
                found += [one for one in copied(self.script.layers, at).values() if one not in found]
            at = self.above(at)
        return found

    def metadata(self, node: Any, frame: Any, view: Any) -> dict[str, Any]:
        origin = self.origin(node)
        if origin is None:
            return {}
        if origin in self.script.sources:
            found = self.script.sources[origin].metadata
            return dict(found(frame, view) if callable(found) else found)
        at = file_number(origin, self.script.frame() if frame is None else int(frame))
        described = self._of_file(origin, at, view or "")
        if described is None:
            return {}
        return {**described.metadata, "input/filename": self.path(origin, at, view or "")}


def file_number(read: Any, frame: int) -> int:
    """N70: the number in a file's name that a Read shows on a frame; `frame` shifts it as `frame_mode` says."""
    mode, text = read._knobs["frame_mode"]._value, str(read._knobs["frame"]._value).strip()
    if mode == "start at":
        return int(read._knobs["first"]._number(frame)) + frame - int(text or 0)
    if mode == "offset":
        return frame + int(text or 0)
    return int(expressions.evaluate(text, read, frame)) if text else frame


def copied(layers: Any, node: Any) -> dict[str, str]:
    """What a Copy takes from its input A, by the channel that it becomes."""
    pairs = {}
    for number in range(4):
        source, target = (node._knobs[f"{way}{number}"]._text() for way in ("from", "to"))
        if source != "none" and target != "none":
            pairs[source] = target
    for channel in layers.expand(str(node._knobs["channels"]._value)):
        pairs[channel] = channel
    return pairs
