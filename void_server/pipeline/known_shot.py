# SPDX-License-Identifier: Apache-2.0
"""The shot of an order as far as the finished stages know it: what the plans cut their units from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

from void_server.engines.cleanplate import SPAN
from void_server.errors import Internal
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.arrays import load_arrays
from void_server.pipeline.config_source import config_source
from void_server.pipeline.decoded import DECODED
from void_server.pipeline.manifest import CleanPlateRef, ColourRef, FrameRef, MatteRef, ShotManifest
from void_server.pipeline.order import CLEAN_PLATE, MATTES, Order
from void_server.pipeline.results import Results
from void_server.plates.colour import DEFAULT_CONFIG, ColourSpace, rec709_matrix
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.plates.model_light import ModelLight
from void_server.plates.window import Window

SEGMENTED = "matte{:05d}"
"""Name of the blob that holds a segmenter's matte of a frame, by position."""

LEAST_MARGIN = 16
"""Pixels around the region that are filled too; doubled until grow and feather fit, so that a change of either needs no
new fill unless it passes 15, 31, 63 … pixels together."""

STROKES = {"affected": "removes", "quadmask": "affects"}
"""Mattes that mark what is affected, and under which name ingest says how much of it."""

KEPT_STATISTICS = 4
"""Shots whose statistics a worker keeps: every stage after preflight needs it, and it reads all frames' statistics."""


def known_shot(order: Order, results: Results, blobs: BlobFolder) -> ShotManifest:
    """The shot after preflight; with the proposals of the reasoner once it has ended."""
    plates = {f: results.get("ingest", f, "plate") for f in order.frames}
    first = plates[order.frames[0]].info
    statistics = _statistics(blobs, frozenset(p.blobs["statistics"] for p in plates.values()))
    encoding = ShotEncoding.from_statistics([statistics])
    windows = [Window(**p.info["data_window"]) for p in plates.values()]
    common = windows[0]
    for window in windows[1:]:
        common = common.union(window)
    settings = replace(order.cleanplate_settings(), margin=margin_of(order))
    segmented = segmented_frames(order, results)
    return ShotManifest(
        view=order.view,
        window=(common.x, common.y, common.width, common.height),
        colour=ColourRef(
            first["colour"]["name"], order.colour.builtin, order.colour.archive, first["colour"]["linear"]
        ),
        encoding={"epsilon": encoding.epsilon, "low": list(encoding.low), "high": list(encoding.high)},
        settings=asdict(settings),
        frames=tuple(_frame(order, results, f, *segmented.get(f, ("", {}))) for f in order.frames),
        light=_light(order, first["colour"], statistics, blobs) if order.engine == "void" else {},
    )


def _light(
    order: Order, colour: Mapping[str, Any], statistics: FrameStatistics, blobs: BlobFolder
) -> dict[str, Any]:
    """The mapping in which the engine `void` sees the shot, and what is done about its primaries (`stated`)."""
    config = config_source(blobs, order.colour.builtin, order.colour.archive) or DEFAULT_CONFIG
    matrix, stated = rec709_matrix(ColourSpace(colour["name"], config, "", colour["linear"]))
    light = ModelLight.of_shot(statistics, order.options.model_exposure, matrix)
    return light.to_dict() | {"stated": stated}


@lru_cache(maxsize=KEPT_STATISTICS)
def _statistics(blobs: BlobFolder, statistics: frozenset[str]) -> FrameStatistics:
    """Those of the shot whose frames have these stored statistics, merged one at a time."""
    return FrameStatistics.together(
        FrameStatistics.from_arrays(load_arrays(blobs, digest)) for digest in sorted(statistics)
    )


def margin_of(order: Order) -> int:
    """Pixels around the region that are filled too."""
    margin = LEAST_MARGIN
    while margin < order.options.grow + order.options.feather + 1:
        margin *= 2
    return margin


def segmented_frames(order: Order, results: Results) -> dict[int, tuple[str, Mapping[str, Any]]]:
    """The mattes that a segmenter made, by frame: digest of each, with its share of the picture (`removes`) and its
    `confidence`; empty before the stage segment.
    """
    found: dict[int, tuple[str, Mapping[str, Any]]] = {}
    for frame in order.frames:
        span = results.find("segment", frame)
        for position, info in (span.info["frames"] if span is not None else {}).items():
            digest = span.blobs[SEGMENTED.format(int(position))] if span is not None else ""
            found[order.frames[int(position)]] = digest, info
    return found


