# SPDX-License-Identifier: Apache-2.0
"""What no frame shows is completed on a few key frames and carried from there to all others.

docs/cleanplate.md, step 8: a completion of its own on every frame would boil. The first key lies in the middle; later
ones are first filled from the earlier ones, so that they all show the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, I32, Arrays, Bools, finite, finite_pixels, grown
from void_server.engines.cleanplate.compose import Target, blend_sources
from void_server.engines.cleanplate.fill import FrameFill
from void_server.engines.cleanplate.harmonise import epsilon
from void_server.engines.cleanplate.motion import PairMotion
from void_server.engines.cleanplate.proxy import RING_WIDTH, ProxyFrame
from void_server.engines.cleanplate.settings import CleanplateSettings
from void_server.engines.cleanplate.shot import ShotReader
from void_server.engines.cleanplate.sources import FRAMES_OF_DECAY, Source
from void_server.engines.cleanplate.texture import complete_texture
from void_server.engines.cleanplate.tracks import occupied, track_to
from void_server.engines.cleanplate.workbox import WorkBox

NARROW = 12.0
"""Width, in units u, below which a smooth fill is as good (docs/cleanplate.md, step 8)."""
KEY_SPACING = 48
"""Frames between keys: about as far as tracks hold."""
FILLED = 0.999


@dataclass(frozen=True)
class KeyFrame:
    """A frame whose unseen part was completed.

    Attributes:
        position: in the shot.
        box: (x0, y0, x1, y1) in the plate, ends exclusive, around what was filled in the frame.
        colour: (h, w, 3) float32, scene-linear: the frame without the object.
    """

    position: int
    box: tuple[int, int, int, int]
    colour: F32

    def to_arrays(self) -> Arrays:
        """As named arrays, for storage."""
        return {"position": np.array([self.position]), "box": np.array(self.box), "colour": self.colour}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> KeyFrame:
        """The key frame that `to_arrays` gave."""
        x0, y0, x1, y1 = (int(v) for v in arrays["box"])
        return cls(int(arrays["position"][0]), (x0, y0, x1, y1), arrays["colour"])

    def on(self, plate: F32) -> F32:
        """The whole frame without the object."""
        x0, y0, x1, y1 = self.box
        whole = plate.copy()
        whole[y0:y1, x0:x1] = self.colour
        return whole


def unseen_part(fill: FrameFill, proxy: ProxyFrame) -> Bools | None:
    """(h, w) bool at proxy resolution: what of a fill no frame shows; None where that is nowhere wide."""
    if fill.empty or not (fill.synthesised > 0).any():
        return None
    whole = np.zeros(proxy.full_size, np.float32)
    x0, y0, x1, y1 = fill.box
    whole[y0:y1, x0:x1] = fill.synthesised > 0
    height, width = proxy.size
    unseen = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA) > 0)
    depth = cv2.distanceTransform(np.pad(unseen.astype(np.uint8), 1), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return unseen if float(depth.max()) >= NARROW / 2 * proxy.unit else None


def key_positions(unseen: Sequence[int]) -> list[int]:
    """The frames to be completed, in this order, of the frames (ascending) that have something unseen."""
    if not unseen:
        return []
    middle = len(unseen) // 2
    keys = [unseen[middle]]
    for side in (unseen[middle + 1 :], unseen[:middle][::-1]):
        last = keys[0]
        for position in side:
            if abs(position - last) >= KEY_SPACING:
                keys.append(position)
                last = position
    return keys


def complete_key(
    position: int,
    fill: FrameFill,
    earlier: Sequence[KeyFrame],
    shot: ShotReader,
    settings: CleanplateSettings,
) -> KeyFrame | None:
    """Completes one key frame.

    Args:
        position: the frame.
        fill: what `fill_frame` made of it.
        earlier: keys that are completed already.
        shot, settings: as for `fill_frame`.

    Returns:
        The key frame; None where a smooth fill is the better guess, or is asked for.
    """
    if settings.unseen == "smooth":
        return None
    filled, taken = (fill, np.zeros(fill.synthesised.shape, bool))
    if earlier:
        filled, taken = _carried(position, fill, earlier, shot, settings)
    x0, y0, x1, y1 = fill.box
    plate = shot.plate(position)
    whole = finite(plate)
    whole[y0:y1, x0:x1] = filled.colour
    hole = np.zeros(plate.shape[:2], bool)
    hole[y0:y1, x0:x1] = (fill.synthesised > 0) & ~taken
    covered = _enlarged(occupied(position, shot), plate.shape[:2])
    real = fill.borrowed if fill.relit is None else fill.borrowed + fill.relit
    covered[y0:y1, x0:x1] &= (real < FILLED) & ~taken
    known = finite_pixels(plate) & ~covered & ~hole
    if hole.any():
        eps = epsilon(whole[known][:: max(1, int(known.sum()) // 100_000)])
        done = complete_texture(whole, known, hole, eps, np.random.default_rng(position))
        if not np.isfinite(done.cost) or (settings.unseen == "auto" and done.advantage < 0):
            return KeyFrame(position, fill.box, filled.colour) if taken.any() else None
        whole = done.colour
    return KeyFrame(position, fill.box, np.ascontiguousarray(whole[y0:y1, x0:x1]))


def carry_keys(
    position: int, fill: FrameFill, keys: Sequence[KeyFrame], shot: ShotReader, settings: CleanplateSettings
) -> FrameFill:
    """The fill of a frame with what the key frames show in place of what was filled smoothly."""
    for key in keys:
        if key.position == position:
            return _with_grain(replace(fill, colour=key.colour), fill.synthesised > 0)
    near = [
        min(side, key=lambda key: abs(key.position - position))
        for side in ([k for k in keys if k.position < position], [k for k in keys if k.position > position])
        if side
    ]
    return _carried(position, fill, near, shot, settings)[0]


@dataclass(frozen=True)
class _WithKeys:
    """A shot in which key frames stand for the artist's clean plates."""

    shot: ShotReader
    keys: dict[int, KeyFrame]

    @property
    def frames(self) -> Sequence[int]:
        return self.shot.frames

    def proxy(self, position: int) -> ProxyFrame:
        return self.shot.proxy(position)

    def motion(self, position: int) -> PairMotion:
        return self.shot.motion(position)

    def plate(self, position: int) -> F32:
        return self.shot.plate(position)

    def clean_plate(self, position: int) -> F32 | None:
        return self.keys[position].on(self.shot.plate(position)) if position in self.keys else None


