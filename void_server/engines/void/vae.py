# SPDX-License-Identifier: Apache-2.0
"""The VAE of CogVideoX as VOID uses it: chunk after chunk, each continuing the convolutions of the last.

Encoding is diffusers' own. Its decoding is not VOID's: an even number of latent frames would come out three frames
longer and shifted (22 latents as 88 frames), because what is left over goes into the first chunk. VOID decodes the
first latent frame alone, into one frame, and then two at a time, into eight (`autoencoder_magvit.py` of
Netflix/void-model at 66e9c0e).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import torch
from diffusers import AutoencoderKLCogVideoX
from diffusers.models.autoencoders.autoencoder_kl_cogvideox import CogVideoXCausalConv3d
from diffusers.models.upsampling import CogVideoXUpsample3D
from torch import Tensor, nn
from torch.nn import functional

CHUNK = 2
"""Latent frames that are decoded at a time, after the first."""
PIXELS_CHUNK = 8
"""Frames that are encoded at a time; what is left over goes into the first chunk."""

Told = Callable[[int, int], None]
"""Told how many chunks are done, of how many; it may raise to end the work."""


class Encoder(Protocol):
    """What gives latents, of whole pictures or in tiles."""

    def encode(self, pixels: Tensor, told: Told | None = None) -> Tensor:
        """See `VoidVAE.encode`."""
        ...


class VoidVAE:
    """Latents of pixels and back.

    Latents are multiplied by the scaling factor (0.7) in both directions of use: `encode` gives scaled ones, `decode`
    takes them.
    """

    def __init__(self, model: AutoencoderKLCogVideoX) -> None:
        self._model = model.eval().requires_grad_(False)
        self._upsamplers = _replaced_upsamplers(model)
        _forget_needless_caches(model)
        self._factor = float(model.config.scaling_factor)

    @staticmethod
    def load(folder: Path, dtype: torch.dtype) -> VoidVAE:
        """The VAE in a folder of official layout; nothing is fetched.

        Raises:
            OSError: a file is missing or cannot be read.
        """
        model = AutoencoderKLCogVideoX.from_pretrained(folder, torch_dtype=dtype, local_files_only=True)
        return VoidVAE(model)

    @property
    def module(self) -> AutoencoderKLCogVideoX:
        """What holds the parameters."""
        return self._model

    @property
    def dtype(self) -> torch.dtype:
        """Of parameters and latents."""
        found: torch.dtype = self._model.dtype
        return found

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        found: torch.device = self._model.device
        return found

    def to(self, device: torch.device) -> VoidVAE:
        """Moves the parameters; returns itself."""
        self._model.to(device)
        return self

    @torch.no_grad()
    def encode(self, pixels: Tensor, told: Told | None = None) -> Tensor:
        """The mean latents of a clip, scaled.

        Args:
            pixels: (b, 3, n, h, w), n = 4k + 1; -1..1 for pictures, 0..1 for masks, as VOID has it.
            told: see `Told`.

        Returns:
            (b, 16, k + 1, h / 8, w / 8).
        """
        chunks = list(_pixel_chunks(pixels.shape[2]))
        moments, cache = [], None
        for done, (begin, end) in enumerate(chunks, start=1):
            part = pixels[:, :, begin:end].to(self.device, self.dtype)
            found, cache = self._model.encoder(part, conv_cache=cache)
            cache = _Once.of(cache)
            moments.append(found)
            if told is not None:
                told(done, len(chunks))
        mean, _ = torch.cat(moments, dim=2).chunk(2, dim=1)
        return mean * self._factor

    @torch.no_grad()
    def decode(self, latents: Tensor, told: Told | None = None) -> Tensor:
        """The pixels of a clip.

        Args:
            latents: (b, 16, f, h, w), scaled, as `encode` gives them.
            told: see `Told`.

        Returns:
            (b, 3, 4f - 3, 8h, 8w) float32 on the CPU, 0..1.
        """
        return torch.cat(list(self.decoded(latents, told)), dim=2)

    @torch.no_grad()
    def decoded(self, latents: Tensor, told: Told | None = None) -> Iterator[Tensor]:
        """What `decode` gives, chunk after chunk."""
        chunks = list(_latent_chunks(latents.shape[2]))
        cache = None
        for done, (begin, end) in enumerate(chunks, start=1):
            part = latents[:, :, begin:end].to(self.device, self.dtype) * (1 / self._factor)
            for upsampler in self._upsamplers:
                upsampler.first = begin == 0
            pixels, cache = self._model.decoder(part, conv_cache=cache)
            cache = _Once.of(cache)
            # Clamped in the dtype of the VAE, as published.
            yield (pixels / 2 + 0.5).clamp(0, 1).to("cpu", torch.float32)
            if told is not None:
                told(done, len(chunks))


class _Once(dict[str, Any]):
    """Caches of a chunk's convolutions that are let go as they are read: else the old ones live beside the new."""

    @staticmethod
    def of(cache: Any) -> Any:
        """The same caches, at every depth; what is no dictionary is returned as it is."""
        return (
            _Once({name: _Once.of(part) for name, part in cache.items()})
            if isinstance(cache, dict)
            else cache
        )

    def get(self, name: str, default: Any = None) -> Any:
        """Takes it out."""
        return self.pop(name, default)


def _forget_needless_caches(model: AutoencoderKLCogVideoX) -> None:
    """Convolutions that see one frame at a time keep all of their input for the next chunk, which never reads it."""
    for part in model.modules():
        if isinstance(part, CogVideoXCausalConv3d) and part.time_kernel_size == 1:
            part.register_forward_hook(lambda _part, _given, answer: (answer[0], None))


class _Upsample(nn.Module):
    """Doubles a chunk in height and width, and in time unless it is the first, which is one frame."""

    def __init__(self, of: CogVideoXUpsample3D) -> None:
        super().__init__()
        self.conv, self.in_time, self.first = of.conv, bool(of.compress_time), False

    def forward(self, inputs: Tensor) -> Tensor:
        factor = (2.0, 2.0, 2.0) if self.in_time and not self.first else (1.0, 2.0, 2.0)
        larger = functional.interpolate(inputs, scale_factor=factor)
        batch, _, frames = larger.shape[:3]
        convolved: Tensor = self.conv(larger.transpose(1, 2).flatten(0, 1))
        found: Tensor = convolved.unflatten(0, (batch, frames)).transpose(1, 2)
        return found


def _replaced_upsamplers(model: AutoencoderKLCogVideoX) -> list[_Upsample]:
    found = []
    for block in model.decoder.up_blocks:
        for index, upsampler in enumerate(block.upsamplers or ()):
            if isinstance(upsampler, CogVideoXUpsample3D):
                block.upsamplers[index] = _Upsample(upsampler)
            found.append(block.upsamplers[index])
    return found


def _pixel_chunks(frames: int) -> Iterator[tuple[int, int]]:
    end = frames % PIXELS_CHUNK + PIXELS_CHUNK if frames >= PIXELS_CHUNK else frames
    begin = 0
    while begin < frames:
        yield begin, end
        begin, end = end, end + PIXELS_CHUNK


def _latent_chunks(frames: int) -> Iterator[tuple[int, int]]:
    yield 0, 1
    for begin in range(1, frames, CHUNK):
        yield begin, min(begin + CHUNK, frames)
