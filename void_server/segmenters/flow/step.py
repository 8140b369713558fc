# SPDX-License-Identifier: Apache-2.0
"""The object carried from one frame to the next: where its motion puts it, then where the picture says it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, F64, Bools, bounds, pixel_grid
from void_server.engines.cleanplate.membrane import gaussian
from void_server.segmenters.flow.carried import Carried
from void_server.segmenters.flow.distance import NOWHERE, shifted, signed_distance
from void_server.segmenters.flow.evidence import colour_evidence, separation
from void_server.segmenters.flow.local_colours import BACKGROUND, CELL, OBJECT, LocalColours
from void_server.segmenters.flow.motion import flowed
from void_server.segmenters.flow.picture import Reduced
from void_server.segmenters.flow.placement import by_colours, by_look
from void_server.segmenters.flow.settings import BAND, NEAR
from void_server.segmenters.guided import guided_filter

FLOW_BONUS = 0.3
"""How much worse the colours may separate for flow, which knows turns and bends, to be taken before a mere shift."""
SOFT = 6.0
"""Distance in u from the predicted edge that counts as much as colours e times as likely."""
CERTAIN = 5.0
"""Logarithm of odds beyond which nothing is surer."""
OF_KEY, BESIDE_KEY, OF_LAST = 4.0, 3.0, 1.0
"""Weights of pixels that colours are learnt from: the key frame's object and its surroundings, moved along with it (so
that a shadow at its foot stays background), and the last frame's object, which may hold mistakes."""
ALIGN, FLAT = 6.0, 20.0
"""Radius of the guided filter in u, and its epsilon: levels squared of 8 bits."""
COVERED, COVERED_SIGMA = -0.5, 6.0
"""Mean odds, over so many u, below which something stands before the object, however far inside."""
SPECK = 0.02
"""Share of the object below which a part of its own is dropped and a hole that was not there is closed."""
KNOWN = 0.3
"""Share of a part of its own that must have been predicted."""
LOST = 0.15
"""Share of the key frame's separation of colours below which the object is no longer there."""
EXIT = 8
"""Pixels from the border within which an object that is no longer seen has left the picture, and is not lost."""
AGE, DISAGREEMENT = 0.99, 0.2
"""What is left of trust after a frame, and how much of it goes where colours no longer separate as on the key frame
or the picture disagrees with the prediction."""


@dataclass(frozen=True)
class Predicted:
    """Where the object should be on a frame, by its motion alone.

    Attributes:
        distance: (h, w) float32, as in `Carried`.
        motion, background: (2,) float64, (x, y) pixels, of the object and of what is around it.
        evidence: (h, w) float32 (`colour_evidence`).
    """

    distance: F32
    motion: F64
    background: F64
    evidence: F32


def step(before: Carried, frame: Reduced, anchor: Carried) -> Carried:
    """The object on the frame after (or before) the one that it is known on.

    Args:
        before: the object there.
        frame: the next picture.
        anchor: the object on its key frame.
    """
    if not before.mask.any():
        return replace(before, frame=frame, trust=before.trust * AGE)
    found = predict(before, frame, anchor)
    offset = before.offset + found.motion
    mask = _refined(before, frame, anchor, found)
    distance = signed_distance(mask)
    predicted = np.asarray(found.distance < 0)
    if not mask.any() and _at_border(predicted):
        return Carried(frame, distance, offset, found.motion, found.background, before.trust * AGE)
    agreeing = _agreement(distance, anchor, found, frame.unit)
    if agreeing < LOST:
        distance = np.full(mask.shape, NOWHERE, np.float32)
    meeting = np.count_nonzero(mask & predicted) / max(1, int(np.count_nonzero(mask | predicted)))
    trust = before.trust * AGE * (1 - DISAGREEMENT * (1 - agreeing)) * (1 - DISAGREEMENT * (1 - meeting))
    return Carried(frame, distance, offset, found.motion, found.background, trust)


def predict(before: Carried, frame: Reduced, anchor: Carried) -> Predicted:
    """The likeliest of several motions: flow, and shifts as a whole, by how well colours separate at the edge."""
    evidence = colour_evidence(anchor, before, frame)
    look = by_look(before, frame)
    flow = flowed(before, frame, look)
    best = Predicted(flow.distance, flow.motion, flow.background, evidence)
    most = separation(evidence, flow.distance, frame.unit) + FLOW_BONUS
    for guess in (look, (float(before.motion[0]), float(before.motion[1]))):
        shift = by_colours(evidence, before.mask, guess, frame.unit)
        distance = shifted(before.distance, shift)
        apart = separation(evidence, distance, frame.unit)
        if apart > most:
            best, most = Predicted(distance, np.array(shift), flow.background, evidence), apart
    return best


