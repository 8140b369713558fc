# SPDX-License-Identifier: Apache-2.0
"""The units of the reasoner `motion`: a survey of the shot with the removed object's matte alone, then proposals."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from void_server.engines.cleanplate import VERSION as CLEANPLATE_VERSION
from void_server.frames.blobs import BlobFolder
from void_server.jobs.model import Problem
from void_server.pipeline.analysis_units import anchor_units, motion_units, proxy_units, settle_units
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import analysed, known_shot, survey_contents
from void_server.pipeline.manifest import ShotManifest
from void_server.pipeline.order import Order
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit
from void_server.reasoners.motion import (
    AGREEING_FRAMES,
    OUT_OF_SIGHT,
    REACH,
    SURVEY_SETTINGS,
    nearest_drawn,
)
from void_server.reasoners.motion import VERSION as MOTION_VERSION


def asks_motion(order: Order, results: Results) -> bool:
    """Whether the reasoner motion works: asked by name, or for a model that did not answer."""
    asked = results.find("ask", None)
    return order.reasoner == "motion" or (asked is not None and "fallback" in asked.info)


def plan_survey(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Every frame reduced to what the survey needs; nothing under another reasoner, or where nothing is removed."""
    if not asks_motion(order, results):
        return Plan()
    return Plan(proxy_units("survey", _surveyed(order, results, blobs), blobs, survey_contents))


def plan_survey_motion(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """The motion between every two surveyed neighbours."""
    if not asks_motion(order, results):
        return Plan()
    shot = analysed(_surveyed(order, results, blobs), results, "survey")

    def hints(position: int) -> dict[str, Any]:
        strokes = [_stroke(shot, p) for p in (position, position + 1)]
        if strokes == [None, None]:
            return {}
        first = max(0, position - REACH)
        near = [f.proxy for f in shot.frames[first : position + REACH + 2]]
        return {"reasoner": MOTION_VERSION, "strokes": strokes, "near": near, "first": first - position}

    return Plan(motion_units("survey_motion", shot, blobs, hints))


def plan_survey_anchor(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Spans of the surveyed motion matched directly."""
    if not asks_motion(order, results):
        return Plan()
    shot = analysed(_surveyed(order, results, blobs), results, "survey", "survey_motion")
    return Plan(anchor_units("survey_anchor", shot, blobs))


def plan_survey_settle(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """The background's motion behind the object and behind what else moves."""
    if not asks_motion(order, results):
        return Plan()
    shot = analysed(_surveyed(order, results, blobs), results, "survey", "survey_motion", "survey_anchor")
    return Plan(settle_units("survey_settle", shot, blobs))


def plan_tie(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """What moves on its own, followed through the whole shot."""
    if not asks_motion(order, results):
        return Plan()
    shot = analysed(_surveyed(order, results, blobs), results, "survey", "survey_settle")
    if not all(frame.proxy for frame in shot.frames):
        return Plan()
    key = unit_key(
        "tie",
        reasoner=MOTION_VERSION,
        engine=CLEANPLATE_VERSION,
        frames=[[f.proxy, f.motion] for f in shot.frames],
        encoding=shot.encoding,
    )
    args = {"shot": shot.store(blobs).digest, "position": 0}
    return Plan([unit("tie", key, "what the object set in motion", args)])


def plan_propose(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Each frame with something removed, near one, or after it set things in motion, compared with its background."""
    if not asks_motion(order, results):
        return Plan()
    shot = analysed(_surveyed(order, results, blobs), results, "survey", "survey_settle")
    told = results.find("tie", None)
    movers = told.blobs.get("movers", "") if told is not None else ""
    first_moved = told.info["first_moved"] if told is not None else None
    independent = set(told.info["independent"]) if told is not None else set()
    digests = [replace(shot, movers=m).store(blobs).digest for m in ("", movers)]
    units = []
    active = [frame.active for frame in shot.frames]
    for position, frame in enumerate(shot.frames):
        moved = first_moved is not None and position >= first_moved
        # Its shadow may come into sight before the object does.
        near = any(active[max(0, position - OUT_OF_SIGHT) : position + OUT_OF_SIGHT + 1])
        if not frame.proxy or not (near or moved):
            continue
        reads_movers = moved or position in independent
        first = max(0, position - REACH)
        stroke = _stroke(shot, position)
        key = unit_key(
            "propose",
            reasoner=MOTION_VERSION,
            engine=CLEANPLATE_VERSION,
            frame=frame.proxy,
            near=[[f.proxy, f.motion] for f in shot.frames[first : position + REACH + 1]],
            first=first - position,
            encoding=shot.encoding,
            **({"stroke": stroke} if stroke else {}),
            **({"movers": movers, "position": position} if reads_movers else {}),
        )
        args = {"shot": digests[reads_movers], "position": position}
        units.append(unit("propose", key, f"proposal for frame {frame.frame}", args, frame=frame.frame))
    return Plan(units)


def plan_associate(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """What each proposal and those of its neighbours agree on."""
    if not asks_motion(order, results):
        return Plan()
    proposals = [results.find("propose", frame) for frame in order.frames]
    shot = known_shot(order, results, blobs).store(blobs).digest
    units = []
    for position, (frame, own) in enumerate(zip(order.frames, proposals, strict=True)):
        if own is None:
            continue
        first = max(0, position - AGREEING_FRAMES)
        others = [
            p.blobs["proposal"]
            for p in proposals[first : position + AGREEING_FRAMES + 1]
            if p and p is not own
        ]
        args: dict[str, Any] = {"shot": shot, "own": own.blobs["proposal"], "others": others}
        key = unit_key("associate", reasoner=MOTION_VERSION, own=args["own"], others=others)
        units.append(unit("associate", key, f"affected region of frame {frame}", args, frame=frame))
    return Plan(units)


def abstentions(order: Order, results: Results) -> list[dict[str, Any]]:
    """A warning for the frames whose background was no ground to judge on."""
    silent = tuple(
        frame
        for frame in order.frames
        if (found := results.find("propose", frame)) is not None and found.info.get("abstained")
    )
    if not silent:
        return []
    problem = Problem(
        severity="warning",
        code="reasoner_abstained",
        message="Too little of the background shows in other frames to tell what the object affects:"
        " nothing is proposed there.",
        fix="Draw shadows and reflections with --affected, or give frames before and after.",
        frames=silent,
    )
    return [asdict(problem)]


def moved_things(order: Order, results: Results) -> list[dict[str, Any]]:
    """A warning for the frames in which things were put back that the object had set in motion."""
    moved = tuple(
        frame
        for frame in order.frames
        if (found := results.find("associate", frame)) is not None and found.info.get("moved_percent")
    )
    if not moved:
        return []
    problem = Problem(
        severity="warning",
        code="reasoner_moved_things",
        message="The object set things in motion: there the picture is refilled as it stood before. What they would"
        " have done without the object is not known.",
        fix="Check these frames; where the things should move otherwise, draw with --affected what is to be refilled.",
        frames=moved,
    )
    return [asdict(problem)]


def _stroke(shot: ShotManifest, position: int) -> list[Any] | None:
    """The hint stroke that a frame reads, for keys: how many frames away it is drawn, and its digest."""
    source = nearest_drawn(position, len(shot.frames), lambda p: bool(shot.frames[p].stroke))
    return [source - position, shot.frames[source].stroke] if source is not None else None


def _surveyed(order: Order, results: Results, blobs: BlobFolder) -> ShotManifest:
    """The shot with the settings of the survey, in which no frame has a proposal yet."""
    shot = known_shot(order, results, blobs)
    return replace(shot, settings=asdict(SURVEY_SETTINGS))
