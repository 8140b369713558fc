# SPDX-License-Identifier: Apache-2.0
"""The reasoner's units: `propose` for a frame, `associate` with its neighbours' proposals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.shot import StoredShot
from void_server.reasoners.motion import Proposal, agree, propose_frame

Answer = tuple[dict[str, StoredBlob], dict[str, Any]]


def propose(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Compare one frame with its background; leaves the blob `proposal`, a `Proposal`."""
    found = propose_frame(position, shot, shot.manifest.shot_encoding().decode)
    figures = {name: round(value, 5) for name, value in found.figures.items()}
    return {"proposal": store_arrays(blobs, found.to_arrays())}, figures


def associate(args: Mapping[str, Any], blobs: BlobFolder) -> Answer:
    """Keep what moves with the object; leaves the blob `proposal`, the array `affected` of uint8 0 or 1.

    Args:
        args: `own` and `others`, digests of stored `Proposal`s.
    """
    own, *others = (Proposal.from_arrays(load_arrays(blobs, d)) for d in (args["own"], *args["others"]))
    affected = agree(own, others)
    share = float(np.count_nonzero(affected)) / affected.size
    stored = store_arrays(blobs, {"affected": affected.astype(np.uint8)})
    return {"proposal": stored}, {"affected_percent": round(100 * share, 3)}
