# SPDX-License-Identifier: Apache-2.0
"""The transformer: built without values, filled from the overlay alone.

The overlays `void_pass1.safetensors` and `void_pass2.safetensors` hold every parameter under diffusers' names, so the
base model's 11 GB are not needed (docs/void_engine.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from safetensors import SafetensorError, safe_open
from torch import Tensor

from void_server.errors import InvalidInput

LATENT_CHANNELS = 16
CHANNELS = 3 * LATENT_CHANNELS
"""Noise latents, mask latents, latents of the clip, in this order."""
BASE_CHANNELS = 33
"""Of the model that VOID was made from: noise latents, one mask channel, latents of the clip."""
PROJECTION = "patch_embed.proj.weight"

Rotary = tuple[Tensor, Tensor]


def load_transformer(config: Path, overlay: Path, dtype: torch.dtype) -> CogVideoXTransformer3DModel:
    """The model of an overlay.

    Args:
        config: `transformer/config.json` of the base folder; its number of input channels is ignored.
        overlay: one safetensors file, which is read through a memory map.
        dtype: to hold the parameters in.

    Raises:
        InvalidInput: a file is missing, damaged, or not of this model.
    """
    known = _config(config)
    with torch.device("meta"):
        model = CogVideoXTransformer3DModel(**known)
    state = _state(overlay)
    if PROJECTION in state:
        state[PROJECTION] = surgery(state[PROJECTION], known["patch_size"] ** 2 * known["patch_size_t"])
    _check(model.state_dict(), state, overlay)
    model.load_state_dict({name: value.to(dtype) for name, value in state.items()}, strict=True, assign=True)
    return model.eval().requires_grad_(False)


def surgery(weight: Tensor, patch: int) -> Tensor:
    """An overlay's projection for 48 channels; one of 33 has its mask channel repeated 16 times.

    Args:
        weight: (d, channels * patch).
        patch: pixels of a patch, in space and time.

    Returns:
        (d, 48 * patch); the same tensor where it has 48 channels already, or where it fits neither.
    """
    if weight.ndim != 2 or weight.shape[1] != BASE_CHANNELS * patch:
        return weight
    before, mask, after = weight.split([LATENT_CHANNELS * patch, patch, LATENT_CHANNELS * patch], dim=1)
    return torch.cat([before, mask.repeat(1, LATENT_CHANNELS), after], dim=1)


def rotary(model: CogVideoXTransformer3DModel, latents: Tensor) -> Rotary:
    """Cosines and sines (f h w / 8, head) of the places in a window, float32; every window counts from 0.

    Args:
        model: the transformer.
        latents: (b, f, c, h, w) of the window.
    """
    shape = model.config
    _, frames, _, height, width = latents.shape
    found: Rotary = get_3d_rotary_pos_embed(
        embed_dim=shape.attention_head_dim,
        crops_coords=None,
        grid_size=(height // shape.patch_size, width // shape.patch_size),
        temporal_size=-(-frames // shape.patch_size_t),
        grid_type="slice",
        max_size=(shape.sample_height // shape.patch_size, shape.sample_width // shape.patch_size),
        device=latents.device,
    )
    return found


def _config(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"{path} cannot be read: {error}.", fix="Run: void-server weights verify"
        ) from None
    # Names with an underscore are diffusers' own; the last one is VOID's, for its scripts.
    known = {k: v for k, v in given.items() if not k.startswith("_") and k != "add_noise_in_inpaint_model"}
    return known | {"in_channels": CHANNELS}


def _state(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise InvalidInput(
            f"{path} cannot be read: {error}.", fix="Run: void-server weights verify"
        ) from None


def _check(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], path: Path) -> None:
    missing, unknown = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
    other = [n for n in wanted if n in given and wanted[n].shape != given[n].shape]
    if missing or unknown or other:
        first = (missing or unknown or other)[0]
        raise InvalidInput(
            f"{path.name} is not of this model: of {len(wanted)} tensors {len(missing)} are missing, {len(other)} have"
            f" another shape, and {len(unknown)} are unknown; the first is {first}.",
            fix="Run: void-server weights verify",
        )
