# SPDX-License-Identifier: Apache-2.0
"""Cuts an order into units, stage by stage: what is to be computed, from what, under which key.

A plan reads only the results of earlier stages, so the server may stop and start again between any two units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from void_server.engines.cleanplate import VERSION as CLEANPLATE_VERSION
from void_server.errors import Internal
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.arrays import load_arrays
from void_server.pipeline.keys import unit_key
from void_server.pipeline.manifest import ColourRef, FrameRef, MatteRef, ShotManifest
from void_server.pipeline.order import INPUTS, MATTES, Order
from void_server.pipeline.preflight import find_problems
from void_server.pipeline.provenance import header_attributes, provenance
from void_server.pipeline.results import Finished, Results
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.plates.header import EXRLimits
from void_server.plates.window import Window

LEAST_MARGIN = 16
"""Pixels around the region that are filled too; doubled until grow and feather fit, so that a change of either needs no
new fill unless it passes 15, 31, 63 … pixels together."""


KEPT_ENCODINGS = 4
"""Shots whose mapping a worker keeps: every stage after preflight needs it, and it reads all frames' statistics."""


@dataclass(frozen=True)
class Plan:
    """What a stage has to do.

    Attributes:
        units: in the form of `void_server.jobs.stage.Unit`.
        problems: in the form of `void_server.jobs.model.Problem`; an error ends the job.
        notes: sentences for the user.
    """

    units: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_stage(
    stage: str, order: Order, results: Results, blobs: BlobFolder, limits: EXRLimits
) -> dict[str, Any]:
    """The plan of one stage, JSON-ready.

    Args:
        limits: what an uploaded file may ask for; part of the key of `ingest`, whose findings depend on it.

    Raises:
        VoidError: the order or the results cannot be used.
    """
    plans: dict[str, Callable[[Order, Results, BlobFolder], Plan]] = {
        "ingest": lambda order, _results, _blobs: _plan_ingest(order, limits),
        "preflight": _plan_preflight,
        "prepare": _plan_prepare,
        "motion": _plan_motion,
        "fill": _plan_fill,
        "publish": _plan_publish,
        "review": _plan_review,
        "report": _plan_report,
    }
    if stage not in plans:
        raise Internal(f"There is no stage {stage!r}.")
    return asdict(plans[stage](order, results, blobs))


def _unit(
    kind: str,
    key: str,
    label: str,
    args: Mapping[str, Any],
    *,
    frame: int | None = None,
    role: str = "",
    publishes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "key": key,
        "label": label,
        "frame": frame,
        "role": role,
        "args": dict(args),
        "publishes": dict(publishes or {}),
    }


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
            if role == "plate":
                args |= {
                    "colour": asdict(order.colour),
                    "name": file.name if order.colour.by_file_rule else "",
                }
            key = unit_key("ingest", **args)
            units.append(_unit("ingest", key, f"ingest of {file.name}", args, frame=frame, role=role))
    return Plan(units)


