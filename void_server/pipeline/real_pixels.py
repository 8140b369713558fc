# SPDX-License-Identifier: Apache-2.0
"""What the clean-plate engine rebuilt of a frame, held against the model's picture of it and joined with it.

The unit `compare` leaves how far the two are apart, at the model's size; `conform` averages that along the motion of
the background, so that an answer that shimmers does not make the choice flicker, and joins the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from void_server.conform.detail import (
    Comparison,
    agreement,
    compared,
    enlarged_matte,
    fine_detail,
    joined,
    softened,
)
from void_server.engines.cleanplate import FrameFill
from void_server.engines.cleanplate.arrays import pixel_grid
from void_server.engines.cleanplate.other_times import MotionReader
from void_server.engines.cleanplate.tracks import field_between, sample, step
from void_server.engines.void.plate_size import Rect, at_level_beside, at_plate_size, grown_region, reduced
from void_server.engines.void.regions import meet
from void_server.pipeline.regions import cut

F16 = npt.NDArray[np.float16]
F32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Way = Literal["plate", "guided"]
Arrays = dict[str, npt.NDArray[Any]]

REACH = 3
"""Frames each way over which a comparison is averaged, as the fills' light is (docs/cleanplate.md, step 10)."""
DECAY = 2.0
"""Frames over which a neighbour's vote falls to 1/e."""
BESIDE = 24
"""Model pixels around the region in which the model's own error is measured."""
WITHIN = 0.95
"""Share of a sample from which it counts as compared."""


class Encoding(Protocol):
    """How the model is shown scene-linear light (`ModelLight`)."""

    def encode(self, linear: F32, /) -> F32: ...


@dataclass(frozen=True)
class Seen:
    """What a run of the model sees of a frame, and what is real of it.

    Attributes:
        crop: (x0, y0, x1, y1) in the frame.
        plate: (H, W, 3) float32, encoded, of the crop.
        real: the same, the clean-plate engine's where it filled something.
        seen: (H, W) float32 0..1, how much of each pixel is real; 0 where that engine made it up or has nothing.
        region: (H, W) bool, what is to be filled.
    """

    crop: Rect
    plate: F32
    real: F32
    seen: F32
    region: Bools


@dataclass(frozen=True)
class Compared:
    """A comparison where it was made.

    Attributes:
        crop: (x0, y0, x1, y1) in the frame.
        inside: (h, w) float32, 1 where real pixels are shown within the region: only there neighbours are asked.
    """

    crop: Rect
    comparison: Comparison
    inside: F32

    def to_arrays(self, number: int) -> Arrays:
        """For storing, as those of a run of this number."""
        found = self.comparison
        arrays: Arrays = {
            "crop": np.array(self.crop, np.int32),
            "apart": found.apart.astype(np.float16),
            "follows": found.follows.astype(np.float16),
            "shown": (found.shown > 0).astype(np.uint8),
            "inside": (self.inside > 0).astype(np.uint8),
            "sigma": np.array([found.sigma], np.float64),
        }
        return {f"{name}{number}": values for name, values in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Arrays, number: int) -> Compared | None:
        """What `to_arrays` gave; None where that run has nothing to fill on the frame."""
        if f"crop{number}" not in arrays:
            return None
        x0, y0, x1, y1 = (int(v) for v in arrays[f"crop{number}"])
        apart, follows, shown, inside = (
            arrays[f"{name}{number}"].astype(np.float32) for name in ("apart", "follows", "shown", "inside")
        )
        sigma = float(arrays[f"sigma{number}"][0])
        return cls((x0, y0, x1, y1), Comparison(apart, follows, shown, sigma), inside)


