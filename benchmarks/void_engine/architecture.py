# SPDX-License-Identifier: Apache-2.0
"""Models of random values, and the arithmetic that they cost: neither depends on what the weights are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import AutoencoderKLCogVideoX, CogVideoXTransformer3DModel
from torch.utils.flop_counter import FlopCounterMode

from void_server.engines.void.settings import OVERLAP, TEMPORAL, WINDOW, latent_length
from void_server.engines.void.text import TOKENS
from void_server.engines.void.transformer import CHANNELS, LATENT_CHANNELS, rotary
from void_server.engines.void.windows import windows


@dataclass(frozen=True)
class Architecture:
    """The sizes of a model.

    Attributes:
        transformer, vae: keyword arguments of diffusers' classes.
    """

    transformer: dict[str, Any]
    vae: dict[str, Any]


_COMMON = {
    "in_channels": CHANNELS,
    "out_channels": LATENT_CHANNELS,
    "patch_size": 2,
    "patch_size_t": 2,
    "max_text_seq_length": TOKENS,
    "sample_height": 300,
    "sample_width": 300,
    "use_rotary_positional_embeddings": True,
}
_BLOCKS = {
    "down_block_types": ("CogVideoXDownBlock3D",) * 4,
    "up_block_types": ("CogVideoXUpBlock3D",) * 4,
    "latent_channels": LATENT_CHANNELS,
    "scaling_factor": 0.7,
}

ARCHITECTURES = {
    # The values of the published configurations (docs/void_engine.md).
    "5b": Architecture(
        _COMMON
        | {"num_attention_heads": 48, "attention_head_dim": 64, "num_layers": 42}
        | {"time_embed_dim": 512, "text_embed_dim": 4096},
        _BLOCKS | {"block_out_channels": (128, 256, 256, 512), "layers_per_block": 3, "norm_num_groups": 32},
    ),
    "tiny": Architecture(
        _COMMON
        | {"num_attention_heads": 2, "attention_head_dim": 64, "num_layers": 2}
        | {"time_embed_dim": 32, "text_embed_dim": 32},
        _BLOCKS | {"block_out_channels": (16, 16, 32, 32), "layers_per_block": 1, "norm_num_groups": 8},
    ),
}


@dataclass(frozen=True)
class Work:
    """Floating-point operations, a multiplication and an addition being two: of one step, and of the VAE."""

    step: float
    encode: float
    decode: float


def made(what: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """A model with small random values, made where it is to run."""
    with torch.device("meta"):
        model = what()
    model = model.to_empty(device=device).to(dtype).eval().requires_grad_(False)
    generator = torch.Generator(device).manual_seed(1)
    for parameter in model.parameters():
        parameter.normal_(0, 0.02, generator=generator)
    return model


def transformer_of(architecture: Architecture) -> Callable[[], Any]:
    """Makes the transformer."""
    return lambda: CogVideoXTransformer3DModel(**architecture.transformer)


def vae_of(architecture: Architecture) -> Callable[[], Any]:
    """Makes the VAE."""
    return lambda: AutoencoderKLCogVideoX(**architecture.vae)


def work(architecture: Architecture, frames: int, height: int, width: int) -> Work:
    """What a clip costs, in windows as published; counted on models without values, so that nothing is computed.

    Args:
        frames: 8k + 5.
        height, width: in pixels, multiples of 16.
    """
    rows, columns = height // 8, width // 8
    with torch.device("meta"):
        transformer, vae = transformer_of(architecture)(), vae_of(architecture)()
        told = torch.empty(1, TOKENS, architecture.transformer["text_embed_dim"])

        def window(length: int) -> float:
            latents = torch.empty(1, length, CHANNELS, rows, columns)
            places = rotary(transformer, latents)
            given = {"image_rotary_emb": places, "return_dict": False}
            return counted(lambda: transformer(latents, told, torch.empty(1), **given))

        found = windows(latent_length(frames), latent_length(WINDOW), OVERLAP)
        step = sum(window(place.end - place.begin) for place in found)
        # Chunk by chunk the VAE does the same for every frame, so that one chunk tells.
        pixels = torch.empty(1, 3, 2 * TEMPORAL, height, width)
        encode = counted(lambda: vae.encoder(pixels)) * frames / pixels.shape[2]
        chunk = torch.empty(1, LATENT_CHANNELS, 2, rows, columns)
        decode = counted(lambda: vae.decoder(chunk)) * frames / (2 * TEMPORAL)
    return Work(step, encode, decode)


def counted(call: Callable[[], object]) -> float:
    """Floating-point operations of a call."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    return float(counter.get_total_flops())