def _at_border(mask: Bools) -> bool:
    """Whether nothing of a mask is away from the picture's border: what was there has left."""
    inner = mask[EXIT:-EXIT, EXIT:-EXIT] if min(mask.shape) > 2 * EXIT else mask[:0]
    return not inner.any()


def _agreement(distance: F32, anchor: Carried, found: Predicted, unit: float) -> float:
    """How well colours separate at the edge, against the key frame, 0..1; 0 for what is no longer there."""
    then = separation(colour_evidence(anchor, anchor, anchor.frame), anchor.distance, unit)
    return float(np.clip(separation(found.evidence, distance, unit) / max(then, 1e-3), 0, 1))


def _refined(before: Carried, frame: Reduced, anchor: Carried, found: Predicted) -> Bools:
    """The prediction with its edge where colours change sides."""
    mask = np.zeros(found.distance.shape, bool)
    box = bounds(np.asarray(found.distance < NEAR * frame.unit))
    if box is None or not (found.distance < 0).any():
        return mask
    part = (slice(box[1], box[3]), slice(box[0], box[2]))
    band, near = BAND * frame.unit, found.distance[part]
    odds = _local_odds(before, frame, anchor, found, box)
    total = np.clip(odds - near / (SOFT * frame.unit), -CERTAIN, CERTAIN)
    covered = gaussian(np.asarray(odds, np.float32), COVERED_SIGMA * frame.unit) < COVERED
    total[(near < -band) & ~covered] = CERTAIN
    total[(near < -band) & covered] = -CERTAIN
    total[near > band] = -CERTAIN
    radius = max(1, round(ALIGN * frame.unit))
    guide = frame.colour[part].astype(np.float32)
    mask[part] = guided_filter(guide, np.asarray(total, np.float32), radius, FLAT) > 0
    return _tidied(mask, np.asarray(found.distance < 0))


def _local_odds(
    before: Carried, frame: Reduced, anchor: Carried, found: Predicted, box: tuple[int, int, int, int]
) -> F32:
    """(h, w) of the box (x0, y0, x1, y1): odds by what is learnt near each pixel."""
    band, near = BAND * frame.unit, NEAR * frame.unit
    corner = np.array(box[:2], np.float32)
    places = pixel_grid(found.distance.shape) - corner
    part = (slice(box[1], box[3]), slice(box[0], box[2]))
    here, distance, lab = places[part], found.distance[part], frame.lab[part]
    learnt = LocalColours((box[3] - box[1], box[2] - box[0]), CELL * frame.unit)
    learnt.add(BACKGROUND, lab, here, 1.0, (distance > band) & (distance < near))
    then = places + found.motion.astype(np.float32)
    at_key = then + before.offset.astype(np.float32)
    learnt.add(OBJECT, before.frame.lab, then, OF_LAST, before.distance < -1)
    behind = places + found.background.astype(np.float32)
    learnt.add(BACKGROUND, before.frame.lab, behind, 1.0, (before.distance > 1) & (before.distance < near))
    learnt.add(OBJECT, anchor.frame.lab, at_key, OF_KEY, anchor.distance < -1)
    beside = (anchor.distance > 1) & (anchor.distance < 1.5 * band)
    learnt.add(BACKGROUND, anchor.frame.lab, at_key, BESIDE_KEY, beside)
    return learnt.odds(lab, here)


def _tidied(mask: Bools, predicted: Bools) -> Bools:
    """Without parts that were not predicted, without specks and without new pinholes."""
    total = np.count_nonzero(mask)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA]
    known = np.bincount(labels[predicted], minlength=count)
    kept = (known > KNOWN * area) & (area > SPECK * total)
    kept[0] = False
    tidy = kept[labels]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~tidy).astype(np.uint8), connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA]
    known = np.bincount(labels[predicted & ~tidy], minlength=count)
    closed = (area < SPECK * total) & (known > area / 2)
    closed[0] = False
    return np.asarray(tidy | closed[labels])
