# SPDX-License-Identifier: Apache-2.0
"""The units of a job that makes only the quadmask: `mattes` of a frame, `coded` for the shot, `mask_report`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from void_server.conform.blend import blend_matte
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.contact_sheet import Column, draw_contact_sheet
from void_server.pipeline.report import sheet_positions, shown
from void_server.pipeline.shot import StoredShot
from void_server.plates.delivered import FORMAT, delivered_matte
from void_server.plates.result import write_quadmask
from void_server.plates.window import Window
from void_server.quadmask.algebra import first_unaffected
from void_server.quadmask.coded import to_coded
from void_server.quadmask.coded_video import U8, write_video
from void_server.quadmask.regions import CODE_AFFECTED, CODE_OVERLAP, CODE_REMOVE, Quadmask, overlay

Step = Callable[[int, int], None]
Answer = tuple[dict[str, StoredBlob], dict[str, Any]]

LIGHT, DARK = 255, 0
"""Grey levels 0..255 of a box and of the rim that keeps it in sight on light pictures."""
_REGIONS = {"remove": CODE_REMOVE, "affected": CODE_AFFECTED, "overlap": CODE_OVERLAP}


def mattes(shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder) -> Answer:
    """Leave the blob `matte`: the regions of one frame as RGBA, the blend matte in A.

    Args:
        args: `position`, `edge` (grow, feather, compression) and `attributes` for the header.
    """
    position, edge = args["position"], args["edge"]
    source = shot.source(position)
    quadmask = shot.quadmask(position, source.data_window)
    blend = blend_matte(
        quadmask.region,
        shot.keep(position, source.data_window),
        grow=edge["grow"],
        feather=edge["feather"],
        dtype=source.colour.dtype,
    )
    with blobs.scratch(".exr") as path:
        write_quadmask(
            path,
            source,
            quadmask.layer(blend),
            compression=edge["compression"],
            attributes=args["attributes"],
        )
        digests = {"format": FORMAT, "result": None, "matte": delivered_matte(path)}
        stored = {"matte": blobs.add_file(path)}
    return stored, _shares(quadmask) | {"made": {"job": args["attributes"]["void/job"], "delivered": digests}}


def coded(shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder, step: Step) -> Answer:
    """Leave the blob `coded_video`: the quadmask as VOID's own scripts read it, one grey code a pixel, over the display
    window.

    Args:
        args: `fps`, and `first_unaffected`: whether the first frame gets no affected region.
        step: told of frames; it may raise to end the work.

    Raises:
        Unsupported: the server has no ffmpeg.
    """
    total = len(shot.frames)

    def pictures() -> Iterator[U8]:
        for position in shot.frames:
            quadmask = shot.quadmask(position, shot.source(position).display_window)
            if position == 0:
                (quadmask,) = first_unaffected([quadmask], applies=args["first_unaffected"])
            yield to_coded(quadmask)
            step(position + 1, total)

    with blobs.scratch(".mp4") as path:
        write_video(path, pictures(), fps=args["fps"])
        return {"coded_video": blobs.add_file(path)}, {"frames": total}


def mask_report(shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder) -> Answer:
    """Leave the blobs `sidecar` and `contact_sheet`.

    Args:
        args: `sidecar`, JSON-ready.
    """
    sidecar = args["sidecar"]
    columns = []
    for position in sheet_positions(shot):
        plate, quadmask = shown(shot, position)
        frame = shot.manifest.frames[position].frame
        places = [
            box["place"]
            for thing in (sidecar["found"] or {}).get("objects", ())
            for box in thing["boxes"]
            if box["frame"] == frame
        ]
        boxed = with_boxes(plate, places, shot.source(position).display_window)
        columns.append(Column(frame, boxed, overlay(plate, quadmask), None, None))
    title = f"{sidecar['name']}   segmenter {sidecar['segmenter']}   reasoner {sidecar['reasoner']}"
    return {
        "sidecar": blobs.add_bytes(json.dumps(sidecar, indent=1, sort_keys=True).encode()),
        "contact_sheet": blobs.add_bytes(draw_contact_sheet(title, columns)),
    }, {}


def with_boxes(picture: U8, places: Sequence[Sequence[float]], display: Window) -> U8:
    """A picture (h, w, 3) uint8 of the display window, of any size, with boxes drawn around what was found.

    Args:
        places: left, top, right and bottom in pixels of the display window.
    """
    drawn = picture.copy()
    across, down = picture.shape[1] / display.width, picture.shape[0] / display.height
    for left, top, right, bottom in places:
        first = round(left * across), round(top * down)
        last = round(right * across) - 1, round(bottom * down) - 1
        for grown, grey in ((1, DARK), (0, LIGHT)):
            cv2.rectangle(
                drawn, (first[0] - grown, first[1] - grown), (last[0] + grown, last[1] + grown), (grey,) * 3
            )
    return drawn


def _shares(quadmask: Quadmask) -> dict[str, float]:
    """Percent of the picture by region; the overlap counts as itself alone."""
    codes = quadmask.codes
    return {
        f"{name}_percent": round(100 * float(np.mean(codes == code)), 4) for name, code in _REGIONS.items()
    }
