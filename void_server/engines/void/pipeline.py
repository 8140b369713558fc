# SPDX-License-Identifier: Apache-2.0
"""A clip through the model, from 8-bit frames and quadmask to frames: what the two passes do, in order.

Every random number can be given, so that a run of the official code can be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from void_server.engines.void.clip import mask_pixels, padded, padded_length, quantised, resized, united
from void_server.engines.void.conditioning import clip_latents, mask_latents
from void_server.engines.void.denoise import Conditions, Sampling, denoise, scheduler_of
from void_server.engines.void.placement import PlacedTransformer, PlacedVAE
from void_server.engines.void.settings import GUIDANCE, OVERLAP, Pass, VoidSettings, latent_length

Progress = Callable[[str, int, int], None]
"""Told what is done (`encode`, `denoise`, `decode`), how much of it, of how much; it may raise to end the work."""


class Saved(Protocol):
    """Where the latents of a pass are saved between two steps."""

    def saved(self) -> tuple[int, Tensor] | None:
        """The steps that were done and the latents after them, or None."""
        ...

    def save(self, done: int, latents: Tensor) -> None:
        """Told of every step."""
        ...


@dataclass(frozen=True)
class Clip:
    """A clip at the model's size and length.

    Attributes:
        frames: (3, n, h, w) float32, 0..1.
        codes: (1, n, h, w) float32, the quadmask's codes 0, 63, 127 and 255.
        length: frames before padding.
    """

    frames: Tensor
    codes: Tensor
    length: int


@dataclass(frozen=True)
class Encoded:
    """What the model is told of a clip.

    Attributes:
        masks: (1, f, 16, h / 8, w / 8) latents of the quadmask, as a pass is given it.
        clip: the same shape, latents of the clip.
        length: frames before padding.
    """

    masks: Tensor
    clip: Tensor
    length: int


@dataclass(frozen=True)
class Model:
    """What was loaded for a pass.

    Attributes:
        transformer: from the pass's overlay.
        vae: of the base model.
        base: the base folder, for its scheduler.
    """

    transformer: PlacedTransformer
    vae: PlacedVAE
    base: Path


@dataclass(frozen=True)
class Prompt:
    """Embeddings (1, 226, d) of the prompt, and of what is not wanted where guidance asks for it."""

    wanted: Tensor
    unwanted: Tensor | None = None


@dataclass(frozen=True)
class Made:
    """What a pass made.

    Attributes:
        frames: (n, 3, h, w) float32, 0..1, as many as were given.
        latents: (1, f, 16, h / 8, w / 8), of the padded clip.
    """

    frames: Tensor
    latents: Tensor


def clip_of(frames: Tensor, masks: Tensor, settings: VoidSettings) -> Clip:
    """A clip as the model is given it.

    Args:
        frames: (n, h, w, 3) uint8.
        masks: (n, h, w) uint8 codes of the quadmask; values between them are quantised after resizing.
        settings: size and length.

    Raises:
        ValueError: there are not as many masks as frames: they would be paired wrongly.
    """
    if len(frames) != len(masks):
        raise ValueError(f"{len(frames)} frames have {len(masks)} masks")
    size = settings.height, settings.width
    return padded_clip(
        resized(frames.to(torch.float32) / 255, *size), quantised(resized(masks[..., None], *size)), settings
    )


def padded_clip(frames: Tensor, codes: Tensor, settings: VoidSettings) -> Clip:
    """A clip of the model's size at the model's length.

    Args:
        frames: (3, n, h, w) float32, 0..1.
        codes: (1, n, h, w) float32 of 0, 63, 127 and 255.
        settings: windows, and the longest clip.
    """
    length = min(frames.shape[1], settings.longest or frames.shape[1])
    longest = settings.longest or frames.shape[1] + settings.window
    wanted = padded_length(length, window=settings.window, longest=longest)
    return Clip(padded(frames[:, :length], wanted), padded(codes[:, :length], wanted), length)


def clip_noise(clip: Clip, seed: int) -> Tensor:
    """Noise for the clip's pixels, (3, n, h, w) standard normal, drawn in float32 on the CPU: the same everywhere."""
    return torch.randn(clip.frames.shape, generator=_generator("clip", seed))


