# SPDX-License-Identifier: Apache-2.0
"""Crops that are given instead of planned: by an artist, or from the plan of a stereo shot's other view.

Their text is `WIDTHxHEIGHT@X,Y` of a crop at rest and `WIDTHxHEIGHT@FRAME:X,Y/FRAME:X,Y` of one that moves evenly
between these frames; several runs are joined by `;`. `whole` is all of the picture. Places are pixels of the display
window from its top left corner. Pure: text and boxes in, a plan out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from void_server.engines.void.plate_size import Rect
from void_server.engines.void.regions import Boxes, Planner, RegionPlan, Run, meet, union
from void_server.errors import InvalidInput

WHOLE = "whole"
"""The text of a plan without crops."""
_RUN = re.compile(r"(\d{1,6})x(\d{1,6})@(.+)")
_KEY = re.compile(r"(?:(-?\d{1,9}):)?(-?\d{1,6}),(-?\d{1,6})")

Key = tuple[int, int, int]
"""A frame number, and x and y of the crop on it."""


@dataclass(frozen=True)
class GivenCrop:
    """One run's crop.

    Attributes:
        width, height: in plate pixels.
        keys: at least one, by frame, ascending; before the first and after the last one it is at rest.
    """

    width: int
    height: int
    keys: tuple[Key, ...]

    def corner(self, frame: int) -> tuple[int, int]:
        """(x, y) on a frame: between two keys in proportion, rounded half up to whole pixels."""
        first = next((k for k in reversed(self.keys) if k[0] <= frame), self.keys[0])
        last = next((k for k in self.keys if k[0] >= frame), self.keys[-1])
        length = last[0] - first[0]
        if length <= 0:
            return first[1], first[2]
        passed = frame - first[0]
        x, y = (
            (2 * (first[i] * (length - passed) + last[i] * passed) + length) // (2 * length) for i in (1, 2)
        )
        return x, y


def parse_crops(text: str) -> tuple[GivenCrop, ...]:
    """The crops of a text; none of `whole`.

    Raises:
        InvalidInput: it is no such text.
    """
    if text.strip() == WHOLE:
        return ()
    return tuple(_parsed(part.strip()) for part in text.split(";"))


def _parsed(part: str) -> GivenCrop:
    found = _RUN.fullmatch(part)
    keys = [_KEY.fullmatch(key.strip()) for key in found[3].split("/")] if found else [None]
    if found is None or any(key is None for key in keys):
        raise _unusable(part)
    places = [(int(k[1]) if k[1] else None, int(k[2]), int(k[3])) for k in keys if k is not None]
    if len(places) == 1:
        return GivenCrop(int(found[1]), int(found[2]), ((places[0][0] or 0, *places[0][1:]),))
    frames = [frame for frame, _, _ in places if frame is not None]
    if len(frames) < len(places) or frames != sorted(set(frames)):
        raise _unusable(part)
    return GivenCrop(int(found[1]), int(found[2]), tuple((f, x, y) for f, x, y in places if f is not None))


def _unusable(part: str) -> InvalidInput:
    return InvalidInput(
        f"{part[:60]!r} is no crop.",
        fix="Give WIDTHxHEIGHT@X,Y, or WIDTHxHEIGHT@FRAME:X,Y/FRAME:X,Y of one that moves, in pixels of the display"
        " window; several joined by ';'; or whole.",
    )


def crops_text(plan: RegionPlan, frames: Sequence[int], origin: tuple[int, int]) -> str:
    """The text of a plan, from which `planned_as` makes the same crops again.

    Args:
        frames: numbers of the plan's frames, ascending.
        origin: (x, y) of the display window's corner in the plan's coordinates.
    """
    if plan.whole:
        return WHOLE
    return ";".join(_run_text(run, frames, origin) for run in plan.runs)


def _run_text(run: Run, frames: Sequence[int], origin: tuple[int, int]) -> str:
    places = [(f, x - origin[0], y - origin[1]) for f, (x, y) in zip(frames, run.corners, strict=True)]
    size = f"{run.width}x{run.height}"
    if not run.moves:
        return f"{size}@{places[0][1]},{places[0][2]}"
    return f"{size}@" + "/".join(f"{f}:{x},{y}" for f, x, y in _keys(places))


def _keys(places: Sequence[Key]) -> list[Key]:
    """Few of the places, between which the others lie exactly."""
    kept, begin = [places[0]], 0
    while begin < len(places) - 1:
        end = begin + 1
        while end + 1 < len(places) and _between(places[begin : end + 2]):
            end += 1
        kept.append(places[end])
        begin = end
    return kept


def _between(places: Sequence[Key]) -> bool:
    line = GivenCrop(0, 0, (places[0], places[-1]))
    return all(line.corner(frame) == (x, y) for frame, x, y in places)


@dataclass(frozen=True)
class Followed:
    """A plan made of given crops.

    Attributes:
        plan: what the model sees.
        offsets: (x, y) of each run: by how much its crop stands beside the given one, the same on all frames.
    """

    plan: RegionPlan
    offsets: tuple[tuple[int, int], ...]


def planned_as(
    given: Sequence[GivenCrop],
    parts: Sequence[Sequence[Rect]],
    around: Planner,
    frames: Sequence[int],
    origin: tuple[int, int],
) -> Followed:
    """What the model is to see, with crops that are given.

    Their sizes and paths stay. Where one does not hold what is to be filled, as in the other view of a stereo shot, it
    is moved aside as little as helps, on all frames alike. A run with nothing to fill is left out.

    Args:
        given: none for all of the picture.
        parts: of each frame, as `region_parts` gives them.
        around: the picture and the margin.
        frames, origin: as in `crops_text`.

    Raises:
        InvalidInput: a crop has not the shape of the model's picture, or something to be filled lies in none of them.
    """
    groups = around.apart(parts)
    if not given or not groups:
        return Followed(around.whole(union(groups) if groups else (None,) * len(parts)), ((0, 0),))
    runs = [_placed(crop, around, frames, origin) for crop in given]
    while True:
        shares = _shared_out(groups, runs, around, frames)
        # Each pixel is filled by one run.
        groups = around.disjoint([boxes for boxes in shares if boxes is not None])
        if len(groups) == sum(boxes is not None for boxes in shares):
            return _followed(shares, runs, around, frames)


def _shared_out(
    groups: Sequence[Boxes], runs: Sequence[Run], around: Planner, frames: Sequence[int]
) -> list[Boxes | None]:
    """What each run is to fill, without the margin: each group is of the run that is moved aside least for it."""
    held = [list[Boxes]() for _ in runs]
    for group in groups:
        ways = [(_offset(run, group, around), number) for number, run in enumerate(runs)]
        fitting = [(abs(o[0]) + abs(o[1]), number) for o, number in ways if o is not None]
        if not fitting:
            raise _unheld(group, runs, around, frames)
        held[min(fitting)[1]].append(group)
    return [union(mine) if mine else None for mine in held]


def _followed(
    shares: Sequence[Boxes | None], runs: Sequence[Run], around: Planner, frames: Sequence[int]
) -> Followed:
    found, offsets = [], []
    for run, boxes in zip(runs, shares, strict=True):
        if boxes is None:
            continue
        offset = _offset(run, boxes, around)
        if offset is None:
            raise _unheld(boxes, [run], around, frames)
        corners = tuple((x + offset[0], y + offset[1]) for x, y in run.corners)
        found.append(replace(run, corners=corners, fills=_grown(boxes, around)))
        offsets.append(offset)
    return Followed(RegionPlan(around.view, tuple(found), whole=False), tuple(offsets))


def _grown(boxes: Boxes, around: Planner) -> Boxes:
    return tuple(None if box is None else around.grown(box) for box in boxes)


def _placed(crop: GivenCrop, around: Planner, frames: Sequence[int], origin: tuple[int, int]) -> Run:
    """The given crop over the frames, in the plan's coordinates.

    Raises:
        InvalidInput: it has not the model's shape, or has fewer pixels.
    """
    view = around.view
    scale = max(view.least_scale, view.scale_of(crop.width, crop.height))
    width, height = view.crop_size(scale)
    # A side that was rounded up by a pixel asks for as many of the other as the sides differ by.
    across, down = 1 + math.ceil(width / height), 1 + math.ceil(height / width)
    if abs(width - crop.width) > across or abs(height - crop.height) > down:
        raise InvalidInput(
            f"A crop of {crop.width} x {crop.height} has not the shape of the model's picture, or has fewer pixels.",
            fix=f"The nearest that has is {width} x {height}.",
        )
    corners = tuple((x + origin[0], y + origin[1]) for x, y in map(crop.corner, frames))
    return Run(crop.width, crop.height, corners, (None,) * len(frames))


def _offset(run: Run, boxes: Boxes, around: Planner) -> tuple[int, int] | None:
    """The least shift of a crop, the same on all frames, with which it holds all boxes with their margin and stays in
    the area; None where there is none.
    """
    found, area = [], around.view.area
    for axis, length in ((0, run.width), (1, run.height)):
        starts = [corner[axis] for corner in run.corners]
        low = max(area[axis] - start for start in starts)
        high = min(area[axis + 2] - length - start for start in starts)
        for start, box in zip(starts, _grown(boxes, around), strict=True):
            if box is not None:
                low, high = max(low, box[axis + 2] - length - start), min(high, box[axis] - start)
        if low > high:
            return None
        found.append(min(max(0, low), high))
    return found[0], found[1]


def _unheld(boxes: Boxes, runs: Sequence[Run], around: Planner, frames: Sequence[int]) -> InvalidInput:
    missed = (
        frame
        for position, (frame, box) in enumerate(zip(frames, _grown(boxes, around), strict=True))
        if box is not None and not any(meet(box, run.crop(position)) == box for run in runs)
    )
    return InvalidInput(
        "The given crops do not hold what is to be filled, nor would they if they were moved aside.",
        fix="Give larger ones, for all views: a greater region_context, crops by hand, or region=whole.",
        frame=next(missed, None),
    )
