# SPDX-License-Identifier: Apache-2.0
"""What of a shot the model sees: crops of constant size around what is to be filled, instead of the whole frame.

A whole 4K frame through the model's 672 x 384 pixels keeps a tenth of its fine detail; a crop keeps more. Pure: boxes
in, a plan out; all coordinates are pixels of the shot's common window, ends exclusive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TypeAlias

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import Bools
from void_server.engines.void.crop_path import (
    Span,
    moving_length,
    smooth_path,
    still_length,
    still_path,
)
from void_server.engines.void.plate_size import Rect

CONTEXT = 1.5
"""Sides of what a crop holds of each frame over those of the region on it. ComfyUI-Inpaint-CropAndStitch extends a mask
by 1.2 times for still pictures; a clip wants to see more of where things come from, and 2 would cost a quarter of the
detail."""
LEAST_GAIN = 1.25
"""How much finer a crop must be than the whole frame, a moving crop than one that stands still, and several runs in
cost than one, to be taken: what is simpler is also surer."""
MOST_RUNS = 3
"""Runs of one shot: each takes as long as the whole frame did."""
MOST_GROUPS = 8
"""Regions that are looked at one by one; where there are more, they are one."""
CELL = 16
"""Pixels: parts of a region that lie in the same or in neighbouring cells of this side are one part."""
MOST_PARTS = 32
"""Parts of a region on a frame that are told apart; where there are more, they are one."""

Boxes: TypeAlias = "tuple[Rect | None, ...]"
"""A box for each frame, None where there is nothing."""


@dataclass(frozen=True)
class View:
    """What the model may see, and in which size it does.

    Attributes:
        area: the pixels that are the picture: without overscan.
        pixel_aspect: width of a plate's pixel over its height.
        height, width: of the model's picture, in its square pixels.
    """

    area: Rect
    pixel_aspect: float
    height: int
    width: int

    @property
    def whole_scale(self) -> float:
        """Rows of the plate for a row of the model's picture, the whole area shown."""
        return self.scale_of(self.area[2] - self.area[0], self.area[3] - self.area[1])

    @property
    def least_scale(self) -> float:
        """The scale from which a crop has as many pixels as the model's picture, in both directions."""
        return max(1.0, self.pixel_aspect)

    def scale_of(self, width: float, height: float) -> float:
        """The scale at which so many plate pixels fit into the model's picture."""
        return max(height / self.height, width * self.pixel_aspect / self.width)

    def crop_size(self, scale: float) -> tuple[int, int]:
        """(width, height) in plate pixels of a crop at a scale, rounded up."""
        width = math.ceil(self.width * scale / self.pixel_aspect - 1e-9)
        return width, math.ceil(self.height * scale - 1e-9)


@dataclass(frozen=True)
class Run:
    """One run of the model over the shot.

    Attributes:
        width, height: of the crop in plate pixels, the same on all frames.
        corners: (x, y) of the crop on each frame.
        fills: what this run is to fill on each frame, within its crop; None where nothing.
    """

    width: int
    height: int
    corners: tuple[tuple[int, int], ...]
    fills: tuple[Rect | None, ...]

    def crop(self, position: int) -> Rect:
        """(x0, y0, x1, y1) on a frame."""
        x, y = self.corners[position]
        return x, y, x + self.width, y + self.height

    @property
    def moves(self) -> bool:
        """Whether the crop stands elsewhere on another frame."""
        return len(set(self.corners)) > 1


@dataclass(frozen=True)
class RegionPlan:
    """What the model sees of a shot.

    Attributes:
        view: the picture.
        runs: at least one.
        whole: whether it is one run over all of the area.
    """

    view: View
    runs: tuple[Run, ...]
    whole: bool

    def scale(self, run: Run) -> float:
        """Rows (or, where they are more, unsqueezed columns) of the plate for one of the model's picture."""
        return self.view.scale_of(run.width, run.height)

    def cost(self, windows: int, window: int) -> dict[str, float]:
        """What a denoising step takes, counted in pixels of the model's picture: frames x windows x runs.

        Args:
            windows: of one run over the shot.
            window: frames of one.

        Returns:
            `megapixels`; `of_whole`, these by what the whole frame takes in the model's picture; `of_whole_as_fine`, by
            what the whole frame would take in a picture in which it is as fine as in the coarsest crop.
        """
        runs = len(self.runs)
        coarsest = max(self.scale(run) for run in self.runs)
        return {
            "megapixels": round(self.view.height * self.view.width * window * windows * runs / 1e6, 1),
            "of_whole": float(runs),
            "of_whole_as_fine": round(runs * (coarsest / self.view.whole_scale) ** 2, 4),
        }


