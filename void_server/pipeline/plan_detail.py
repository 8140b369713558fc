# SPDX-License-Identifier: Apache-2.0
"""What `conform` is told of real pixels, where the model's picture is to be joined with them."""

from __future__ import annotations

from typing import Any

from void_server.engines.cleanplate import VERSION as CLEANPLATE_VERSION
from void_server.pipeline.known_shot import analysed
from void_server.pipeline.manifest import ShotManifest
from void_server.pipeline.order import Order
from void_server.pipeline.plan_keys import rebuilt_fill
from void_server.pipeline.real_pixels import REACH
from void_server.pipeline.results import Results


def with_detail(
    order: Order, results: Results, shot: ShotManifest, position: int
) -> tuple[ShotManifest, dict[str, Any], dict[str, Any]]:
    """The shot that `conform` of a frame reads, what it is told beside its runs, and what its key holds of both; the
    shot as it is and nothing more where no detail is wanted.
    """
    if order.detail == "off":
        return shot, {}, {}
    known = analysed(shot, results, "prepare", "settle")
    first, last = max(0, position - REACH), min(len(shot.frames), position + REACH + 1)
    compared = {
        p: found.blobs["comparison"]
        for p in range(first, last)
        if (found := results.find("compare", shot.frames[p].frame)) is not None
    }
    read = {"way": order.detail, "rebuilt": rebuilt_fill(results, shot.frames[position].frame)}
    told = {"detail": {**read, "compared": {str(p): digest for p, digest in compared.items()}}}
    held = {
        "detail": read,
        # By its distance, so that the same frames of another range are found again.
        "compared": {p - position: digest for p, digest in compared.items()},
        "first": first - position,
        "between": [[f.proxy, f.motion] for f in known.frames[first:last]],
        "motion": CLEANPLATE_VERSION,
    }
    return known, told, held
