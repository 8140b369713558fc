# SPDX-License-Identifier: Apache-2.0
"""The unit `compare`: how far the model's picture of a frame is apart from what the clean-plate engine rebuilt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from void_server.engines.cleanplate import FrameFill, SteadyGain, steadied
from void_server.engines.void.plate_size import Rect
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.real_pixels import Compared, compare, seen_of
from void_server.pipeline.shot import StoredShot


def compare_frame(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blob `comparison`: for each run of the model what `Compared.to_arrays` gives.

    Args:
        args: `position` of the frame, its `runs` as `conform` reads them, each with its `number`, and `rebuilt`, what
            the clean-plate engine made of it (`stored_fill`).
    """
    position, margin = args["position"], shot.manifest.settings["margin"]
    region = shot.quadmask(position, shot.window).region
    fill, arrays, apart = stored_fill(args["rebuilt"], blobs), dict[str, Any](), list[float]()
    for run in args["runs"]:
        crop = _crop(run["crop"], region.shape)
        seen = seen_of(shot.plate(position), shot.manifest.model_light(), fill, region, crop, margin)
        answer = run["answers"][str(position)]
        told = load_arrays(blobs, answer["told"])["told"] > 0
        found = compare(load_arrays(blobs, answer["made"])["made"], told, seen)
        arrays |= found.to_arrays(run["number"])
        apart += found.comparison.apart[found.inside > 0].tolist()
    info = {"apart": round(float(np.median(apart)), 3)} if apart else {}
    return {"comparison": store_arrays(blobs, arrays)}, info


def stored_fill(stored: Mapping[str, str], blobs: BlobFolder) -> FrameFill | None:
    """A frame's fill as the clean-plate engine leaves it; None where it filled nothing.

    Args:
        stored: `fill`, the digest of its `FrameFill`, and `steady`, that of its `SteadyGain`; each may be empty.
    """
    if not stored["fill"]:
        return None
    fill = FrameFill.from_arrays(load_arrays(blobs, stored["fill"]))
    if fill.empty or not stored["steady"]:
        return fill
    return steadied(fill, SteadyGain.from_arrays(load_arrays(blobs, stored["steady"])))


def near_comparisons(stored: Mapping[str, str], number: int, blobs: BlobFolder) -> dict[int, Compared]:
    """By position, what frames have of a run; those where it has nothing to fill are left out.

    Args:
        stored: digests of the blobs `comparison`, by position as text.
    """
    found = {int(p): Compared.from_arrays(load_arrays(blobs, digest), number) for p, digest in stored.items()}
    return {p: comparison for p, comparison in found.items() if comparison is not None}


def _crop(values: list[int] | None, shape: tuple[int, ...]) -> Rect:
    if values is None:
        return 0, 0, shape[1], shape[0]
    x0, y0, x1, y1 = values
    return x0, y0, x1, y1
