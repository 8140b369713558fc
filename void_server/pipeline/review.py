# SPDX-License-Identifier: Apache-2.0
"""The unit `review`: how much two neighbouring published frames differ inside their blend mattes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.conform.quality import change_over_time
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.shot import StoredShot
from void_server.plates.exr import read_channels
from void_server.plates.plate import Plate, read_plate


def review(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Compare `args["current"]` with `args["previous"]`, digests of published results.

    Returns:
        no blobs; `change_over_time` in stops, None where the two have nothing in common.
    """
    current, inside = _published(blobs, args["current"])
    previous, inside_before = _published(blobs, args["previous"])
    shared = current.data_window.intersect(previous.data_window)
    if shared.is_empty:
        return {}, {"change_over_time": None}
    here, there = current.data_window.slices(shared), previous.data_window.slices(shared)
    change = change_over_time(
        shot.to_linear(current.colour[here]),
        shot.to_linear(previous.colour[there]),
        inside[here] & inside_before[there],
        shot.manifest.shot_encoding().epsilon,
    )
    return {}, {"change_over_time": None if change is None else round(change, 6)}


def _published(blobs: BlobFolder, digest: str) -> tuple[Plate, npt.NDArray[np.bool_]]:
    path = blobs.path(digest)
    plate = read_plate(path)
    alpha = read_channels(path, 0, ["void_mask.alpha"])["void_mask.alpha"]
    return plate, alpha > 0
