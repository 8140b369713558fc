# SPDX-License-Identifier: Apache-2.0
"""The unit `report`: sidecar, contact sheet and plot of the per-frame figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.errors import DataLoss, NotFound
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.contact_sheet import Column, draw_contact_sheet
from void_server.pipeline.reduced import reduced, reduced_light
from void_server.pipeline.shot import StoredShot
from void_server.pipeline.small_result import with_result
from void_server.plates.plate import Planes
from void_server.quadmask.regions import Quadmask, overlay

SHEET_FRAMES = 5
PICTURE_WIDTH = 480

U8 = npt.NDArray[np.uint8]


def report(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blobs `sidecar`, `contact_sheet` and `qc_plot`; and `plates`, the plates as the sheet shows them, alone
    and under their regions, for the next time.

    Args:
        args: `sidecar`, JSON-ready; `results`, the digests of the published frames in order, and `lines`, of each those
            [first, end) outside which it is its plate; and `earlier`: blobs and info of the last report on the same
            plates and mattes, or absent.
    """
    # matplotlib takes half a second to import, and a worker that makes no report does without it.
    from void_server.pipeline.qc_plot import draw_qc_plot

    sidecar, positions = args["sidecar"], sheet_positions(shot)
    plates = _known(args.get("earlier"), blobs) or _plates(shot, positions)
    columns = []
    for position in positions:
        before = plates[f"{position}.plate"]
        path = blobs.path(args["results"][position])
        columns.append(
            Column(
                frame=shot.manifest.frames[position].frame,
                plate=before,
                quadmask=plates[f"{position}.regions"],
                result=with_result(shot, before, path, args["lines"][position]),
                confidence=sidecar["frames"][position]["quality"]["confidence"],
            )
        )
    title = f"{sidecar['name']}   {sidecar['engine']['name']}   {sidecar['colour']['space']}"
    return {
        "sidecar": blobs.add_bytes(json.dumps(sidecar, indent=1, sort_keys=True).encode()),
        "contact_sheet": blobs.add_bytes(draw_contact_sheet(title, columns)),
        "qc_plot": blobs.add_bytes(draw_qc_plot(title, sidecar)),
        "plates": store_arrays(blobs, plates),
    }, {}


def sheet_positions(shot: StoredShot) -> list[int]:
    """Five positions spread over the frames with something to fill."""
    active = [i for i, f in enumerate(shot.manifest.frames) if f.active] or list(shot.frames)
    spread = np.linspace(0, len(active) - 1, min(SHEET_FRAMES, len(active)))
    return [active[round(float(i))] for i in spread]


def shown(shot: StoredShot, position: int) -> tuple[U8, Quadmask]:
    """The plate of a position as the sheet shows it, and its regions at that size."""
    planes = shot.planes(position)
    quadmask = shot.quadmask(position, planes.channels.part.display_window)
    small = _small(shot, planes)
    size = small.shape[1], small.shape[0]
    regions = Quadmask(reduced(quadmask.remove, size), reduced(quadmask.affected, size))
    return shot.colour.display_view(small), regions


def _known(earlier: Mapping[str, Any] | None, blobs: BlobFolder) -> dict[str, U8] | None:
    """What an earlier report left of the plates, if it is as it was."""
    if earlier is None:
        return None
    try:
        blobs.verified_path(earlier["blobs"]["plates"])
    except (NotFound, DataLoss):
        return None
    return load_arrays(blobs, earlier["blobs"]["plates"])


def _plates(shot: StoredShot, positions: Sequence[int]) -> dict[str, U8]:
    """Plates as the sheet shows them, alone and under their regions."""
    found: dict[str, U8] = {}
    for position in positions:
        before, quadmask = shown(shot, position)
        found |= {f"{position}.plate": before, f"{position}.regions": overlay(before, quadmask)}
    return found


def _small(shot: StoredShot, planes: Planes) -> npt.NDArray[np.float32]:
    """What is shown of a frame, scene-linear, `PICTURE_WIDTH` wide, with square pixels."""
    part = planes.channels.part
    height, width = part.display_window.shape
    rows = max(1, round(height * PICTURE_WIDTH / (width * part.pixel_aspect)))
    return reduced_light(shot, planes, (PICTURE_WIDTH, rows))
