# SPDX-License-Identifier: Apache-2.0
"""Pixels of the few nodes that a sending Write needs, and the renderer that writes them as EXR (N38, N39).

Read, Dot, Input, Group, Output, Copy, Write and any node with a source; every other node raises
NotImplementedError.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tests.nuke.standin import exr_files, substitution
from tests.nuke.standin.pictures import copied, file_number

PASSING = ("Dot", "Input", "Group", "Gizmo", "Output", "Write", "NoOp")


class Image(NamedTuple):
    """A frame.

    Attributes:
        channels: arrays by Nuke's names, of the data window, the top row first.
        window: data window as EXR counts.
        size: of the format.
        aspect: of a pixel.
        metadata: as nodes say it.
    """

    channels: dict[str, Any]
    window: tuple[int, int, int, int]
    size: tuple[int, int]
    aspect: float
    metadata: dict[str, Any]


def evaluate(script: Any, node: Any, frame: int, view: str) -> Image:
    """The picture of a node; RuntimeError as a render would have it."""
    if node is None:
        raise RuntimeError("an input is not connected")
    if node in script.sources:
        return _from_source(script.sources[node], frame, view)
    if node._class == "Read":
        return _from_files(node, frame, view)
    disabled = node._knobs.get("disable")
    if node._class in PASSING or (disabled is not None and disabled.value()):
        return evaluate(script, script.picture.above(node), frame, view)
    if node._class == "Copy":
        return _copied(script, node, frame, view)
    raise NotImplementedError(f"the stand-in has no pixels of {node._path()}, a {node._class}")


def _from_source(source: Any, frame: int, view: str) -> Image:
    if source.pixels is None:
        raise RuntimeError("the source of the test has no pixels")
    metadata = source.metadata(frame, view) if callable(source.metadata) else source.metadata
    return Image(dict(source.pixels(frame, view)), source.window, source.size, source.aspect, dict(metadata))


def _from_files(node: Any, frame: int, view: str) -> Image:
    """N35, N36: outside of its range a Read does as before and after say, else as on_error says."""
    import numpy as np

    first, last = (int(node._knobs[name]._number(frame)) for name in ("first", "last"))
    number = file_number(node, frame)
    outside = "before" if number < first else "after" if number > last else ""
    if outside and node._knobs[outside]._value not in ("hold", "black"):
        raise NotImplementedError(f"{outside} {node._knobs[outside]._value}")
    at = min(max(number, first), last)
    path = _path(node, at, view)
    mode = node._knobs["on_error"]._value
    if not Path(path).is_file() and mode == "nearest frame":
        there = [one for one in range(first, last + 1) if Path(_path(node, one, view)).is_file()]
        path = _path(node, min(there, key=lambda one: abs(one - at)), view) if there else path
    if Path(path).is_file():
        source, pixels = exr_files.read(path)
        if outside and node._knobs[outside]._value == "black":
            pixels = {name: np.zeros_like(array) for name, array in pixels.items()}
        return Image(pixels, source.window, source.size, source.aspect, source.metadata)
    if mode not in ("black", "checkerboard"):
        raise RuntimeError(f"{node._path()}: Read error: No such file or directory: {path}")
    form = node._app.script.root._knobs["format"].value()
    value = 0.0 if mode == "black" else 0.5
    shape = (form._height, form._width)
    pixels = {f"rgba.{name}": np.full(shape, value, np.float32) for name in ("red", "green", "blue", "alpha")}
    return Image(pixels, (0, 0, form._width - 1, form._height - 1), shape[::-1], form._aspect, {})


def _path(node: Any, frame: int, view: str) -> str:
    return substitution.numbered(node._knobs["file"]._evaluated(frame), frame, view)


def _copied(script: Any, node: Any, frame: int, view: str) -> Image:
    import numpy as np

    below = evaluate(script, node._inputs[0] if node._inputs else None, frame, view)
    above = evaluate(script, node._inputs[1] if len(node._inputs) > 1 else None, frame, view)
    if below.window != above.window:
        raise NotImplementedError("Copy of pictures with different data windows")
    channels = dict(below.channels)
    first = next(iter(channels.values()))
    for source, target in copied(script.layers, node).items():
        channels[target] = above.channels.get(source, np.zeros_like(first))
    return below._replace(channels=channels)


def scaled(image: Image, scale: float) -> Image:
    """N37: the picture as the proxy has it."""
    if scale == 1:
        return image
    import numpy as np

    size = (max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale)))
    window = tuple(int(side * scale) for side in image.window)
    wide, high = window[2] - window[0] + 1, window[3] - window[1] + 1
    channels = {}
    for name, array in image.channels.items():
        rows = np.minimum((np.arange(high) / scale).astype(int), array.shape[0] - 1)
        columns = np.minimum((np.arange(wide) / scale).astype(int), array.shape[1] - 1)
        channels[name] = array[rows][:, columns]
    return image._replace(channels=channels, size=size, window=window)  # type: ignore[arg-type]


def write_exr(node: Any, frame: int, view: str, path: str) -> None:
    """The default renderer: writes what is before a Write as a real EXR file."""
    script = node._app.script
    if node._knobs["file_type"]._value != "exr":
        raise RuntimeError("no renderer for this file type")
    image = scaled(_input(script, node, frame, view), script.app.execution.scale())
    chosen = script.layers.expand(str(node._knobs["channels"]._value))
    channels = {name: image.channels[name] for name in chosen if name in image.channels}
    if not channels:
        raise RuntimeError("exrWriter: No channels selected (or available) for write")
    exr_files.write(
        path,
        image._replace(channels=channels),
        node._knobs["datatype"]._value,
        node._knobs["compression"]._value,
        attributes(node, image.metadata),
    )


def _input(script: Any, node: Any, frame: int, view: str) -> Image:
    above = node._inputs[0] if node._inputs else None
    try:
        return evaluate(script, above, frame, view)
    except RuntimeError as error:
        if isinstance(error, NotImplementedError) or node._knobs["on_error"]._value == "error":
            raise
    import numpy as np

    form = script.root._knobs["format"].value()
    zeros = np.zeros((form._height, form._width), np.float32)
    pixels = {f"rgba.{name}": zeros for name in ("red", "green", "blue", "alpha")}
    return Image(pixels, (0, 0, form._width - 1, form._height - 1), zeros.shape[::-1], form._aspect, {})


def attributes(node: Any, metadata: dict[str, Any]) -> dict[str, Any]:
    """What of the metadata goes into a file, as the Write's knob metadata says (2.5)."""
    chosen = node._knobs["metadata"]._value
    if chosen == "no metadata":
        return {}
    found: dict[str, Any] = {"nuke/version": node._app.version}
    if "input/timecode" in metadata:
        found["timeCode"] = str(metadata["input/timecode"])
    for key, value in metadata.items():
        if key.startswith("exr/"):
            if chosen in ("default metadata and exr/*", "all metadata except input/*", "all metadata"):
                name = key[len("exr/") :]
                found[name if name not in found else key] = value
        elif chosen == "all metadata" or (
            chosen == "all metadata except input/*" and not key.startswith("input/")
        ):
            found[f"nuke/{key}"] = value if isinstance(value, (int, float)) else str(value)
    return found
