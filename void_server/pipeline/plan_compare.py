# SPDX-License-Identifier: Apache-2.0
"""The units `compare`: the model's picture of each frame against what the clean-plate engine rebuilt of it."""

from __future__ import annotations

from void_server.engines.void.settings import VERSION as VOID_VERSION
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import known_shot, matte_contents
from void_server.pipeline.order import Order
from void_server.pipeline.plan_keys import rebuilt_fill
from void_server.pipeline.plan_void import conform_runs, space
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit


def plan_compare(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Each frame with something to fill."""
    if order.detail == "off" or results.find("generate", None) is None:
        return Plan()
    shot = known_shot(order, results, blobs)
    digest, units = shot.store(blobs).digest, []
    for position, runs in conform_runs(order, results, shot):
        frame = shot.frames[position]
        here = str(position)
        alone = [{**run, "answers": {here: run["answers"][here]}} for run in runs]
        read = {"runs": alone, "rebuilt": rebuilt_fill(results, frame.frame)}
        key = unit_key(
            "compare",
            engine=VOID_VERSION,
            frame=[frame.content, matte_contents(frame)],
            margin=shot.settings["margin"],
            **read,
            **space(shot),
        )
        args = {"shot": digest, "position": position, **read}
        label = f"comparison of frame {frame.frame} with real pixels"
        units.append(unit("compare", key, label, args, frame=frame.frame))
    return Plan(units)
