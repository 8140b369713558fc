# SPDX-License-Identifier: Apache-2.0
"""Does borrowing beat a smooth fill? Asked of pixels whose truth is known: a hidden band just outside the hole.

docs/cleanplate.md, step 9. The band is rebuilt once from the sources and once smoothly from around; for each part of
the hole the better way is kept, and how well it did is published.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, I32, Bools, grown, mean_channel, over_channels
from void_server.engines.cleanplate.harmonise import GAIN_SIGMA
from void_server.engines.cleanplate.membrane import coarse_mean, coarseness, enlarged, membrane
from void_server.engines.cleanplate.proxy import FILL, HOLE, RING, RING_WIDTH, ProxyFrame
from void_server.engines.cleanplate.shot import ShotReader
from void_server.engines.cleanplate.sources import Source
from void_server.engines.cleanplate.tracks import sample
from void_server.engines.cleanplate.workbox import WorkBox

BAND = 8.0
"""Width of the hidden band in units u (docs/cleanplate.md, step 9)."""
LEAST_BAND = 24
"""Band pixels of a part below which nothing is concluded."""
HEAD_START = 0.8
"""The band lies beside what the smooth fill knows and the middle of the hole does not: it has to win by 1 dB."""
NOISE = 1.0
"""Rounding of the analysis picture, in its levels: errors below this are none."""


@dataclass(frozen=True)
class Verdict:
    """What the self-test found.

    Attributes:
        sources: as they were, with no weight in the parts that a smooth fill rebuilds better.
        ring_psnr: PSNR in dB, of encoded values 0..1, of the hidden band as it is rebuilt; None where there is none.
        given_up: share 0..1 of the hole's tracked pixels that borrowing lost.
    """

    sources: list[Source]
    ring_psnr: float | None
    given_up: float

    @property
    def figures(self) -> dict[str, float]:
        """The findings by name; `ring_psnr` only where there is one."""
        found = {"given_up": self.given_up}
        return found if self.ring_psnr is None else found | {"ring_psnr": self.ring_psnr}


def keep_what_wins(
    sources: list[Source],
    target: ProxyFrame,
    box: WorkBox,
    pixels: I32,
    in_hole: Bools,
    on_ring: Bools,
    shot: ShotReader,
) -> Verdict:
    """Takes the sources away from the parts of the hole where a smooth fill rebuilds the hidden band better.

    Args:
        sources: what `choose` chose; the artist's clean plates are never doubted.
        target: the frame to be filled.
        box: the part of it that is worked on.
        pixels: (N, 2) int32, (x, y) of the tracked proxy pixels, in the whole proxy.
        in_hole, on_ring: (N,) bool, which of them are to be filled, and which give evidence.
        shot: the shot.
    """
    hole = box.crop(target.where(HOLE))
    if not sources or not on_ring.any():
        return Verdict(sources, None, 0.0)
    band = grown(hole, BAND * target.unit) & box.crop(target.where(RING))
    x0, y0, x1, y1 = box.proxy
    here, places = target.picture[y0:y1, x0:x1].astype(np.float32), pixels - np.array((x0, y0), np.int32)
    evidence = np.zeros(hole.shape, bool)
    evidence[places[on_ring, 1], places[on_ring, 0]] = True
    band &= evidence
    rebuilt, told = _borrowed(sources, here, places, evidence & ~band, target.unit, shot)
    smooth = membrane(here, (~(hole | band)).astype(np.float32))
    compared = band & told
    # A part of the hole with all around it, as far as no other part is.
    around = grown(hole, RING_WIDTH * target.unit) | box.crop(target.where(FILL))
    count, parts = cv2.connectedComponents(around.astype(np.uint8))
    totals = np.bincount(parts[compared], minlength=count)
    errors = [
        np.bincount(parts[compared], mean_channel(np.square(fill - here))[compared], minlength=count)
        / np.maximum(totals, 1)
        + NOISE**2
        for fill in (rebuilt, smooth)
    ]
    lost = (totals >= LEAST_BAND) & (errors[1] < HEAD_START * errors[0])
    best = np.where(lost, errors[1], errors[0])
    of_part = lost[parts[places[:, 1], places[:, 0]]]
    kept = [_without(source, of_part) for source in sources]
    mean = float((best * totals).sum() / totals.sum()) if totals.any() else None
    return Verdict(
        [source for source in kept if (source.weight > 0).any()],
        None if mean is None else float(10 * np.log10(255**2 / mean)),
        float(of_part[in_hole].mean(dtype=np.float64)) if in_hole.any() else 0.0,
    )


def _without(source: Source, lost: Bools) -> Source:
    if source.painted or not lost.any():
        return source
    return replace(
        source, weight=np.where(lost, 0, source.weight).astype(np.float32), visible=source.visible & ~lost
    )


def _borrowed(
    sources: list[Source], here: F32, places: I32, evidence: Bools, unit: float, shot: ShotReader
) -> tuple[F32, Bools]:
    """(h, w, 3) the box as its sources show it, gain from `evidence` alone, and (h, w) where any does."""
    total, weight = np.zeros_like(here), np.zeros(here.shape[:2], np.float32)
    x, y = places[:, 0], places[:, 1]
    coarse = coarseness(GAIN_SIGMA * unit)
    for source in sources:
        there = np.zeros_like(total)
        shown = np.zeros_like(weight)
        there[y, x] = sample(shot.proxy(source.frame).picture, source.points)
        shown[y, x] = source.weight * source.visible
        both = evidence & (shown > 0)
        known, share = coarse_mean(here - there, both.astype(np.float32), coarse)
        gain = membrane(known, np.minimum(4 * share, 1))
        total += (there + enlarged(gain, here)) * over_channels(shown, 3)
        weight += shown
    return total / over_channels(np.maximum(weight, 1e-12), 3), weight > 0
