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
from void_server.pipeline.reduced import reduced, reduced_light
from void_server.pipeline.shot import StoredShot
from void_server.plates.plate import Planes, read_planes
from void_server.quadmask.regions import Quadmask, overlay

SHEET_FRAMES = 5
PICTURE_WIDTH = 420


def report(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blobs `sidecar`, `contact_sheet` and `qc_plot`.

    Args:
        args: `sidecar`, JSON-ready, and `results`, the digests of the published frames in order.
    """
    sidecar = args["sidecar"]
    columns = [_column(shot, p, args["results"][p], sidecar, blobs) for p in sheet_positions(shot)]
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


def _column(
    shot: StoredShot, position: int, result: str, sidecar: Mapping[str, Any], blobs: BlobFolder
) -> Column:
    before, quadmask = shown(shot, position)
    after = _small(shot, read_planes(blobs.path(result)))
    return Column(
        frame=shot.manifest.frames[position].frame,
        plate=before,
        quadmask=overlay(before, quadmask),
        result=shot.colour.display_view(after),
        confidence=sidecar["frames"][position]["quality"]["confidence"],
    )


def shown(shot: StoredShot, position: int) -> tuple[npt.NDArray[np.uint8], Quadmask]:
    """The plate of a position as the sheet shows it, and its regions at that size."""
    planes = shot.planes(position)
    quadmask = shot.quadmask(position, planes.channels.part.display_window)
    small = _small(shot, planes)
    size = small.shape[1], small.shape[0]
    regions = Quadmask(reduced(quadmask.remove, size), reduced(quadmask.affected, size))
    return shot.colour.display_view(small), regions


def _small(shot: StoredShot, planes: Planes) -> npt.NDArray[np.float32]:
    """What is shown of a frame, scene-linear, `PICTURE_WIDTH` wide, with square pixels."""
    part = planes.channels.part
    height, width = part.display_window.shape
    rows = max(1, round(height * PICTURE_WIDTH / (width * part.pixel_aspect)))
    return reduced_light(shot, planes, (PICTURE_WIDTH, rows))
