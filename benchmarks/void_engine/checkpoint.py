# SPDX-License-Identifier: Apache-2.0
"""A checkpoint of random values in the folder layout of the real one, and a clip with its noise and embeddings.

FOLDER/void_pass1.safetensors                                the overlay
FOLDER/base/transformer/…safetensors                         the same file: the official code loads a base first
FOLDER/base/vae/, scheduler/
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.void_engine.architecture import Architecture, transformer_of, vae_of
from benchmarks.void_engine.stopwatch import BASE, OVERLAY, Inputs
from void_server.engines.void.settings import latent_length
from void_server.engines.void.text import TOKENS
from void_server.engines.void.transformer import BASE_CHANNELS, LATENT_CHANNELS
from void_server.errors import InvalidInput

SEED = 1
WEIGHTS = "diffusion_pytorch_model.safetensors"
# `scheduler_config.json` of the base model (docs/void_engine.md).
SCHEDULER = {
    "_class_name": "CogVideoXDDIMScheduler",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "set_alpha_to_one": True,
    "snr_shift_scale": 1.0,
    "steps_offset": 0,
    "timestep_spacing": "trailing",
}


def write_checkpoint(architecture: Architecture, folder: Path, dtype: torch.dtype) -> None:
    """Writes overlay, VAE and configurations."""
    base = folder / BASE
    with torch.device("meta"):
        transformer, vae = transformer_of(architecture)(), vae_of(architecture)()
    told = {"in_channels": BASE_CHANNELS, "add_noise_in_inpaint_model": True}
    _write_json(base / "transformer" / "config.json", dict(transformer.config) | told)
    save_file(_values(transformer, dtype), folder / OVERLAY)
    (base / "transformer" / WEIGHTS).hardlink_to(folder / OVERLAY)
    _write_json(base / "vae" / "config.json", dict(vae.config))
    save_file(_values(vae, dtype), base / "vae" / WEIGHTS)
    _write_json(base / "scheduler" / "scheduler_config.json", SCHEDULER)


def made_inputs(architecture: Architecture, frames: int, height: int, width: int) -> Inputs:
    """A clip of noise whose middle is to be removed, with an affected stripe and an overlap.

    Args:
        frames: 8k + 5.
        height, width: in pixels, multiples of 16.
    """
    generator = torch.Generator().manual_seed(SEED)
    codes = torch.full((1, frames, height, width), 255.0)
    codes[..., height // 2 :, :] = 127
    codes[..., height // 4 : -height // 4, width // 4 : -width // 4] = 0
    codes[..., height // 2 : -height // 4, width // 4 : width // 2] = 63
    latents = (1, latent_length(frames), LATENT_CHANNELS, height // 8, width // 8)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    return Inputs(
        torch.rand(3, frames, height, width, generator=generator),
        codes,
        drawn(3, frames, height, width),
        drawn(*latents),
        drawn(1, TOKENS, architecture.transformer["text_embed_dim"]),
    )


def check_space(architecture: Architecture, folder: Path, dtype: torch.dtype, pixels: int) -> None:
    """That the weights, the inputs and both answers have room.

    Args:
        architecture: of the models.
        folder: that exists.
        dtype: of the weights.
        pixels: of all frames.

    Raises:
        InvalidInput: they have not; says how much is wanted.
    """
    with torch.device("meta"):
        models = transformer_of(architecture)(), vae_of(architecture)()
    count = sum(parameter.numel() for model in models for parameter in model.parameters())
    # Frames, codes and noise in, frames of both out: 13 float32 of a pixel; latents and embeddings are less than one.
    wanted, free = count * dtype.itemsize + 14 * 4 * pixels, shutil.disk_usage(folder).free
    if free < wanted:
        raise InvalidInput(
            f"The random weights and the clip take {wanted / 1e9:.2f} GB for as long as this runs; {folder} has"
            f" {free / 1e9:.2f} GB free.",
            fix="Name a folder with more room: --scratch DIR.",
        )


def _values(model: Any, dtype: torch.dtype) -> dict[str, Tensor]:
    """Random values of a model that has none, by which every part has an effect: matrices keep the size of what goes
    through them, scales are about 1.
    """
    generator = torch.Generator().manual_seed(SEED)
    found = {}
    for name, like in model.state_dict().items():
        value = torch.randn(like.shape, generator=generator, dtype=torch.float32)
        if like.ndim > 1:
            value /= like[0].numel() ** 0.5
        else:
            value = 0.1 * value + (1.0 if name.endswith("weight") else 0.0)
        found[name] = value.to(dtype)
    return found


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(values))
