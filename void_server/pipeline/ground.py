# SPDX-License-Identifier: Apache-2.0
"""What outlines the things that a model's answer names in cells: SAM2 on a single frame, where it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Any

from void_server.engines.cleanplate.arrays import F32
from void_server.pipeline.keys import torch_numerics
from void_server.pipeline.manifest import FrameRef, ShotManifest
from void_server.pipeline.order import Order
from void_server.pipeline.sam2_weights import missing_for_sam2, sam2_checkpoint, sam2_identity
from void_server.pipeline.segment import loaded_sam2, pictures_of
from void_server.pipeline.shot import StoredShot
from void_server.reasoners.vlm import OUTLINED, Bounds, Grounder, as_boxes, grounded
from void_server.segmenters.sam2 import VERSION as SAM2_VERSION
from void_server.segmenters.sam2 import Box, EmbeddingCache, preview

VERSION = "1"
"""Part of the keys of what is outlined: raised by any change that can change a bit of a matte."""

Alive = Callable[[], None]


def check_ground(order: Order) -> None:
    """Refuses an order for outlines by a model that is not there, before another model is asked for money.

    Raises:
        PreconditionFailed: SAM2 is asked for by name, and cannot run here.
    """
    if order.options.ground == "sam2":
        sam2_checkpoint()


def ground_of(order: Order, answered: Mapping[str, Any]) -> dict[str, str]:
    """The identity of the weights of SAM2, by file, where it is to outline something; empty where cells are all.

    Args:
        answered: the info of the unit `ask`.

    Raises:
        PreconditionFailed: SAM2 is asked for by name, and cannot run here.
    """
    kinds = {kind.value for kind in OUTLINED}
    things = bool(answered["belongings"]) or any(thing["kind"] in kinds for thing in answered["affected"])
    wanted = order.options.ground
    if not things or wanted == "cells" or (wanted == "auto" and missing_for_sam2()):
        return {}
    return sam2_identity(sam2_checkpoint())


def read_by_ground(shot: ShotManifest, frame: FrameRef) -> dict[str, Any]:
    """What SAM2 reads of a frame, for keys, with its versions."""
    return {
        "sam2": [SAM2_VERSION, VERSION],
        "torch": torch_numerics(),
        "plate": frame.content,
        "view": shot.view,
        "colour": asdict(shot.colour),
        "encoding": shot.encoding,
    }


def grounder(
    shot: StoredShot, args: Mapping[str, Any], bounds: Bounds, alive: Alive
) -> tuple[Grounder, list[dict[str, Any]]]:
    """What outlines the things on a frame, and the list in which it tells of each thing that it was asked about:
    `noun`, `parts` of its cells that hang together, and how many of them `sam2` outlined; the others are whole cells.

    Args:
        args: `position`, and `ground` (see `ground_of`).
        bounds: of the cells.
        alive: where to cancel.
    """
    told: list[dict[str, Any]] = []
    if not args["ground"]:
        return as_boxes, told
    seen = _Seen(shot, args["position"], args["ground"])

    def ground(noun: str, frame: int, cells: F32) -> F32:
        found = grounded(
            cells, bounds, lambda box: preview(seen.picture, [Box(0, *box)], seen.embeddings, alive)
        )
        told.append({"noun": noun, "parts": found.parts, "sam2": found.outlined})
        return found.matte

    return ground, told


class _Seen:
    """A frame and the model's embedding of it, made when the first thing is looked for on it."""

    def __init__(self, shot: StoredShot, position: int, weights: Mapping[str, str]) -> None:
        self._shot, self._position, self._weights = shot, position, weights

    @cached_property
    def picture(self) -> F32:
        """(h, w, 3) float32, display-like 0..1, over the common window."""
        return pictures_of(self._shot, self._position)(0)

    @cached_property
    def embeddings(self) -> EmbeddingCache:
        """With the model in it."""
        return EmbeddingCache(loaded_sam2(self._weights), 1)
