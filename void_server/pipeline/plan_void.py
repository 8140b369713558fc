# SPDX-License-Identifier: Apache-2.0
"""The units of the engine `void`: `encode` plate and quadmask for the model, `generate` the whole shot at its size,
`conform` each frame to the plate.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from void_server.engines.void.settings import PASSES, SEED, MaskLevels, Pass, Running, VoidSettings
from void_server.engines.void.settings import VERSION as VOID_VERSION
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.keys import torch_numerics, unit_key
from void_server.pipeline.known_shot import known_shot, matte_contents
from void_server.pipeline.manifest import ShotManifest
from void_server.pipeline.order import Order
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit
from void_server.pipeline.void_weights import raft_identity, weights_identity

FRAME = "frame{:05d}"
"""Name of the blob that holds the model's picture of a frame, by position."""


def plan_encode(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """The latents of the plate, and those of the quadmask for each pass; recorded apart, as they change apart."""
    shot = known_shot(order, results, blobs)
    if order.engine != "void" or not any(f.active for f in shot.frames):
        return Plan()
    settings, options, running = order.void_settings(), order.options, order.void_running()
    names = {"clip": "the plate"} | {
        masks_read(settings, p): f"the quadmask for pass {p}" for p in reversed(PASSES[: settings.passes])
    }
    identity = weights_identity(settings.passes, options.weights)
    weights = {n: told for n, told in identity.items() if n.startswith("base/vae/")}
    digest, units = shot.store(blobs).digest, []
    for name, what in names.items():
        of_clip = name == "clip"
        told = {
            "of": name,
            "percent": options.model_percent,
            "settings": asdict(_read_by_encode(settings, of_clip)),
            "running": asdict(replace(Running(), memory=running.memory)),
            "weights": weights,
            "pixel_aspect": results.get("ingest", order.frames[0], "plate").info["pixel_aspect"],
        }
        key = unit_key(
            "encode",
            engine=VOID_VERSION,
            torch=torch_numerics(),
            frames=[f.content if of_clip else matte_contents(f) for f in shot.frames],
            **_space(shot),
            **told,
        )
        args = {"shot": digest, "set": options.weights, **told}
        units.append(unit("encode", key, f"latents of {what}", args, role=name))
    return Plan(units)


def masks_read(settings: VoidSettings, pass_: Pass) -> str:
    """The latents of the quadmask that a pass reads: only the published levels differ from pass to pass."""
    return "masks 2" if pass_ == 2 and settings.mask_levels == "published" else "masks 1"


def _read_by_encode(settings: VoidSettings, of_clip: bool) -> VoidSettings:
    """The settings without what does not change the latents: the seed of those of the mask, the steps of any."""
    seed = settings.seed if settings.clip_seed is None else settings.clip_seed
    levels: MaskLevels = "trained" if of_clip else settings.mask_levels
    plain = replace(settings, seed=seed if of_clip else SEED, clip_seed=None, steps=None, mask_levels=levels)
    return replace(plain, passes=1, noise_flow="dis")


def plan_generate(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """One unit for the whole shot: its windows are blended at every step."""
    shot = known_shot(order, results, blobs)
    if order.engine != "void" or not any(f.active for f in shot.frames):
        return Plan()
    settings = order.void_settings()
    asked = results.find("ask", None)
    # What the model of a reasoner says of the scene without the object is what the engine wants to be told.
    prompt = order.prompt or (asked.info.get("scene", "") if asked is not None else "")
    chosen, raft = order.options.weights, settings.noise_flow == "raft"
    names = {"clip", *(masks_read(settings, p) for p in PASSES[: settings.passes])}
    told = {
        "prompt": prompt,
        "percent": order.options.model_percent,
        "settings": asdict(settings),
        "running": asdict(order.void_running()),
        "weights": weights_identity(settings.passes, chosen) | (raft_identity(chosen) if raft else {}),
        "latents": {name: results.get("encode", None, name).blobs["latents"] for name in sorted(names)},
    }
    key = unit_key(
        "generate",
        engine=VOID_VERSION,
        torch=torch_numerics(),
        frames=len(shot.frames),
        **_space(shot),
        **told,
    )
    args = {"shot": shot.store(blobs).digest, "key": key, "set": chosen, **told}
    notes = [_memory(order, results)]
    if not prompt:
        notes.append(NO_PROMPT)
    return Plan([unit("generate", key, "the model's picture of the shot", args)], notes=notes)


def _memory(order: Order, results: Results) -> str:
    """How the GPU's memory will be shared."""
    # PyTorch takes seconds to import, and other jobs do without it.
    from void_server.pipeline.void_models import Machine

    made = results.get("encode", None, "clip").info
    width, height = made["size"]
    settings = replace(order.void_settings(), width=width, height=height)
    machine = Machine.found(settings.passes, order.options.weights, {})
    plan = machine.plans(settings, made["padded"], order.void_running())[0]
    return plan.describe(machine.free())


NO_PROMPT = (
    "No prompt is given: say with --prompt what remains in the shot, and the model fills it more surely."
)


def plan_conform(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Each frame with something to fill, at the plate's size."""
    made = results.find("generate", None)
    if made is None:
        return Plan()
    shot = known_shot(order, results, blobs)
    digest, units = shot.store(blobs).digest, []
    notes = [NO_ROOM.format(plan) for plan in made.info["without_room"]]
    for position, frame in enumerate(shot.frames):
        if not frame.active:
            continue
        picture = made.blobs[FRAME.format(position)]
        key = unit_key(
            "conform",
            engine=VOID_VERSION,
            made=picture,
            frame=[frame.content, matte_contents(frame)],
            margin=shot.settings["margin"],
            **_space(shot),
        )
        args = {"shot": digest, "position": position, "made": picture}
        units.append(unit("conform", key, f"conform of frame {frame.frame}", args, frame=frame.frame))
    return Plan(units, notes=notes)


NO_ROOM = "The GPU had no room for this way of working, and the next more frugal one was taken. {}"


def _space(shot: ShotManifest) -> dict[str, Any]:
    """How plates are read and encoded, for keys."""
    return {
        "view": shot.view,
        "window": shot.window,
        "colour": asdict(shot.colour),
        "encoding": shot.encoding,
    }
