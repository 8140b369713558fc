# SPDX-License-Identifier: Apache-2.0
"""What one frame alone says of the affected region: where it differs smoothly from its background, near the object.

docs/motion_reasoner.md, steps 2 to 4. Lengths are in units u = long side of the proxy / 960.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from void_server.engines.cleanplate import ProxyFrame
from void_server.engines.cleanplate.arrays import F32, Arrays, Bools, bounds, grown
from void_server.engines.cleanplate.membrane import gaussian
from void_server.engines.cleanplate.proxy import HOLE, REMOVE_GROWTH
from void_server.reasoners.motion.background import Background, Rect, SurveyReader, median_background
from void_server.reasoners.motion.display import DisplayCurve
from void_server.reasoners.motion.misplaced import placed
from void_server.reasoners.motion.moved import independent_left_out, moved_region
from void_server.reasoners.motion.movers import Movers
from void_server.reasoners.motion.strokes import stroke_at
from void_server.reasoners.motion.whereabouts import object_of, whereabouts

BESIDE, ABOVE, BELOW, LEAST_REACH = 0.9, 0.25, 0.6, 24.0
"""How far the search box reaches from the object: of its width to each side, of its height up and down, and at least
so many u: shadows and mirror images lie at the foot of things."""
LEAST_VOTES = 3
SMOOTH = 6.0
"""Standard deviation, in u, over which differences are averaged: shadows are smooth, grain is not."""
PLAIN_NOISE, MISPLACED = 0.01, 0.7
"""What makes a pixel's difference worth less: display-like noise on plain surfaces, and so many proxy pixels of
misplacement on edges."""
LEAST_COHERENCE = 0.45
"""Differences of one sign are light; those that cancel out are texture that is a little misplaced."""
NOISES, FAINTEST, COARSEST = 2.0, 0.006, 0.06
"""A difference counts from so many times the median of the surroundings, within these display-like bounds."""
FAR = 40.0
"""Distance from the object, in u, from which the surroundings tell the noise."""
CERTAIN = 2.0
"""Every region holds a pixel of so many times the threshold."""
CONTACT, LEAST_AREA, CLOSED, WIDENED = 10.0, 60.0, 4.0, 2.0
"""Distance to the object within which a region has contact (u), its least area (u squared), the gaps closed in it, and
by how much it is widened (u)."""
RIM = REMOVE_GROWTH + 2.0
"""How far a region reaches into the hole, in u, so that it meets the object's matte."""
LEAST_SHARE = 0.3
MOST_NOISE, LEAST_COVERAGE, LEAST_UNCOVERED = 0.03, 0.6, 0.5
"""Beyond these the background is no ground to judge on, and nothing is proposed. Where an object rests, its own place
is never uncovered, and its shadow is as much part of every frame as the wall."""


@dataclass(frozen=True)
class Proposal:
    """A frame's proposal.

    Attributes:
        affected: (h, w) bool at proxy resolution; it overlaps the object's rim.
        object_box: (x0, y0, x1, y1) around the object, proxy pixels, ends exclusive, beyond the frame where it is just
            out of sight; None when there is none.
        figures: `coverage` (share 0..1 of the object's surroundings whose background is known), `uncovered` (the same
            of its own place), `noise` (median display-like difference away from it), `threshold`, and `abstained` (1
            when the background is no ground to judge on); where a hint stroke was read, `stroke_offset` (the frame that
            it was drawn on less this one).
        pointed_at: (h, w) bool, the part of `affected` that touches a stroke drawn on this frame itself; None without.
        moved: (h, w) bool, what is not as it was before the object set it in motion; None where there is nothing. It is
            proposed whatever the frames around say.
    """

    affected: Bools
    object_box: Rect | None
    figures: dict[str, float]
    pointed_at: Bools | None = None
    moved: Bools | None = None

    def to_arrays(self) -> Arrays:
        """As named arrays, for storage."""
        arrays: Arrays = {
            "affected": self.affected.astype(np.uint8),
            "object_box": np.array(self.object_box or (), np.int32),
        }
        arrays.update({f"figure.{name}": np.array([v], np.float64) for name, v in self.figures.items()})
        if self.pointed_at is not None:
            arrays["pointed_at"] = self.pointed_at.astype(np.uint8)
        if self.moved is not None:
            arrays["moved"] = self.moved.astype(np.uint8)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Proposal:
        """The proposal that `to_arrays` gave."""
        figures = {n.removeprefix("figure."): float(v[0]) for n, v in sorted(arrays.items()) if "." in n}
        box = tuple(int(v) for v in arrays["object_box"])
        pointed_at = arrays["pointed_at"] != 0 if "pointed_at" in arrays else None
        moved = arrays["moved"] != 0 if "moved" in arrays else None
        return cls(arrays["affected"] != 0, box if len(box) == 4 else None, figures, pointed_at, moved)


