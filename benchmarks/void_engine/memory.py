# SPDX-License-Identifier: Apache-2.0
"""`--count-memory`: the peak memory of the models, counted and not measured.

The engine's own code runs on tensors without values, and every storage that it makes is counted from its making to its
end. Attention counts as its fused form, which has no matrix of all pairs: output, and a float32 sum for each query and
head. Not counted: workspaces of convolutions and multiplications, what the allocator keeps, the CUDA context.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmarks.machine import table
from benchmarks.void_engine.architecture import Architecture, transformer_of, vae_of
from void_server.engines.void.settings import WINDOW, latent_length
from void_server.engines.void.text import TOKENS
from void_server.engines.void.transformer import CHANNELS, LATENT_CHANNELS, rotary
from void_server.engines.void.vae import VoidVAE

T5_BYTES = 9.52e9
"""Of the two files of the published text encoder, 4.99 and 4.53 GB."""
DTYPE = torch.bfloat16


@dataclass(frozen=True)
class Needed:
    """Bytes of the weights, and of all else at the fullest moment of each part."""

    transformer: int
    vae: int
    activations: dict[str, int]


def needed(architecture: Architecture, frames: int, height: int, width: int) -> Needed:
    """What a clip takes on a GPU in bfloat16.

    Args:
        architecture: of the models.
        frames: of the clip, 8k + 5; the transformer sees a window of at most 85 at a time.
        height, width: in pixels, multiples of 16.
    """
    with torch.device("meta"), torch.no_grad():
        transformer, model = (_made(of) for of in (transformer_of(architecture), vae_of(architecture)))
        vae, weights = VoidVAE(model), (_bytes(transformer), _bytes(model))
        rows, columns = height // 8, width // 8
        pixels = torch.empty(1, 3, frames, height, width)
        latents = torch.empty(1, LATENT_CHANNELS, latent_length(frames), rows, columns, dtype=DTYPE)
        window = latent_length(min(frames, WINDOW))

        def step(batch: int) -> None:
            inputs = torch.empty(batch, window, CHANNELS, rows, columns, dtype=DTYPE)
            told = torch.empty(batch, TOKENS, architecture.transformer["text_embed_dim"], dtype=DTYPE)
            places = rotary(transformer, inputs)
            transformer(inputs, told, torch.empty(batch), image_rotary_emb=places, return_dict=False)

        activations = {
            "encode": peak(lambda: vae.encode(pixels)),
            "step, guidance 1": peak(lambda: step(1)),
            "step, guidance above 1": peak(lambda: step(2)),
            "decode": peak(lambda: _drained(vae.decoded(latents))),
        }
    return Needed(*weights, activations)


def lines(found: Needed) -> list[str]:
    """The table; gigabytes of 1e9 bytes."""
    both = found.transformer + found.vae
    rows = []
    for part, held in found.activations.items():
        own = found.transformer if part.startswith("step") else found.vae
        rows.append([part, *(f"{count / 1e9:.2f}" for count in (held, own + held, both + held))])
    fullest = max(found.activations.values())
    return [
        f"weights: transformer {found.transformer / 1e9:.2f} GB, VAE {found.vae / 1e9:.2f} GB,"
        f" T5 {T5_BYTES / 1e9:.1f} GB (the published files)",
        "",
        *table(["GB", "activations", "with its own weights", "with transformer and VAE"], rows),
        "",
        f"Peak with both resident: {(both + fullest) / 1e9:.2f} GB. Counted without computing, in bfloat16;",
        "attention in its fused form; workspaces, the allocator's reserve and the CUDA context come on top.",
    ]


def peak(call: Callable[[], object]) -> int:
    """Greatest number of bytes that a call on tensors without values has made and not yet let go."""
    live = _Live()
    with _FusedAttention(), live, torch.no_grad():
        call()
    return live.peak


class _Live(TorchDispatchMode):
    """Counts the storages that are made; what was there before is not counted."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now, self.peak = 0, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        to_host = func is torch.ops.aten._to_copy.default and named.get("device") == torch.device("cpu")
        if to_host:
            named["device"] = torch.device("meta")
        before = {id(storage) for storage in _storages((args, named))}
        found = func(*args, **named)
        if not to_host:
            for storage in _storages(found):
                if id(storage) not in before:
                    self._add(storage)
        return found

    def _add(self, storage: torch.UntypedStorage) -> None:
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._remove, size)

    def _remove(self, size: int) -> None:
        self.now -= size


class _FusedAttention(TorchFunctionMode):
    """Without a GPU, PyTorch would take attention apart into matrices of all pairs, which no GPU kernel holds."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not torch.nn.functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        return _fused(*args, **(kwargs or {}))


def _fused(query: Tensor, key: Tensor, value: Tensor, **_others: Any) -> Tensor:
    """What the fused form makes: the output, and while it runs the sums."""
    sums = query.new_empty(query.shape[:-1], dtype=torch.float32)
    output = query.new_empty((*query.shape[:-1], value.shape[-1]))
    del sums
    return output


def _storages(values: Any) -> Iterator[torch.UntypedStorage]:
    return (leaf.untyped_storage() for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def _made(of: Callable[[], Any]) -> Any:
    # Not diffusers' own `to`, which warns of parts in float32 that these models have not.
    return torch.nn.Module.to(of(), DTYPE).eval()


def _bytes(model: Any) -> int:
    return sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))


def _drained(parts: Iterator[Tensor]) -> None:
    for _ in parts:
        pass
