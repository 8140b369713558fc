# SPDX-License-Identifier: Apache-2.0
"""The only module that knows pixels: a timeline's frames become real EXR files (facts, section 2.3).

The picture of a source file is multiplied by the gain of its item's grade, moved by Pan and Tilt in whole
pixels, and brought to the timeline's size by the nearest pixel: so a test can tell graded from ungraded, and
as seen from source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from tests.resolve.standin import compositions

COMPRESSIONS = {
    "": OpenEXR.NO_COMPRESSION,
    "RLE": OpenEXR.RLE_COMPRESSION,
    "ZIP": OpenEXR.ZIP_COMPRESSION,
    "PIZ": OpenEXR.PIZ_COMPRESSION,
    "DWAA": OpenEXR.DWAA_COMPRESSION,
    "DWAB": OpenEXR.DWAB_COMPRESSION,
}
FLAT = {"title": 5.0, "generator": 4.0, "fusion": 3.0, "compound": 6.0, "multicam": 7.0}
"""What items without files look like."""

MOVIE = 8.0
"""What every file looks like that is no EXR."""

OUTPUT_GAIN = 0.5
"""Stands for the output transform of a project whose colour is managed; an unmanaged one has none."""


def write_picture(path: Path, pixels: np.ndarray, codec: str = "RGBHalfZIP") -> None:
    """(height, width, 3 or 4) as R, G, B and A."""
    kind = "Half" if codec.startswith("RGBHalf") else "Float"
    pixels = np.ascontiguousarray(pixels, np.float16 if kind == "Half" else np.float32)
    header = {
        "compression": COMPRESSIONS[codec.removeprefix("RGB" + kind)],
        "type": OpenEXR.scanlineimage,
    }
    channels = {
        name: np.ascontiguousarray(pixels[..., i]) for i, name in enumerate("RGBA"[: pixels.shape[2]])
    }
    OpenEXR.File(header, channels).write(str(path))


def read_picture(path: Path) -> np.ndarray:
    """The channels R, G, B and, where there is one, A."""
    channels = OpenEXR.File(str(path), separate_channels=True).channels()
    return np.stack([channels[name].pixels for name in "RGBA" if name in channels], axis=-1).astype(
        np.float32
    )


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of an EXR file; 0, 0 of any other."""
    if path.suffix.lower() != ".exr":
        return 0, 0
    low, high = OpenEXR.File(str(path), header_only=True).header()["dataWindow"]
    return int(high[0] - low[0] + 1), int(high[1] - low[1] + 1)


def has_alpha(path: Path) -> bool:
    """Whether an EXR file has a channel A."""
    return "A" in OpenEXR.File(str(path), separate_channels=True).channels()


def write_sequence(folder: Path, name: str, first: int, last: int, size: tuple[int, int]) -> str:
    """A source of R = number, G = column, B = row, all exact in half; gives its pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    pattern = f"{folder / name}%04d.exr"
    for number in range(first, last + 1):
        write_picture(Path(pattern % number), np.stack([np.full_like(rows, number), columns, rows], axis=-1))
    return pattern


def resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    rows = np.arange(height) * pixels.shape[0] // height
    columns = np.arange(width) * pixels.shape[1] // width
    return pixels[rows][:, columns]


def _source(item: Any, frame: int, size: tuple[int, int]) -> np.ndarray:
    """What an item shows, without grade and sizing."""
    if item.kind in FLAT or item.clip is None or item.clip.media is None:
        return np.full((size[1], size[0], 3), FLAT.get(item.kind, 0.0), np.float32)
    media = (item.takes[item.take - 1][0] if item.take else item.clip).media
    path = media.file(item.source_frame(frame))
    if path.suffix.lower() != ".exr":
        return np.full((media.size[1], media.size[0], 3), MOVIE, np.float32)
    return read_picture(path)


def composed(item: Any, frame: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray | None]:
    """What an item hands on to its grade: its source, through its composition in the source's own size (R19d)."""
    source = _source(item, frame, size)
    picture, alpha = source[..., :3], source[..., 3] if source.shape[2] == 4 else None
    comp, faults = item.composed(), item.gate.faults
    if comp is None or ("comps_inert" in faults and item.timeline.fresh):
        return picture, alpha
    first = item.source - item.clip.first() if "comp_time_of_clip" in faults else 0
    picture, made = compositions.rendered(comp.text, frame - item.start + first, picture, alpha)
    return picture, alpha if "comp_without_alpha" in faults else made


def _key(item: Any, size: tuple[int, int], alpha: np.ndarray | None = None) -> np.ndarray | None:
    """The key on the grade's Alpha Output, else the alpha of the clip itself."""
    if item is None or item.grade.key is None:
        return alpha
    width, height = size
    left, top, right, bottom = item.grade.key
    alpha = np.zeros((height, width), np.float32)
    alpha[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 1
    return alpha


def managed(project: Any) -> float:
    return 1.0 if project.settings["colorScienceMode"] == "davinciYRGB" else OUTPUT_GAIN


def composite(timeline: Any, frame: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The picture of a timeline at a frame, and the key of its topmost clip."""
    size = timeline.size()
    shown = timeline.shown(frame)
    above = [item for item in shown if item.kind == "adjustment"]
    item = next((item for item in shown if item.kind != "adjustment"), None)
    if item is None:
        return np.zeros((size[1], size[0], 3), np.float32), None
    picture, own = composed(item, frame, size)
    picture, alpha = resized(picture, size), None if own is None else resized(own, size)
    pan, tilt = round(item.properties["Pan"]), round(item.properties["Tilt"])
    picture = np.roll(picture, (tilt, pan), axis=(0, 1)) * item.whole_gain()
    for each in above:
        picture = picture * each.grade.gain()
    return picture * managed(timeline.project), _key(item, size, alpha)


def single_clip(job: Any, number: int, path: Path, faults: frozenset[str]) -> None:
    """A frame of the timeline, as a file."""
    picture, key = composite(job.timeline, number)
    size = job.timeline.size()
    if "wrong_size" not in faults:
        size = (job.settings["FormatWidth"] or size[0], job.settings["FormatHeight"] or size[1])
    _write(job, path, resized(picture, size), None if key is None else resized(key, size), faults)


def individual_clip(job: Any, item: Any, frame: int, path: Path, faults: frozenset[str]) -> None:
    """A frame of one clip in its own size, graded, without sizing."""
    picture, alpha = composed(item, frame, job.timeline.size())
    size = picture.shape[1], picture.shape[0]
    graded = picture * item.whole_gain() * managed(job.timeline.project)
    _write(job, path, graded, _key(item, size, alpha), faults)


def _write(job: Any, path: Path, picture: np.ndarray, key: np.ndarray | None, faults: frozenset[str]) -> None:
    """A comes with ExportAlpha where a key is wired; AlphaMode 0 multiplies the colour with it."""
    if job.settings["ExportAlpha"] and "no_alpha" not in faults:
        if "constant_alpha" in faults:
            key = np.ones(picture.shape[:2], np.float32)
        if key is not None:
            if job.settings["AlphaMode"] == 0:
                picture = picture * key[..., None]
            picture = np.concatenate([picture, key[..., None]], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_picture(path, picture, job.codec)
