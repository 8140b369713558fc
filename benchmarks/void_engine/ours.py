# SPDX-License-Identifier: Apache-2.0
"""Our side of `--official`: `python -m benchmarks.void_engine.ours FOLDER BEGAN`, a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.void_engine.stopwatch import BASE, OVERLAY, Inputs, Request, Stopwatch, drive
from void_server.engines.void.pipeline import Clip, Model, Noise, Prompt, run_pass
from void_server.engines.void.settings import VoidSettings
from void_server.engines.void.transformer import load_transformer
from void_server.engines.void.vae import VoidVAE


def load(folder: Path, request: Request, watch: Stopwatch) -> Callable[[], tuple[Tensor, Tensor]]:
    """Loads as the server does; returns what makes the clip."""
    base, dtype, device = folder / BASE, getattr(torch, request.dtype), torch.device(request.device)
    transformer = load_transformer(base / "transformer" / "config.json", folder / OVERLAY, dtype).to(device)
    vae = VoidVAE.load(base / "vae", dtype).to(device)
    watch.time(vae, "encode", "encode")
    watch.time(vae, "decode", "decode")
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
    model, noise = Model(transformer, vae, base), Noise(given.clip_noise, given.latents)

    def told(part: str, _done: int, _total: int) -> None:
        if part == "denoise":
            watch.stepped()

    def run() -> tuple[Tensor, Tensor]:
        made = run_pass(1, clip, model, Prompt(given.prompt), noise, settings, told)
        return made.latents, made.frames

    return run


if __name__ == "__main__":
    drive("ours", Path(sys.argv[1]), float(sys.argv[2]), load)
