# SPDX-License-Identifier: Apache-2.0
"""What says later how a frame was made: header attributes under `void/`, and the sidecar."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from void_server.engines.cleanplate import VERSION as CLEANPLATE_VERSION
from void_server.engines.void.settings import VERSION as VOID_VERSION
from void_server.pipeline.again import LINES
from void_server.pipeline.borders import told_flicker
from void_server.pipeline.config_source import config_name
from void_server.pipeline.keys import numerics
from void_server.pipeline.known_shot import segmented_frames
from void_server.pipeline.manifest import FrameRef, ShotManifest
from void_server.pipeline.order import VLM_REASONERS, Order
from void_server.pipeline.plan_find import boxes_text, found_prompts
from void_server.pipeline.plan_regions import described, region_plan
from void_server.pipeline.publish import ENCODED
from void_server.pipeline.results import Results
from void_server.reasoners.motion import VERSION as MOTION_VERSION

SIDECAR_VERSION = 1

PUBLISHED = 3
"""Raised when a unit that publishes a frame tells more of it than before; part of its key."""

ENGINE_VERSIONS = {"cleanplate": CLEANPLATE_VERSION, "void": VOID_VERSION, "none": "1"}


def header_attributes(order: Order, frame: FrameRef, results: Results) -> dict[str, str | int | float]:
    """What each returned EXR says about itself; no dates, so equal work gives equal bytes.

    Lists of any length, such as weight files and what was prompted, stand in the sidecar; here are their digests.
    """
    clean = {"void/clean_plate": frame.clean_plate.content} if frame.active and frame.clean_plate else {}
    return {
        "void/version": version("void-for-hosts"),
        "void/engine": f"{order.engine} {ENGINE_VERSIONS[order.engine]}",
        "void/reasoner": _reasoner(order),
        "void/seed": str(order.seed),
        "void/options": json.dumps(_options(order), sort_keys=True),
        "void/preview": int(order.preview),
        "void/plate": frame.content,
        "void/mattes": json.dumps({role: m.content for role, m in sorted(frame.mattes.items())}),
        **({"void/weights": weights} if (weights := _weights_digest(results)) else {}),
        **clean,
    }


def named_after_job(attributes: dict[str, str | int | float], order: Order) -> dict[str, str | int | float]:
    """The attributes with the order that the file is made for.

    It is no part of the unit's key: a frame that a later order has in common with an earlier one is not encoded again,
    and names the one that it was made for. The sidecar says so of each frame.
    """
    return {**attributes, "void/job": order.request}


def provenance(order: Order, shot: ShotManifest, results: Results) -> dict[str, Any]:
    """The sidecar of a job, JSON-ready.

    Top level: `format`, `name`, `job` (id, and the order's `request_id`), `range` (of what comes back), `handles`
    (frames read before and after it), `view`, `engine` (of `void` with `model`, what it ran on, `weights`, the
    digest over all its weight files, and `regions`, what it saw of the shot: `plan_regions.described`, null for the
    whole frame that was asked for), `segmenter`, `instruction`, `found` (what words alone found, by what, as boxes
    that `--boxes` takes, and what left for it; null where nothing was looked for), `model` (what the model of a
    reasoner said, and what left for it, where to), `reasoner`, `seed`, `preview`, `prompt`, `grain` (the plate's,
    as measured: `GrainModel.summary`; null where it was not looked at), `options`, `colour` (space and config),
    `fps`, `numerics`, `seconds` (worker time by stage), `flicker` (by what meets, windows of the model and anchors
    of the motion: `frames`, the later ones of the pairs there, how many were `measured`, the `ratio` of their
    flicker to that of the pairs near by, and the `chance` of as great a one anywhere: `flicker.at_borders`),
    `frames`. A frame holds its inputs by digest (bytes and content; `clean_plate` is null where the artist gave
    none), `job` (the order that its files were made for: an earlier one where nothing that they hold has changed
    since), `delivered` (digests of their samples, and `format`: `plates.delivered`; `result` is null of a quadmask) and
    its figures: `changed_percent`, `outside_difference` (must be 0), `outside_samples_checked`, `change_over_time`,
    `flicker` and `flicker_beside` (stops), `clipped`, `unfilled` (samples that kept the plate's bits for want of a
    fill), `confidence` (0..1, null where nothing was blended), `seam` (the edge against the plate beside it, null
    without one), `kept_percent` (of what might be blended, how much keeps the plate's bits), what the engine says
    under `fill`, and what the reasoner says under `proposal` (null where it was not asked), what a model's answer
    means on the frame under `effects` (null without one; `outlines` are the things that SAM2 was asked about, with
    how many parts of their cells it outlined), and what the segmenter says of a matte that it made under
    `segmented` (null where the artist drew it). Of a job that makes only the quadmask, `engine` is "none", and a
    frame's figures are the percent of the picture that each region covers.
    """
    segmented = segmented_frames(order, results)
    asked = results.find("ask", None)
    delivered = order.frames if order.masks_only else order.frames[order.delivered]
    return {
        "format": SIDECAR_VERSION,
        "version": version("void-for-hosts"),
        "name": order.output_name,
        "job": {"id": order.job, "request_id": order.request},
        "range": [
            delivered[0],
            delivered[-1],
            order.frames[1] - order.frames[0] if len(order.frames) > 1 else 1,
        ],
        "handles": [order.options.handles_before, order.options.handles_after],
        "view": order.view,
        "engine": _engine(order, shot, results),
        "segmenter": order.segmenter,
        "instruction": order.instruction,
        "found": _found(results),
        "model": dict(asked.info) if asked is not None else None,
        "reasoner": order.reasoner,
        "seed": order.seed,
        "preview": order.preview,
        "prompt": order.prompt,
        "grain": _grain(results),
        "options": _options(order),
        "colour": {
            "space": shot.colour.name,
            "config": config_name(shot.colour.config, shot.colour.archive),
            "encoding": shot.encoding,
            "model": shot.light or None,
        },
        "fps": order.fps or results.get("ingest", order.frames[0], "plate").info["fps"],
        "pixel_aspect": results.get("ingest", order.frames[0], "plate").info["pixel_aspect"],
        "inputs": {role: s.pattern for role, s in order.inputs.items()},
        "numerics": numerics(),
        "seconds": results.seconds(),
        "flicker": told_flicker(order, results),
        "frames": [_frame(f, results, segmented.get(f.frame)) for f in shot.frames],
    }


def _frame(
    frame: FrameRef, results: Results, segmented: tuple[str, Mapping[str, Any]] | None
) -> dict[str, Any]:
    published = results.get("publish", frame.frame).info
    info = {name: figure for name, figure in published.items() if name not in (LINES, ENCODED)}
    made = info.pop("made")
    review, effects = results.find("review", frame.frame), results.find("effects", frame.frame)
    fill = results.find("conform", frame.frame) or results.find("fill", frame.frame)
    for figure in ("change_over_time", "flicker", "flicker_beside"):
        info[figure] = review.info[figure] if review is not None else None
    return {
        "frame": frame.frame,
        "plate": {"name": frame.name, "sha256": frame.plate, "content": frame.content},
        "mattes": {
            role: {"name": m.name, "sha256": m.digest, "content": m.content, "channel": m.channel}
            for role, m in frame.mattes.items()
        },
        "clean_plate": {
            "name": frame.clean_plate.name,
            "sha256": frame.clean_plate.digest,
            "content": frame.clean_plate.content,
        }
        if frame.clean_plate
        else None,
        "result": results.get("publish", frame.frame).blobs.get("result"),
        "matte": results.get("publish", frame.frame).blobs["matte"],
        "job": made["job"],
        "delivered": made["delivered"],
        "quality": info,
        "segmented": {"sha256": segmented[0], **segmented[1]} if segmented is not None else None,
        "proposal": _proposal(frame.frame, results),
        "effects": dict(effects.info) if effects is not None else None,
        "fill": dict(fill.info) if fill is not None else None,
    }


def _proposal(frame: int, results: Results) -> dict[str, Any] | None:
    """What the reasoner says of a frame; None where it was not asked."""
    alone, together = results.find("propose", frame), results.find("associate", frame)
    if alone is None or together is None:
        return None
    return dict(alone.info) | dict(together.info)


def _found(results: Results) -> dict[str, Any] | None:
    found = results.find("find", None)
    return None if found is None else {**found.info, "boxes": boxes_text(found_prompts(results))}


def _grain(results: Results) -> dict[str, Any] | None:
    found = results.find("grain", None)
    return dict(found.info) if found is not None else None


def _engine(order: Order, shot: ShotManifest, results: Results) -> dict[str, Any]:
    """Name and version; of `void` also what the model ran on, at which size, and what of the shot it saw."""
    named = {"name": order.engine, "version": ENGINE_VERSIONS[order.engine]}
    made = results.find("generate", None)
    if made is None:
        return named
    seen = region_plan(order, results, shot.work_window())
    return named | {
        "model": dict(made.info),
        "weights": _weights_digest(results),
        "regions": described(order, seen, results, shot.work_window()) if seen else None,
    }


def _weights_digest(results: Results) -> str:
    """SHA-256 over names and SHA-256 of all weight files that the engine ran on, in canonical JSON; empty without."""
    made = results.find("generate", None)
    if made is None:
        return ""
    text = json.dumps(made.info["weights"], sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _reasoner(order: Order) -> str:
    return f"motion {MOTION_VERSION}" if order.reasoner == "motion" else order.reasoner


def _options(order: Order) -> dict[str, Any]:
    options = order.options
    edge: dict[str, Any] = {
        "grow": options.grow,
        "feather": options.feather,
        "replace": "changed" if order.only_changed else "region",
        "passes": options.passes,
        "compression": options.compression,
        "layers": options.layers,
        "matte_files": options.matte_files,
    }
    if order.reasoner in VLM_REASONERS:
        edge["ground"] = options.ground
    if order.masks_only:
        return edge | {"first_unaffected": "on" if options.first_unaffected else "off"}
    edge["grain_amount"] = options.grain_amount
    if order.engine == "void":
        return edge | {
            "profile": options.profile,
            "weights": options.weights,
            "void_passes": options.void_passes,
            "mask_levels": order.void_settings().mask_levels,
            "affected_grid": "on" if order.void_settings().affected_grid else "off",
            "steps": options.steps,
            "window": options.window,
            "model_percent": options.model_percent,
            "region": "whole" if options.profile == "official" else options.region,
            "region_context": options.region_context,
            # Paths of crops can be long; the sidecar has them under `engine.regions`.
            "crops": hashlib.sha256(options.crops.encode()).hexdigest() if options.crops else "",
            "detail": order.detail,
            "model_exposure": options.model_exposure,
            "noise_flow": options.noise_flow,
            "clip_seed": options.clip_seed,
            **asdict(order.void_running()),
        }
    return edge | {
        "grain": "on" if options.grain else "off",
        "sources": options.sources,
        "reach": options.reach,
    }