def _frame(order: Order, results: Results, frame: int, segmented: str, matte: Mapping[str, Any]) -> FrameRef:
    mattes, active, drawn = {}, matte.get("removes", 0) > 0, False
    for role in MATTES:
        file = order.file(role, frame)
        if file is None:
            continue
        ingested = results.get("ingest", frame, role)
        info, decoded = ingested.info, ingested.blobs.get(DECODED, "")
        channel = order.inputs[role].channel
        digest = file.digest or info["sha256"]
        mattes[role] = MatteRef(digest, info["content"], file.name, channel, file.rooted, decoded)
        active = active or (role != "keep" and (info["removes"] > 0 or info.get("affects", 0) > 0))
        drawn = drawn or (role in STROKES and info.get(STROKES[role], 0) > 0)
    plate = order.file("plate", frame)
    if plate is None:
        raise Internal(f"frame {frame} has no plate after preflight")
    info = results.get("ingest", frame, "plate").info
    digest = plate.digest or info["sha256"]
    effects = results.find("effects", frame)
    active = active or (effects is not None and effects.info["affects"] + effects.info["removes"] > 0)
    associated = results.find("associate", frame)
    active = active or (associated is not None and associated.info["affected_percent"] > 0)
    return FrameRef(
        frame,
        digest,
        info["content"],
        plate.name,
        mattes,
        active,
        proposal=associated.blobs["proposal"] if associated is not None else "",
        rooted=plate.rooted,
        clean_plate=_clean_plate(order, results, frame),
        drawn=drawn,
        segmented=segmented,
        effects=effects.blobs["effects"] if effects is not None else "",
    )


def _clean_plate(order: Order, results: Results, frame: int) -> CleanPlateRef | None:
    file = order.file(CLEAN_PLATE, frame)
    if file is None:
        return None
    info = results.get("ingest", frame, CLEAN_PLATE).info
    return CleanPlateRef(file.digest or info["sha256"], info["content"], file.name, file.rooted)


def analysed(
    shot: ShotManifest, results: Results, proxies: str, motions: str = "", anchors: str = ""
) -> ShotManifest:
    """The shot with its analysis: the blobs `proxy`, `stroke`, `motion`, `anchoring` of the stages of these names."""
    spans = [results.find(anchors, f.frame) if anchors else None for f in shot.frames[::SPAN]]

    def known(position: int, frame: FrameRef) -> FrameRef:
        proxy = results.find(proxies, frame.frame)
        motion = results.find(motions, frame.frame) if motions else None
        span = spans[position // SPAN]
        return replace(
            frame,
            proxy=proxy.blobs["proxy"] if proxy is not None else "",
            stroke=proxy.blobs.get("stroke", "") if proxy is not None else "",
            motion=motion.blobs["motion"] if motion is not None else "",
            anchoring=span.blobs["anchoring"] if span is not None and motion is not None else "",
        )

    return shot.with_frames(tuple(known(i, f) for i, f in enumerate(shot.frames)))


def matte_contents(frame: FrameRef) -> dict[str, list[str]]:
    """What the frame's mattes are, for keys: content and channel of each, and the reasoner's proposal."""
    drawn = {role: [m.content, m.channel] for role, m in frame.mattes.items()}
    if frame.segmented:
        drawn["segmented"] = [frame.segmented]
    if frame.effects:
        drawn["effects"] = [frame.effects]
    return drawn | ({"proposal": [frame.proposal]} if frame.proposal else {})


def survey_contents(frame: FrameRef) -> dict[str, Any]:
    """What the reasoner's survey reads of the frame's mattes, for keys: what is removed, and hint strokes if any."""
    reads: dict[str, Any] = {r: [m.content, m.channel] for r, m in frame.mattes.items() if r not in STROKES}
    if frame.segmented:
        reads["segmented"] = frame.segmented
    if "quadmask" in frame.mattes:
        reads["quadmask.red"] = frame.mattes["quadmask"].content
    if frame.drawn:
        reads["strokes"] = {r: [m.content, m.channel] for r, m in frame.mattes.items() if r in STROKES}
    return reads
