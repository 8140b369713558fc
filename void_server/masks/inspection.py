# SPDX-License-Identifier: Apache-2.0
"""What a mask holds, frame by frame, and what about it is worth a warning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from void_server.masks.pattern import gaps
from void_server.masks.sources import MaskFrame, Source
from void_server.pipeline.findings import frame_list
from void_server.quadmask.compare import LEVEL, REGIONS, Region


@dataclass(frozen=True)
class FrameFacts:
    """One frame.

    Attributes:
        number: frame number.
        size: width and height of the display window in pixels.
        shares: of each region, overlap counted in remove and affected too, as a share of the picture, 0..1.
        affected_alone: share of the picture that is affected and not removed.
        inexact: as in `MaskFrame`.
    """

    number: int
    size: tuple[int, int]
    shares: dict[Region, float]
    affected_alone: float
    inexact: float

    @classmethod
    def of(cls, frame: MaskFrame) -> FrameFacts:
        """The facts of a frame; a matte counts from one half, as in VOID's codes."""
        shown = frame.shown
        remove, affected = shown.remove >= LEVEL, shown.affected >= LEVEL
        masks: dict[Region, Any] = {"remove": remove, "affected": affected, "overlap": remove & affected}
        shares = {region: float(masks[region].mean()) for region in REGIONS}
        alone = float(np.mean(affected & ~remove))
        return cls(frame.number, (frame.display.width, frame.display.height), shares, alone, frame.inexact)


@dataclass(frozen=True)
class Beside:
    """The plate that a mask is for.

    Attributes:
        text: its pattern.
        frames: its frames, ascending.
        size: width and height of its display window.
    """

    text: str
    frames: Sequence[int]
    size: tuple[int, int]


@dataclass(frozen=True)
class Inspection:
    """A mask that was looked at.

    Attributes:
        text: what the user wrote.
        kind: as in `Source`.
        numbered: whether the frame numbers are known, not counted from 1.
        facts: of every frame, ascending, at least one.
        beside: the plate it is for, or None.
    """

    text: str
    kind: str
    numbered: bool
    facts: tuple[FrameFacts, ...]
    beside: Beside | None = field(default=None)

    @property
    def frames(self) -> list[int]:
        """Numbers of all frames, ascending."""
        return [facts.number for facts in self.facts]

    @property
    def missing(self) -> list[int]:
        """Numbers between the first and the last frame that are not there."""
        return gaps(self.frames)

    @property
    def empty(self) -> list[int]:
        """Frames on which nothing is removed."""
        return [facts.number for facts in self.facts if not facts.shares["remove"]]

    @property
    def inexact(self) -> float:
        """Mean share of values that are no code (clips) or soft (EXR), 0..1."""
        return float(np.mean([facts.inexact for facts in self.facts]))

    def mean(self, region: Region) -> float:
        """Mean share of a region, 0..1."""
        return float(np.mean([facts.shares[region] for facts in self.facts]))

    def greatest(self, region: Region) -> FrameFacts:
        """The first of the frames on which a region is largest."""
        return max(self.facts, key=lambda facts: facts.shares[region])

    @property
    def warnings(self) -> list[str]:
        """What a person should know before a job takes it."""
        return [*_of_frames(self), *_of_plate(self), *_of_regions(self)]

    def to_text(self) -> str:
        """The whole as lines for people."""
        return "\n".join([*_lines(self), *(f"warning: {text}" for text in self.warnings)])

    def to_json(self) -> dict[str, Any]:
        """The whole as JSON-ready values; shares are 0..1."""
        first = self.facts[0]
        return {
            "source": self.text,
            "kind": self.kind,
            "numbers_known": self.numbered,
            "frames": len(self.facts),
            "first": self.frames[0],
            "last": self.frames[-1],
            "missing": self.missing,
            "size": list(first.size),
            "regions": {
                region: {
                    "mean": self.mean(region),
                    "max": self.greatest(region).shares[region],
                    "max_frame": self.greatest(region).number,
                }
                for region in REGIONS
            },
            "nothing_removed": self.empty,
            "first_frame_affected": first.affected_alone,
            "soft" if self.kind == "EXR" else "inexact": self.inexact,
            "warnings": self.warnings,
            "per_frame": [{"frame": facts.number, **facts.shares} for facts in self.facts],
        }


