# SPDX-License-Identifier: Apache-2.0
"""What analysis keeps of one frame: a small 8-bit picture and the regions that say what may be trusted where.

docs/cleanplate.md, steps 0 and 1. Distances are in units u = long side of the proxy / 960, so that a result does not
depend on the size of the plate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import (
    F32,
    U8,
    Arrays,
    Bools,
    all_finite,
    finite,
    finite_pixels,
    grown,
    touched,
)
from void_server.engines.cleanplate.settings import CleanplateSettings
from void_server.errors import InvalidInput
from void_server.quadmask.regions import THRESHOLD

HOLE, GUARD, RING, FILL, EFFECT = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8), np.uint8(16)

# Radii in units u, docs/cleanplate.md, step 1.
REMOVE_GROWTH, AFFECTED_GROWTH, RING_WIDTH, LEAST_GUARD = 3.0, 4.0, 15.0, 24.0
GUARD_OF_WIDTH, LEAST_TRUSTED = 0.6, 0.25
KNOWN_EFFECT_GUARD = 8.0
"""Growth of the guard, in units u, where an affected matte says what moves with the object: one patch of the flow.
Measured on a moving camera with parallax: +6 dB on the object against the wide guard, whose inside is guesswork."""


@dataclass(frozen=True)
class ProxyFrame:
    """One frame as analysis sees it.

    Attributes:
        picture: uint8 (h, w, 3), display-like encoded.
        regions: uint8 (h, w), bits: HOLE (never lent to another frame, never evidence), GUARD (flow is not trusted),
            RING (the band around the hole that gives photometric evidence), FILL (to be filled, margin included),
            EFFECT (affected, margin included, clear of the removed object and its fringe: the surface may still show).
        full_size: (H, W) of the plate.
    """

    picture: U8
    regions: U8
    full_size: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) of the proxy."""
        return int(self.picture.shape[0]), int(self.picture.shape[1])

    @property
    def unit(self) -> float:
        """The length u in proxy pixels."""
        return max(self.size) / 960.0

    @property
    def scale(self) -> tuple[float, float]:
        """Plate pixels per proxy pixel, (across, down)."""
        return self.full_size[1] / self.size[1], self.full_size[0] / self.size[0]

    @property
    def empty(self) -> bool:
        """True when nothing is to be filled."""
        return not bool((self.regions & FILL).any())

    def where(self, region: np.uint8) -> Bools:
        """(h, w) bool: the pixels that carry the given region bit."""
        return np.asarray((self.regions & region) != 0)

    def to_arrays(self) -> Arrays:
        """As named arrays, for storage."""
        return {
            "picture": self.picture,
            "regions": self.regions,
            "full_size": np.array(self.full_size, np.int32),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> ProxyFrame:
        """The frame that `to_arrays` gave."""
        height, width = (int(v) for v in arrays["full_size"])
        return cls(arrays["picture"], arrays["regions"], (height, width))


def prepare_frame(
    linear: F32,
    remove: F32,
    affected: F32,
    keep: F32,
    encode8: Callable[[F32], U8],
    settings: CleanplateSettings,
) -> ProxyFrame:
    """Reduces one frame to what analysis needs.

    Args:
        linear: (H, W, 3) float32, scene-linear; NaN, infinities and negative values are allowed.
        remove, affected, keep: (H, W) float32 mattes 0..1; NaN counts as 0.
        encode8: the shot's display-like encoding, scene-linear (h, w, 3) float32 to uint8 of the same shape.
        settings: the engine's settings.

    Raises:
        InvalidInput: the plate and the mattes do not have the same size.
    """
    height, width = _checked_size(linear, remove, affected, keep)
    size = _proxy_size(height, width, settings.proxy_long_side)
    picture, unusable = _reduced(linear, size)
    removed, effect = remove > THRESHOLD, affected > THRESHOLD
    small_removed, small_effect = touched(removed, size), touched(effect, size)
    regions = _regions(
        removed=small_removed,
        effect=small_effect,
        wanted=small_removed | small_effect
        if float(keep.max()) < 1
        else touched((removed | effect) & ~(keep >= 1), size),
        unusable=unusable,
        unit=max(size) / 960.0,
        margin=settings.margin * max(size) / max(height, width),
    )
    return ProxyFrame(np.ascontiguousarray(encode8(picture), np.uint8), regions, (height, width))


def _reduced(linear: F32, size: tuple[int, int]) -> tuple[F32, Bools]:
    """The plate at the proxy's size (h, w), finite, and (h, w) bool where a sample of it is not."""
    picture = _averaged(np.asarray(linear, np.float32), size)
    # What is not finite is in the average too, which is less to look at than the plate.
    if all_finite(picture):
        return picture, np.zeros(size, bool)
    return _averaged(finite(linear), size), touched(~finite_pixels(linear), size)


def _averaged(linear: F32, size: tuple[int, int]) -> F32:
    if size == linear.shape[:2]:
        return linear
    smaller = cv2.resize(linear, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller.reshape(*size, 3), np.float32)


def _checked_size(linear: F32, *mattes: F32) -> tuple[int, int]:
    if linear.ndim != 3 or linear.shape[2] != 3 or 0 in linear.shape:
        raise InvalidInput(f"The plate has shape {linear.shape}; (height, width, 3) is needed.")
    for name, matte in zip(("remove", "affected", "keep"), mattes, strict=True):
        if matte.shape != linear.shape[:2]:
            raise InvalidInput(
                f"The {name} matte has shape {matte.shape}, the plate {linear.shape[:2]}.",
                fix="Place both on the same window first.",
            )
    return int(linear.shape[0]), int(linear.shape[1])


def _proxy_size(height: int, width: int, long_side: int) -> tuple[int, int]:
    ratio = min(1.0, long_side / max(height, width))
    return max(1, round(height * ratio)), max(1, round(width * ratio))


def _regions(
    *, removed: Bools, effect: Bools, wanted: Bools, unusable: Bools, unit: float, margin: float
) -> U8:
    hole = grown(removed, REMOVE_GROWTH * unit) | grown(effect, AFFECTED_GROWTH * unit) | unusable
    # One pixel more than the margin, since a proxy pixel may cover the margin only in part.
    fill = grown(wanted, margin + 1) if wanted.any() else wanted
    ring = grown(hole, RING_WIDTH * unit) & ~hole
    reached = grown(effect, max(AFFECTED_GROWTH * unit, margin + 1))
    lit = reached & ~grown(removed, REMOVE_GROWTH * unit) & ~unusable
    guard = grown(hole, KNOWN_EFFECT_GUARD * unit) if effect.any() else _wide_guard(removed, unit) | hole
    regions = np.zeros(hole.shape, np.uint8)
    for mask, bit in ((hole, HOLE), (guard, GUARD), (ring, RING), (fill, FILL), (lit, EFFECT)):
        regions[mask] |= bit
    return regions


def _wide_guard(removed: Bools, unit: float) -> Bools:
    """Where flow may have locked onto the object, or onto a shadow or reflection that no matte tells of.

    Each part of the matte is grown by max(24 u, 0.6 of its width). Where that leaves under a quarter of the frame to
    measure motion on, the growth is halved until it does: some motion measured near the object beats none.
    """
    if not removed.any():
        return removed
    _, labels, stats, _ = cv2.connectedComponentsWithStats(removed.astype(np.uint8), connectivity=8)
    widths = stats[:, cv2.CC_STAT_WIDTH].astype(np.float64)
    radii = np.maximum(LEAST_GUARD * unit, GUARD_OF_WIDTH * widths)
    # Radii rounded up to powers of 1.5, so that a matte in a thousand specks costs a few transforms, not a thousand.
    classes = np.ceil(np.log(np.maximum(radii / (LEAST_GUARD * unit), 1)) / np.log(1.5) - 1e-9).astype(int)
    classes[0] = -1
    guard = removed
    for share in (1.0, 0.5, 0.25, 0.125, 0.0):
        guard = removed.copy()
        for step in range(int(classes.max()) + 1):
            members = (classes == step)[labels]
            radius = min(LEAST_GUARD * unit * 1.5**step, float(radii[classes == step].max(initial=0)))
            guard |= grown(members, share * radius)
        if np.count_nonzero(~guard) >= LEAST_TRUSTED * guard.size:
            break
    return guard
