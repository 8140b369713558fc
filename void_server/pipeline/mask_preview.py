# SPDX-License-Identifier: Apache-2.0
"""The matte of one frame from clicks, boxes or a roto; pictures and their embeddings are kept between clicks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from void_server.frames.blobs import BlobFolder
from void_server.pipeline.config_source import config_source
from void_server.pipeline.sam2_weights import sam2_checkpoint, sam2_identity
from void_server.pipeline.shot import naming
from void_server.plates.colour import resolve
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.plates.header import EXRLimits
from void_server.plates.matte import read_matte
from void_server.plates.plate import Plate, read_plate
from void_server.plates.result import write_matte
from void_server.segmenters.protocol import F32
from void_server.segmenters.sam2 import (
    Box,
    Drawn,
    EmbeddingCache,
    Point,
    Prompt,
    load_predictor,
    preview,
)


class Previews:
    """What a worker keeps between two clicks: the model, its embeddings, and the picture looked at last."""

    def __init__(self) -> None:
        self._model: tuple[str, EmbeddingCache] | None = None
        self._picture: tuple[str, Plate, F32] | None = None

    def made(self, task: Mapping[str, Any], blobs: BlobFolder, limits: EXRLimits) -> dict[str, Any]:
        """Leave an EXR with one channel A over the frame's data window; returns its `digest` and `bytes`.

        Args:
            task: `frame` and `roto` (digests, the second may be empty), `points` (x, y, positive, object), `boxes`
                (left, top, right, bottom, object), in pixels of the display window, and `colour`, as of an order.

        Raises:
            VoidError: a file or a prompt cannot be used, or there is no model.
        """
        plate, picture = self._looked_at(task, blobs, limits)
        matte = preview(picture, _prompts(task, plate, blobs, limits), self._loaded())
        with blobs.scratch(".exr") as path:
            write_matte(path, plate, matte)
            stored = blobs.add_file(path)
        return {"digest": stored.digest, "bytes": stored.size}

    def _looked_at(self, task: Mapping[str, Any], blobs: BlobFolder, limits: EXRLimits) -> tuple[Plate, F32]:
        """The frame, and its picture (h, w, 3) float32, display-like 0..1, over its data window."""
        key = json.dumps([task["frame"], task["colour"]], sort_keys=True)
        if self._picture is None or self._picture[0] != key:
            path = blobs.path(task["frame"])
            with naming(task["name"] or task["frame"], str(path)):
                plate = read_plate(path, "", limits)
            asked = task["colour"]
            config = config_source(blobs, asked["builtin"], asked["archive"])
            space = resolve(plate.channels.part, "", name=asked["name"], config=config)
            linear = space.to_linear(plate.colour.astype(np.float32))
            encoding = ShotEncoding.from_statistics([FrameStatistics.of(linear)])
            shown = (encoding.to_uint8(linear) / np.float32(255)).astype(np.float32)
            self._picture = key, plate, np.broadcast_to(shown, (*shown.shape[:2], 3)).copy()
        return self._picture[1:]

    def _loaded(self) -> EmbeddingCache:
        checkpoint = sam2_checkpoint()
        weights = json.dumps(sam2_identity(checkpoint), sort_keys=True)
        if self._model is None or self._model[0] != weights:
            # PyTorch takes seconds to import; the first click waits for it.
            import torch

            torch.set_num_threads(1)
            device = "cuda" if torch.cuda.is_available() else "cpu"
            self._model = weights, EmbeddingCache(load_predictor(checkpoint, device))
        return self._model[1]


def _prompts(task: Mapping[str, Any], plate: Plate, blobs: BlobFolder, limits: EXRLimits) -> list[Prompt]:
    window, display = plate.data_window, plate.display_window
    x, y = display.x - window.x, display.y - window.y
    found: list[Prompt] = [Point(0, a + x, b + y, on, name) for a, b, on, name in task["points"]]
    found += [Box(0, a + x, b + y, c + x, d + y, name) for a, b, c, d, name in task["boxes"]]
    if task["roto"]:
        matte = read_matte(blobs.path(task["roto"]), "", "", limits=limits)
        found.append(Drawn(0, matte.on(window), object=-1))
    return found
