# SPDX-License-Identifier: Apache-2.0
"""The unit that measures a shot's `grain`, and what `publish` adds of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from void_server.conform.grain_estimate import VERSION as GRAIN_VERSION
from void_server.engines.cleanplate import FrameFill
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.arrays import load_arrays
from void_server.pipeline.grain import carried
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import known_shot
from void_server.pipeline.order import Order
from void_server.pipeline.plan_keys import last_fill
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit

MEASURED = 6
"""Frames that are measured, spread over the shot."""


def plan_grain(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """One unit; none where no grain is wanted, or no fill lacks any.

    It reads plates alone, no mattes: what moves by itself is told by its power, so that a painted matte leaves the
    grain of all frames as it was.
    """
    if order.masks_only or order.preview or order.options.grain_amount <= 0 or len(order.frames) < 3:
        return Plan()
    shot = known_shot(order, results, blobs)
    if not any(
        _lacks_grain(order, results, at, blobs) for at, frame in enumerate(shot.frames) if frame.active
    ):
        return Plan()
    positions = sorted({round(float(p)) for p in np.linspace(1, len(shot.frames) - 2, MEASURED)})
    read = [[shot.frames[p + step].content for step in (-1, 0, 1)] for p in positions]
    key = unit_key(
        "grain",
        version=GRAIN_VERSION,
        plates=read,
        view=shot.view,
        window=shot.window,
        colour=asdict(shot.colour),
        encoding=shot.encoding,
    )
    args = {"shot": shot.store(blobs).digest, "positions": positions}
    return Plan([unit("grain", key, "grain of the plate", args)])


def _lacks_grain(order: Order, results: Results, position: int, blobs: BlobFolder) -> bool:
    """Whether a frame's fill has any pixel that is not the plate's own, relit or as it was, with its own grain."""
    digest = last_fill(results, order.frames[position])["fill"]
    if not digest:
        return False
    fill = FrameFill.from_arrays(load_arrays(blobs, digest))
    has = carried(fill)
    return not all(bool((share == 1).all()) for share in (has.kept, has.fine, has.own))


def wanted_grain(order: Order, results: Results) -> dict[str, Any] | None:
    """What `publish` adds: the stored model, the seed and the amount; None where there is no grain to be added."""
    found = results.find("grain", None)
    if found is None or found.info["confidence"] <= 0:
        return None
    return {"model": found.blobs["grain"], "seed": order.seed, "amount": order.options.grain_amount}