def first_latents(like: Tensor, seed: int) -> Tensor:
    """Noise to start the first pass from: standard normal in the shape of the clip's latents, drawn as `clip_noise`."""
    return torch.randn(like.shape, generator=_generator("latents", seed))


def _generator(purpose: Literal["clip", "latents"], seed: int) -> torch.Generator:
    """One generator for each purpose: with the same one both kinds of noise would begin with the same numbers."""
    digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
    return torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def encoded_clip(clip: Clip, noise: Tensor, vae: PlacedVAE, progress: Progress | None = None) -> Tensor:
    """(1, f, 16, h / 8, w / 8): the latents of a clip with a little of `noise` on its pixels; see `conditioning`."""
    with vae.at_work() as working:
        return clip_latents(working, clip.frames, noise, _told(progress, "encode"))


def told_codes(clip: Clip, settings: VoidSettings) -> Tensor:
    """(1, n, h, w) float32: the quadmask's codes as the model is told them, in time as the profile has it."""
    return clip.codes if settings.profile == "official" else united(clip.codes)


def encoded_masks(
    pass_: Pass, clip: Clip, vae: PlacedVAE, settings: VoidSettings, progress: Progress | None = None
) -> Tensor:
    """(1, f, 16, h / 8, w / 8): the latents of a clip's quadmask as a pass is given it."""
    pixels = mask_pixels(told_codes(clip, settings), pass_, settings.mask_levels)
    with vae.at_work() as working:
        return mask_latents(working, pixels, _told(progress, "encode"))


def run_pass(
    pass_: Pass,
    encoded: Encoded,
    model: Model,
    prompt: Prompt,
    start: Tensor,
    settings: VoidSettings,
    progress: Progress | None = None,
    checkpoint: Saved | None = None,
) -> Made:
    """One pass over a clip.

    Args:
        pass_: 1 or 2.
        encoded: what it is told.
        model, prompt: loaded and embedded by the caller.
        start: (1, f, 16, h / 8, w / 8) standard normal: `first_latents`, for pass 2 the noise that moves with the
            first one's picture.
        settings: of the engine.
        progress: see `Progress`.
        checkpoint: where the latents are saved; a pass that was begun before goes on from there, to the same bits
            where sums have the same order, as on a CPU.
    """
    steps = settings.steps_of(pass_)

    def stepped(done: int, latents: Tensor) -> None:
        if checkpoint is not None:
            checkpoint.save(done, latents)
        _told(progress, "denoise")(done, steps)

    before = checkpoint.saved() if checkpoint is not None else None
    first_step, start = before or (0, start)
    device, dtype = model.transformer.device, model.transformer.dtype
    conditions = Conditions(
        encoded.masks.to(device, dtype),
        encoded.clip.to(device, dtype),
        prompt.wanted.to(device, dtype),
        None if prompt.unwanted is None else prompt.unwanted.to(device, dtype),
    )
    windows = latent_length(settings.window), OVERLAP, model.transformer.windows_at_once
    with model.transformer.at_work() as working:
        latents = denoise(
            working,
            scheduler_of(pass_, model.base / "scheduler"),
            start.to(device, dtype),
            conditions,
            Sampling(steps, GUIDANCE[pass_], *windows),
            first_step=first_step,
            stepped=stepped,
        )
    with model.vae.at_work() as vae:
        frames = vae.decode(latents.transpose(1, 2), _told(progress, "decode"))
    # The padding is played backwards; the scripts leave it in.
    kept = frames.shape[2] if settings.profile == "official" else encoded.length
    return Made(frames[0, :, :kept].transpose(0, 1), latents)


def _told(progress: Progress | None, name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total) if progress is not None else None