def _plan_preflight(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    problems = [asdict(p) for p in find_problems(order, results)]
    notes = []
    plate = next((p for f in order.frames if (p := _usable_plate(results, f)) is not None), None)
    if plate is not None:
        notes.append(plate.info["colour"]["stated"])
    notes.append(f"Engine {order.engine}; reasoner {order.reasoner}.")
    return Plan(problems=problems, notes=notes)


def _usable_plate(results: Results, frame: int) -> Finished | None:
    unit = results.find("ingest", frame, "plate")
    return unit if unit is not None and "problem" not in unit.info else None


def _plan_prepare(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = _shot(order, results, blobs)
    if not any(f.active for f in shot.frames):
        return Plan()
    digest = shot.store(blobs).digest
    units = []
    for position, frame in enumerate(shot.frames):
        key = unit_key(
            "prepare",
            engine=CLEANPLATE_VERSION,
            plate=frame.content,
            mattes=_matte_contents(frame),
            view=shot.view,
            window=shot.window,
            colour=asdict(shot.colour),
            encoding=shot.encoding,
            settings={name: shot.settings[name] for name in ("quality", "margin")},
        )
        args = {"shot": digest, "position": position}
        units.append(_unit("prepare", key, f"prepare of frame {frame.frame}", args, frame=frame.frame))
    return Plan(units)


def _plan_motion(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = _with_proxies(_shot(order, results, blobs), results)
    digest = shot.store(blobs).digest
    units = []
    for position, (a, b) in enumerate(zip(shot.frames, shot.frames[1:], strict=False)):
        if not a.proxy or not b.proxy:
            continue
        key = unit_key(
            "motion", engine=CLEANPLATE_VERSION, pair=[a.proxy, b.proxy], quality=shot.settings["quality"]
        )
        args = {"shot": digest, "position": position}
        label = f"motion from frame {a.frame} to {b.frame}"
        units.append(_unit("motion", key, label, args, frame=a.frame))
    return Plan(units)


def _plan_fill(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = _with_motion(_with_proxies(_shot(order, results, blobs), results), results)
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
            near=[[f.content, f.proxy, f.motion] for f in near],
            first=max(0, position - reach) - position,
            view=shot.view,
            window=shot.window,
            colour=asdict(shot.colour),
            encoding=shot.encoding,
            settings=shot.settings,
        )
        args = {"shot": digest, "position": position}
        units.append(_unit("fill", key, f"fill of frame {frame.frame}", args, frame=frame.frame))
    return Plan(units)


def _plan_publish(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = _shot(order, results, blobs)
    digest = shot.store(blobs).digest
    edge = {
        "grow": order.options.grow,
        "feather": order.options.feather,
        "compression": order.options.compression,
    }
    units = []
    for position, frame in enumerate(shot.frames):
        fill = results.find("fill", frame.frame)
        attributes = header_attributes(order, frame)
        args = {
            "shot": digest,
            "position": position,
            "fill": fill.blobs["fill"] if fill is not None else "",
            "edge": edge,
            "attributes": attributes,
        }
        key = unit_key(
            "publish",
            plate=frame.plate,
            mattes=_matte_contents(frame),
            fill=args["fill"],
            edge=edge,
            view=shot.view,
            window=shot.window,
            colour=asdict(shot.colour),
            attributes=attributes,
        )
        units.append(
            _unit(
                "publish",
                key,
                f"publish of frame {frame.frame}",
                args,
                frame=frame.frame,
                publishes={"result": "result", "matte": "matte"},
            )
        )
    return Plan(units)


def _plan_review(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = _shot(order, results, blobs)
    digest = shot.store(blobs).digest
    units = []
    for before, frame in zip(shot.frames, shot.frames[1:], strict=False):
        if not before.active or not frame.active:
            continue
        pair = [results.get("publish", f.frame).blobs["result"] for f in (before, frame)]
        args = {"shot": digest, "previous": pair[0], "current": pair[1]}
        key = unit_key("review", pair=pair, colour=asdict(shot.colour), encoding=shot.encoding)
        units.append(_unit("review", key, f"review of frame {frame.frame}", args, frame=frame.frame))
    return Plan(units)


def _plan_report(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    shot = _shot(order, results, blobs)
    sidecar = provenance(order, shot, results)
    published = [results.get("publish", f.frame).blobs["result"] for f in shot.frames]
    args = {"shot": shot.store(blobs).digest, "sidecar": sidecar, "results": published}
    key = unit_key("report", **args)
    publishes = {"sidecar": "sidecar", "contact_sheet": "contact_sheet", "qc_plot": "qc_plot"}
    return Plan([_unit("report", key, "report", args, publishes=publishes)])


def _shot(order: Order, results: Results, blobs: BlobFolder) -> ShotManifest:
    plates = {f: results.get("ingest", f, "plate") for f in order.frames}
    first = plates[order.frames[0]].info
    encoding = _encoding(blobs, frozenset(p.blobs["statistics"] for p in plates.values()))
    windows = [Window(**p.info["data_window"]) for p in plates.values()]
    common = windows[0]
    for window in windows[1:]:
        common = common.union(window)
    settings = replace(order.cleanplate_settings(), margin=_margin(order))
    return ShotManifest(
        view=order.view,
        window=(common.x, common.y, common.width, common.height),
        colour=ColourRef(
            first["colour"]["name"], order.colour.builtin, order.colour.archive, first["colour"]["linear"]
        ),
        encoding={"epsilon": encoding.epsilon, "low": list(encoding.low), "high": list(encoding.high)},
        settings=asdict(settings),
        frames=tuple(_frame(order, results, f) for f in order.frames),
    )


@lru_cache(maxsize=KEPT_ENCODINGS)
def _encoding(blobs: BlobFolder, statistics: frozenset[str]) -> ShotEncoding:
    """The mapping of the shot whose frames have these stored statistics, merged one at a time."""
    return ShotEncoding.from_statistics(
        FrameStatistics.from_arrays(load_arrays(blobs, digest)) for digest in sorted(statistics)
    )


def _margin(order: Order) -> int:
    margin = LEAST_MARGIN
    while margin < order.options.grow + order.options.feather + 1:
        margin *= 2
    return margin


def _frame(order: Order, results: Results, frame: int) -> FrameRef:
    mattes, active = {}, False
    for role in MATTES:
        file = order.file(role, frame)
        if file is None:
            continue
        info = results.get("ingest", frame, role).info
        channel = order.inputs[role].channel
        digest = file.digest or info["sha256"]
        mattes[role] = MatteRef(digest, info["content"], file.name, channel, file.rooted)
        active = active or (role != "keep" and (info["removes"] > 0 or info.get("affects", 0) > 0))
    plate = order.file("plate", frame)
    if plate is None:
        raise Internal(f"frame {frame} has no plate after preflight")
    info = results.get("ingest", frame, "plate").info
    digest = plate.digest or info["sha256"]
    return FrameRef(frame, digest, info["content"], plate.name, mattes, active, rooted=plate.rooted)


def _with_proxies(shot: ShotManifest, results: Results) -> ShotManifest:
    return shot.with_frames(
        tuple(
            replace(f, proxy=unit.blobs["proxy"]) if (unit := results.find("prepare", f.frame)) else f
            for f in shot.frames
        )
    )


def _with_motion(shot: ShotManifest, results: Results) -> ShotManifest:
    return shot.with_frames(
        tuple(
            replace(f, motion=unit.blobs["motion"]) if (unit := results.find("motion", f.frame)) else f
            for f in shot.frames
        )
    )


def _matte_contents(frame: FrameRef) -> dict[str, list[str]]:
    return {role: [m.content, m.channel] for role, m in frame.mattes.items()}
