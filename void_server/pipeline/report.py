# SPDX-License-Identifier: Apache-2.0
"""The unit `report`: sidecar, contact sheet and plot of the per-frame figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.contact_sheet import Column, draw_contact_sheet
from void_server.pipeline.qc_plot import draw_qc_plot
from void_server.pipeline.reduced import published_light, reduced, reduced_light
from void_server.pipeline.shot import StoredShot
from void_server.plates.plate import Planes
from void_server.quadmask.regions import Quadmask, overlay

SHEET_FRAMES = 5
PICTURE_WIDTH = 420


def report(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blobs `sidecar`, `contact_sheet` and `qc_plot`.

    Args:
        args: `sidecar`, JSON-ready, `results`, the digests of the published frames in order, and `lines`, of each the
            lines [first, end) outside which it is the plate.
    """
    sidecar = args["sidecar"]
    columns = [_column(shot, p, args, blobs) for p in sheet_positions(shot)]
    title = f"{sidecar['name']}   {sidecar['engine']['name']}   {sidecar['colour']['space']}"
    return {
        "sidecar": blobs.add_bytes(json.dumps(sidecar, indent=1, sort_keys=True).encode()),
        "contact_sheet": blobs.add_bytes(draw_contact_sheet(title, columns)),
        "qc_plot": blobs.add_bytes(draw_qc_plot(title, sidecar)),
    }, {}


def sheet_positions(shot: StoredShot) -> list[int]:
    """Five positions spread over the frames with something to fill."""
    active = [i for i, f in enumerate(shot.manifest.frames) if f.active] or list(shot.frames)
    spread = np.linspace(0, len(active) - 1, min(SHEET_FRAMES, len(active)))
    return [active[round(float(i))] for i in spread]


def _column(shot: StoredShot, position: int, args: Mapping[str, Any], blobs: BlobFolder) -> Column:
    planes = shot.planes(position)
    light, quadmask = _small(shot, position, planes)
    before = shot.colour.display_view(light)
    published, lines = blobs.path(args["results"][position]), tuple(args["lines"][position])
    after = published_light(shot, planes, light, published, lines)
    return Column(
        frame=shot.manifest.frames[position].frame,
        plate=before,
        quadmask=overlay(before, quadmask),
        result=shot.colour.display_view(after),
        confidence=args["sidecar"]["frames"][position]["quality"]["confidence"],
    )


def shown(shot: StoredShot, position: int) -> tuple[npt.NDArray[np.uint8], Quadmask]:
    """The plate of a position as the sheet shows it, and its regions at that size."""
    light, quadmask = _small(shot, position, shot.planes(position))
    return shot.colour.display_view(light), quadmask


def _small(shot: StoredShot, position: int, planes: Planes) -> tuple[npt.NDArray[np.float32], Quadmask]:
    """What is shown of a plate, scene-linear, and its regions at that size."""
    size = _size(planes)
    quadmask = shot.quadmask(position, planes.channels.part.display_window)
    regions = Quadmask(reduced(quadmask.remove, size), reduced(quadmask.affected, size))
    return reduced_light(shot, planes, size), regions


def _size(planes: Planes) -> tuple[int, int]:
    """Columns and rows of what is shown of a frame: `PICTURE_WIDTH` wide, with square pixels."""
    part = planes.channels.part
    height, width = part.display_window.shape
    return PICTURE_WIDTH, max(1, round(height * PICTURE_WIDTH / (width * part.pixel_aspect)))
