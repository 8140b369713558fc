# SPDX-License-Identifier: Apache-2.0
"""A clip through the model, from 8-bit frames and quadmask to frames: what the two passes do, in order.

Every random number can be given, so that a run of the official code can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from diffusers import CogVideoXTransformer3DModel
from torch import Tensor

from void_server.engines.void.clip import mask_pixels, padded, padded_length, quantised, resized, united
from void_server.engines.void.conditioning import clip_latents, mask_latents
from void_server.engines.void.denoise import Conditions, Sampling, denoise, scheduler_of
from void_server.engines.void.settings import GUIDANCE, OVERLAP, Pass, VoidSettings, latent_length
from void_server.engines.void.vae import VoidVAE

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
class Model:
    """What was loaded for a pass.

    Attributes:
        transformer: from the pass's overlay.
        vae: of the base model.
        base: the base folder, for its scheduler.
    """

    transformer: CogVideoXTransformer3DModel
    vae: VoidVAE
    base: Path


@dataclass(frozen=True)
class Prompt:
    """Embeddings (1, 226, d) of the prompt, and of what is not wanted where guidance asks for it."""

    wanted: Tensor
    unwanted: Tensor | None = None


@dataclass(frozen=True)
class Noise:
    """What is drawn, where it is not to come from the seed.

    Attributes:
        clip: (3, n, h, w) standard normal, for the clip's pixels.
        latents: (1, f, 16, h / 8, w / 8) standard normal, to start from.
    """

    clip: Tensor
    latents: Tensor


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


def drawn_noise(clip: Clip, settings: VoidSettings) -> Noise:
    """All noise of a pass from its seed, drawn in float32 on the CPU, so that every device gets the same."""
    _, frames, height, width = clip.frames.shape
    shape = (1, latent_length(frames), 16, height // 8, width // 8)
    generator = torch.Generator("cpu").manual_seed(settings.seed)
    of_clip, latents = (torch.randn(tuple(s), generator=generator) for s in (clip.frames.shape, shape))
    return Noise(of_clip, latents)


def run_pass(
    pass_: Pass,
    clip: Clip,
    model: Model,
    prompt: Prompt,
    noise: Noise,
    settings: VoidSettings,
    progress: Progress | None = None,
    checkpoint: Saved | None = None,
) -> Made:
    """One pass over a clip.

    Args:
        pass_: 1 or 2; for the second, `noise.latents` is the noise that moves with the first one's picture.
        clip: from `clip_of`.
        model, prompt, noise: loaded, embedded and drawn by the caller.
        settings: of the engine.
        progress: see `Progress`.
        checkpoint: where the latents are saved; a pass that was begun before goes on from there, to the same bits
            where sums have the same order, as on a CPU.
    """

    def told(name: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(name, done, total) if progress is not None else None

    def stepped(done: int, latents: Tensor) -> None:
        if checkpoint is not None:
            checkpoint.save(done, latents)
        told("denoise")(done, steps)

    steps = settings.steps_of(pass_)
    vae, device, dtype = model.vae, model.transformer.device, model.transformer.dtype
    before = checkpoint.saved() if checkpoint is not None else None
    first_step, start = before or (0, noise.latents)
    codes = clip.codes if settings.profile == "official" else united(clip.codes)
    pixels = mask_pixels(codes, pass_, settings.mask_levels)
    conditions = Conditions(
        mask_latents(vae, pixels, told("encode")).to(device, dtype),
        clip_latents(vae, clip.frames, noise.clip, told("encode")).to(device, dtype),
        prompt.wanted.to(device, dtype),
        None if prompt.unwanted is None else prompt.unwanted.to(device, dtype),
    )
    sampling = Sampling(steps, GUIDANCE[pass_], latent_length(settings.window), OVERLAP)
    latents = denoise(
        model.transformer,
        scheduler_of(pass_, model.base / "scheduler"),
        start.to(device, dtype),
        conditions,
        sampling,
        first_step=first_step,
        stepped=stepped,
    )
    frames = vae.decode(latents.transpose(1, 2), told("decode"))
    # The padding is played backwards; the scripts leave it in.
    kept = frames.shape[2] if settings.profile == "official" else clip.length
    return Made(frames[0, :, :kept].transpose(0, 1), latents)
