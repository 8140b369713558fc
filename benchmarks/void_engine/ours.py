# SPDX-License-Identifier: Apache-2.0
"""Our side of `--official`: `python -m benchmarks.void_engine.ours FOLDER BEGAN`, a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.void_engine.stopwatch import BASE, OVERLAY, Inputs, Request, Stopwatch, drive
from void_server.engines.void.memory import MemoryPlan
from void_server.engines.void.pipeline import (
    Clip,
    Encoded,
    Model,
    Prompt,
    encoded_clip,
    encoded_masks,
    run_pass,
)
from void_server.engines.void.placement import place_transformer, place_vae
from void_server.engines.void.settings import Running, VoidSettings


def load(folder: Path, request: Request, watch: Stopwatch) -> Callable[[], tuple[Tensor, Tensor]]:
    """Loads as the server does; returns what makes the clip."""
    base, dtype, device = folder / BASE, getattr(torch, request.dtype), torch.device(request.device)
    running = Running(**request.running)
    mode = "full" if running.memory == "auto" else running.memory
    plan = MemoryPlan(mode, None, max(1, running.windows_at_once), 0)
    config = base / "transformer" / "config.json"
    transformer = place_transformer(config, folder / OVERLAY, dtype, device, plan, running)
    vae = place_vae(base / "vae", dtype, device, plan)
    watch.time(vae.vae, "encode", "encode")
    watch.time(vae.vae, "decode", "decode")
    given = Inputs.read(folder)
    _, frames, height, width = given.frames.shape
    clip = Clip(given.frames, given.codes, frames)
    settings = VoidSettings(
        "official",
        height=height,
        width=width,
        window=request.window,
        longest=frames,
        mask_levels="published",
        steps=request.steps,
    )
    model = Model(transformer, vae, base)

    def told(part: str, _done: int, _total: int) -> None:
        if part == "denoise":
            watch.stepped()

    def run() -> tuple[Tensor, Tensor]:
        latents = encoded_clip(clip, given.clip_noise, vae)
        encoded = Encoded(encoded_masks(1, clip, vae, settings), latents, frames)
        made = run_pass(1, encoded, model, Prompt(given.prompt), given.latents, settings, told)
        return made.latents, made.frames

    return run


if __name__ == "__main__":
    drive("ours", Path(sys.argv[1]), float(sys.argv[2]), load)