def propose_frame(
    target: int, survey: SurveyReader, decode: Callable[[F32], F32], movers: Movers | None = None
) -> Proposal:
    """Compares one frame with its background around the object, and with what was there before it moved anything.

    Args:
        target: the frame's position, 0..n-1.
        survey: only the proxies and motions that the frame needs are read.
        decode: the shot's mapping, encoded (n, 3) float32 0..1 to scene-linear.
        movers: those of the whole shot; None where nothing moves on its own.
    """
    found = _light(target, survey, decode)
    if not movers:
        return found
    proxy = survey.proxy(target)
    affected = independent_left_out(found.affected, movers.independent.get(target), proxy.unit)
    found = replace(found, affected=affected)
    moved = moved_region(target, proxy, movers, decode)
    return replace(found, moved=moved) if moved.any() else found


def _light(target: int, survey: SurveyReader, decode: Callable[[F32], F32]) -> Proposal:
    """What the object's shadow and mirror image change."""
    proxy = survey.proxy(target)
    place = whereabouts(target, survey)
    stroke = stroke_at(target, survey) if place is not None else None
    mask = stroke.mask if stroke is not None else np.zeros(proxy.size, bool)
    box = search_box(place, proxy, bounds(mask)) if place is not None else None
    affected = np.zeros(proxy.size, bool)
    if place is None or box is None:
        return Proposal(affected, None, {"abstained": 0.0})
    behind = median_background(target, box, survey)
    inside = np.s_[box[1] : box[3], box[0] : box[2]]
    curve = DisplayCurve(decode, proxy.picture, ~proxy.where(HOLE))
    near = (_near(place, proxy) | mask)[inside]
    likely, certain, figures = _likely(proxy, inside, behind, curve, near)
    hole = proxy.where(HOLE)[inside]
    affected[inside] = _reached(likely, certain, near, hole, proxy.unit)
    if stroke is None:
        return Proposal(affected, place, figures)
    figures["stroke_offset"] = float(stroke.offset)
    pointed_at = np.zeros(proxy.size, bool)
    if stroke.offset == 0:
        pointed_at[inside] = _reached(likely, certain, mask[inside], hole, proxy.unit)
    return Proposal(affected, place, figures, pointed_at if stroke.offset == 0 else None)


def search_box(place: Rect, proxy: ProxyFrame, drawn: Rect | None = None) -> Rect | None:
    """The part of the frame in which effects of an object at `place` are looked for; None when it is out of reach.

    Args:
        place: (x0, y0, x1, y1) around the object, proxy pixels, ends exclusive.
        proxy: the frame.
        drawn: the same around a hint stroke; what it points at may be as large as the object.
    """
    x0, y0, x1, y1 = place
    width, height, least = x1 - x0, y1 - y0, (LEAST_REACH + REMOVE_GROWTH) * proxy.unit
    beside, above, below = (
        int(np.ceil(max(share * side, least)))
        for share, side in ((BESIDE, width), (ABOVE, height), (BELOW, height))
    )
    rows, columns = proxy.size
    left, top = max(0, x0 - beside), max(0, y0 - above)
    right, bottom = min(columns, x1 + beside), min(rows, y1 + below)
    found = (left, top, right, bottom) if left < right and top < bottom else None
    if drawn is None:
        return found
    around = int(np.ceil(max(width, height, least)))
    x0, y0, x1, y1 = drawn
    left, top, right, bottom = found or drawn
    return (
        min(left, max(0, x0 - around)),
        min(top, max(0, y0 - around)),
        max(right, min(columns, x1 + around)),
        max(bottom, min(rows, y1 + around)),
    )


def _near(place: Rect, proxy: ProxyFrame) -> Bools:
    """(h, w) bool: in contact with the object, or with the frame's edge where it is out of sight."""
    rows, columns = proxy.size
    core = object_of(proxy).copy()
    if not core.any():
        x0, x1 = (min(max(v, 0), columns - 1) for v in (place[0], place[2] - 1))
        y0, y1 = (min(max(v, 0), rows - 1) for v in (place[1], place[3] - 1))
        core[y0 : y1 + 1, x0 : x1 + 1] = True
    return grown(core, (CONTACT + REMOVE_GROWTH) * proxy.unit)


