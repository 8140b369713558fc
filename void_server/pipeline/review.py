# SPDX-License-Identifier: Apache-2.0
"""The unit `review`: how much two neighbouring published frames differ inside their blend mattes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.conform.quality import change_over_time
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays
from void_server.pipeline.shot import StoredShot
from void_server.plates.window import Window


def review(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Compare `args["current"]` with `args["previous"]`, digests of what `publish` left as `inside`.

    Returns:
        no blobs; `change_over_time` in stops, None where the two have nothing in common.
    """
    current, inside, here = _published(blobs, args["current"])
    previous, inside_before, there = _published(blobs, args["previous"])
    shared = here.intersect(there)
    if shared.is_empty:
        return {}, {"change_over_time": None}
    now, then = here.slices(shared), there.slices(shared)
    change = change_over_time(
        shot.to_linear(current[now]),
        shot.to_linear(previous[then]),
        inside[now] & inside_before[then],
        shot.manifest.shot_encoding().epsilon,
    )
    return {}, {"change_over_time": None if change is None else round(change, 6)}


def _published(blobs: BlobFolder, digest: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_], Window]:
    stored = load_arrays(blobs, digest)
    height, width = stored["inside"].shape
    x, y = stored["at"]
    return stored["colour"], stored["inside"] != 0, Window(int(x), int(y), width, height)