def region_parts(region: Bools) -> list[Rect]:
    """The boxes of a region's (H, W) parts, exact to the pixel, from left to right.

    Parts that lie close together are one; all are, where there are many. A single pixel is a part.
    """
    height, width = region.shape
    rows, columns = -(-height // CELL), -(-width // CELL)
    padded = np.zeros((rows * CELL, columns * CELL), bool)
    padded[:height, :width] = region
    cells = padded.reshape(rows, CELL, columns, CELL).any(axis=(1, 3))
    count, labels = cv2.connectedComponents(cells.astype(np.uint8), connectivity=8)
    if count - 1 > MOST_PARTS:
        count, labels = 2, cells.astype(np.int32)
    found = []
    for label in range(1, count):
        held = np.kron(labels == label, np.ones((CELL, CELL), bool)) & padded
        across, down = np.flatnonzero(held.any(axis=0)), np.flatnonzero(held.any(axis=1))
        found.append((int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1))
    return sorted(found)


def planned(
    parts: Sequence[Sequence[Rect]],
    view: View,
    *,
    margin: int,
    context: float = CONTEXT,
    most_runs: int = MOST_RUNS,
) -> RegionPlan:
    """What the model is to see.

    Args:
        parts: of each frame, as `region_parts` gives them.
        view: the picture.
        margin: pixels around the region that are filled too.
        context: sides of what a crop holds of each frame over those of the region on it, at least 1.
        most_runs: 1 to show everything in one run.

    Returns:
        The plan; the whole area where a crop would be hardly finer, where nothing is to be filled, and where the area
        has fewer pixels than the model's picture.
    """
    around = Planner(view, margin, context, len(parts))
    groups = around.apart(parts)
    if not groups:
        return around.whole((None,) * len(parts))
    best = around.cheapest(groups, most_runs)
    runs = [around.run(group) for group in best]
    if any(run is None for run in runs):
        return around.whole(union(groups))
    plan = RegionPlan(view, tuple(run for run in runs if run is not None), whole=False)
    coarsest = max(plan.scale(run) for run in plan.runs)
    if coarsest * LEAST_GAIN > view.whole_scale:
        return around.whole(union(groups))
    return plan


@dataclass(frozen=True)
class Planner:
    """What crops are chosen by.

    Attributes:
        margin: pixels around the region that are filled too.
        context: sides of what a crop holds of each frame over those of the region on it.
        frames: of the shot.
    """

    view: View
    margin: int
    context: float
    frames: int

    def grown(self, box: Rect) -> Rect:
        """With the margin, within the area; a box that lies within the area has pixels there."""
        x0, y0, x1, y1 = box
        more = x0 - self.margin, y0 - self.margin, x1 + self.margin, y1 + self.margin
        return meet(more, self.view.area) or box

    def apart(self, parts: Sequence[Sequence[Rect]]) -> list[Boxes]:
        """The regions as they go through the shot, none of which meets another on any frame, as far as the area goes.

        Args:
            parts: of each frame, as `region_parts` gives them.
        """
        shown = [[b for b in (meet(p, self.view.area) for p in frame) if b is not None] for frame in parts]
        nodes = [(t, box) for t, boxes in enumerate(shown) for box in boxes]
        if not nodes:
            return []
        owner = list(range(len(nodes)))

        def root(n: int) -> int:
            while owner[n] != n:
                owner[n] = owner[owner[n]]
                n = owner[n]
            return n

        before: list[int] = []
        begin = 0
        for t, boxes in enumerate(shown):
            here = list(range(begin, begin + len(boxes)))
            begin += len(boxes)
            for a, b in [*combinations(here, 2), *((a, b) for a in before for b in here)]:
                # What moves by less than its own size from a frame to the next is still itself.
                reach = self.margin + (0 if nodes[a][0] == t else _side(nodes[b][1]))
                if _near(nodes[a][1], nodes[b][1], reach):
                    owner[root(a)] = root(b)
            before = here or before
        groups: dict[int, list[Rect | None]] = {}
        for n, (t, box) in enumerate(nodes):
            group = groups.setdefault(root(n), [None] * self.frames)
            group[t] = hull([group[t], box])
        found: list[Boxes] = [tuple(boxes) for boxes in groups.values()]
        if len(found) > MOST_GROUPS:
            return [union(found)]
        return self.disjoint(found)

    def disjoint(self, groups: Sequence[Boxes]) -> list[Boxes]:
        """Groups joined until no two meet, margins included: each pixel is filled by one run."""
        found = list(groups)
        while True:
            meeting = next((p for p in combinations(range(len(found)), 2) if self._touch(found, *p)), None)
            if meeting is None:
                return found
            found = _joined(found, *meeting)

    def _touch(self, groups: Sequence[Boxes], a: int, b: int) -> bool:
        pairs = zip(groups[a], groups[b], strict=True)
        return any(p and q and meet(self.grown(p), self.grown(q)) is not None for p, q in pairs)

    def cheapest(self, groups: Sequence[Boxes], most_runs: int) -> list[Boxes]:
        """The groups joined as is cheapest: the plate pixels of all runs, each at the scale of the coarsest.

        One run over everything at that scale would take as many model pixels; so several runs must take fewer.
        """
        found, tried, scale = list(groups), [], cache(self.scale)
        while len(found) > 1:
            if len(found) <= most_runs:
                tried.append(found)
            pairs = combinations(range(len(found)), 2)
            found = min(
                (self.disjoint(_joined(found, *pair)) for pair in pairs),
                key=lambda joined: sum(scale(group) ** 2 for group in joined),
            )
        best = found
        for several in sorted(tried, key=len):
            if self._pixels(several) * LEAST_GAIN < self._pixels(best):
                best = several
        return best

    def _pixels(self, groups: Sequence[Boxes]) -> float:
        return len(groups) * max(min(self.scale(g), self.view.whole_scale) for g in groups) ** 2

    def scale(self, boxes: Boxes) -> float:
        """Of the crop for these boxes: at rest, unless a moving one is finer by `LEAST_GAIN`."""
        spans = [self._held(boxes, axis) for axis in (0, 1)]
        still, moving = (
            max(self.view.least_scale, self.view.scale_of(*map(length, spans)))
            for length in (still_length, moving_length)
        )
        return moving if moving * LEAST_GAIN < still else still

    def _held(self, boxes: Boxes, axis: int) -> list[Span | None]:
        """What the crop is to hold along an axis: the boxes with their context, or their margin if that is more, as far
        as the area goes.
        """
        low, high = self.view.area[axis], self.view.area[axis + 2]
        held: list[Span | None] = []
        for box in boxes:
            if box is None:
                held.append(None)
                continue
            around = max(self.margin, math.ceil((self.context - 1) / 2 * (box[axis + 2] - box[axis])))
            held.append((max(low, box[axis] - around), min(high, box[axis + 2] + around)))
        return held

    def run(self, boxes: Boxes) -> Run | None:
        """The crop for these boxes; None where the area has no room for it."""
        width, height = self.view.crop_size(self.scale(boxes))
        x0, y0, x1, y1 = self.view.area
        if width > x1 - x0 or height > y1 - y0:
            return None
        paths = []
        for axis, length, limits in ((0, width, (x0, x1)), (1, height, (y0, y1))):
            spans = self._held(boxes, axis)
            # An axis along which everything fits is at rest.
            path = still_path if still_length(spans) <= length else smooth_path
            paths.append(path(spans, length, limits))
        fills = tuple(None if b is None else self.grown(b) for b in boxes)
        return Run(width, height, tuple(zip(*paths, strict=True)), fills)

    def whole(self, boxes: Boxes) -> RegionPlan:
        """One run over the area."""
        x0, y0, x1, y1 = self.view.area
        fills = tuple(None if b is None else self.grown(b) for b in boxes)
        return RegionPlan(self.view, (Run(x1 - x0, y1 - y0, ((x0, y0),) * self.frames, fills),), whole=True)


def _side(box: Rect) -> int:
    return max(box[2] - box[0], box[3] - box[1])


def meet(one: Rect, two: Rect) -> Rect | None:
    """What both hold; None where that is nothing."""
    x0, y0 = max(one[0], two[0]), max(one[1], two[1])
    x1, y1 = min(one[2], two[2]), min(one[3], two[3])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _near(one: Rect, two: Rect, reach: int) -> bool:
    x0, y0, x1, y1 = one
    return meet((x0 - reach, y0 - reach, x1 + reach, y1 + reach), two) is not None


def hull(boxes: Iterable[Rect | None]) -> Rect | None:
    """The box around several; None where there are none."""
    known = [b for b in boxes if b is not None]
    if not known:
        return None
    return (
        min(b[0] for b in known),
        min(b[1] for b in known),
        max(b[2] for b in known),
        max(b[3] for b in known),
    )


def union(groups: Iterable[Boxes]) -> Boxes:
    """One box for each frame around those of all groups."""
    return tuple(hull(boxes) for boxes in zip(*groups, strict=True))


def _joined(groups: Sequence[Boxes], a: int, b: int) -> list[Boxes]:
    """The groups with two of them made one."""
    return [g for n, g in enumerate(groups) if n not in (a, b)] + [union([groups[a], groups[b]])]
