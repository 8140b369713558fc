# SPDX-License-Identifier: Apache-2.0
"""The units that `steady` the light of every filled frame along the motion."""

from __future__ import annotations

from void_server.engines.cleanplate import NEIGHBOURS
from void_server.engines.cleanplate import VERSION as CLEANPLATE_VERSION
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import analysed, known_shot
from void_server.pipeline.order import Order
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit


def plan_steady(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Each frame that has a neighbour to be compared with."""
    shot = analysed(known_shot(order, results, blobs), results, "prepare", "settle")
    lows = _lows(order, results)
    if len(lows) < 2:
        return Plan()
    digest = shot.store(blobs).digest
    units = []
    for position in sorted(lows):
        first, last = position - NEIGHBOURS, position + NEIGHBOURS
        near = {at: lows[at] for at in range(first, last + 1) if at in lows}
        if len(near) < 2:
            continue
        frames = shot.frames[max(0, first) : last + 1]
        key = unit_key(
            "steady",
            engine=CLEANPLATE_VERSION,
            lows={at - position: low for at, low in near.items()},
            between=[[f.proxy, f.motion] for f in frames],
            first=max(0, first) - position,
        )
        args = {
            "shot": digest,
            "position": position,
            "lows": {str(at): low for at, low in near.items()},
        }
        frame = shot.frames[position].frame
        units.append(unit("steady", key, f"steadying of frame {frame}", args, frame=frame))
    return Plan(units)


def steady_of(results: Results, frame: int) -> str:
    """The stored `SteadyGain` of a frame; empty where there is none."""
    found = results.find("steady", frame)
    return found.blobs["steady"] if found is not None else ""


def _lows(order: Order, results: Results) -> dict[int, str]:
    """By position, what the fills show their neighbours."""
    fills = ((i, results.find("fill", frame)) for i, frame in enumerate(order.frames))
    return {i: fill.blobs["low"] for i, fill in fills if fill is not None and "low" in fill.blobs}
