# SPDX-License-Identifier: Apache-2.0
"""The units of a segmenter: one for the frames between two key mattes, so that a new key computes its neighbourhood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from void_server.frames.blobs import BlobFolder
from void_server.jobs.model import Problem
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import known_shot, segmented_frames
from void_server.pipeline.order import Order
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit
from void_server.segmenters.flow import VERSION as FLOW_VERSION

UNSURE = 0.5
"""Confidence of a carried matte below which the user is told to look at it."""


def plan_segment(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Spans between key mattes; nothing where every frame has a matte of its own."""
    if order.segmenter != "flow":
        return Plan()
    shot = known_shot(order, results, blobs)
    keys = [p for p, frame in enumerate(shot.frames) if "remove" in frame.mattes]
    if not keys:
        return Plan()
    digest, units = shot.store(blobs).digest, []
    for first, last in _spans(keys, len(shot.frames)):
        frames = shot.frames[first : last + 1]
        mattes = [frame.mattes.get("remove") for frame in frames]
        here = [p for p in (first, last) if p in keys]
        key = unit_key(
            "segment",
            segmenter=FLOW_VERSION,
            plates=[frame.content for frame in frames],
            mattes=[[m.content, m.channel] if m is not None else None for m in mattes],
            view=shot.view,
            window=shot.window,
            colour=asdict(shot.colour),
            encoding=shot.encoding,
        )
        args = {"shot": digest, "first": first, "last": last, "keys": sorted(set(here))}
        label = f"mattes of frames {frames[0].frame} to {frames[-1].frame}"
        units.append(unit("segment", key, label, args, frame=frames[0].frame))
    return Plan(units)


def _spans(keys: list[int], frames: int) -> Iterator[tuple[int, int]]:
    """First and last position of each piece with frames to be made, its keys included."""
    if keys[0] > 0:
        yield 0, keys[0]
    yield from ((a, b) for a, b in pairwise(keys) if b > a + 1)
    if keys[-1] < frames - 1:
        yield keys[-1], frames - 1


def unsure_mattes(order: Order, results: Results) -> list[dict[str, Any]]:
    """A warning for the frames whose carried matte is little to be trusted."""
    told = segmented_frames(order, results)
    unsure = tuple(f for f, (_, info) in sorted(told.items()) if info["confidence"] < UNSURE)
    if not unsure:
        return []
    problem = Problem(
        severity="warning",
        code="segmenter_unsure",
        message="The mattes carried to these frames may be wrong.",
        fix="Look at them in void_mask, and give a key matte of one of them.",
        input="remove",
        frames=unsure,
    )
    return [asdict(problem)]
