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
    columns = [_column(shot, p, args["results"][p], sidecar, blobs) for p in _sheet_positions(shot)]
    title = f"{sidecar['name']}   {sidecar['engine']['name']}   {sidecar['colour']['space']}"
    return {
        "sidecar": blobs.add_bytes(json.dumps(sidecar, indent=1, sort_keys=True).encode()),
        "contact_sheet": blobs.add_bytes(draw_contact_sheet(title, columns)),
        "qc_plot": blobs.add_bytes(draw_qc_plot(title, sidecar["frames"])),
    }, {}


def _sheet_positions(shot: StoredShot) -> list[int]:
    """Five positions spread over the frames with something to fill."""
    active = [i for i, f in enumerate(shot.manifest.frames) if f.active] or list(shot.frames)
    spread = np.linspace(0, len(active) - 1, min(SHEET_FRAMES, len(active)))
    return [active[round(float(i))] for i in spread]


def _column(
    shot: StoredShot, position: int, result: str, sidecar: Mapping[str, Any], blobs: BlobFolder
) -> Column:
    plate = shot.source(position)
    window = plate.display_window
    aspect = plate.pixel_aspect
    quadmask = shot.quadmask(position, window)
    published = read_plate(blobs.path(result))
    before = _small(_placed(shot.to_linear(plate.colour), plate.data_window, window), aspect)
    after = _small(_placed(shot.to_linear(published.colour), published.data_window, window), aspect)
    small_mask = Quadmask(_small(quadmask.remove, aspect), _small(quadmask.affected, aspect))
    shown = shot.colour.display_view(before)
    return Column(
        frame=shot.manifest.frames[position].frame,
        plate=shown,
        quadmask=overlay(shown, small_mask),
        result=shot.colour.display_view(after),
        confidence=sidecar["frames"][position]["quality"]["confidence"],
    )


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
