# SPDX-License-Identifier: Apache-2.0
"""How the model shares a GPU's memory: what each way of working needs, and which one a card has room for. No PyTorch.

Peaks were counted, not measured: every allocation of this code at the published architecture, in bfloat16, on tensors
without values (`python -m benchmarks.void_engine --count-memory`). What a GPU's libraries take beside is in `HEADROOM`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from void_server.engines.void.settings import Memory, latent_length

Mode: TypeAlias = Literal["full", "fp8", "offload", "group-offload", "sequential"]

LADDER: tuple[Mode, ...] = ("full", "offload", "group-offload", "sequential")
"""From the fastest to the most frugal. `fp8` changes the picture a little, so that it is only taken by name."""

TOKEN_BYTES = 82_000
"""Of a transformer call, for each token of two latent frames' 2 x 2 patches, at two bytes a value."""
PIXEL_BYTES = 33_100
"""Of the VAE's decoder, for each pixel of a frame (eight frames at a time)."""
ENCODER_PIXEL_BYTES, LARGE_ENCODER_PIXEL_BYTES = 20_400, 26_000
"""Of its encoder, which does not work in tiles; above `LARGE` diffusers cuts convolutions and joins their results."""
LARGE = 500_000
"""Pixels."""
TEXT_TOKENS = 226
TILE = 256
"""Pixels of a side of a tile, where the VAE decodes in tiles."""
HEADROOM = 8_000_000_000
"""Bytes left free: workspace of cuDNN and cuBLAS, what the allocator cannot give again. Third parties saw 38.0 and 18.9
GiB for the official code on an A100 (all resident, and in turns), where the same count gives 30.5 and 11.3."""
MOST_WINDOWS = 4
"""Windows in one call: one of 85 frames fills a large card's multipliers already."""


@dataclass(frozen=True)
class Sizes:
    """What the weights take.

    Attributes:
        transformer, vae: bytes.
        blocks: of the transformer.
        item: bytes of a value.
    """

    transformer: int
    vae: int
    blocks: int = 42
    item: int = 2


@dataclass(frozen=True)
class Work:
    """What is to be computed.

    Attributes:
        height, width: of the model's picture in pixels.
        window: frames that it sees at a time.
        windows: of the clip.
        batch: calls in one for a window: 2 with guidance.
    """

    height: int
    width: int
    window: int
    windows: int = 1
    batch: int = 1


@dataclass(frozen=True)
class MemoryPlan:
    """One way of working.

    Attributes:
        mode: `full`: all on the GPU. `fp8`: the same, with matrices of 8 bits. `offload`: transformer and VAE take
            turns. `group-offload`: one block of the transformer at a time, the next one on its way. `sequential`: one
            layer at a time.
        tile: pixels of a side of the decoder's tiles; None for whole pictures.
        windows_at_once: windows of the clip in one call.
        need: bytes that it is expected to take, weights included.
    """

    mode: Mode
    tile: int | None
    windows_at_once: int
    need: int

    def describe(self, free: int | None) -> str:
        """A sentence for people.

        Args:
            free: bytes that there are; None where nobody knows, as on a processor.
        """
        parts: list[str] = [self.mode]
        if self.tile is not None:
            parts.append(f"decoded in tiles of {self.tile} px")
        if self.windows_at_once > 1:
            parts.append(f"{self.windows_at_once} windows at once")
        of = f" of {free / 1e9:.1f} GB free" if free is not None else ""
        return f"Memory: {', '.join(parts)}; about {self.need / 1e9:.1f} GB{of}."


def plans(wanted: Memory, sizes: Sizes, work: Work, windows_at_once: int = 0) -> list[MemoryPlan]:
    """The ways of working that may be tried, each more frugal than the last.

    Args:
        wanted: the first one's mode; `auto` begins with `full`.
        sizes, work: what it is about.
        windows_at_once: 0 for as many as there are, `MOST_WINDOWS` at most.
    """
    modes: list[Mode] = ["full" if wanted == "auto" else wanted]
    # What runs in 8 bits and has no room goes on in 16, a block at a time.
    after = "full" if modes[0] == "fp8" else modes[0]
    modes += LADDER[LADDER.index(after) + (2 if modes[0] == "fp8" else 1) :]
    most = min(work.windows, windows_at_once or MOST_WINDOWS)
    found: list[MemoryPlan] = []
    for mode in modes:
        for tile, at_once in ((None, most), (None, 1), (TILE, 1)):
            need = _need(mode, tile, at_once, sizes, work)
            # Equal by this count, another mode may still be the more frugal one.
            if not found or need < found[-1].need or (need == found[-1].need and mode != found[-1].mode):
                found.append(MemoryPlan(mode, tile, at_once, need))
    return found


def chosen(candidates: Sequence[MemoryPlan], free: int | None) -> int:
    """The index of the first plan with room for it; the last where none has.

    Args:
        candidates: from `plans`.
        free: bytes that there are; None where nobody knows: then the first.
    """
    if free is None:
        return 0
    fitting = (n for n, plan in enumerate(candidates) if plan.need + HEADROOM <= free)
    return next(fitting, len(candidates) - 1)


def _need(mode: Mode, tile: int | None, at_once: int, sizes: Sizes, work: Work) -> int:
    wide = sizes.item / 2
    patches = work.height // 16 * (work.width // 16) * -(-latent_length(work.window) // 2)
    calling = int((patches + TEXT_TOKENS) * TOKEN_BYTES * wide) * work.batch * at_once
    sides = (work.height, work.width) if tile is None else (min(tile, work.height), min(tile, work.width))
    whole = work.height * work.width
    encoding = whole * (LARGE_ENCODER_PIXEL_BYTES if whole > LARGE else ENCODER_PIXEL_BYTES)
    coding = sizes.vae + int(max(sides[0] * sides[1] * PIXEL_BYTES, encoding) * wide)
    block = sizes.transformer // sizes.blocks
    if mode in ("full", "fp8"):
        resident = sizes.transformer if mode == "full" else int(sizes.transformer / wide / 2)
        return resident + max(sizes.vae + calling, coding)
    held = {"offload": sizes.transformer, "group-offload": 2 * block, "sequential": block}[mode]
    return max(held + calling, coding)
