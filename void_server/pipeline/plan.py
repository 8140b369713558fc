# SPDX-License-Identifier: Apache-2.0
"""Cuts an order into units, stage by stage: what is to be computed, from what, under which key.

A plan reads only the results of earlier stages, so the server may stop and start again between any two units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from void_server.engines.cleanplate import VERSION as CLEANPLATE_VERSION
from void_server.errors import Internal
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.analysis_units import anchor_units, motion_units, proxy_units, settle_units
from void_server.pipeline.differ import changes_near, plan_differ
from void_server.pipeline.ingest import FILE
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import analysed, known_shot, matte_contents
from void_server.pipeline.manifest import FrameRef
from void_server.pipeline.order import CLEAN_PLATE, INPUTS, Order
from void_server.pipeline.plan_ask import plan_ask, plan_effects
from void_server.pipeline.plan_compare import plan_compare
from void_server.pipeline.plan_find import plan_find
from void_server.pipeline.plan_grain import plan_grain, wanted_grain
from void_server.pipeline.plan_keys import last_fill, plan_carry, plan_complete
from void_server.pipeline.plan_masks import plan_mask_report, plan_mattes
from void_server.pipeline.plan_reasoner import (
    abstentions,
    moved_things,
    plan_associate,
    plan_propose,
    plan_survey,
    plan_survey_anchor,
    plan_survey_motion,
    plan_survey_settle,
    plan_tie,
)
from void_server.pipeline.plan_regions import plan_regions
from void_server.pipeline.plan_segment import plan_segment, unsure_mattes
from void_server.pipeline.plan_steady import plan_steady
from void_server.pipeline.plan_void import plan_conform, plan_encode, plan_generate
from void_server.pipeline.preflight import find_problems
from void_server.pipeline.preflight_clean_plates import unused_frames
from void_server.pipeline.provenance import PUBLISHED, header_attributes, named_after_job, provenance
from void_server.pipeline.publish import KEY_FILES, LINES
from void_server.pipeline.results import Finished, Results
from void_server.pipeline.stills import still_units
from void_server.pipeline.units import Plan, unit
from void_server.plates.header import EXRLimits
from void_server.reasoners.vlm.site import VlmSite

ANALYSIS = frozenset({"motion", "anchor", "settle", "fill", "steady"})
"""Stages of the clean-plate engine, alone or beside the engine `void`; `prepare` also says what the reasoner found."""
UNSEEN = frozenset({"complete", "carry"})
"""Stages for what no frame shows: where the engine `void` fills, that is the model's."""

_FILES = {"result": "result", "matte": "matte"}
_KEY_FILES = {name: name for name in KEY_FILES}


_OF_MASKS: dict[str, Callable[[Order, Results, BlobFolder], Plan]] = {
    "publish": plan_mattes,
    "review": lambda _order, _results, _blobs: Plan(),
    "report": plan_mask_report,
}
"""The last stages of a job that makes only the quadmask."""


def plan_stage(
    stage: str,
    order: Order,
    results: Results,
    blobs: BlobFolder,
    limits: EXRLimits,
    site: VlmSite | None = None,
) -> dict[str, Any]:
    """The plan of one stage, JSON-ready.

    Args:
        limits: what an uploaded file may ask for; part of the key of `ingest`, whose findings depend on it.
        site: the models that may be asked.

    Raises:
        VoidError: the order or the results cannot be used.
    """
    plans: dict[str, Callable[[Order, Results, BlobFolder], Plan]] = {
        "ingest": lambda order, _results, _blobs: _plan_ingest(order, limits),
        "preflight": _plan_preflight,
        "find": lambda order, results, blobs: plan_find(order, results, blobs, site or VlmSite()),
        "segment": plan_segment,
        "ask": lambda order, results, blobs: plan_ask(order, results, blobs, site or VlmSite()),
        "effects": plan_effects,
        "survey": plan_survey,
        "survey_motion": plan_survey_motion,
        "survey_anchor": plan_survey_anchor,
        "survey_settle": plan_survey_settle,
        "tie": plan_tie,
        "propose": plan_propose,
        "associate": plan_associate,
        "prepare": _plan_prepare,
        "motion": _plan_motion,
        "anchor": _plan_anchor,
        "settle": _plan_settle,
        "fill": _plan_fill,
        "complete": plan_complete,
        "carry": plan_carry,
        "steady": plan_steady,
        "differ": plan_differ,
        "regions": plan_regions,
        "encode": plan_encode,
        "generate": plan_generate,
        "compare": plan_compare,
        "conform": plan_conform,
        "grain": plan_grain,
        "publish": _plan_publish,
        "review": _plan_review,
        "report": _plan_report,
    }
    if stage not in plans:
        raise Internal(f"There is no stage {stage!r}.")
    if order.masks_only and stage in _OF_MASKS:
        return asdict(_OF_MASKS[stage](order, results, blobs))
    if (stage in ANALYSIS and not order.rebuilds) or (stage in UNSEEN and order.engine != "cleanplate"):
        return asdict(Plan())
    return asdict(plans[stage](order, results, blobs))


