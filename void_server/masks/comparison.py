# SPDX-License-Identifier: Apache-2.0
"""Two masks side by side: how alike each region is on the frames that both have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import tee
from typing import Any

import numpy as np

from void_server.errors import InvalidInput
from void_server.masks.progress import told
from void_server.masks.sources import MaskFrame, Source, require_numbers
from void_server.pipeline.findings import frame_list
from void_server.quadmask.compare import REGIONS, Likeness, Region, compare


@dataclass(frozen=True)
class Comparison:
    """Two masks compared.

    Attributes:
        one, two: what the user wrote.
        frames: the frames that both have, ascending, at least one.
        only_one, only_two: frames that one of them alone has.
        likeness: of each region, over `frames`.
    """

    one: str
    two: str
    frames: Sequence[int]
    only_one: Sequence[int]
    only_two: Sequence[int]
    likeness: dict[Region, Likeness]

    def to_text(self) -> str:
        """The whole as lines for people."""
        return "\n".join(_lines(self))

    def to_json(self) -> dict[str, Any]:
        """The whole as JSON-ready values."""
        return {
            "one": self.one,
            "two": self.two,
            "frames": list(self.frames),
            "only_one": list(self.only_one),
            "only_two": list(self.only_two),
            "regions": {
                region: {
                    "iou": self._measure(likeness.iou),
                    "boundary": self._measure(likeness.boundary),
                    "clip_iou": likeness.clip_iou,
                }
                for region, likeness in self.likeness.items()
            },
        }

    def _measure(self, values: list[float]) -> dict[str, Any]:
        worst = int(np.argmin(values))
        return {
            "mean": float(np.mean(values)),
            "worst": values[worst],
            "worst_frame": self.frames[worst],
            "per_frame": values,
        }


def compared(one: Source, two: Source) -> Comparison:
    """Compares two masks on the frames that both have, paired by number.

    Two clips of which neither has numbers are both counted from 1.

    Raises:
        InvalidInput: one is a clip without numbers and the other has numbers; no frame is in both; sizes differ.
    """
    if one.numbered or two.numbered:
        require_numbers(one, "--first-one")
        require_numbers(two, "--first-two")
    frames = sorted(set(one.frames) & set(two.frames))
    if not frames:
        raise InvalidInput(
            f"{one.text} has frames {frame_list(one.frames)} and {two.text} {frame_list(two.frames)}: none in common.",
            fix="Give masks of the same frames; of a clip, say with --first-one or --first-two where it begins.",
        )
    here, there = tee(told(_pairs(one, two, frames), "comparing", len(frames)))
    likeness = compare((pair[0].shown for pair in here), (pair[1].shown for pair in there))
    only = [sorted(set(a.frames) - set(frames)) for a in (one, two)]
    return Comparison(one.text, two.text, frames, only[0], only[1], likeness)


def _pairs(one: Source, two: Source, frames: Sequence[int]) -> Iterator[tuple[MaskFrame, MaskFrame]]:
    for here, there in zip(one.read(frames), two.read(frames), strict=True):
        if here.display.shape != there.display.shape:
            raise InvalidInput(
                f"{one.text} is {here.display.width}x{here.display.height} and {two.text}"
                f" {there.display.width}x{there.display.height}.",
                fix="Bring one to the other's size first: mask convert --like.",
                frame=here.number,
            )
        yield here, there


def _lines(seen: Comparison) -> Iterator[str]:
    yield f"one: {seen.one}"
    yield f"two: {seen.two}"
    yield f"{len(seen.frames)} frames in both: {frame_list(seen.frames)}"
    for name, only in (("one", seen.only_one), ("two", seen.only_two)):
        if only:
            yield f"{len(only)} frames only in {name}: {frame_list(only)}"
    yield f"{'region':10} {'IoU mean':>9} {'worst':>7} {'frame':>7} {'F mean':>8} {'worst':>7} {'frame':>7}"
    for region in REGIONS:
        measures = seen.to_json()["regions"][region]
        cells = [region.ljust(10)]
        for key, width in (("iou", 9), ("boundary", 8)):
            m = measures[key]
            cells.append(f"{m['mean']:>{width}.3f} {m['worst']:>7.3f} {m['worst_frame']:>7}")
        yield " ".join(cells)
    yield "1 is the same; a region that both lack is the same. F: boundaries within 0.8 % of the diagonal meet."
