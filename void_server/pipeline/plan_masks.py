# SPDX-License-Identifier: Apache-2.0
"""The last stages of a job that makes only the quadmask."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from void_server.frames.blobs import BlobFolder
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import known_shot, matte_contents
from void_server.pipeline.order import Order
from void_server.pipeline.provenance import PUBLISHED, header_attributes, named_after_job, provenance
from void_server.pipeline.results import Results
from void_server.pipeline.stills import still_units
from void_server.pipeline.units import Plan, unit
from void_server.quadmask.coded_video import FPS, VideoLimits, cannot_write

CANNOT = "No coded video (quadmask_0.mp4) is made; the mattes say the same. {}"
NO_VIDEO = "The shot is too large, or too fast, for a coded video (quadmask_0.mp4); the mattes are there."
MOST_FPS = 1000
"""Frames a second that a coded video may not reach."""


def plan_mattes(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """The regions of every frame."""
    shot = known_shot(order, results, blobs)
    digest, units = shot.store(blobs).digest, []
    edge = {
        "grow": order.options.grow,
        "feather": order.options.feather,
        "compression": order.options.compression,
    }
    for position, frame in enumerate(shot.frames):
        attributes = header_attributes(order, frame, results)
        key = unit_key(
            "mattes",
            plate=frame.plate,
            mattes=matte_contents(frame),
            view=shot.view,
            window=shot.window,
            edge=edge,
            attributes=attributes,
            told=PUBLISHED,
        )
        args = {
            "shot": digest,
            "position": position,
            "edge": edge,
            "attributes": named_after_job(attributes, order),
        }
        label = f"mattes of frame {frame.frame}"
        units.append(unit("mattes", key, label, args, frame=frame.frame, publishes={"matte": "matte"}))
    return Plan(units)


def plan_mask_report(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Sidecar and contact sheet, and the coded video where it can be made."""
    shot = known_shot(order, results, blobs)
    digest = shot.store(blobs).digest
    sidecar = provenance(order, shot, results)
    args: dict[str, Any] = {"shot": digest, "sidecar": sidecar}
    publishes = {"sidecar": "sidecar", "contact_sheet": "contact_sheet"}
    units = [unit("mask_report", unit_key("mask_report", **args), "report", args, publishes=publishes)]
    units += still_units(shot, digest, sidecar["frames"], None)
    if lacking := cannot_write():
        return Plan(units, notes=[CANNOT.format(lacking)])
    display = results.get("ingest", order.frames[0], "plate").info["display_window"]
    fps = sidecar["fps"] or FPS
    if display["width"] * display["height"] > VideoLimits().max_pixels or not 0 < fps < MOST_FPS:
        return Plan(units, notes=[NO_VIDEO])
    told = {"fps": fps, "first_unaffected": order.options.first_unaffected}
    key = unit_key(
        "coded",
        mattes=[matte_contents(f) for f in shot.frames],
        plates=[f.content for f in shot.frames],
        window=shot.window,
        colour=asdict(shot.colour),
        **told,
    )
    video = {"coded_video": "coded_video"}
    units.append(unit("coded", key, "coded video", {"shot": digest, **told}, role="coded", publishes=video))
    return Plan(units)