def facts_of(source: Source, frames: Iterator[MaskFrame], beside: Beside | None = None) -> Inspection:
    """The inspection of a source whose frames are handed in, one at a time."""
    facts = tuple(FrameFacts.of(frame) for frame in frames)
    return Inspection(source.text, source.kind, source.numbered, facts, beside)


def percent(share: float) -> str:
    """A share 0..1 as percent; what is there is never told as 0."""
    return "less than 0.01 %" if 0 < share < 0.0001 else f"{100 * share:.2f} %"


def _named(frames: Sequence[int]) -> str:
    return f"frame{'s' if len(frames) > 1 else ''} {frame_list(frames)}"


def _lines(seen: Inspection) -> Iterator[str]:
    first = seen.facts[0]
    counted = "" if seen.numbered else ", counted from 1 (--first)"
    yield f"{seen.text}: {seen.kind}, {first.size[0]}x{first.size[1]}"
    yield f"frames             {seen.frames[0]}-{seen.frames[-1]} ({len(seen.facts)}){counted}"
    if seen.missing:
        yield f"missing            {frame_list(seen.missing)}"
    yield f"{'region':18} {'mean':>16} {'max':>16}  on frame"
    for region in REGIONS:
        most = seen.greatest(region)
        where = most.number if most.shares[region] else "-"
        yield f"{region:18} {percent(seen.mean(region)):>16} {percent(most.shares[region]):>16}  {where}"
    yield f"nothing is removed on {frame_list(seen.empty)}" if seen.empty else "every frame removes something"
    yield f"first frame        {percent(first.affected_alone)} affected and not removed"
    yield f"{'soft values' if seen.kind == 'EXR' else 'values of no code':18} {percent(seen.inexact)}"


def _of_frames(seen: Inspection) -> Iterator[str]:
    if seen.missing:
        yield f"Missing: {_named(seen.missing)}."
    size = seen.facts[0].size
    other = next((facts for facts in seen.facts if facts.size != size), None)
    if other is not None:
        yield (
            f"The size changes: frame {seen.frames[0]} is {size[0]}x{size[1]},"
            f" frame {other.number} is {other.size[0]}x{other.size[1]}."
        )


def _of_plate(seen: Inspection) -> Iterator[str]:
    if seen.beside is None:
        return
    lacking = sorted(set(seen.beside.frames) - set(seen.frames))
    if lacking:
        yield f"The mask is shorter than the plate: it lacks {_named(lacking)} of {seen.beside.text}."
    over = sorted(set(seen.frames) - set(seen.beside.frames))
    if over:
        yield f"The mask has no plate on {_named(over)}."
    size, plate = seen.facts[0].size, seen.beside.size
    if size != plate:
        yield (
            f"The mask is {size[0]}x{size[1]}, the plate {plate[0]}x{plate[1]}; convert --like brings it to the"
            " plate's size."
        )


def _of_regions(seen: Inspection) -> Iterator[str]:
    if len(seen.empty) == len(seen.facts):
        yield "Nothing is removed on any frame; is --polarity, or the channel, the right one?"
    elif seen.empty:
        yield f"Nothing is removed on {_named(seen.empty)}."
    overlap = [facts.number for facts in seen.facts if facts.shares["overlap"]]
    if overlap:
        yield f"Overlap (63) is on {_named(overlap)}: VOID removes there as it does on 0."
    if seen.facts[0].affected_alone:
        yield (
            f"The first frame, {seen.frames[0]}, has affected parts (127); VOID was trained on clips that have none"
            " there. Keep them if the clip begins in the middle of the action."
        )
    if seen.kind != "EXR" and seen.inexact:
        yield (
            f"{percent(seen.inexact)} of the values are no code: the clip went through a lossy codec, and regions"
            " may have wrong rims. Take the lossless one if there is one."
        )
