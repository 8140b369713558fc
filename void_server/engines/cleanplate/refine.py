# SPDX-License-Identifier: Apache-2.0
"""What many small errors of a long track add up to, taken back where target and source can be compared: on the ring.

docs/cleanplate.md, step 6. The picture that a source lends is compared with the target around the hole by flow, the
difference is extended into the hole, and it is believed only if it also holds for a hidden band of the ring.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import (
    F32,
    I32,
    U8,
    Bools,
    grown,
    pixel_grid,
    sample_vectors,
)
from void_server.engines.cleanplate.membrane import (
    coarse_mean,
    coarseness,
    enlarged,
    gaussian,
    masked_blur,
    membrane,
)
from void_server.engines.cleanplate.motion import flow_algorithm
from void_server.engines.cleanplate.proxy import HOLE, RING, ProxyFrame
from void_server.engines.cleanplate.residual import LEAST_FLOW_SIDE
from void_server.engines.cleanplate.self_test import BAND
from void_server.engines.cleanplate.settings import CleanplateSettings
from void_server.engines.cleanplate.shot import ShotReader
from void_server.engines.cleanplate.sources import Source
from void_server.engines.cleanplate.workbox import WorkBox

FURTHEST = 4.0
"""Units u by which a place is corrected at most (docs/cleanplate.md, step 6)."""
SMOOTH = 6.0
"""Standard deviation, in units u, of the correction: a track's error is smooth, what flow sees in grain is not."""
LIGHT = 16.0
"""Standard deviation, in units u, of differences that are light and not place."""
MUST_WIN = 0.9
"""Share of the hidden band's error that may be left for a correction to be believed."""
SOFT = 1.5
"""Standard deviation, in pixels, of the errors that are compared: else a place between pixels wins."""
LEAST_BAND = 24
"""Pixels of the hidden band below which nothing is concluded."""


@dataclass(frozen=True)
class _Around:
    """The target's box as the ring shows it.

    Attributes:
        here: (h, w) float32, luminance of the encoded picture, 0..255.
        grid: (h, w, 2) float32, positions (x, y) in the box.
        places: (N, 2) int32, the tracked pixels in the box.
        evidence, band: (h, w) bool, where pictures may be compared, and the part of it next to the hole.
        unit: the length u in pixels.
    """

    here: F32
    grid: F32
    places: I32
    evidence: Bools
    band: Bools
    unit: float

    @property
    def coarse(self) -> int:
        """Pixels that may be taken together where only what is smooth is wanted."""
        return coarseness(SMOOTH * self.unit)

    def spread(self, values: F32) -> F32:
        """Values of the tracked pixels as a picture, 0 elsewhere."""
        picture = np.zeros((*self.here.shape, *values.shape[1:]), np.float32)
        picture[self.places[:, 1], self.places[:, 0]] = values
        return picture


def refine(
    sources: list[Source],
    target: ProxyFrame,
    box: WorkBox,
    pixels: I32,
    on_ring: Bools,
    shot: ShotReader,
    settings: CleanplateSettings,
) -> list[Source]:
    """The sources with their places corrected by what the ring shows, each where it helps.

    Args:
        sources: what `choose` chose.
        target: the frame to be filled.
        box: the part of it that is worked on.
        pixels: (N, 2) int32, (x, y) of the tracked proxy pixels, in the whole proxy.
        on_ring: (N,) bool, which of them give evidence.
        shot, settings: as for `fill_frame`.
    """
    x0, y0, x1, y1 = box.proxy
    if not on_ring.any() or min(x1 - x0, y1 - y0) < LEAST_FLOW_SIDE:
        return sources
    places = pixels - np.array((x0, y0), np.int32)
    evidence = np.zeros((y1 - y0, x1 - x0), bool)
    evidence[places[on_ring, 1], places[on_ring, 0]] = True
    near = grown(box.crop(target.where(HOLE)), BAND * target.unit) & box.crop(target.where(RING))
    around = _Around(
        _luminance(target.picture[y0:y1, x0:x1]),
        pixel_grid(evidence.shape),
        places,
        evidence,
        near,
        target.unit,
    )
    flow = flow_algorithm(settings)
    # What it would smooth is smoothed by more, later.
    flow.setVariationalRefinementIterations(0)
    return [_refined(source, around, pixels, shot, flow) for source in sources]


def _refined(
    source: Source, around: _Around, pixels: I32, shot: ShotReader, flow: cv2.DISOpticalFlow
) -> Source:
    visible = around.spread(source.visible.astype(np.float32)) > 0
    shown = around.evidence & visible
    band = shown & around.band
    if np.count_nonzero(band) < LEAST_BAND or not (shown & ~band).any():
        return source
    moved = membrane(around.spread(source.points - pixels), visible.astype(np.float32))
    corner = (pixels[0] - around.places[0]).astype(np.float32)

    def corrected(correction: F32) -> F32:
        at = around.grid + correction
        return np.asarray(at + corner + sample_vectors(moved, at), np.float32)

    whole = _luminance(shot.proxy(source.frame).picture)
    there = _sampled(whole, around.grid + corner + moved)
    lit = _lit(around, there, shown)
    pictures = [_bytes(picture, shown, around.coarse) for picture in (around.here, lit)]
    correction = flow.calc(pictures[0], pictures[1], None)
    tested = _extended(correction, shown & ~band, around)
    before, after = (
        _error(around, picture, band, shown) for picture in (there, _sampled(whole, corrected(tested)))
    )
    if after > MUST_WIN * before:
        return source
    believed = _extended(correction, shown, around)
    points = corrected(believed)
    x, y = around.places.T
    return replace(source, points=np.where(source.visible[:, None], points[y, x], source.points))


def _luminance(picture: U8) -> F32:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)


def _sampled(picture: F32, at: F32) -> F32:
    found = cv2.remap(picture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _lit(around: _Around, there: F32, shown: Bools) -> F32:
    """The lent picture under the light of the target: in a log encoding that is a smooth difference."""
    values, weight = coarse_mean(around.here - there, shown.astype(np.float32), around.coarse)
    return there + enlarged(masked_blur(values, weight, LIGHT * around.unit / around.coarse), there)


def _bytes(picture: F32, shown: Bools, coarse: int) -> U8:
    """What is shown, continued smoothly into the rest, so that flow is not drawn to the edge of the hole."""
    values, weight = coarse_mean(picture, shown.astype(np.float32), coarse)
    around = enlarged(membrane(values, np.minimum(4 * weight, 1)), picture)
    return np.clip(np.round(np.where(shown, picture, around)), 0, 255).astype(np.uint8)


def _extended(correction: F32, shown: Bools, around: _Around) -> F32:
    """(h, w, 2): the correction where pictures were compared, smooth, and extended to everywhere."""
    values, weight = coarse_mean(correction, shown.astype(np.float32), around.coarse)
    sigma, most = SMOOTH * around.unit / around.coarse, FURTHEST * around.unit
    steady = masked_blur(values, weight, sigma)
    whole = gaussian(membrane(steady, np.minimum(4 * weight, 1)), sigma)
    return np.clip(enlarged(whole, correction), -most, most)


def _error(around: _Around, there: F32, band: Bools, shown: Bools) -> float:
    apart = masked_blur(around.here - _lit(around, there, shown), shown.astype(np.float32), SOFT)
    return float(np.abs(apart)[band].mean(dtype=np.float64))
