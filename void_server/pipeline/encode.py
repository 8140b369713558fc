# SPDX-License-Identifier: Apache-2.0
"""The units `encode`: plate and quadmask as the model's latents, recorded, so that a painted mask, another seed or
prompt finds them there. Imported only where it is asked for: PyTorch comes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from void_server.engines.void.clip import quantised, resized
from void_server.engines.void.pipeline import (
    Clip,
    Progress,
    clip_noise,
    encoded_clip,
    encoded_masks,
    padded_clip,
    told_codes,
)
from void_server.engines.void.placement import PlacedVAE
from void_server.engines.void.plate_size import codes, in_whole_cells, reduced
from void_server.engines.void.settings import Running, VoidSettings, model_size
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.plan_void import SEEN, TOLD
from void_server.pipeline.regions import Crops, cut
from void_server.pipeline.shot import StoredShot
from void_server.pipeline.void_models import RESIDENT, Machine, first_with_room
from void_server.quadmask.regions import CODE_BACKGROUND

Step = Callable[[int, int], None]


def encode(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder, step: Step
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blob `latents`: of the plate with a little noise, or of the quadmask as a pass is given it. With the
    plate's also a blob `SEEN` for every frame: `seen`, (h, w, 3) float16 0..1, what the model is shown; with those of
    the first pass a blob `TOLD`: `told`, (h, w) uint8, 1 where it is to change something.

    Args:
        args: `of` (`clip`, `masks 1` or `masks 2`), the `crops` that the model sees (`Crops`; None for whole frames),
            `percent` of the trained size, `settings` and `running` of the engine, and the identity of its `set` of
            `weights`.
        step: told of chunks of the VAE; it may raise to end the work.

    Raises:
        PreconditionFailed: weights are missing or damaged.
        OutOfMemory: the VAE does not fit, without the transformer beside it neither.
    """
    torch.set_num_threads(1)
    crops = Crops.from_dict(args["crops"]) if args["crops"] is not None else None
    model = crops.model if crops is not None else None
    settings = sized(VoidSettings(**args["settings"]), shot, args["percent"], model)
    machine = Machine.found(1, args["set"], args["weights"])
    pictures, coded = _frames_and_codes(shot, settings, args["of"], crops)
    clip = padded_clip(pictures, coded, settings)
    candidates = machine.plans(settings, clip.frames.shape[1], Running(**args["running"]))
    ways = [
        lambda plan=plan: _latents(args["of"], clip, settings, RESIDENT.vae(machine, plan), _chunks(step))
        for plan in candidates
    ]
    latents = first_with_room(ways, RESIDENT.drop)
    stored = {"latents": store_arrays(blobs, {"latents": latents.to("cpu", torch.float32).numpy()})}
    if args["of"] == "clip":
        shown = pictures.permute(1, 2, 3, 0).to(torch.float16)
        stored |= {SEEN.format(p): store_arrays(blobs, {"seen": shown[p].numpy()}) for p in shot.frames}
    if args["of"] == "masks 1":
        told = (told_codes(clip, settings)[0] < CODE_BACKGROUND).to(torch.uint8).numpy()
        stored |= {TOLD.format(p): store_arrays(blobs, {"told": told[p]}) for p in shot.frames}
    return stored, {"size": [settings.width, settings.height], "padded": clip.frames.shape[1]}


def stored_latents(blobs: BlobFolder, digest: str) -> Tensor:
    """(1, f, 16, h / 8, w / 8) float32, as a unit `encode` left them."""
    return torch.from_numpy(load_arrays(blobs, digest)["latents"])


def sized(
    settings: VoidSettings, shot: StoredShot, percent: int, model: Sequence[int] | None = None
) -> VoidSettings:
    """The settings with the size of the model's picture; the scripts stretch every picture to the trained shape.

    Args:
        settings: without it.
        shot: whose frames it sees.
        percent: of the trained size.
        model: (height, width), where it is planned already.
    """
    if model is not None:
        return replace(settings, height=model[0], width=model[1])
    height, width = float(settings.height), float(settings.width)
    if settings.profile == "production":
        height, width = shot.window.height, shot.window.width * shot.source(0).pixel_aspect
    size = model_size(height, width, percent / 100)
    return replace(settings, height=size[0], width=size[1])


def _latents(of: str, clip: Clip, settings: VoidSettings, vae: PlacedVAE, progress: Progress) -> Tensor:
    if of == "clip":
        seed = settings.seed if settings.clip_seed is None else settings.clip_seed
        return encoded_clip(clip, clip_noise(clip, seed), vae, progress)
    return encoded_masks(1 if of == "masks 1" else 2, clip, vae, settings, progress)


def _chunks(step: Step) -> Progress:
    return lambda _part, done, total: step(done, total)


def _frames_and_codes(
    shot: StoredShot, settings: VoidSettings, of: str, crops: Crops | None
) -> tuple[Tensor, Tensor]:
    """(3, n, h, w) pictures and (1, n, h, w) codes; of the two only what is asked for is read, the other is empty."""
    count, size = len(shot.frames), (settings.height, settings.width)
    if of == "clip":
        return _pictures(shot, settings, crops), torch.zeros(1, count, 1, 1)
    return torch.zeros(3, count, 1, 1), _codes(shot, settings, size, crops)


def _pictures(shot: StoredShot, settings: VoidSettings, crops: Crops | None) -> Tensor:
    """The plate in the light that the model was trained on, 0..1; one frame of it is held at a time."""
    light, size = shot.manifest.model_light(), (settings.height, settings.width)
    pictures = []
    for position in shot.frames:
        plate = cut(shot.plate(position), crops.rect(position) if crops is not None else None)
        with np.errstate(invalid="ignore"):
            encoded = light.encode(plate)
        if settings.profile == "official":
            # The scripts read 8-bit video.
            levels = np.rint(255 * np.clip(np.nan_to_num(encoded), 0, 1)).astype(np.float32)
            pictures.append(resized(torch.from_numpy(levels / 255)[None], *size)[:, 0])
        else:
            picture = reduced(encoded, *size)
            pictures.append(torch.from_numpy(picture).permute(2, 0, 1))
    return torch.stack(pictures, 1)


def _codes(
    shot: StoredShot, settings: VoidSettings, size: tuple[int, int], crops: Crops | None = None
) -> Tensor:
    """(1, n, h, w); the scripts know no keep matte, and nor does their profile but where cells are widened."""
    masks = []
    for position in shot.frames:
        rect = crops.rect(position) if crops is not None else None
        quadmask, keep = shot.quadmask(position, shot.window), cut(shot.keep(position, shot.window), rect)
        if settings.profile == "official":
            given = torch.from_numpy(quadmask.codes)[..., None]
            coded = quantised(resized(given[None], *size))[0, 0].numpy()
        else:
            coded = codes(cut(quadmask.remove, rect), cut(quadmask.affected, rect), keep, *size)
        masks.append(in_whole_cells(coded, keep) if settings.affected_grid else coded)
    return torch.from_numpy(np.stack(masks))[None]