def seen_of(
    linear: F32, encoding: Encoding, fill: FrameFill | None, region: Bools, crop: Rect, margin: int
) -> Seen:
    """What a run sees of a frame.

    Args:
        linear: (H, W, 3) float32, scene-linear, the whole frame.
        fill: what the clean-plate engine made of it; None where it made nothing.
        region: (H, W) bool, what is to be filled; `margin` pixels around it are filled too.
    """
    with np.errstate(invalid="ignore"):
        plate = encoding.encode(cut(linear, crop))
    real, here = plate.copy(), cut(region, crop)
    seen = (~grown_region(here, margin) & np.isfinite(plate).all(axis=2)).astype(np.float32)
    common = meet(fill.box, crop) if fill is not None and not fill.empty else None
    if fill is not None and common is not None:
        part, filled = _moved(common, crop), _moved(common, fill.box)
        cut(real, part)[...] = encoding.encode(cut(fill.colour, filled))
        cut(seen, part)[...] = np.clip(1 - cut(fill.synthesised, filled), 0, 1)
    return Seen(crop, plate, real, seen, here)


def compare(made: F32, told: Bools, what: Seen) -> Compared:
    """How far the model's picture (h, w, 3) of what it sees is apart from what is real.

    Args:
        told: (h, w) bool, where it was told to change something: its own error is measured beside that.
    """
    height, width = made.shape[:2]
    small = cv2.resize(what.seen, (width, height), interpolation=cv2.INTER_AREA)
    touched = cv2.resize(what.region.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0
    changed = (told | touched).astype(np.uint8)
    outside = cv2.distanceTransform(1 - changed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    beside = (outside > 1) & (outside <= BESIDE)
    found = compared(made, reduced(what.real, height, width), np.asarray(small, np.float32), beside)
    return Compared(what.crop, found, found.shown * touched)


def over_time(position: int, near: Mapping[int, Compared], shot: MotionReader) -> Comparison:
    """The comparison of a frame, averaged with those of its neighbours along the motion of the background.

    Args:
        near: by position, those of the frame and of frames up to `REACH` from it.
        shot: the motion between them.
    """
    here = near[position]
    start = _places(here, shot)
    shape = here.comparison.apart.shape
    apart, follows, votes = (
        here.comparison.apart.copy(),
        here.comparison.follows.copy(),
        np.ones(shape, np.float32),
    )
    for direction in (-1, 1):
        points, alive = start, np.ones(len(start), bool)
        for distance in range(1, REACH + 1):
            frame = position + direction * distance
            there = near.get(frame)
            if there is None:
                break
            points, still, _ = step(field_between(frame - direction, direction, shot), points)
            alive &= still
            at, within = _pixels(there, points, shot)
            counts = alive & within & (sample(there.inside, at) >= WITHIN)
            weight = (np.float32(np.exp(-distance / DECAY)) * counts).astype(np.float32)
            found = there.comparison
            apart += (weight * sample(found.apart, at)).reshape(shape)
            follows += (weight * sample(found.follows, at)).reshape(shape)
            votes += weight.reshape(shape)
    return replace(here.comparison, apart=apart / votes, follows=follows / votes)


def join(made: F32, told: Bools, what: Seen, found: Comparison, way: Way) -> tuple[F32, F32]:
    """The model's picture at the plate's size, joined with what is real.

    Args:
        made, told: as `compare`.
        found: what `over_time` gave.
        way: `plate` takes real pixels where the two agree; `guided` takes their detail alone.

    Returns:
        (H, W, 3) float32, encoded, and (H, W) float32 0..1, how much of each pixel is the real one.
    """
    height, width = made.shape[:2]
    agreed = agreement(found.apart, found.shown) if way == "plate" else np.zeros_like(found.apart)
    # A pixel of which half is made up is no real one.
    share = enlarged_matte(agreed, *what.seen.shape) * np.clip(2 * what.seen - 1, 0, 1)
    # Where the two agree, the level of the model's picture can be seen as well as where nothing was to change.
    changed, told_there = what.region & (share < 1), told & (agreed < 1)
    larger = at_level_beside(
        at_plate_size(made, what.real, changed, told_there), made, what.real, changed, told_there
    )
    soft = softened(reduced(what.real, height, width), found.shown, found.sigma)
    fine = fine_detail(what.real, soft, what.seen)
    follows = enlarged_matte(found.follows * (found.shown > 0), *what.seen.shape)
    return joined(what.real, larger + follows[..., None] * fine, share), share


def real_fill(box: Rect, colour: F32, filled: Bools, share: F32, fill: FrameFill | None) -> FrameFill:
    """The fill of a frame of which part is real.

    Args:
        box: (x0, y0, x1, y1) in the frame.
        colour: (h, w, 3) float32, scene-linear; real pixels become those of `fill`, to the bit.
        filled: (h, w) bool; elsewhere `colour` is the plate.
        share: (h, w) float32 0..1, how much of each filled pixel is real.
        fill: the clean-plate engine's.

    Returns:
        What is real has that engine's confidence and sources, and the rest is made up with a confidence of 0.
    """
    share = np.where(filled, share, 0).astype(np.float32)
    if fill is None or (common := meet(fill.box, box)) is None:
        share = np.zeros_like(share)
        return FrameFill(box, colour, 1 - filled.astype(np.float32), share, filled.astype(np.float32), {})
    part, there = _moved(common, box), _moved(common, fill.box)

    def placed(values: F32, around: float = 0.0) -> F32:
        whole = np.full((*share.shape, *values.shape[2:]), around, np.float32)
        cut(whole, part)[...] = cut(values, there)
        return whole

    whole = placed(fill.colour)
    colour = np.where((share >= 1)[..., None], whole, colour).astype(np.float32)
    made_up = filled * (1 - share * (1 - placed(fill.synthesised)))
    confidence = np.where(filled, share * placed(fill.confidence), 1)
    trace, gain, offset = fill.trace, fill.gain, fill.offset
    some = share[..., None]
    return FrameFill(
        box,
        colour,
        confidence.astype(np.float32),
        share * placed(fill.borrowed),
        made_up.astype(np.float32),
        {},
        None if trace is None else np.where(some > 0, placed(trace, -1), np.float32(-1)),
        None if fill.relit is None else share * placed(fill.relit),
        None if gain is None else np.asarray(1 + some * (placed(gain, 1) - 1), np.float32),
        None if offset is None else np.asarray(some * placed(offset), np.float32),
        kept=None if fill.kept is None else _of_grain(fill.kept, placed, filled, share * share),
        fine=None if fill.fine is None else placed(fill.fine.astype(np.float32), 1).astype(np.float16),
    )


def _of_grain(kept: npt.NDArray[np.float16], placed: Callable[[F32], F32], filled: Bools, share: F32) -> F16:
    """What is left of the grain's power where real pixels are mixed by a share (squared) with smooth ones."""
    return np.where(filled, share * placed(kept.astype(np.float32)), 1).astype(np.float16)


def _moved(rect: Rect, origin: Rect) -> Rect:
    """The rectangle as seen from the corner of another one."""
    x, y = origin[:2]
    return rect[0] - x, rect[1] - y, rect[2] - x, rect[3] - y


def _geometry(where: Compared, shot: MotionReader) -> tuple[F32, F32, F32]:
    """The crop's corner, plate pixels for one of the model's, and plate pixels for one of the proxy, each (x, y)."""
    x0, y0, x1, y1 = where.crop
    height, width = where.inside.shape
    scale = ((x1 - x0) / width, (y1 - y0) / height)
    proxy = shot.proxy(shot.frames[0]).scale
    return np.array((x0, y0), np.float32), np.array(scale, np.float32), np.array(proxy, np.float32)


def _places(where: Compared, shot: MotionReader) -> F32:
    """(h * w, 2) the centres (x, y) of the model's pixels, in proxy pixels."""
    corner, scale, proxy = _geometry(where, shot)
    at = pixel_grid(where.inside.shape).reshape(-1, 2)
    return np.asarray((corner + (at + 0.5) * scale) / proxy - 0.5, np.float32)


def _pixels(where: Compared, points: F32, shot: MotionReader) -> tuple[F32, Bools]:
    """Where points in proxy pixels are in the model's picture of a frame, (N, 2), and (N,) whether within it."""
    corner, scale, proxy = _geometry(where, shot)
    at = (((points + 0.5) * proxy - corner) / scale - 0.5).astype(np.float32)
    last = np.array(where.inside.shape[::-1], np.float32) - 1
    return at, np.asarray(((at >= 0) & (at <= last)).all(axis=1))
