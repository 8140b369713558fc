# SPDX-License-Identifier: Apache-2.0
"""Attention through a backend of diffusers' dispatcher; CogVideoX's own processor calls PyTorch's alone."""

from __future__ import annotations

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.attention_dispatch import AttentionBackendName, dispatch_attention_fn
from diffusers.models.attention_processor import Attention as AttentionLayer
from diffusers.models.embeddings import apply_rotary_emb
from torch import Tensor

from void_server.engines.void.settings import Attention
from void_server.errors import PreconditionFailed

BACKENDS: dict[Attention, str] = {
    "native": "native",
    "cudnn": "_native_cudnn",
    "flash": "_native_flash",
    "efficient": "_native_efficient",
    "math": "_native_math",
    "flash-attn": "flash",
    "flash-attn-3": "_flash_3",
    "sage": "sage",
}
"""Our words for diffusers' names: the first five are parts of PyTorch, the others packages of their own."""


class JointAttention:
    """Text and picture attend to each other; only the picture's tokens have places.

    Attributes:
        _attention_backend: where diffusers' `set_attention_backend` writes the backend's name.
    """

    def __init__(self) -> None:
        self._attention_backend: str | None = None
        self._parallel_config = None

    def __call__(
        self,
        attn: AttentionLayer,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        text = encoder_hidden_states.shape[1]
        tokens = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        query, key, value = (
            part(tokens).unflatten(2, (attn.heads, -1)) for part in (attn.to_q, attn.to_k, attn.to_v)
        )
        query, key = (
            self._placed(norm(of), text, image_rotary_emb)
            for norm, of in ((attn.norm_q, query), (attn.norm_k, key))
        )
        found = dispatch_attention_fn(
            query, key, value, attn_mask=attention_mask, backend=self._attention_backend
        )
        mixed: Tensor = attn.to_out[1](attn.to_out[0](found.flatten(2)))
        return mixed[:, text:], mixed[:, :text]

    def _placed(self, tokens: Tensor, text: int, places: tuple[Tensor, Tensor] | None) -> Tensor:
        """(b, s, heads, d) with the picture's part turned by its places."""
        if places is None:
            return tokens
        turned = apply_rotary_emb(tokens[:, text:], places, sequence_dim=1)
        return torch.cat([tokens[:, :text], turned], dim=1)


def use_backend(
    model: CogVideoXTransformer3DModel, backend: Attention, dtype: torch.dtype, device: torch.device
) -> None:
    """Let a model attend through a backend, after it was tried on a few tokens; `native` leaves the model as it came.

    Args:
        model: of diffusers' class.
        backend: one of `BACKENDS`.
        dtype, device: of what it will be given.

    Raises:
        PreconditionFailed: the backend is not installed, or not for this machine.
    """
    if backend == "native":
        return
    few = torch.zeros(1, 16, 1, model.config.attention_head_dim, dtype=dtype, device=device)
    model.set_attn_processor({name: JointAttention() for name in model.attn_processors})
    try:
        model.set_attention_backend(BACKENDS[backend])
        dispatch_attention_fn(few, few, few, backend=AttentionBackendName(BACKENDS[backend]))
    except (RuntimeError, ImportError, ValueError) as error:
        raise PreconditionFailed(
            f"Attention {backend} cannot be used on this server: {error}.", fix="Use --set attention=native."
        ) from None
