# SPDX-License-Identifier: Apache-2.0
"""The VAE's decoder in tiles, for cards that have no room for the whole picture: tiles overlap, and fade into each
other.

A tile sees less of its surroundings than the whole does, so its values differ a little; over the overlap the difference
becomes a slope instead of an edge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from void_server.engines.void.vae import Told, VoidVAE

PIXELS = 8
"""Pixels of a latent's side."""
OVERLAP = 64
"""Pixels that two tiles share."""

Span = tuple[int, int]
Place = tuple[Span, Span]


@dataclass(frozen=True)
class TiledVAE:
    """A VAE that decodes in tiles; where the picture is no larger than one, it is the VAE itself.

    Attributes:
        vae: of the model.
        side: of a tile in pixels, a multiple of 8 above `OVERLAP`.
    """

    vae: VoidVAE
    side: int

    def encode(self, pixels: Tensor, told: Told | None = None) -> Tensor:
        """`VoidVAE.encode` of the whole picture: in tiles the encoder's norms see another picture, and its latents are
        others; it also takes half of the decoder's memory.
        """
        return self.vae.encode(pixels, told)

    def decode(self, latents: Tensor, told: Told | None = None) -> Tensor:
        """As `VoidVAE.decode`."""
        height, width = latents.shape[-2:]
        places = _places(height, width, self.side // PIXELS, OVERLAP // PIXELS)

        def part(place: Place, told: Told | None) -> Tensor:
            return self.vae.decode(_cut(latents, place, 1), told)

        return _joined(part, places, told)


def spans(length: int, side: int, overlap: int) -> list[Span]:
    """Pieces of a length, all of one size, that share at least `overlap` with the next, evenly laid.

    Args:
        length: to be covered.
        side: of a piece, above `overlap`.
        overlap: shared by neighbours.
    """
    if length <= side:
        return [(0, length)]
    count = -(-(length - overlap) // (side - overlap))
    begins = [round(n * (length - side) / (count - 1)) for n in range(count)]
    return [(begin, begin + side) for begin in begins]


def _places(height: int, width: int, side: int, overlap: int) -> list[Place]:
    return list(product(spans(height, side, overlap), spans(width, side, overlap)))


def _cut(values: Tensor, place: Place, factor: int) -> Tensor:
    (top, bottom), (left, right) = place
    return values[..., top * factor : bottom * factor, left * factor : right * factor]


def _joined(part: Callable[[Place, Told | None], Tensor], places: list[Place], told: Told | None) -> Tensor:
    """All tiles, each weighing 1 and falling evenly towards its borders that are not the picture's.

    Args:
        part: makes a tile, `PIXELS` values for a unit of its place.
        places: of the tiles.
        told: of all chunks of all tiles.
    """
    height, width = (max(place[axis][1] for place in places) * PIXELS for axis in (0, 1))
    total, mass = None, torch.zeros(height, width)
    for number, place in enumerate(places):
        tile = part(place, _of_all(told, number, len(places))).to("cpu", torch.float32)
        rows, columns = (_ramp(place[axis], size) for axis, size in ((0, height), (1, width)))
        weight = rows[:, None] * columns
        if total is None:
            total = torch.zeros(*tile.shape[:-2], height, width)
        _cut(total, place, PIXELS).add_(tile * weight)
        _cut(mass, place, PIXELS).add_(weight)
    assert total is not None
    return total / mass


def _ramp(span: Span, whole: int) -> Tensor:
    begin, end = span[0] * PIXELS, span[1] * PIXELS
    weight = torch.ones(end - begin)
    rise = (torch.arange(OVERLAP) + 0.5) / OVERLAP
    if begin > 0:
        weight[:OVERLAP] = rise
    if end < whole:
        weight[-OVERLAP:] = torch.minimum(weight[-OVERLAP:], rise.flip(0))
    return weight


def _of_all(told: Told | None, number: int, tiles: int) -> Told | None:
    if told is None:
        return None
    return lambda done, total: told(number * total + done, tiles * total)
