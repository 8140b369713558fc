# SPDX-License-Identifier: Apache-2.0
"""The denoising loop of both passes.

The order of operations and their dtypes are those of `pipeline_cogvideox_fun_inpaint.py` in Netflix/void-model at
66e9c0e: in bfloat16 another order gives other bits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXTransformer3DModel, DDIMScheduler
from torch import Tensor

from void_server.engines.void.settings import Pass
from void_server.engines.void.transformer import rotary
from void_server.engines.void.windows import Window, blended, windows

Scheduler: TypeAlias = DDIMScheduler | CogVideoXDDIMScheduler

Stepped = Callable[[int, Tensor], None]
"""Told the number of steps done and the latents after them; it may raise to end the work."""


@dataclass(frozen=True)
class Conditions:
    """What the model is told.

    Attributes:
        masks: (1, F, 16, h, w) latents of the mask.
        clip: (1, F, 16, h, w) latents of the clip.
        prompt: (1, 226, d) embedding.
        negative: the same of what is not wanted, for guidance above 1; else None.
    """

    masks: Tensor
    clip: Tensor
    prompt: Tensor
    negative: Tensor | None = None


@dataclass(frozen=True)
class Sampling:
    """How it is denoised.

    Attributes:
        steps: of the scheduler.
        guidance: weight of the prompt; at 1 the model is run once a step.
        window, overlap: latent frames.
        at_once: windows of one length that the model is given in one call; sums may then be in another order.
    """

    steps: int
    guidance: float
    window: int
    overlap: int
    at_once: int = 1


def scheduler_of(pass_: Pass, folder: Path) -> Scheduler:
    """The scheduler of a pass: DDIM for the first, CogVideoX's own form of it for the second.

    The first keeps its products of alphas in float32, the second in float64; their last bits differ.

    Raises:
        OSError: the configuration cannot be read.
    """
    config = json.loads((folder / "scheduler_config.json").read_text())
    return (DDIMScheduler if pass_ == 1 else CogVideoXDDIMScheduler).from_config(config)


@torch.no_grad()
def denoise(
    model: CogVideoXTransformer3DModel,
    scheduler: Scheduler,
    latents: Tensor,
    conditions: Conditions,
    sampling: Sampling,
    *,
    first_step: int = 0,
    stepped: Stepped | None = None,
) -> Tensor:
    """Denoises the latents of a clip of any length.

    Args:
        model: the transformer.
        scheduler: from `scheduler_of`.
        latents: (1, F, 16, h, w), noise, or what `stepped` was told after `first_step` steps.
        conditions: what the model is told; on the device of the latents, in their dtype.
        sampling: how it is denoised.
        first_step: steps that are done already.
        stepped: see `Stepped`.

    Returns:
        (1, F, 16, h, w) in the dtype of the latents.
    """
    scheduler.set_timesteps(sampling.steps, device=latents.device)
    places = windows(latents.shape[1], sampling.window, sampling.overlap)
    for number, timestep in enumerate(scheduler.timesteps[first_step:], start=first_step + 1):
        parts = []
        for group in grouped(places, sampling.at_once):
            shown = [latents[:, place.begin : place.end] for place in group]
            # What the blocks answered to a group in the last step is kept under its name (`Running.step_cache`).
            with model.cache_context(f"from {group[0].begin}"):
                predicted = _predicted(model, shown, conditions, group, timestep, sampling.guidance)
            stepped_parts = zip(predicted.split(1), shown, strict=True)
            parts += [_stepped(scheduler, one, timestep, part) for one, part in stepped_parts]
        latents = blended(parts, places, sampling.overlap)
        if stepped is not None:
            stepped(number, latents)
    return latents


def grouped(places: Sequence[Window], most: int) -> Iterator[list[Window]]:
    """Neighbours of one length, `most` at a time: those that one call can take."""
    group: list[Window] = []
    for place in places:
        if group and (len(group) == most or place.length != group[0].length):
            yield group
            group = []
        group.append(place)
    yield group


def _predicted(
    model: CogVideoXTransformer3DModel,
    latents: Sequence[Tensor],
    conditions: Conditions,
    places: Sequence[Window],
    timestep: Tensor,
    guidance: float,
) -> Tensor:
    """(n, f, 16, h, w) float32: what the model predicts for n windows."""
    inputs = torch.cat(
        [torch.cat([part, *_told(conditions, place)], 2) for part, place in zip(latents, places, strict=True)]
    )
    count = len(places)
    prompt = conditions.prompt.expand(count, -1, -1)
    guided_by = conditions.negative if guidance > 1 else None
    if guided_by is not None:
        prompt = torch.cat([guided_by.expand(count, -1, -1), prompt])
        inputs = inputs.repeat(2, 1, 1, 1, 1)
    found: Tensor = model(
        hidden_states=inputs,
        encoder_hidden_states=prompt,
        timestep=timestep.expand(len(inputs)),
        image_rotary_emb=rotary(model, latents[0]),
        return_dict=False,
    )[0].float()
    if guided_by is None:
        return found
    without, with_prompt = found.chunk(2)
    guided: Tensor = without + guidance * (with_prompt - without)
    return guided


def _told(conditions: Conditions, place: Window) -> tuple[Tensor, Tensor]:
    return conditions.masks[:, place.begin : place.end], conditions.clip[:, place.begin : place.end]


def _stepped(scheduler: Scheduler, predicted: Tensor, timestep: Tensor, latents: Tensor) -> Tensor:
    found: Tensor = scheduler.step(predicted, timestep, latents, return_dict=False)[0]
    return found.to(latents.dtype)
