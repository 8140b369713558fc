# SPDX-License-Identifier: Apache-2.0
"""Fills one frame from the others: tracks, sources, blending, completion, and how sure of it the engine is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from void_server.engines.cleanplate.arrays import (
    F16,
    F32,
    I32,
    Arrays,
    Bools,
    bounds,
    finite_pixels,
    finite_view,
    over_channels,
)
from void_server.engines.cleanplate.complete import fill_unseen, median_colour
from void_server.engines.cleanplate.compose import Target, blend_sources
from void_server.engines.cleanplate.grain_left import GrainLeft, grain_left, part_of
from void_server.engines.cleanplate.harmonise import epsilon
from void_server.engines.cleanplate.proxy import EFFECT, FILL, HOLE, RING, ProxyFrame
from void_server.engines.cleanplate.refine import refine
from void_server.engines.cleanplate.relight import relight
from void_server.engines.cleanplate.self_test import keep_what_wins
from void_server.engines.cleanplate.settings import CleanplateSettings
from void_server.engines.cleanplate.shot import ShotReader
from void_server.engines.cleanplate.sources import Source, choose
from void_server.engines.cleanplate.thinned import ThinnedShot, enlarged, thinning
from void_server.engines.cleanplate.tracks import follow, occupied
from void_server.engines.cleanplate.workbox import WorkBox

Sample = TypeVar("Sample", np.float16, np.float32)

FULLY_SHOWN = 0.999
"""Share from which a borrowed pixel counts as background: weights of several sources sum to 1 only nearly."""
ROWS = 64
"""Rows of a picture that are mixed at a time."""
DOUBT = 0.04
"""Encoded disagreement (0..1) around the hole at which confidence has fallen to a half."""
ERROR_OF_DOUBT = 4.0
"""Summed round-trip error, in units u, at which confidence has fallen to 1/e, as the weights of docs/cleanplate.md,
step 5."""


_OPTIONAL = ("trace", "relit", "gain", "offset", "kept", "fine", "change", "lit", "lost", "split")
"""Layers of a fill that may be missing, in the order of its fields."""


@dataclass(frozen=True)
class FrameFill:
    """The filled part of one frame.

    Attributes:
        box: (x0, y0, x1, y1) in the plate, ends exclusive; of no area when there is nothing to fill.
        colour: float32 (h, w, 3), scene-linear, finite: the background where it was filled, else the plate.
        confidence: float32 (h, w), 0..1; 1 on the plate's own pixels, 0 on synthesised ones.
        borrowed: float32 (h, w), 0..1, how much comes from other frames.
        synthesised: float32 (h, w), 0..1, how much was seen in no frame.
        trace: float32 (h, w, 3), where the high band of borrowed pixels comes from: x and y in the plate, and the
            position of the frame in the shot; that is -1 where nothing is borrowed. None unless it was asked for.
        figures: `coverage` (share 0..1 of the hole that other frames show), `confidence` (mean over the hole),
            `ring_error` (mean encoded difference 0..1 around the hole over the sources used), `sources` (frames
            read), `distance` (mean frames between target and source, by weight), `relit` (share 0..1 of the affected
            region off the object that is the plate's own, its effect undone; only where there is such a region).
        relit: float32 (h, w), 0..1, how much is the plate's own surface with shadow or reflection undone.
        gain, offset: float32 (h, w, 3), scene-linear, what was undone: plate = colour * gain + offset but for grain
            where the surface showed; 1 and 0 where nothing was undone. None unless they were asked for.
        kept: float16 (h, w), 0..1, share of grain's power that averaging frames left; 0 where a pixel was made up
            smoothly, 1 on the plate's own and on texture of a frame. None where it is not known.
        fine: float16 (h, w), 0..1, share of white noise's power that sampling between pixels left of that; None as
            `kept`.
        lit: float16 (h', w', 3), any smaller size that is to be enlarged to (h, w): power of what is kept over that of
            grain at the fill's level, where its light was changed, for grain whose power goes with the level; None
            where it is 1.
        lost: float16 (h', w'), 0..1, share of `kept` that is missing in the low band, where that was blended from more
            frames than the high band; None where it is 0.
        split: float32 (1,), standard deviation, in plate pixels, of the Gaussian that divides the two; with `lost`.
        change: float32 (h, w), 0..1, where an engine that answers for all of its picture changed something beyond its
            own error; elsewhere the plate is to stay. None for one that says so by its colour.
    """

    box: tuple[int, int, int, int]
    colour: F32
    confidence: F32
    borrowed: F32
    synthesised: F32
    figures: dict[str, float]
    trace: F32 | None = None
    relit: F32 | None = None
    gain: F32 | None = None
    offset: F32 | None = None
    kept: F16 | None = None
    fine: F16 | None = None
    change: F32 | None = None
    lit: F16 | None = None
    lost: F16 | None = None
    split: F32 | None = None

    @property
    def empty(self) -> bool:
        """True when there was nothing to fill."""
        return self.confidence.size == 0

    def to_arrays(self) -> Arrays:
        """As named arrays, for storage."""
        arrays: Arrays = {
            "box": np.array(self.box, np.int32),
            "colour": self.colour,
            "confidence": self.confidence,
            "borrowed": self.borrowed,
            "synthesised": self.synthesised,
        }
        optional = {name: getattr(self, name) for name in _OPTIONAL}
        arrays.update({name: values for name, values in optional.items() if values is not None})
        arrays.update(
            {f"figure.{name}": np.array([value], np.float64) for name, value in self.figures.items()}
        )
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> FrameFill:
        """The fill that `to_arrays` gave."""
        x0, y0, x1, y1 = (int(v) for v in arrays["box"])
        figures = {
            name.removeprefix("figure."): float(value[0])
            for name, value in sorted(arrays.items())
            if name.startswith("figure.")
        }
        return cls(
            (x0, y0, x1, y1),
            arrays["colour"],
            arrays["confidence"],
            arrays["borrowed"],
            arrays["synthesised"],
            figures,
            *(arrays.get(name) for name in _OPTIONAL),
        )


def fill_frame(target: int, shot: ShotReader, settings: CleanplateSettings) -> FrameFill:
    """Rebuilds the background of one frame's region from the other frames of the shot.

    Args:
        target: the frame's position, 0..n-1.
        shot: the shot; only proxies, motions and plates that the frame needs are read.
        settings: the engine's settings.
    """
    times = thinning(shot.proxy(target).full_size) if settings.quality == "preview" else 1
    if times == 1:
        return _filled(target, shot, settings)
    return enlarged(_filled(target, ThinnedShot(shot, times), settings), shot.plate(target), times)


def _filled(target: int, shot: ShotReader, settings: CleanplateSettings) -> FrameFill:
    proxy = shot.proxy(target)
    box = WorkBox.around(proxy)
    if box is None:
        return _nothing()
    pixels, in_hole, on_ring = _tracked(proxy, box)
    on_ring &= ~occupied(target, shot)[pixels[:, 1], pixels[:, 0]]
    candidates = follow(target, pixels.astype(np.float32), in_hole, shot, settings)
    chosen = choose(candidates, proxy, pixels, in_hole, on_ring, shot, settings)
    chosen = refine(chosen, proxy, box, pixels, on_ring, shot, settings)
    verdict = keep_what_wins(chosen, proxy, box, pixels, in_hole, on_ring, shot)
    sources = verdict.sources
    plate = shot.plate(target)
    cut = _cut(proxy, box, pixels, plate)
    relit = relight(
        cut,
        blend_sources(cut, sources, shot, settings),
        proxy,
        grain=settings.grain,
        layers=settings.relight,
        rounds=settings.relight_rounds,
    )
    blended = replace(relit.background, use=_fully_shown(relit.background.use))
    colour, synthesised = _complete(cut, blended.colour, blended.use, plate)
    own = blended.use * relit.own * cut.filled
    borrowed = blended.use * cut.filled - own
    if blended.trace is not None:
        blended.trace[borrowed <= 0] = -1
    # A pixel that is neither borrowed nor synthesised is the plate's own, and as sure as what was divided out of it.
    confidence = _confidence(cut, sources, borrowed, synthesised) - own * relit.doubt
    figures = _figures(target, sources, in_hole, cut, confidence) | verdict.figures
    figures |= _relit_figure(cut, proxy, own)
    left = grain_left(cut, blended, relit.lit, own, borrowed, synthesised)
    layers = blended.trace, own, relit.gain, relit.offset, left.kept, left.fine
    whole = FrameFill(cut.box.full, colour, confidence, borrowed, synthesised, figures, *layers)
    return _trimmed(cut, whole, left)


def _nothing() -> FrameFill:
    empty = np.zeros((0, 0), np.float32)
    return FrameFill(
        (0, 0, 0, 0), np.zeros((0, 0, 3), np.float32), empty, empty, empty, {"coverage": 1.0, "sources": 0.0}
    )


def _tracked(proxy: ProxyFrame, box: WorkBox) -> tuple[I32, Bools, Bools]:
    """(N, 2) pixels (x, y) to be followed, and which of them are in the hole, on the ring."""
    x0, y0, _, _ = box.proxy
    regions = proxy.regions[box.proxy[1] : box.proxy[3], x0 : box.proxy[2]]
    rows, columns = np.nonzero(regions & (FILL | RING))
    bits = regions[rows, columns]
    pixels = np.stack([columns + x0, rows + y0], axis=1).astype(np.int32)
    return pixels, (bits & FILL != 0) & (bits & HOLE != 0), bits & RING != 0


def _cut(proxy: ProxyFrame, box: WorkBox, pixels: I32, plate: F32) -> Target:
    x0, y0, x1, y1 = box.full
    hole, ring, fill = (box.crop(proxy.where(bit)) for bit in (HOLE, RING, FILL))
    part = finite_view(plate[y0:y1, x0:x1])
    filled = box.enlarge(fill.astype(np.float32)) > 0
    known = box.enlarge((~hole).astype(np.float32)) >= 1
    step = max(1, int(min(box.scale)))
    eps = epsilon(part[::step, ::step][known[::step, ::step]])
    return Target(box, pixels, part, hole, ring, fill, filled, known, eps, proxy.unit)


def _fully_shown(use: F32) -> F32:
    """The use of the borrowed background, 1 where that is missed by rounding alone."""
    return np.where(use >= FULLY_SHOWN, 1, use).astype(np.float32, copy=False)


def _complete(cut: Target, borrowed: F32, use: F32, plate: F32) -> tuple[F32, F32]:
    """The finished colour of the box, and how much of each pixel was seen in no frame."""
    share = use * cut.filled
    best = np.empty_like(borrowed)
    # Some rows at a time, so that the passes stay in the processor's cache.
    for top in range(0, len(best), ROWS):
        rows = slice(top, top + ROWS)
        np.subtract(borrowed[rows], cut.plate[rows], out=best[rows])
        best[rows] *= over_channels(share[rows], 3)
        best[rows] += cut.plate[rows]
    synthesised = (1 - share) * (cut.filled & ~cut.known)
    if not (synthesised > 0).any():
        return best, synthesised
    # In the hole the plate shows the object, so nothing of it may enter, however small its share.
    known = cut.known[..., None]
    trusted = np.where(cut.known, 1, share >= FULLY_SHOWN).astype(np.float32)
    fallback = np.zeros(3, np.float32) if trusted.any() else median_colour(plate, finite_pixels(plate))
    unseen = fill_unseen(np.where(known, best, borrowed), trusted, cut.eps, fallback)
    mixed = np.where(known, best, borrowed * share[..., None] + unseen * (1 - share[..., None]))
    return np.asarray(np.where(cut.filled[..., None], mixed, best), np.float32), synthesised


def _confidence(cut: Target, sources: list[Source], borrowed: F32, synthesised: F32) -> F32:
    own = np.asarray(np.clip(1 - borrowed - synthesised, 0, 1), np.float32)
    if not sources:
        return own
    total = np.zeros(len(cut.pixels), np.float64)
    sure = np.zeros(len(cut.pixels), np.float64)
    for source in sources:
        certainty = np.exp(-source.error / (ERROR_OF_DOUBT * cut.unit)) / (
            1 + np.square(source.disagreement / DOUBT)
        )
        total += source.weight
        sure += source.weight * certainty
    mean = (sure / np.maximum(total, 1e-12)).astype(np.float32)
    sureness = own + borrowed * cut.box.enlarge(cut.on_grid(mean))
    return np.asarray(np.clip(sureness, 0, 1), np.float32)


def _figures(
    target: int, sources: list[Source], in_hole: Bools, cut: Target, confidence: F32
) -> dict[str, float]:
    weights = np.array([source.weight[in_hole].sum(dtype=np.float64) for source in sources])
    seen = np.zeros(in_hole.sum(), bool)
    for source in sources:
        seen |= source.weight[in_hole] > 0
    hole = ~cut.known & cut.filled
    figures = {
        "coverage": float(seen.mean()) if seen.size else 1.0,
        "confidence": float(confidence[hole].mean(dtype=np.float64)) if hole.any() else 1.0,
        "sources": float(len(sources)),
    }
    if weights.sum() > 0:
        around = [float(np.mean(source.disagreement[in_hole], dtype=np.float64)) for source in sources]
        figures["ring_error"] = float(np.average(around, weights=weights))
        figures["distance"] = float(
            np.average([abs(source.frame - target) for source in sources], weights=weights)
        )
    return figures


def _relit_figure(cut: Target, proxy: ProxyFrame, own: F32) -> dict[str, float]:
    place = cut.box.crop(proxy.where(EFFECT)) & cut.hole
    return {"relit": float(cut.box.reduce(own)[place].mean(dtype=np.float64))} if place.any() else {}


def _trimmed(cut: Target, whole: FrameFill, grain: GrainLeft) -> FrameFill:
    """The fill of the work box without the ring that was only evidence."""
    left, top, right, bottom = bounds(cut.filled) or (0, 0, 0, 0)
    x, y = cut.box.full[:2]

    def part(values: NDArray[Sample]) -> NDArray[Sample]:
        return np.ascontiguousarray(values[top:bottom, left:right])

    return FrameFill(
        (x + left, y + top, x + right, y + bottom),
        part(whole.colour),
        part(whole.confidence),
        part(whole.borrowed),
        part(whole.synthesised),
        whole.figures,
        trace=None if whole.trace is None else part(whole.trace),
        relit=None if whole.relit is None else part(whole.relit),
        gain=None if whole.gain is None else part(whole.gain),
        offset=None if whole.offset is None else part(whole.offset),
        kept=None if whole.kept is None else part(whole.kept),
        fine=None if whole.fine is None else part(whole.fine),
        lit=part_of(cut, grain.lit, (left, top, right, bottom)),
        lost=part_of(cut, grain.lost, (left, top, right, bottom)),
        split=None if grain.lost is None else np.array([cut.split * min(cut.box.scale)], np.float32),
    )
