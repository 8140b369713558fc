# SPDX-License-Identifier: Apache-2.0
"""Where a frame is not as it was before the removed object set things in motion.

docs/motion_reasoner.md, "Moved things". Both the places where they were and those where they are differ from before,
also once they have come to rest; refilling these puts back what stood there.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from void_server.engines.cleanplate import ProxyFrame
from void_server.engines.cleanplate.arrays import F32, Bools, grown
from void_server.engines.cleanplate.proxy import HOLE, REMOVE_GROWTH
from void_server.reasoners.motion.display import DisplayCurve
from void_server.reasoners.motion.movers import Contact, Movers
from void_server.reasoners.motion.unlike import unlike

CLOSED, OPENED, WIDENED = 10.0, 4.0, 3.0
"""Gaps that are closed in a region, the width below which it is an edge that is a little misplaced, and by how much it
is widened, in units u."""
LEAST_AREA = 60.0
"""In u squared."""
RIM = REMOVE_GROWTH + 2.0
ASIDE = 6.0
"""Growth, in units u, of what moves independently, which is left out."""


def moved_region(position: int, proxy: ProxyFrame, movers: Movers, decode: Callable[[F32], F32]) -> Bools:
    """(h, w) bool: what is not as it was before the object set it in motion; nothing before the first contact.

    Args:
        position: the frame's, 0..n-1.
        proxy: the frame.
        movers: those of the whole shot.
        decode: the shot's mapping, encoded (n, 3) float32 0..1 to scene-linear.
    """
    region = np.zeros(proxy.size, bool)
    begun = [c for c in movers.contacts if c.frame <= position]
    if not begun:
        return region
    hole = proxy.where(HOLE)
    curve = DisplayCurve(decode, proxy.picture, ~hole)
    aside = movers.independent.get(position)
    usable = ~hole if aside is None else ~hole & ~grown(aside, ASIDE * proxy.unit)
    for contact in begun:
        region |= _since(contact, position, proxy, usable, curve)
    return region


def _since(contact: Contact, position: int, proxy: ProxyFrame, usable: Bools, curve: DisplayCurve) -> Bools:
    """(h, w) bool: what one contact changed."""
    height, width = proxy.size
    at, unit = contact.places_in(position), proxy.unit
    inside = (at >= 0).all(-1) & (at[..., 0] <= width - 1) & (at[..., 1] <= height - 1)
    seen = cv2.remap(contact.known.astype(np.float32), at, None, cv2.INTER_LINEAR) >= 0.999
    before = cv2.remap(
        contact.picture.astype(np.float32), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    differs, _ = unlike(curve(proxy.picture.astype(np.float32)), curve(before), usable & inside & seen, unit)
    hole = proxy.where(HOLE)
    seeds = contact.swept_in(position)
    # What is moved lies beside the object and behind it, so the hole joins what it cuts apart.
    closed = _closed(differs, CLOSED * unit)
    joined = _opened(closed, OPENED * unit) | (closed & seeds)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        (joined | hole).astype(np.uint8), connectivity=8
    )
    kept = np.isin(np.arange(count), labels[seeds & differs])
    kept &= stats[:, cv2.CC_STAT_AREA] >= LEAST_AREA * unit * unit
    kept[0] = False
    region = _filled(kept[labels] & (joined | hole)) & (usable | hole)
    outside = region & ~hole
    return np.asarray(np.where(hole, grown(outside, RIM * unit), grown(outside, WIDENED * unit)))


def independent_left_out(region: Bools, independent: Bools | None, unit: float) -> Bools:
    """(h, w) bool: a region without what moves independently, and without connected parts that lie mostly on it.

    Args:
        region: (h, w) bool.
        independent: (h, w) bool; None where nothing moves independently.
        unit: the length u in pixels.
    """
    if independent is None or not independent.any():
        return region
    count, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=8)
    area = np.bincount(labels.ravel(), minlength=count)
    on_it = np.bincount(labels[independent], minlength=count)
    kept = on_it <= 0.5 * area
    kept[0] = False
    return np.asarray(kept[labels] & ~grown(independent, ASIDE * unit))


def _closed(mask: Bools, radius: float) -> Bools:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _disc(radius)) > 0)


def _opened(mask: Bools, radius: float) -> Bools:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, _disc(radius)) > 0)


def _disc(radius: float) -> npt.NDArray[np.uint8]:
    size = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _filled(mask: Bools) -> Bools:
    """The mask with its holes: what no way leads to from the picture's border."""
    padded = np.pad((~mask).astype(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    return np.asarray((labels != labels[0, 0])[1:-1, 1:-1])
