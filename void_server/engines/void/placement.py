# SPDX-License-Identifier: Apache-2.0
"""Where the parts of the model are: on the device for good, or only while they work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import torch
from diffusers import CogVideoXTransformer3DModel, FirstBlockCacheConfig
from torch import nn

from void_server.engines.void.attention import use_backend
from void_server.engines.void.fp8 import CAPABILITY, to_float8
from void_server.engines.void.memory import MemoryPlan
from void_server.engines.void.settings import Running
from void_server.engines.void.tiles import TiledVAE
from void_server.engines.void.transformer import load_transformer
from void_server.engines.void.vae import VoidVAE
from void_server.errors import PreconditionFailed


@dataclass(frozen=True)
class PlacedTransformer:
    """A transformer on its device.

    Attributes:
        module: of diffusers' class.
        device: where it works.
        stays: whether it is left there; else it comes for `at_work` and goes again.
        windows_at_once: of a clip, in one call.
        step_cache: see `Running.step_cache`.
    """

    module: CogVideoXTransformer3DModel
    device: torch.device
    stays: bool = True
    windows_at_once: int = 1
    step_cache: float = 0.0

    @property
    def dtype(self) -> torch.dtype:
        """Of what it is given."""
        found: torch.dtype = self.module.patch_embed.proj.weight.dtype
        return found

    @contextmanager
    def at_work(self) -> Iterator[CogVideoXTransformer3DModel]:
        """The module, ready to be called."""
        with _visiting(self.module, self.device, self.stays):
            if not self.step_cache:
                yield self.module
                return
            self.module.enable_cache(FirstBlockCacheConfig(threshold=self.step_cache))
            try:
                yield self.module
            finally:
                self.module.disable_cache()


@dataclass(frozen=True)
class PlacedVAE:
    """A VAE on its device; see `PlacedTransformer`.

    Attributes:
        tile: pixels of a side of its decoder's tiles; None for whole pictures.
    """

    vae: VoidVAE
    device: torch.device
    stays: bool = True
    tile: int | None = None

    @contextmanager
    def at_work(self) -> Iterator[VoidVAE | TiledVAE]:
        """What encodes and decodes."""
        with _visiting(self.vae.module, self.device, self.stays):
            yield self.vae if self.tile is None else TiledVAE(self.vae, self.tile)


def place_vae(folder: Path, dtype: torch.dtype, device: torch.device, plan: MemoryPlan) -> PlacedVAE:
    """The VAE of a folder, placed as a plan has it.

    Raises:
        OSError: a file is missing or cannot be read.
    """
    vae, stays = VoidVAE.load(folder, dtype), plan.mode in ("full", "fp8")
    return PlacedVAE(vae.to(device) if stays else vae, device, stays, plan.tile)


def place_transformer(
    config: Path, overlay: Path, dtype: torch.dtype, device: torch.device, plan: MemoryPlan, running: Running
) -> PlacedTransformer:
    """The transformer of an overlay, placed as a plan has it; see `load_transformer`.

    Raises:
        InvalidInput: a file is missing, damaged, or not of this model.
        PreconditionFailed: this machine cannot run it as asked.
    """
    module = load_transformer(config, overlay, dtype)
    use_backend(module, running.attention, dtype, device)
    if plan.mode == "fp8":
        _check_float8(device)
        for block in module.transformer_blocks:
            to_float8(block.to(device))
    if plan.mode in ("group-offload", "sequential"):
        _in_groups(module, device, by_layer=plan.mode == "sequential")
    elif plan.mode != "offload":
        module.to(device)
    if running.compile and plan.mode in ("full", "fp8", "offload"):
        module.compile()
    # Hooks of parts that come and go, and hooks that leave blocks out, do not see each other.
    step_cache = 0.0 if plan.mode in ("group-offload", "sequential") else running.step_cache
    return PlacedTransformer(module, device, plan.mode != "offload", plan.windows_at_once, step_cache)


def replanned(placed: PlacedTransformer, plan: MemoryPlan) -> PlacedTransformer:
    """The same module for a plan of the same mode."""
    return replace(placed, windows_at_once=plan.windows_at_once)


def _check_float8(device: torch.device) -> None:
    if device.type == "cuda" and torch.cuda.get_device_capability(device) < CAPABILITY:
        raise PreconditionFailed(
            f"{torch.cuda.get_device_name(device)} cannot multiply 8-bit floats.",
            fix="Use --set memory=auto; fp8 needs an NVIDIA Ada, Hopper or newer GPU.",
        )


def _in_groups(module: CogVideoXTransformer3DModel, device: torch.device, *, by_layer: bool) -> None:
    """Keep the weights in the machine's memory; a group of them visits the device while it works.

    On a GPU the next block is on its way while one computes.
    """
    if by_layer:
        module.enable_group_offload(device, offload_type="leaf_level")
    else:
        module.enable_group_offload(
            device, offload_type="block_level", num_blocks_per_group=1, use_stream=device.type == "cuda"
        )


@contextmanager
def _visiting(module: nn.Module, device: torch.device, stays: bool) -> Iterator[None]:
    """Bring a module to the device for a while; what it left behind is kept, so that nothing is copied back."""
    if stays:
        yield
        return
    home = [
        (part, name, tensor)
        for part in module.modules()
        for name, tensor in chain(part.named_parameters(recurse=False), part.named_buffers(recurse=False))
    ]
    try:
        for part, name, tensor in home:
            there = tensor.to(device)
            setattr(part, name, nn.Parameter(there, False) if isinstance(tensor, nn.Parameter) else there)
        yield
    finally:
        for part, name, tensor in home:
            setattr(part, name, tensor)
        if device.type == "cuda":
            torch.cuda.empty_cache()
