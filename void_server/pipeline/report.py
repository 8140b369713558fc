# SPDX-License-Identifier: Apache-2.0
"""The unit `report`: sidecar, contact sheet and plot of the per-frame figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.contact_sheet import Column, draw_contact_sheet
from void_server.pipeline.qc_plot import draw_qc_plot
from void_server.pipeline.shot import StoredShot
from void_server.plates.plate import read_plate
from void_server.plates.window import Window, place
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
    plate = shot.source(position)
    published = read_plate(blobs.path(result))
    placed = _placed(shot.to_linear(published.colour), published.data_window, plate.display_window)
    after = _small(placed, plate.pixel_aspect)
    return Column(
        frame=shot.manifest.frames[position].frame,
        plate=before,
        quadmask=overlay(before, quadmask),
        result=shot.colour.display_view(after),
        confidence=sidecar["frames"][position]["quality"]["confidence"],
    )


def shown(shot: StoredShot, position: int) -> tuple[npt.NDArray[np.uint8], Quadmask]:
    """The plate of a position as the sheet shows it, and its regions at that size."""
    plate = shot.source(position)
    window, aspect = plate.display_window, plate.pixel_aspect
    quadmask = shot.quadmask(position, window)
    small = _small(_placed(shot.to_linear(plate.colour), plate.data_window, window), aspect)
    regions = Quadmask(_small(quadmask.remove, aspect), _small(quadmask.affected, aspect))
    return shot.colour.display_view(small), regions


def _placed(linear: npt.NDArray[np.float32], source: Window, window: Window) -> npt.NDArray[np.float32]:
    placed: npt.NDArray[np.float32] = place(linear, source, window).astype(np.float32, copy=False)
    return placed


def _small(values: npt.NDArray[np.float32], aspect: float) -> npt.NDArray[np.float32]:
    """Reduced to `PICTURE_WIDTH`, with square pixels; samples that are not finite count as 0."""
    height, width = values.shape[:2]
    rows = max(1, round(height * PICTURE_WIDTH / (width * aspect)))
    finite = np.nan_to_num(values, nan=0.0, posinf=65504.0, neginf=0.0)
    reduced = cv2.resize(finite, (PICTURE_WIDTH, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced.reshape(rows, PICTURE_WIDTH, *values.shape[2:]), np.float32)