def _plan_ingest(order: Order, limits: EXRLimits) -> Plan:
    units = []
    for role in INPUTS:
        sequence = order.inputs.get(role)
        for frame in order.frames if sequence is not None else ():
            file = sequence.files.get(frame) if sequence is not None else None
            if sequence is None or file is None or not (file.digest or file.rooted):
                continue
            source = {"rooted": file.rooted.to_dict()} if file.rooted else {"digest": file.digest}
            args: dict[str, Any] = {
                **source,
                "role": role,
                "channel": sequence.channel,
                "view": order.view,
                "limits": asdict(limits),
            }
            if role in ("plate", CLEAN_PLATE):
                args["colour"] = asdict(order.colour)
            if role == "plate":
                args["name"] = file.name if order.colour.by_file_rule else ""
            key = unit_key("ingest", **args)
            label = f"ingest of {file.name}"
            units.append(unit("ingest", key, label, args, frame=frame, role=role, subject=FILE))
    return Plan(units)


def _plan_preflight(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    problems = [asdict(p) for p in find_problems(order, results)]
    notes = []
    plate = next((p for f in order.frames if (p := _usable_plate(results, f)) is not None), None)
    if plate is not None:
        notes.append(plate.info["colour"]["stated"])
    why = f" ({order.engine_why})" if order.engine_why else ""
    segmenter = f"segmenter {order.segmenter}; " if order.segmenter != "roto" else ""
    finder = f"finder {order.finder}; " if order.finder else ""
    engine = f"Engine {order.engine}{why}; " if not order.masks_only else "Only the quadmask is made; "
    notes.append(f"{engine}{finder}{segmenter}reasoner {order.reasoner}.")
    notes += unused_frames(order)
    return Plan(problems=problems, notes=notes)


def _usable_plate(results: Results, frame: int) -> Finished | None:
    unit = results.find("ingest", frame, "plate")
    return unit if unit is not None and "problem" not in unit.info else None


def _plan_prepare(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = known_shot(order, results, blobs)
    units = proxy_units("prepare", shot, blobs) if order.rebuilds else []
    warnings = unsure_mattes(order, results) + abstentions(order, results) + moved_things(order, results)
    return Plan(units, warnings)


def _plan_motion(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = analysed(known_shot(order, results, blobs), results, "prepare")
    return Plan(motion_units("motion", shot, blobs))


def _plan_anchor(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = analysed(known_shot(order, results, blobs), results, "prepare", "motion")
    return Plan(anchor_units("anchor", shot, blobs))


def _plan_settle(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = analysed(known_shot(order, results, blobs), results, "prepare", "motion", "anchor")
    return Plan(settle_units("settle", shot, blobs))


def _plan_fill(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = analysed(known_shot(order, results, blobs), results, "prepare", "settle")
    digest = shot.store(blobs).digest
    reach = order.cleanplate_settings().frames_each_way
    units = []
    for position, frame in enumerate(shot.frames):
        if not frame.active:
            continue
        near = shot.frames[max(0, position - reach) : position + reach + 1]
        key = unit_key(
            "fill",
            engine=CLEANPLATE_VERSION,
            frame=frame.proxy,
            near=[_lent(f) for f in near],
            first=max(0, position - reach) - position,
            view=shot.view,
            window=shot.window,
            colour=asdict(shot.colour),
            encoding=shot.encoding,
            # How the unseen is filled is decided later.
            settings={name: value for name, value in shot.settings.items() if name != "unseen"},
        )
        args = {"shot": digest, "position": position}
        units.append(unit("fill", key, f"fill of frame {frame.frame}", args, frame=frame.frame))
    return Plan(units)


def _lent(frame: FrameRef) -> list[str]:
    """What a frame may give to the fill of another one, for keys."""
    clean = [frame.clean_plate.content] if frame.clean_plate else []
    return [frame.content, frame.proxy, frame.motion, *clean]


def _plan_publish(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = known_shot(order, results, blobs)
    digest = shot.store(blobs).digest
    edge = {
        "grow": order.options.grow,
        "feather": order.options.feather,
        "compression": order.options.compression,
        "narrow": order.only_changed,
    }
    units = []
    fills = [last_fill(results, f) for f in order.frames]
    grain = wanted_grain(order, results)
    for position in range(len(shot.frames))[order.delivered]:
        frame = shot.frames[position]
        attributes = header_attributes(order, frame, results)
        added = {"grain": grain} if grain is not None and fills[position]["fill"] else {}
        read: dict[str, Any] = {**added, "number": frame.frame} if added else {}
        changes = changes_near(results, order.frames, position)
        passes = {
            "qc": order.options.qc_pass,
            "source": order.options.source_pass,
            "relight": order.options.relight_pass,
            "others": order.options.layers == "keep",
            "before": fills[position - 1] if position and order.options.qc_pass else None,
        }
        args = {
            "shot": digest,
            "position": position,
            "fill": fills[position],
            "edge": edge,
            "changes": changes,
            "passes": passes,
            "attributes": named_after_job(attributes, order),
            "keys": order.options.matte_files == "keys",
            **added,
        }
        key = unit_key(
            "publish",
            plate=frame.plate,
            mattes=matte_contents(frame),
            fill=args["fill"],
            edge=edge,
            changes={int(p) - position: digest for p, digest in changes.items()},
            passes=passes,
            view=shot.view,
            window=shot.window,
            colour=asdict(shot.colour),
            epsilon=shot.encoding["epsilon"],
            attributes=attributes,
            leaves="inside and beside",
            keys=args["keys"],
            told=PUBLISHED,
            **read,
        )
        earlier = unit_key(
            "publish of a plate",
            plate=frame.content,
            frame=frame.frame,
            passes={name: wanted for name, wanted in passes.items() if name != "before"},
            compression=edge["compression"],
            view=shot.view,
        )
        units.append(
            unit(
                "publish",
                key,
                f"publish of frame {frame.frame}",
                args,
                frame=frame.frame,
                publishes=_FILES | (_KEY_FILES if args["keys"] else {}),
                earlier=earlier,
            )
        )
    return Plan(units)


def _plan_review(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = known_shot(order, results, blobs)
    digest = shot.store(blobs).digest
    units = []
    for before, frame in pairwise(shot.frames[order.delivered]):
        if not before.active or not frame.active:
            continue
        pair = [results.get("publish", f.frame).blobs["inside"] for f in (before, frame)]
        args = {"shot": digest, "previous": pair[0], "current": pair[1]}
        key = unit_key("review", told=2, pair=pair, colour=asdict(shot.colour), encoding=shot.encoding)
        units.append(unit("review", key, f"review of frame {frame.frame}", args, frame=frame.frame))
    return Plan(units)


def _plan_report(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = known_shot(order, results, blobs)
    shot = shot.with_frames(shot.frames[order.delivered])
    sidecar = provenance(order, shot, results)
    published = [results.get("publish", f.frame).blobs["result"] for f in shot.frames]
    lines = [results.get("publish", f.frame).info[LINES] for f in shot.frames]
    args: dict[str, Any] = {
        "shot": shot.store(blobs).digest,
        "sidecar": sidecar,
        "results": published,
        "lines": lines,
    }
    key = unit_key("report", **args)
    publishes = {"sidecar": "sidecar", "contact_sheet": "contact_sheet", "qc_plot": "qc_plot"}
    stills = still_units(shot, args["shot"], sidecar["frames"], published, lines)
    return Plan([unit("report", key, "report", args, publishes=publishes), *stills])
