# SPDX-License-Identifier: Apache-2.0
"""The units for what no frame shows: `complete` on key frames, `carry` to all frames that need it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from void_server.engines.cleanplate import VERSION as CLEANPLATE_VERSION
from void_server.engines.cleanplate import key_positions
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import analysed, known_shot
from void_server.pipeline.manifest import ShotManifest
from void_server.pipeline.order import Order
from void_server.pipeline.plan_steady import steady_of
from void_server.pipeline.results import Finished, Results
from void_server.pipeline.units import Plan, unit


def plan_complete(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """One unit that completes the key frames; none where other frames show everything."""
    unseen = _unseen(order, results)
    positions = key_positions(sorted(unseen))
    if not positions:
        return Plan()
    shot = analysed(known_shot(order, results, blobs), results, "prepare", "settle")
    fills = [unseen[position].blobs["fill"] for position in positions]
    key = unit_key("complete", positions=positions, fills=fills, **_read(shot, positions))
    args = {"shot": shot.store(blobs).digest, "positions": positions, "fills": fills}
    return Plan([unit("complete", key, "completion of what no frame shows", args)])


def plan_carry(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Each frame that shows something unseen takes it from the key frames."""
    done = results.find("complete", None)
    keys = [done.blobs[name] for name in sorted(done.blobs)] if done is not None else []
    if not keys:
        return Plan()
    unseen = _unseen(order, results)
    shot = analysed(known_shot(order, results, blobs), results, "prepare", "settle")
    digest = shot.store(blobs).digest
    kept = done.info["positions"] if done is not None else []
    units = []
    for position, fill in sorted(unseen.items()):
        reads = _read(shot, [*kept, position])
        args: dict[str, Any] = {
            "shot": digest,
            "position": position,
            "fill": fill.blobs["fill"],
            "keys": keys,
        }
        key = unit_key("carry", position=position, fill=args["fill"], keys=keys, **reads)
        frame = shot.frames[position].frame
        units.append(unit("carry", key, f"completion of frame {frame}", args, frame=frame))
    return Plan(units)


def last_fill(results: Results, frame: int) -> dict[str, str]:
    """`fill`, the stored `FrameFill` of a frame with all that was done to it, empty where nothing was to be filled; and
    `steady`, the stored `SteadyGain` that it still is to be given, empty where there is none.
    """
    conformed = results.find("conform", frame)
    if conformed is not None:
        return {"fill": conformed.blobs.get("fill", ""), "steady": ""}
    return rebuilt_fill(results, frame)


def rebuilt_fill(results: Results, frame: int) -> dict[str, str]:
    """The same of the clean-plate engine alone, whatever was made of it."""
    found = results.find("carry", frame) or results.find("fill", frame)
    return {"fill": found.blobs["fill"] if found is not None else "", "steady": steady_of(results, frame)}


def _unseen(order: Order, results: Results) -> dict[int, Finished]:
    """By position, the fills whose frames have something that no frame shows."""
    fills = ((i, results.find("fill", frame)) for i, frame in enumerate(order.frames))
    return {i: fill for i, fill in fills if fill is not None and fill.info.get("unseen", 0) > 0}


def _read(shot: ShotManifest, positions: list[int]) -> dict[str, Any]:
    """What units that touch these positions read, for keys."""
    between = shot.frames[min(positions) : max(positions) + 1]
    return {
        "engine": CLEANPLATE_VERSION,
        "plates": [shot.frames[p].content for p in positions],
        "between": [[f.proxy, f.motion] for f in between],
        "view": shot.view,
        "window": shot.window,
        "colour": asdict(shot.colour),
        "settings": shot.settings,
    }