def _carried(
    position: int, fill: FrameFill, keys: Sequence[KeyFrame], shot: ShotReader, settings: CleanplateSettings
) -> tuple[FrameFill, Bools]:
    """The fill with its unseen part taken from keys, and (h, w) bool where that was done entirely."""
    proxy, nothing = shot.proxy(position), np.zeros(fill.synthesised.shape, bool)
    unseen = unseen_part(fill, proxy)
    box = WorkBox.around(proxy)
    if unseen is None or box is None:
        return fill, nothing
    ring = grown(unseen, RING_WIDTH * proxy.unit) & ~unseen
    rows, columns = np.nonzero(box.crop(unseen | ring))
    pixels = np.stack([columns + box.proxy[0], rows + box.proxy[1]], axis=1).astype(np.int32)
    sources = [s for key in keys if (s := _source(position, key, pixels, shot)) is not None]
    if not sources:
        return fill, nothing
    target = _target(fill, box, pixels, unseen, ring, shot.plate(position), proxy.unit)
    reader = _WithKeys(shot, {key.position: key for key in keys})
    blended = blend_sources(target, sources, reader, replace(settings, trace=False))
    inside = _within(fill.box, box.full)
    share = np.where(fill.synthesised > 0, blended.use[inside] * fill.synthesised, 0).astype(np.float32)
    colour = fill.colour + (blended.colour[inside] - fill.colour) * share[..., None]
    carried = replace(fill, colour=np.asarray(colour, np.float32))
    return _with_grain(carried, share, blended.kept[inside], blended.fine[inside]), share >= FILLED


def _with_grain(
    fill: FrameFill, share: F32 | Bools, kept: F32 | float = 1.0, fine: F32 | float = 1.0
) -> FrameFill:
    """A fill of which a share was taken from texture, with `kept` and `fine` saying so: texture has a frame's grain."""
    if fill.kept is None or fill.fine is None:
        return fill
    taken = np.square(share.astype(np.float32)) * kept
    rest = np.square(1 - share.astype(np.float32)) * fill.kept
    total = taken + rest
    mixed = np.where(total > 0, (taken * fine + rest * fill.fine) / np.maximum(total, 1e-12), 1)
    return replace(fill, kept=total.astype(np.float16), fine=mixed.astype(np.float16))


def _source(position: int, key: KeyFrame, pixels: I32, shot: ShotReader) -> Source | None:
    found = track_to(position, key.position, pixels.astype(np.float32), shot)
    if not found.visible.any():
        return None
    near = float(np.exp(-abs(found.offset) / FRAMES_OF_DECAY)) + 1e-3
    none = np.zeros(len(pixels), np.float32)
    weight = np.where(found.visible, near, 0).astype(np.float32)
    return Source(key.position, found.points, found.visible, weight, none, found.error, painted=True)


def _target(
    fill: FrameFill, box: WorkBox, pixels: I32, unseen: Bools, ring: Bools, plate: F32, unit: float
) -> Target:
    x0, y0, x1, y1 = box.full
    part = finite(plate[y0:y1, x0:x1])
    part[_within(fill.box, box.full)] = fill.colour
    hole, ring = box.crop(unseen), box.crop(ring)
    known = box.enlarge((~hole).astype(np.float32)) >= 1
    filled = box.enlarge(hole.astype(np.float32)) > 0
    return Target(box, pixels, part, hole, ring, hole, filled, known, epsilon(part[known]), unit)


def _within(inner: tuple[int, int, int, int], outer: tuple[int, int, int, int]) -> tuple[slice, slice]:
    x0, y0, x1, y1 = inner
    return slice(y0 - outer[1], y1 - outer[1]), slice(x0 - outer[0], x1 - outer[0])


def _enlarged(mask: Bools, size: tuple[int, ...]) -> Bools:
    larger = cv2.resize(mask.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger > 0)
