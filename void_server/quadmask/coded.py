# SPDX-License-Identifier: Apache-2.0
"""The pictures that VOID's own tools write: one grey channel of codes, or black and white.

Two polarities exist, told apart by the file's name: `quadmask_*` has codes, and black is what is removed; `mask_*` is
binary, and white is what is removed. Facts: Netflix/void-model at 66e9c0e, `videox_fun/utils/utils.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from void_server.errors import InvalidInput
from void_server.quadmask.regions import (
    CODE_AFFECTED,
    CODE_BACKGROUND,
    CODE_OVERLAP,
    CODE_REMOVE,
    Quadmask,
    Values,
)

U8 = npt.NDArray[np.uint8]
Polarity = Literal["quadmask", "binary"]

LIMITS = (31, 95, 191)
"""Greatest values of the first three codes' bins; codecs move values by up to 30."""
WHITE = 240
"""Value from which a binary mask removes, once it has its final size."""
DILATION = 11
"""Side in pixels of the square that the scripts dilate a binary mask with, at the model's size."""
NAMED = 8
"""Runs of missing frames that a message lists."""


def polarity_of(name: str) -> Polarity:
    """What a file's name says: `quadmask_0.mp4`, `trimask_quadmask.mp4` codes; `mask_0.mp4` binary.

    Raises:
        InvalidInput: neither is in the name.
    """
    stem = PurePath(name).name.lower()
    if "quadmask" in stem:
        return "quadmask"
    if stem.startswith("mask_"):
        return "binary"
    raise InvalidInput(
        f"Whether black or white is removed cannot be told from the name {PurePath(name).name}.",
        fix="Say which it is, or call it quadmask_* (black is removed) or mask_* (white is removed).",
        file=name,
    )


def quantised(picture: npt.NDArray[Any]) -> U8:
    """Any grey values 0..255 (h, w) as codes, (h, w) uint8, by the scripts' bins."""
    codes = np.array([CODE_REMOVE, CODE_OVERLAP, CODE_AFFECTED, CODE_BACKGROUND], np.uint8)
    return codes[np.searchsorted(np.array(LIMITS), picture)]


def from_coded(picture: npt.NDArray[Any]) -> Quadmask:
    """Mattes of 0 and 1 from a coded picture, also one that a codec has blurred.

    Args:
        picture: (h, w), values 0..255. What a codec makes of an edge between 0 and 255 passes through the other
            codes' bins: rims of a pixel or two there are no regions, and cannot be told from any.
    """
    return Quadmask.from_codes(quantised(picture))


def to_coded(quadmask: Quadmask) -> U8:
    """(h, w) uint8 of 0, 63, 127 and 255: the picture `quadmask_*` has."""
    return quadmask.codes


def from_binary(
    pictures: Sequence[npt.NDArray[Any]], size: tuple[int, int] | None = None, *, dilation: int = 0
) -> Quadmask:
    """What any of some binary masks removes; nothing is affected.

    Args:
        pictures: of one frame, each (h, w) with values 0..255, white is removed.
        size: (height, width) that they are averaged to before they are cut at 240; None leaves theirs.
        dilation: side of a square that the result is then dilated with, an odd number of pixels, 0 for none; the
            scripts take 11.
    """
    if not pictures:
        raise ValueError("no mask")
    if dilation < 0 or (dilation and dilation % 2 == 0):
        raise ValueError(f"a dilation of {dilation} pixels has no middle")
    sized = [p if size is None else averaged(p, size) for p in pictures]
    remove = np.logical_or.reduce([p >= WHITE for p in sized]).astype(np.float32)
    if dilation > 1:
        remove = cv2.dilate(remove, np.ones((dilation, dilation), np.uint8))
    return Quadmask(remove, np.zeros_like(remove))


def to_binary(quadmask: Quadmask) -> U8:
    """(h, w) uint8, 255 where something is removed and 0 elsewhere: the picture `mask_*` has."""
    return np.where(quadmask.remove >= 0.5, 255, 0).astype(np.uint8)


def averaged(picture: npt.NDArray[Any], size: tuple[int, int]) -> Values:
    """A picture (h, w) at another size (height, width), float32: the mean of all pixels that a pixel touches.

    What the scripts' `interpolate(mode="area")` does, both for smaller and for larger sizes.
    """
    rows = _pooled(np.asarray(picture, np.float64), size[0])
    return _pooled(rows.T, size[1]).T.astype(np.float32)


def paired(frames: Sequence[int], first: int, count: int) -> list[int]:
    """Where each frame of a shot lies in a clip, by frame number: clips are never shifted to fit.

    Args:
        frames: frame numbers of the shot.
        first: frame number of the clip's first picture.
        count: pictures of the clip.

    Returns:
        For each frame the index of its picture, 0..count - 1.

    Raises:
        InvalidInput: the clip has no picture for some frames, which the message names.
    """
    missing = [frame for frame in frames if not first <= frame < first + count]
    if missing:
        has = f"has frames {first}-{first + count - 1}" if count else "is empty"
        raise InvalidInput(
            f"The coded clip {has}; {len(missing)} of the shot's {len(frames)} frames are missing in it: "
            f"{_runs(missing)}.",
            fix="Give a clip that covers all frames, or say which frame its first picture belongs to.",
            frame=missing[0],
        )
    return [frame - first for frame in frames]


def _runs(numbers: Sequence[int]) -> str:
    """Whole numbers as `1001-1004, 1010`."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:NAMED]]
    return ", ".join(texts) + (f" and {len(runs) - NAMED} more runs" if len(runs) > NAMED else "")


def _pooled(values: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Means of rows, in `size` runs of neighbours from floor(k n / size) up to ceil((k + 1) n / size)."""
    count = values.shape[0]
    index = np.arange(size)
    start, end = index * count // size, -(-(index + 1) * count // size)
    sums = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0)])
    means: npt.NDArray[np.float64] = (sums[end] - sums[start]) / (end - start)[:, None]
    return means
