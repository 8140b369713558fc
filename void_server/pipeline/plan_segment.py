# SPDX-License-Identifier: Apache-2.0
"""The units of a segmenter. `flow` has one for the frames between two key mattes, so that a new key computes its
neighbourhood; `sam2` has one for the shot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from void_server.frames.blobs import BlobFolder
from void_server.jobs.model import Problem
from void_server.pipeline.keys import torch_numerics, unit_key
from void_server.pipeline.known_shot import known_shot, segmented_frames
from void_server.pipeline.manifest import ShotManifest
from void_server.pipeline.order import Order, Prompted
from void_server.pipeline.plan_find import find_notes, found_prompts, nothing_found
from void_server.pipeline.results import Results
from void_server.pipeline.sam2_weights import sam2_checkpoint, sam2_identity
from void_server.pipeline.units import Plan, unit
from void_server.segmenters.flow import VERSION as FLOW_VERSION
from void_server.segmenters.sam2 import VERSION as SAM2_VERSION

UNSURE = 0.5
"""Confidence of a matte below which the user is told to look at it."""


def plan_segment(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """What makes the mattes of frames that have none; nothing where every frame has one."""
    if order.segmenter not in ("flow", "sam2"):
        return Plan()
    shot = known_shot(order, results, blobs)
    digest = shot.store(blobs).digest
    if order.segmenter == "sam2":
        notes = find_notes(order, results)
        if problems := nothing_found(order, results):
            return Plan(problems=problems, notes=notes)
        return Plan([_of_shot(shot, digest, order.prompts or found_prompts(results))], notes=notes)
    keys = [p for p, frame in enumerate(shot.frames) if "remove" in frame.mattes]
    return Plan([_of_span(shot, digest, span, keys) for span in _spans(keys, len(shot.frames))])


def _of_shot(shot: ShotManifest, digest: str, given: Sequence[Prompted]) -> dict[str, Any]:
    weights = sam2_identity(sam2_checkpoint())
    prompts = [prompt.to_dict() for prompt in given]
    told = {"prompts": prompts, "weights": weights}
    key = unit_key(
        "segment",
        segmenter=["sam2", SAM2_VERSION],
        torch=torch_numerics(),
        **_read(shot, 0, len(shot.frames) - 1),
        **told,
    )
    keys = [p for p, frame in enumerate(shot.frames) if "remove" in frame.mattes]
    args = {
        "shot": digest,
        "segmenter": "sam2",
        "first": 0,
        "last": len(shot.frames) - 1,
        "keys": keys,
        **told,
    }
    return unit("segment", key, "mattes of the shot", args, frame=shot.frames[0].frame)


def _of_span(shot: ShotManifest, digest: str, span: tuple[int, int], keys: list[int]) -> dict[str, Any]:
    first, last = span
    key = unit_key("segment", segmenter=FLOW_VERSION, **_read(shot, first, last))
    here = sorted({p for p in span if p in keys})
    args = {"shot": digest, "segmenter": "flow", "first": first, "last": last, "keys": here}
    label = f"mattes of frames {shot.frames[first].frame} to {shot.frames[last].frame}"
    return unit("segment", key, label, args, frame=shot.frames[first].frame)


def _read(shot: ShotManifest, first: int, last: int) -> dict[str, Any]:
    """What a segmenter reads of these frames, for keys."""
    frames = shot.frames[first : last + 1]
    return {
        # Mattes are left by position, and prompts are given by frame number.
        "first": first,
        "frames": [frame.frame for frame in frames],
        "plates": [frame.content for frame in frames],
        "mattes": [
            {r: [m.content, m.channel] for r, m in frame.mattes.items() if r in ("remove", "quadmask")}
            for frame in frames
        ],
        "view": shot.view,
        "window": shot.window,
        "colour": asdict(shot.colour),
        "encoding": shot.encoding,
    }


def _spans(keys: list[int], frames: int) -> Iterator[tuple[int, int]]:
    """First and last position of each piece with frames to be made, its keys included."""
    if not keys:
        return
    if keys[0] > 0:
        yield 0, keys[0]
    yield from ((a, b) for a, b in pairwise(keys) if b > a + 1)
    if keys[-1] < frames - 1:
        yield keys[-1], frames - 1


def unsure_mattes(order: Order, results: Results) -> list[dict[str, Any]]:
    """A warning for the frames whose matte is little to be trusted."""
    told = segmented_frames(order, results)
    unsure = tuple(f for f, (_, info) in sorted(told.items()) if info["confidence"] < UNSURE)
    if not unsure:
        return []
    problem = Problem(
        severity="warning",
        code="segmenter_unsure",
        message="The mattes that were made of these frames may be wrong.",
        fix="Look at them in void_mask, and draw one of them, or click on it.",
        input="remove",
        frames=unsure,
    )
    return [asdict(problem)]
