# SPDX-License-Identifier: Apache-2.0
"""The units of the engine `void`: `encode` plate and quadmask for the model, `generate` the whole shot at its size,
`conform` each frame to the plate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from void_server.engines.void.regions import Run
from void_server.engines.void.settings import PASSES, SEED, MaskLevels, Pass, Running, VoidSettings
from void_server.engines.void.settings import VERSION as VOID_VERSION
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.answers import NEIGHBOURS
from void_server.pipeline.keys import torch_numerics, unit_key
from void_server.pipeline.known_shot import known_shot, matte_contents
from void_server.pipeline.manifest import ShotManifest
from void_server.pipeline.order import Order
from void_server.pipeline.plan_detail import with_detail
from void_server.pipeline.plan_regions import crops_of, region_plan
from void_server.pipeline.plan_regions import told as told_regions
from void_server.pipeline.regions import Crops
from void_server.pipeline.results import Finished, Results
from void_server.pipeline.units import Plan, unit
from void_server.pipeline.void_weights import raft_identity, weights_identity

FRAME = "frame{:05d}"
"""Name of the blob that holds the model's picture of a frame, by position."""
SEEN = "seen{:05d}"
"""Name of the blob that holds what the model was shown of a frame, by position."""
TOLD = "told{:05d}"
"""Name of the blob that holds where the model is to change something on a frame, by position."""


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
    plan = region_plan(order, results, shot.work_window())
    every = [
        (name, what, number, crops)
        for number, (crops, _) in enumerate(crops_of(plan, shot.work_window()))
        for name, what in names.items()
    ]
    for name, what, number, crops in every:
        of_clip = name == "clip"
        told = {
            "of": name,
            "crops": crops.to_dict() if crops is not None else None,
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
            **space(shot),
            **told,
        )
        args = {"shot": digest, "set": options.weights, **told}
        label = f"latents of {what}" + (f", run {number + 1}" if number else "")
        units.append(unit("encode", key, label, args, role=of_run(name, number)))
    return Plan(units, notes=[told_regions(order, plan)] if plan is not None else [])


def of_run(role: str, number: int) -> str:
    """The role of a run's unit; `number` counts from 0, and the first run's is the role itself."""
    return f"{role} of run {number + 1}".strip() if number else role


def masks_read(settings: VoidSettings, pass_: Pass) -> str:
    """The latents of the quadmask that a pass reads: only the published levels differ from pass to pass."""
    return "masks 2" if pass_ == 2 and settings.mask_levels == "published" else "masks 1"


def _read_by_encode(settings: VoidSettings, of_clip: bool) -> VoidSettings:
    """The settings without what does not change the latents: the seed of those of the mask, the steps of any."""
    seed = settings.seed if settings.clip_seed is None else settings.clip_seed
    levels: MaskLevels = "trained" if of_clip else settings.mask_levels
    plain = replace(settings, seed=seed if of_clip else SEED, clip_seed=None, steps=None, mask_levels=levels)
    grid = settings.affected_grid and not of_clip
    return replace(plain, passes=1, noise_flow="dis", affected_grid=grid)