def _likely(
    proxy: ProxyFrame, inside: tuple[slice, ...], behind: Background, curve: DisplayCurve, near: Bools
) -> tuple[Bools, Bools, dict[str, float]]:
    """(h, w) bool where light differs from the background, the same where it certainly does, and the figures."""
    hole, thing = proxy.where(HOLE)[inside], object_of(proxy)[inside]
    seen = behind.votes >= LEAST_VOTES
    known = seen & ~hole
    figures = {
        "coverage": float(known.sum() / max(1, np.count_nonzero(~hole))),
        "uncovered": float(seen[thing].mean()) if thing.any() else 1.0,
        "abstained": 1.0,
    }
    nothing = np.zeros(hole.shape, bool)
    if figures["coverage"] < LEAST_COVERAGE or figures["uncovered"] < LEAST_UNCOVERED:
        return nothing, nothing, figures
    shown, plain = curve(proxy.picture[inside].astype(np.float32)), curve(behind.picture)
    plain = placed(shown, plain, known, proxy.unit)
    difference, coherence, share = _smooth_difference(shown, plain, known, proxy.unit)
    around = known & ~grown(near, (FAR - CONTACT) * proxy.unit)
    reference = around if np.count_nonzero(around) > LEAST_AREA else known
    # Light that changes everywhere is not the object's doing.
    strength = np.abs(difference - np.median(difference[reference], axis=0)).max(axis=-1)
    noise = float(np.median(strength[reference]))
    threshold = float(np.clip(NOISES * noise, FAINTEST, COARSEST))
    figures |= {"noise": noise, "threshold": threshold, "abstained": float(noise > MOST_NOISE)}
    if figures["abstained"]:
        return nothing, nothing, figures
    likely = (strength > threshold) & (coherence > LEAST_COHERENCE) & (share > LEAST_SHARE) & ~hole
    return likely, likely & (strength > CERTAIN * threshold), figures


def _smooth_difference(shown: F32, plain: F32, known: Bools, unit: float) -> tuple[F32, F32, F32]:
    """(h, w, 3) averaged difference of two display-like pictures, (h, w) its coherence 0..1, and the known share."""
    sigma = SMOOTH * unit
    weight = np.where(known, 1 / (PLAIN_NOISE**2 + np.square(MISPLACED * _slope(plain))), 0)
    weight = weight.astype(np.float32)
    difference = np.where(known[..., None], shown - plain, 0) * weight[..., None]
    mass = np.maximum(gaussian(weight, sigma), 1e-6)
    mean = gaussian(difference.astype(np.float32), sigma) / mass[..., None]
    absolute = gaussian(np.abs(difference).max(axis=-1).astype(np.float32), sigma) / mass
    coherence = np.abs(mean).max(axis=-1) / np.maximum(absolute, 1e-6)
    return np.asarray(mean), np.asarray(coherence), gaussian(known.astype(np.float32), sigma)


def _slope(picture: F32) -> F32:
    """(h, w) root mean square over the channels of the gradient, per pixel."""
    soft = gaussian(picture, 1.0)
    squares = [
        np.square(cv2.Sobel(soft[..., c], cv2.CV_32F, dx, 1 - dx, scale=1 / 8))
        for c in range(3)
        for dx in (0, 1)
    ]
    return np.asarray(np.sqrt(np.sum(squares, axis=0) / 3), np.float32)


def _reached(likely: Bools, certain: Bools, near: Bools, hole: Bools, unit: float) -> Bools:
    """The connected regions that touch the object's surroundings or a stroke, and are certain somewhere; closed and
    widened.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(likely.astype(np.uint8), connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= LEAST_AREA * unit * unit
    for needed in (likely & near, certain):
        kept &= np.isin(np.arange(count), labels[needed])
    kept[0] = False
    size = 2 * max(1, round(CLOSED * unit)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    closed = cv2.morphologyEx(kept[labels].astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0
    # Over the object's rim too: the hole is wider than its matte, and a shadow begins under the matte's edge.
    return np.asarray(np.where(hole, grown(closed, RIM * unit), grown(closed, WIDENED * unit)))
