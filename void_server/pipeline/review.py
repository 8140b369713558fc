# SPDX-License-Identifier: Apache-2.0
"""The unit `review`: how much two neighbouring published frames differ inside their blend mattes, and flicker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.conform.flicker import flicker
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
        no blobs; in stops, None where it is not known: `change_over_time`, `flicker` and `flicker_beside`
        (`conform/flicker.py`).
    """
    current, inside, here = _published(blobs, args["current"])
    previous, inside_before, there = _published(blobs, args["previous"])
    shared = here.intersect(there)
    if shared.is_empty:
        return {}, dict.fromkeys(("change_over_time", "flicker", "flicker_beside"))
    now, then = here.slices(shared), there.slices(shared)
    epsilon = shot.manifest.shot_encoding().epsilon
    pictures = shot.to_linear(current[now]), shot.to_linear(previous[then])
    change = change_over_time(*pictures, inside[now] & inside_before[then], epsilon)
    pulse = flicker(*pictures, (inside[now], inside_before[then]), epsilon)
    return {}, {
        "change_over_time": _rounded(change),
        "flicker": _rounded(pulse.inside if pulse else None),
        "flicker_beside": _rounded(pulse.beside if pulse else None),
    }


def _rounded(stops: float | None) -> float | None:
    return None if stops is None else round(stops, 6)


def _published(blobs: BlobFolder, digest: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_], Window]:
    stored = load_arrays(blobs, digest)
    height, width = stored["inside"].shape
    x, y = stored["at"]
    return stored["colour"], stored["inside"] != 0, Window(int(x), int(y), width, height)