def plan_generate(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """One unit for the whole shot, or for each of its crops: their windows are blended at every step."""
    shot = known_shot(order, results, blobs)
    if order.engine != "void" or not any(f.active for f in shot.frames):
        return Plan()
    asked = results.find("ask", None)
    # What the model of a reasoner says of the scene without the object is what the engine wants to be told.
    prompt = order.prompt or (asked.info.get("scene", "") if asked is not None else "")
    runs = enumerate(crops_of(region_plan(order, results, shot.work_window()), shot.work_window()))
    units = [_generation(order, results, blobs, shot, prompt, *run) for run in runs]
    notes = [_memory(order, results)]
    if not prompt:
        notes.append(NO_PROMPT)
    return Plan(units, notes=notes)


def _generation(
    order: Order,
    results: Results,
    blobs: BlobFolder,
    shot: ShotManifest,
    prompt: str,
    number: int,
    seen: tuple[Crops | None, Run | None],
) -> dict[str, Any]:
    """The unit of one run."""
    settings, crops = order.void_settings(), seen[0]
    chosen, raft = order.options.weights, settings.noise_flow == "raft"
    names = {"clip", *(masks_read(settings, p) for p in PASSES[: settings.passes])}
    latents = {n: results.get("encode", None, of_run(n, number)).blobs["latents"] for n in sorted(names)}
    told = {
        "prompt": prompt,
        "model": list(crops.model) if crops is not None else None,
        "percent": order.options.model_percent,
        "settings": asdict(settings),
        "running": asdict(order.void_running()),
        "weights": weights_identity(settings.passes, chosen) | (raft_identity(chosen) if raft else {}),
        "latents": latents,
    }
    key = unit_key(
        "generate",
        engine=VOID_VERSION,
        torch=torch_numerics(),
        frames=len(shot.frames),
        **space(shot),
        **told,
    )
    args = {"shot": shot.store(blobs).digest, "key": key, "set": chosen, **told}
    label = "the model's picture of the shot" + (f", run {number + 1}" if number else "")
    return unit("generate", key, label, args, role=of_run("", number))


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
    if results.find("generate", None) is None:
        return Plan()
    shot = known_shot(order, results, blobs)
    units = []
    made = [results.get("generate", None, of_run("", n)) for n in range(len(_runs(order, results, shot)))]
    notes = [NO_ROOM.format(plan) for run in made for plan in run.info["without_room"]]
    for position, runs in conform_runs(order, results, shot):
        frame = shot.frames[position]
        known, detail, reads = with_detail(order, results, shot, position)
        key = unit_key(
            "conform",
            engine=VOID_VERSION,
            frame=[frame.content, matte_contents(frame)],
            runs=runs,
            margin=shot.settings["margin"],
            **reads,
            **space(shot),
        )
        args = {"shot": known.store(blobs).digest, "position": position, "runs": runs, **detail}
        units.append(unit("conform", key, f"conform of frame {frame.frame}", args, frame=frame.frame))
    return Plan(units, notes=notes)


def conform_runs(
    order: Order, results: Results, shot: ShotManifest
) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """By position, each frame with something to fill, and what the model's runs have of it."""
    seen = _runs(order, results, shot)
    made = [results.get("generate", None, of_run("", number)) for number in range(len(seen))]
    for position, frame in enumerate(shot.frames):
        if frame.active:
            near = range(max(0, position - NEIGHBOURS), min(len(shot.frames), position + NEIGHBOURS + 1))
            runs = [_seen_by(results, made[n], n, *crops, position, near) for n, crops in enumerate(seen)]
            yield position, [run for run in runs if run is not None]


def _runs(order: Order, results: Results, shot: ShotManifest) -> list[tuple[Crops | None, Run | None]]:
    return crops_of(region_plan(order, results, shot.work_window()), shot.work_window())


def _answer(
    results: Results, made: Finished, number: int, crops: Crops | None, position: int
) -> dict[str, Any]:
    """The blobs of a run's answer to one frame, and the corner of what it saw there."""
    return {
        "made": made.blobs[FRAME.format(position)],
        "seen": results.get("encode", None, of_run("clip", number)).blobs[SEEN.format(position)],
        "told": results.get("encode", None, of_run("masks 1", number)).blobs[TOLD.format(position)],
        "corner": list(crops.corners[position]) if crops is not None else [0, 0],
    }


def _seen_by(
    results: Results,
    made: Finished,
    number: int,
    crops: Crops | None,
    run: Run | None,
    position: int,
    near: range,
) -> dict[str, Any] | None:
    """What a run has of a frame and those `near`, as `conform` reads it; None where it has nothing to fill there."""
    fills = run.fills[position] if run is not None else None
    if run is not None and fills is None:
        return None
    return {
        "answers": {str(p): _answer(results, made, number, crops, p) for p in near},
        "crop": list(crops.rect(position)) if crops is not None else None,
        "fills": list(fills) if fills is not None else None,
        "number": number,
    }


NO_ROOM = "The GPU had no room for this way of working, and the next more frugal one was taken. {}"


def space(shot: ShotManifest) -> dict[str, Any]:
    """How plates are read and encoded, for keys."""
    return {
        "view": shot.view,
        "window": shot.window,
        "colour": asdict(shot.colour),
        "light": shot.light,
    }
