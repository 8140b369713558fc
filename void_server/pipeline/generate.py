# SPDX-License-Identifier: Apache-2.0
"""The unit `generate`: a whole shot through the model. Imported only where it is asked for: PyTorch comes with it."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from void_server.engines.void.clip import quantised, resized
from void_server.engines.void.pipeline import (
    Clip,
    Model,
    Noise,
    Progress,
    Prompt,
    drawn_noise,
    padded_clip,
    run_pass,
)
from void_server.engines.void.plate_size import codes, reduced
from void_server.engines.void.settings import Pass, VoidSettings, latent_length, model_size
from void_server.engines.void.text import embeddings
from void_server.engines.void.transformer import load_transformer
from void_server.engines.void.vae import VoidVAE
from void_server.engines.void.warped_noise import warped_noise
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.checkpoints import Checkpoint
from void_server.pipeline.keys import TORCH_PACKAGES, package_versions
from void_server.pipeline.plan_void import FRAME
from void_server.pipeline.shot import StoredShot
from void_server.pipeline.void_weights import void_weights
from void_server.weights.folder import Paths

Step = Callable[[int, int], None]

PASSES: tuple[Pass, Pass] = (1, 2)
KEPT_PROMPTS = 16
"""Embeddings that a worker keeps, 3 MB each: for a known prompt the encoder is not even loaded."""


def generate(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder, step: Step
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the model's picture of every frame, a blob each (`FRAME`), encoded values 0..1.

    Args:
        args: `key` of the unit, `prompt`, `percent` of the trained size, the `settings` of the engine, and the
            identity of its `weights`.
        step: told of denoising steps, of all passes; it may raise to end the work.

    Raises:
        PreconditionFailed: weights are missing or damaged.
    """
    torch.set_num_threads(1)
    settings = _sized(VoidSettings(**args["settings"]), shot, args["percent"])
    machine = _Machine.found(void_weights(settings.passes), json.dumps(args["weights"], sort_keys=True))
    clip = _clip(shot, settings)
    passes = PASSES[: settings.passes]
    folder = blobs.root / "checkpoints"
    saved = {p: Checkpoint(folder, args["key"], p, settings.steps_of(p)) for p in passes}
    begun = sum(done for done, _ in filter(None, (c.saved() for c in saved.values())))
    made = _passes(machine, clip, args["prompt"], settings, _Progress(step, settings), saved)
    stored = {
        FRAME.format(position): store_arrays(blobs, {"made": frame.permute(1, 2, 0).numpy()})
        for position, frame in enumerate(made)
    }
    for checkpoint in saved.values():
        checkpoint.remove()
    return stored, {
        "size": [settings.width, settings.height],
        "device": machine.name,
        "dtype": str(machine.dtype).removeprefix("torch."),
        "packages": package_versions(TORCH_PACKAGES),
        "weights": args["weights"],
        "padded": clip.frames.shape[1],
        "resumed_from": begun,
    }


@dataclass(frozen=True)
class _Machine:
    """Which weights run where, and in which type: bfloat16 as published, and float32 on a processor."""

    paths: Paths
    weights: str
    device: torch.device
    dtype: torch.dtype

    @staticmethod
    def found(paths: Paths, weights: str) -> _Machine:
        if torch.cuda.is_available():
            return _Machine(paths, weights, torch.device("cuda"), torch.bfloat16)
        return _Machine(paths, weights, torch.device("cpu"), torch.float32)

    @property
    def name(self) -> str:
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"


def _passes(
    machine: _Machine,
    clip: Clip,
    prompt: str,
    settings: VoidSettings,
    progress: _Progress,
    saved: Mapping[Pass, Checkpoint],
) -> Tensor:
    """(n, 3, h, w) float32 of the last pass, without padding."""
    noise = drawn_noise(clip, settings)
    told = Prompt(*_PROMPTS.embedded([prompt, ""] if settings.passes == 2 else [prompt], machine))
    made = run_pass(1, clip, _RESIDENT.model(1, machine), told, noise, settings, progress.of(1), saved[1])
    if settings.passes == 2:
        moved = Noise(noise.clip, _moved_noise(made.frames, clip, settings, progress.of(2)))
        made = run_pass(2, clip, _RESIDENT.model(2, machine), told, moved, settings, progress.of(2), saved[2])
    return made.frames[: clip.length]


