# SPDX-License-Identifier: Apache-2.0
"""A worker whose engine returns the plate: what is left is what the product costs around any engine.

Registered by this benchmark alone. Analysis is left out, and the unit `fill` answers with the plate's own pixels of the
region, which lack no grain, so that none is measured; ingest, blend, encoding, checks and report are the product's.
"""

from __future__ import annotations

import numpy as np

from void_server.engines.cleanplate import FrameFill
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline import plan, session
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.shot import StoredShot
from void_server.pool.worker import main


def identity_fill(
    shot: StoredShot, position: int, blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, object]]:
    """The lines of the region as they are; the same answer as of `void_server.pipeline.cleanplate.fill`."""
    with shot.reading_source(position) as opened:
        window = opened.window
        region = shot.quadmask(position, window).region
        rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
        margin = int(shot.manifest.settings["margin"])
        top, bottom = max(0, int(rows[0]) - margin), min(window.height, int(rows[-1]) + 1 + margin)
        left, right = max(0, int(columns[0]) - margin), min(window.width, int(columns[-1]) + 1 + margin)
        lines = opened.plate((top, bottom))
    colour = shot.to_linear(np.ascontiguousarray(lines.colour[:, left:right], np.float32))
    x, y = window.x - shot.window.x, window.y - shot.window.y
    nothing = np.zeros(colour.shape[:2], np.float32)
    fill = FrameFill(
        box=(x + left, y + top, x + right, y + bottom),
        colour=colour,
        confidence=np.ones_like(nothing),
        borrowed=nothing,
        synthesised=nothing,
        figures={},
    )
    return {"fill": store_arrays(blobs, fill.to_arrays())}, {"unseen": 0.0}


if __name__ == "__main__":
    setattr(plan, "proxy_units", lambda *_: [])  # noqa: B010 - the plan imports it for itself
    session._SHOT_UNITS["fill"] = identity_fill
    main()
