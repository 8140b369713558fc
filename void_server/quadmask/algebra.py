# SPDX-License-Identifier: Apache-2.0
"""Mattes and quadmasks combined: union, intersection, difference, protection, and the first frame's convention.

Mattes combine as fuzzy sets (Zadeh, "Fuzzy sets", Information and Control 8, 1965): greatest, least and complement.
The overlap of what comes out is always the lesser of remove and affected (`Quadmask.overlap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from void_server.quadmask import growth
from void_server.quadmask.regions import Quadmask, Values


def union(one: Values, two: Values) -> Values:
    """The greater of two mattes, (h, w) float32 0..1."""
    greater: Values = np.maximum(one, two)
    return greater


def intersection(one: Values, two: Values) -> Values:
    """The lesser of two mattes, (h, w) float32 0..1."""
    lesser: Values = np.minimum(one, two)
    return lesser


def difference(one: Values, two: Values) -> Values:
    """What the first matte has and the second has not, (h, w) float32 0..1: the lesser of one and 1 - two."""
    rest: Values = np.minimum(one, np.float32(1) - two)
    return rest


def united(one: Quadmask, two: Quadmask) -> Quadmask:
    """What either quadmask removes is removed, and what either affects is affected."""
    return Quadmask(union(one.remove, two.remove), union(one.affected, two.affected))


def intersected(one: Quadmask, two: Quadmask) -> Quadmask:
    """What both quadmasks remove is removed, and what both affect is affected."""
    return Quadmask(intersection(one.remove, two.remove), intersection(one.affected, two.affected))


def subtracted(one: Quadmask, two: Quadmask) -> Quadmask:
    """The first quadmask without what the second removes, and without what the second affects."""
    return Quadmask(difference(one.remove, two.remove), difference(one.affected, two.affected))


def protected(quadmask: Quadmask, keep: Values | None) -> Quadmask:
    """The quadmask without what the artist keeps: both mattes times 1 - keep, so that keep always wins.

    Args:
        keep: (h, w) float32, taken as 0..1; None for none.
    """
    if keep is None:
        return quadmask
    free = 1 - np.clip(np.asarray(keep, np.float32), 0, 1)
    return Quadmask(quadmask.remove * free, quadmask.affected * free)


def grown(quadmask: Quadmask, *, remove: float = 0.0, affected: float = 0.0) -> Quadmask:
    """Both mattes grown by plate pixels, below 0 shrunk (`growth.grown`)."""
    return Quadmask(growth.grown(quadmask.remove, remove), growth.grown(quadmask.affected, affected))


def feathered(quadmask: Quadmask, *, remove: float = 0.0, affected: float = 0.0) -> Quadmask:
    """Both mattes softened outward over plate pixels (`growth.feathered`)."""
    return Quadmask(growth.feathered(quadmask.remove, remove), growth.feathered(quadmask.affected, affected))


def first_unaffected(clip: Sequence[Quadmask], *, applies: bool = True) -> list[Quadmask]:
    """A clip whose first frame has no affected region outside what is removed: 127 becomes 255, 63 stays.

    VOID was trained on clips that begin before the object has done anything, and its mask scripts hold to that. Switch
    it off for a clip that begins in the middle of the action: a shadow, a mirror image or a thing already knocked over
    that is there on the first frame would otherwise be taken for background, and stay.

    Args:
        clip: the frames in order; frames without an object may come first, the convention is about the first all the
            same.
        applies: False gives the clip as it is.
    """
    frames = list(clip)
    if applies and frames:
        frames[0] = replace(frames[0], affected=frames[0].overlap)
    return frames