class _Progress:
    """Counts denoising steps over all passes; what is done between them is only a chance to end the work."""

    def __init__(self, step: Step, settings: VoidSettings) -> None:
        self._step, self._settings = step, settings
        self._total = sum(settings.steps_of(p) for p in PASSES[: settings.passes])
        self._done = 0

    def of(self, pass_: Pass) -> Progress:
        """What a pass is to tell."""
        before = sum(self._settings.steps_of(p) for p in PASSES[: pass_ - 1])

        def told(part: str, done: int, _total: int) -> None:
            if part == "denoise":
                self._done = before + done
            self._step(self._done, self._total)

        return told


def _moved_noise(frames: Tensor, clip: Clip, settings: VoidSettings, progress: Progress) -> Tensor:
    """(1, f, 16, h / 8, w / 8): noise that moves with the frames of the first pass, played on as the clip was."""
    shown = padded_clip(frames.transpose(0, 1), clip.codes[:, : len(frames)], settings).frames
    pictures = (shown.permute(1, 2, 3, 0) * 255).round().to(torch.uint8).numpy()
    size = latent_length(len(pictures)), settings.height // 8, settings.width // 8
    told = partial(progress, "noise")
    return torch.from_numpy(warped_noise(pictures, latents=size, seed=settings.seed, told=told))[None]


def _sized(settings: VoidSettings, shot: StoredShot, percent: int) -> VoidSettings:
    """The settings with the size of the model's picture; the scripts stretch every picture to the trained shape."""
    height, width = float(settings.height), float(settings.width)
    if settings.profile == "production":
        height, width = shot.window.height, shot.window.width * shot.source(0).pixel_aspect
    size = model_size(height, width, percent / 100)
    return replace(settings, height=size[0], width=size[1])


def _clip(shot: StoredShot, settings: VoidSettings) -> Clip:
    """The shot as the model is given it; one plate is held at a time."""
    encoding, size = shot.manifest.shot_encoding(), (settings.height, settings.width)
    pictures, masks = [], []
    for position in shot.frames:
        plate, quadmask = shot.plate(position), shot.quadmask(position, shot.window)
        if settings.profile == "official":
            shown = torch.from_numpy(encoding.to_uint8(plate)).float() / 255
            coded = torch.from_numpy(quadmask.codes)[..., None]
            pictures.append(resized(shown[None], *size)[:, 0])
            masks.append(quantised(resized(coded[None], *size))[:, 0])
        else:
            with np.errstate(invalid="ignore"):
                picture = reduced(encoding.encode(plate), *size)
            pictures.append(torch.from_numpy(picture).permute(2, 0, 1))
            masks.append(torch.from_numpy(codes(quadmask.remove, quadmask.affected, *size))[None])
    return padded_clip(torch.stack(pictures, 1), torch.stack(masks, 1), settings)


class _Prompts:
    """The embeddings of the last prompts."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, torch.dtype], Tensor] = OrderedDict()

    def embedded(self, prompts: Sequence[str], machine: _Machine) -> list[Tensor]:
        """(1, 226, d) each; the encoder is loaded only where one is not known."""
        weights, dtype = machine.weights, machine.dtype
        unknown = [prompt for prompt in prompts if (prompt, weights, dtype) not in self._kept]
        if unknown:
            found = embeddings(unknown, machine.paths.base, dtype, machine.device)
            self._kept.update({(p, weights, dtype): e for p, e in zip(unknown, found, strict=True)})
        wanted = [self._kept[prompt, weights, dtype] for prompt in prompts]
        while len(self._kept) > KEPT_PROMPTS:
            self._kept.popitem(last=False)
        return wanted


class _Resident:
    """The model of one pass, kept until another is asked for: two would not fit on most cards."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._model: Model | None = None

    def model(self, pass_: Pass, machine: _Machine) -> Model:
        """The model of a pass, loaded if it is not there."""
        paths, device, dtype = machine.paths, machine.device, machine.dtype
        overlay = paths.pass1 if pass_ == 1 else paths.pass2
        key = (pass_, machine.weights, device, dtype)
        if self._model is None or key != self._key:
            self._model = None
            config = paths.base / "transformer" / "config.json"
            transformer = load_transformer(config, overlay, dtype).to(device)
            vae = VoidVAE.load(paths.base / "vae", dtype).to(device)
            self._key, self._model = key, Model(transformer, vae, paths.base)
        return self._model


_PROMPTS, _RESIDENT = _Prompts(), _Resident()
