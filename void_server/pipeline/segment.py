# SPDX-License-Identifier: Apache-2.0
"""The units `segment`: mattes of what is to be removed, made of those of some frames, of clicks or of boxes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from void_server.engines.cleanplate.arrays import F32
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.known_shot import SEGMENTED
from void_server.pipeline.order import Prompted
from void_server.pipeline.preflight_prompts import as_prompts
from void_server.pipeline.sam2_weights import sam2_checkpoint
from void_server.pipeline.shot import StoredShot
from void_server.quadmask.regions import THRESHOLD
from void_server.segmenters.flow import segment_flow
from void_server.segmenters.protocol import SegmentedFrame
from void_server.segmenters.sam2 import Drawn, load_predictor, segment_sam2
from void_server.segmenters.sam2.predictor import VideoPredictor

Step = Callable[[int, int], None]


def segment(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder, step: Step
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave a blob `SEGMENTED` for every frame of a span that has no matte of its own: `values`, (h, w) float16, and
    `at`, the x and y of their first pixel on the common window.

    Args:
        args: `segmenter`, `first` and `last` position of the span, and `keys`, the positions that have mattes; for
            `sam2` also `prompts` and the identity of its `weights`.
        step: told of the segmenter's steps; it may raise to end the work.

    Raises:
        PreconditionFailed: the model is not there.
    """
    first, keys = args["first"], args["keys"]
    stored, said = {}, {}
    for frame in (_by_sam2 if args["segmenter"] == "sam2" else _by_flow)(shot, args, step):
        position = frame.position + first
        # A drawn matte is all of its frame, unless other objects are clicked on.
        if position in keys and not args.get("prompts"):
            continue
        stored[SEGMENTED.format(position)] = store_arrays(blobs, cropped(frame.matte))
        said[str(position)] = {
            "removes": round(float((frame.matte > THRESHOLD).mean()), 6),
            "confidence": round(frame.confidence, 4),
        }
    return stored, {"frames": said}


def _by_flow(shot: StoredShot, args: Mapping[str, Any], step: Step) -> Iterator[SegmentedFrame]:
    first = args["first"]
    drawn = {p - first: shot.drawn(p, shot.window).remove for p in args["keys"]}
    return segment_flow(args["last"] - first + 1, pictures_of(shot, first), drawn, step)


def _by_sam2(shot: StoredShot, args: Mapping[str, Any], step: Step) -> Iterator[SegmentedFrame]:
    frames = [frame.frame for frame in shot.manifest.frames]
    display = shot.source(0).display_window
    offset = display.x - shot.window.x, display.y - shot.window.y
    pointed = [Prompted(**prompt | {"place": tuple(prompt["place"])}) for prompt in args["prompts"]]
    drawn = [Drawn(p, shot.drawn(p, shot.window).remove, object=_OF_ROTO) for p in args["keys"]]
    predictor = loaded_sam2(args["weights"])
    prompts = [*as_prompts(pointed, frames, offset), *drawn]
    return segment_sam2(len(frames), pictures_of(shot, 0), prompts, predictor, step)


_OF_ROTO = -1
"""Number of the object that drawn mattes are of: clicks count from 0."""


class _Model:
    """The model of the last job, kept."""

    def __init__(self) -> None:
        self._held: tuple[str, VideoPredictor] | None = None

    def loaded(self, weights: str) -> VideoPredictor:
        """The model, loaded if these weights are not there yet."""
        if self._held is None or self._held[0] != weights:
            self._held = None
            # PyTorch takes seconds to import, and other segmenters do without it.
            import torch

            torch.set_num_threads(1)
            device = "cuda" if torch.cuda.is_available() else "cpu"
            self._held = weights, load_predictor(sam2_checkpoint(), device)
        return self._held[1]

    def drop(self) -> None:
        """Keep none."""
        self._held = None


_MODEL = _Model()


def loaded_sam2(weights: Mapping[str, str]) -> VideoPredictor:
    """SAM2's model, loaded if these weights, by their `sam2_identity`, are not there yet.

    Raises:
        PreconditionFailed, InvalidInput, DataLoss, OSError: see `load_predictor`.
    """
    return _MODEL.loaded(json.dumps(weights, sort_keys=True))


def forget_model() -> None:
    """Let go of the model of the last job."""
    _MODEL.drop()


def pictures_of(shot: StoredShot, first: int) -> Callable[[int], F32]:
    """The pictures of a shot from a position on, (h, w, 3) float32 over the common window, as segmenters take them."""
    encoding = shot.manifest.shot_encoding()

    def picture(position: int) -> F32:
        """Display-like 0..1; black where the frame has no samples."""
        shown = encoding.to_uint8(shot.plate(position + first))
        return (shown / np.float32(255)).astype(np.float32)

    return picture


def cropped(matte: F32) -> dict[str, Any]:
    """The part of a matte that is not 0, as `values` float16, and where it lies, as `at`."""
    rows, columns = (np.flatnonzero(matte.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return {"values": np.zeros((0, 0), np.float16), "at": np.zeros(2, np.int32)}
    (top, bottom), (left, right) = (rows[[0, -1]], columns[[0, -1]])
    values = matte[top : bottom + 1, left : right + 1].astype(np.float16)
    return {"values": values, "at": np.array([left, top], np.int32)}
