# SPDX-License-Identifier: Apache-2.0
"""The order of the work: every object is followed forward and backward from every frame on which it is prompted.

The backward sweep comes first and is kept, at the model's size, where it is needed; the forward sweep then gives the
frames in their order. Between two prompted frames both are blended, the nearer one counting more, so that nothing
jumps where a prompt begins to count. Frames before the first prompt have the backward sweep alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from void_server.segmenters.protocol import Told
from void_server.segmenters.sam2.predictor import OpenedShot, Seen
from void_server.segmenters.sam2.prompts import Given

SURE = 10.0
"""Logit beyond which nothing is surer, so that two sweeps can be blended: what SAM2 takes a mask prompt for
(`_use_mask_as_output` of sam2_base.py, facebookresearch/sam2)."""

Prompted = Mapping[int, Sequence[int]]
"""Sorted positions on which an object is prompted, by object."""


@dataclass
class Progress:
    """Steps done of all; also what is called within a step, to cancel there."""

    told: Told | None
    total: int
    done: int = 0

    def one_more(self) -> None:
        """A step is done."""
        self.done += 1
        self.alive()

    def alive(self) -> None:
        """A step goes on."""
        if self.told is not None:
            self.told(self.done, self.total)


def prompted_positions(given: Sequence[Given]) -> Prompted:
    """Where each object is prompted."""
    names = sorted({g.object for g in given})
    return {name: sorted(g.position for g in given if g.object == name) for name in names}


def steps(frames: int, prompted: Prompted) -> int:
    """How many steps `swept` makes: one a prompt, object and frame forward, object and frame backward."""
    return sum(
        len(at) + len(_steps_of(at, range(at[0], frames))) + len(_steps_of(at, range(at[-1])))
        for at in prompted.values()
    )


def swept(
    opened: OpenedShot, frames: int, given: Sequence[Given], progress: Progress
) -> Iterator[dict[int, Seen]]:
    """All objects on all frames, in the order of the frames.

    Args:
        opened: the shot.
        frames: how many it has.
        given: sorted by position; every object is prompted once at least.
        progress: of `steps` steps.
    """
    prompted = prompted_positions(given)
    known: dict[tuple[int, int], Seen] = {}
    for one in given:
        known[one.object, one.position] = opened.condition(one)
        progress.one_more()
    behind = _backward(opened, prompted, progress)
    opened.forget()
    for position in range(frames):
        found = {}
        for name, at in prompted.items():
            ahead = known.get((name, position))
            if ahead is None and position > at[0]:
                ahead = opened.step(name, position, reverse=False)
                progress.one_more()
            found[name] = _joined(position, at, ahead, behind.pop((name, position), None))
        yield found


def _backward(opened: OpenedShot, prompted: Prompted, progress: Progress) -> dict[tuple[int, int], Seen]:
    """By object and position; logits as float16, of which a long shot has many."""
    kept = {}
    for position in range(max(at[-1] for at in prompted.values()) - 1, -1, -1):
        for name, at in prompted.items():
            if position < at[-1] and position not in at:
                seen = opened.step(name, position, reverse=True)
                kept[name, position] = Seen(_limited(seen).logits.astype(np.float16), seen.score)
                progress.one_more()
    return kept


def _steps_of(at: Sequence[int], sweep: range) -> list[int]:
    return [position for position in sweep if position not in at]


def _joined(position: int, at: Sequence[int], ahead: Seen | None, behind: Seen | None) -> Seen:
    if behind is None or ahead is None:
        found = ahead or behind
        assert found is not None, (position, at)
        return Seen(found.logits.astype(np.float32), found.score)
    after = bisect_left(at, position)
    share = np.float32((position - at[after - 1]) / (at[after] - at[after - 1]))
    one, two = _limited(ahead), _limited(Seen(behind.logits.astype(np.float32), behind.score))
    return Seen(
        np.asarray(one.logits * (1 - share) + two.logits * share, np.float32),
        float(one.score * (1 - share) + two.score * share),
    )


def _limited(seen: Seen) -> Seen:
    return Seen(np.clip(seen.logits, -SURE, SURE, dtype=np.float32), float(np.clip(seen.score, -SURE, SURE)))
