# SPDX-License-Identifier: Apache-2.0
"""The reasoner's units: `survey` of a frame, `survey_motion` of a pair, `tie` for the shot, `propose` for a frame,
`associate` with its neighbours' proposals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from void_server.engines.cleanplate.arrays import Bools, touched
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.cleanplate import prepared, settings_of, stored_motion
from void_server.pipeline.shot import StoredShot
from void_server.quadmask.regions import THRESHOLD, Quadmask
from void_server.reasoners.motion import Proposal, agree, propose_frame, sort_movers, survey_pair

Answer = tuple[dict[str, StoredBlob], dict[str, Any]]


def survey(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Reduce one frame to what the survey needs: the blob `proxy`, with the removed object's matte alone, and where the
    artist drew something affected the blob `stroke`, an array of uint8 0 or 1 at the proxy's size.
    """
    drawn = shot.drawn(position, shot.window)
    proxy = prepared(shot, position, Quadmask(drawn.remove, np.zeros_like(drawn.remove)))
    stored = {"proxy": store_arrays(blobs, proxy.to_arrays())}
    stroke = touched(drawn.affected > THRESHOLD, proxy.size)
    if stroke.any():
        stored["stroke"] = store_arrays(blobs, {"stroke": stroke.astype(np.uint8)})
    return stored, {"empty": proxy.empty}


def survey_motion(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Motion between a surveyed frame and the next; leaves the blob `motion`."""
    return stored_motion(survey_pair(position, shot, settings_of(shot)), blobs)


def tie(shot: StoredShot, _position: int, blobs: BlobFolder) -> Answer:
    """Tell which of the things that move on their own the object set in motion; where there are any, leaves the blob
    `movers`, a `Movers`.
    """
    found = sort_movers(shot, shot.manifest.shot_encoding().decode)
    info = {"first_moved": found.first_moved, "independent": sorted(found.independent)}
    return {"movers": store_arrays(blobs, found.to_arrays())} if found else {}, info


def propose(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Compare one frame with its background; leaves the blob `proposal`, a `Proposal`."""
    found = propose_frame(position, shot, shot.manifest.shot_encoding().decode, shot.movers())
    figures = {name: round(value, 5) for name, value in found.figures.items()}
    return {"proposal": store_arrays(blobs, found.to_arrays())}, figures


def associate(args: Mapping[str, Any], blobs: BlobFolder) -> Answer:
    """Keep what moves with the object; leaves the blob `proposal`, the array `affected` of uint8 0 or 1.

    Args:
        args: `own` and `others`, digests of stored `Proposal`s.
    """
    own, *others = (Proposal.from_arrays(load_arrays(blobs, d)) for d in (args["own"], *args["others"]))
    affected = agree(own, others)
    stored = store_arrays(blobs, {"affected": affected.astype(np.uint8)})
    info = {"affected_percent": _percent(affected)}
    if own.moved is not None:
        info["moved_percent"] = _percent(own.moved)
    return {"proposal": stored}, info


def _percent(mask: Bools) -> float:
    return round(100 * float(np.count_nonzero(mask)) / mask.size, 3)
