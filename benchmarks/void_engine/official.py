# SPDX-License-Identifier: Apache-2.0
"""The official side of `--official`: `python -m benchmarks.void_engine.official FOLDER BEGAN`, a process of its own.

`videox_fun` is that of a checkout of Netflix/void-model on PYTHONPATH, loaded and called as its `predict_v2v.py` does
with `model_full_load`; nothing of it is changed, and its methods are timed from outside. Left out are the text encoder
and the files: embeddings, clip and mask are given. Without arguments only the imports are tried.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from diffusers import DDIMScheduler
from safetensors.torch import load_file
from torch import Tensor
from videox_fun.models import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from videox_fun.pipeline import CogVideoXFunInpaintPipeline

from benchmarks.void_engine.stopwatch import BASE, OVERLAY, Inputs, Request, Stopwatch, drive


def load(folder: Path, request: Request, watch: Stopwatch) -> Callable[[], tuple[Tensor, Tensor]]:
    """Loads base model, overlay, VAE and scheduler; returns what makes the clip."""
    pipeline = _pipeline(folder, getattr(torch, request.dtype))
    pipeline.to(device=request.device)
    pipeline.set_progress_bar_config(disable=True)
    watch.time(pipeline, "prepare_mask_latents", "encode")
    watch.time(pipeline, "decode_latents", "decode")
    given, dtype = Inputs.read(folder), getattr(torch, request.dtype)
    height, width = given.frames.shape[2:]
    last: dict[str, Tensor] = {}

    def stepped(_pipeline: Any, _step: int, _timestep: Tensor, state: dict[str, Tensor]) -> dict[str, Tensor]:
        watch.stepped()
        last.update(state)
        return {}

    def run() -> tuple[Tensor, Tensor]:
        with _noise_of(given.clip_noise[None]):
            made = pipeline(
                prompt_embeds=given.prompt.to(request.device, dtype),
                latents=given.latents.to(request.device, dtype),
                video=given.frames[None],
                mask_video=(255 - given.codes[None]) / 255,
                num_frames=request.window,
                height=height,
                width=width,
                guidance_scale=1.0,
                num_inference_steps=request.steps,
                strength=1.0,
                use_trimask=True,
                zero_out_mask_region=False,
                use_vae_mask=True,
                stack_mask=False,
                callback_on_step_end=stepped,
            )
        return last["latents"], made.videos[0].transpose(0, 1)

    return run


def _pipeline(folder: Path, dtype: torch.dtype) -> Any:
    base = str(folder / BASE)
    transformer = CogVideoXTransformer3DModel.from_pretrained(
        base,
        subfolder="transformer",
        low_cpu_mem_usage=True,
        torch_dtype=dtype,
        use_vae_mask=True,
        stack_mask=False,
    ).to(dtype)
    transformer.load_state_dict(load_file(folder / OVERLAY), strict=False)
    vae = AutoencoderKLCogVideoX.from_pretrained(base, subfolder="vae").to(dtype)
    return CogVideoXFunInpaintPipeline(
        vae=vae,
        tokenizer=None,
        text_encoder=None,
        transformer=transformer,
        scheduler=DDIMScheduler.from_pretrained(base, subfolder="scheduler"),
    )


@contextmanager
def _noise_of(noise: Tensor) -> Iterator[None]:
    """The noise on the clip, which the pipeline draws from a generator that has no seed, is the given one.

    Raises:
        RuntimeError: none, or something else, was drawn.
    """
    drawn, real = [], torch.randn_like

    def given(like: Tensor, **named: Any) -> Tensor:
        drawn.append(tuple(like.shape))
        return noise.to(like) if like.shape == noise.shape else real(like, **named)

    with patch.object(torch, "randn_like", given):
        yield
    if drawn != [tuple(noise.shape)]:
        raise RuntimeError(f"noise of {drawn} was drawn where {tuple(noise.shape)} was to be")


if __name__ == "__main__" and len(sys.argv) > 1:
    drive("official", Path(sys.argv[1]), float(sys.argv[2]), load)
