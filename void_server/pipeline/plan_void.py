# SPDX-License-Identifier: Apache-2.0
"""The units of the engine `void`: `generate` the whole shot at the model's size, `conform` each frame to the plate."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from void_server.engines.void.settings import VERSION as VOID_VERSION
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.keys import torch_numerics, unit_key
from void_server.pipeline.known_shot import known_shot, matte_contents
from void_server.pipeline.manifest import ShotManifest
from void_server.pipeline.order import Order
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit
from void_server.pipeline.void_weights import weights_identity

FRAME = "frame{:05d}"
"""Name of the blob that holds the model's picture of a frame, by position."""


def plan_generate(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """One unit for the whole shot: its windows are blended at every step."""
    shot = known_shot(order, results, blobs)
    if order.engine != "void" or not any(f.active for f in shot.frames):
        return Plan()
    told = {
        "prompt": order.prompt,
        "percent": order.options.model_percent,
        "settings": asdict(order.void_settings()),
        "weights": weights_identity(order.options.void_passes),
    }
    key = unit_key(
        "generate",
        engine=VOID_VERSION,
        torch=torch_numerics(),
        frames=[[f.content, matte_contents(f)] for f in shot.frames],
        **_space(shot),
        **told,
    )
    args = {"shot": shot.store(blobs).digest, "key": key, **told}
    notes = [] if order.prompt else [NO_PROMPT]
    return Plan([unit("generate", key, "the model's picture of the shot", args)], notes=notes)


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
    return Plan(units)


def _space(shot: ShotManifest) -> dict[str, Any]:
    """How plates are read and encoded, for keys."""
    return {
        "view": shot.view,
        "window": shot.window,
        "colour": asdict(shot.colour),
        "encoding": shot.encoding,
    }
