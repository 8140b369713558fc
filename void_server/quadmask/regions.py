# SPDX-License-Identifier: Apache-2.0
"""The four regions of a quadmask, kept as separate mattes so that soft edges never pass for another region.

VOID's own quadmask codes the regions in one channel: 0 remove, 63 remove and affected (overlap), 127
affected, 255 background. A soft edge from 0 to 255 in such a channel runs through 63 and 127 and invents rims
of overlap and affected; the codes are therefore made from the mattes only to be looked at, or at a model's
own resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float32]

THRESHOLD = 0.02
"""Matte value above which a pixel belongs to a region: soft edges count, dust of filtering does not."""
CODE_REMOVE, CODE_OVERLAP, CODE_AFFECTED, CODE_BACKGROUND = 0, 63, 127, 255
OVERLAY_COLOURS = {
    CODE_REMOVE: (0.90, 0.16, 0.16),
    CODE_OVERLAP: (0.95, 0.60, 0.10),
    CODE_AFFECTED: (0.16, 0.70, 0.25),
}
"""Display colours of the regions in overlays: as the passes look in RGB (red remove, green affected), overlap
between them; sRGB display values 0..1."""


@dataclass(frozen=True)
class Quadmask:
    """Remove and affected of one frame.

    Attributes:
        remove: (h, w) float32 0..1: all to remove, the overlap included.
        affected: (h, w) float32 0..1: all that the removed thing has an effect on, the overlap included.
    """

    remove: Values
    affected: Values

    def __post_init__(self) -> None:
        if self.remove.shape != self.affected.shape or self.remove.ndim != 2:
            raise ValueError(
                f"mattes of one frame differ in shape: {self.remove.shape}, {self.affected.shape}"
            )

    @property
    def overlap(self) -> Values:
        """(h, w) float32 0..1: where something is removed and its effect on itself matters too."""
        return np.minimum(self.remove, self.affected)

    @property
    def region(self) -> npt.NDArray[np.bool_]:
        """(h, w) bool: the pixels to be filled."""
        region: npt.NDArray[np.bool_] = (self.remove > THRESHOLD) | (self.affected > THRESHOLD)
        return region

    @property
    def codes(self) -> npt.NDArray[np.uint8]:
        """(h, w) uint8 of VOID's codes 0, 63, 127 and 255; a matte counts from one half."""
        remove, affected = self.remove >= 0.5, self.affected >= 0.5
        codes = np.select(
            [remove & affected, remove, affected],
            [CODE_OVERLAP, CODE_REMOVE, CODE_AFFECTED],
            CODE_BACKGROUND,
        )
        return codes.astype(np.uint8)

    @classmethod
    def from_codes(cls, codes: npt.NDArray[np.uint8]) -> Quadmask:
        """Mattes of 0 and 1 from a coded picture (h, w) uint8, each value taken as the nearest code."""
        known = np.array([CODE_REMOVE, CODE_OVERLAP, CODE_AFFECTED, CODE_BACKGROUND])
        nearest = known[np.abs(codes[..., None].astype(np.int16) - known).argmin(axis=-1)]
        remove = np.isin(nearest, (CODE_REMOVE, CODE_OVERLAP))
        affected = np.isin(nearest, (CODE_AFFECTED, CODE_OVERLAP))
        return cls(remove.astype(np.float32), affected.astype(np.float32))

    def layer(self, blend: npt.NDArray[np.floating]) -> dict[str, npt.NDArray[np.floating]]:
        """The `void_mask` layer: red remove, green affected, blue overlap, alpha the blend matte (h, w)."""
        return {"red": self.remove, "green": self.affected, "blue": self.overlap, "alpha": blend}


def overlay(
    picture: npt.NDArray[np.uint8], quadmask: Quadmask, opacity: float = 0.5
) -> npt.NDArray[np.uint8]:
    """A display picture with the regions laid over it in colour, soft where the mattes are soft.

    Args:
        picture: (h, w, 3) uint8, display values.
        quadmask: mattes of the same size.
        opacity: how much of the colour shows where a matte is 1.
    """
    total = np.maximum(quadmask.remove, quadmask.affected)[..., None] * np.float32(opacity)
    mixed = picture.astype(np.float32) * (1 - total) + 255 * _colours(quadmask) * total
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def regions_picture(quadmask: Quadmask) -> npt.NDArray[np.uint8]:
    """(h, w, 4) uint8: the regions in the colours of `overlay` to be laid over a picture, the alpha as strong as the
    mattes.
    """
    strength = np.maximum(quadmask.remove, quadmask.affected)[..., None]
    picture = np.concatenate([_colours(quadmask), strength], axis=-1)
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)


def _colours(quadmask: Quadmask) -> Values:
    """(h, w, 3) float32 0..1: the colour of each pixel's regions, black where there is none."""
    overlap = quadmask.overlap
    weights = {
        CODE_OVERLAP: overlap,
        CODE_REMOVE: quadmask.remove - overlap,
        CODE_AFFECTED: quadmask.affected - overlap,
    }
    summed = sum(w[..., None] * np.array(OVERLAY_COLOURS[c], np.float32) for c, w in weights.items())
    total = np.maximum(quadmask.remove, quadmask.affected)[..., None]
    return np.asarray(summed / np.maximum(total, np.float32(1e-6)), np.float32)
