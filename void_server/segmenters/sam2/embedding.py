# SPDX-License-Identifier: Apache-2.0
"""A matte of one frame while an artist clicks: the picture is encoded once, however many clicks follow."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from void_server.segmenters.protocol import F32
from void_server.segmenters.sam2.predictor import Alive, Shot, VideoPredictor, always
from void_server.segmenters.sam2.prompts import Prompt, gathered
from void_server.segmenters.sam2.segment import drawn_on, union

HELD = 8
"""Pictures whose embeddings are held; one of a large model takes about 40 MB."""


class EmbeddingCache:
    """A model, and what it made of the pictures that were looked at last."""

    def __init__(self, predictor: VideoPredictor, limit: int = HELD) -> None:
        self.predictor = predictor
        self._limit = limit
        self._held: OrderedDict[bytes, object] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, content: bytes) -> object | None:
        """The embedding of a picture; None where it is not held."""
        if content in self._held:
            self._held.move_to_end(content)
        return self._held.get(content)

    def put(self, content: bytes, embedding: object) -> None:
        """Holds an embedding; lets go of the one that was not asked for longest."""
        self._held[content] = embedding
        self._held.move_to_end(content)
        while len(self._held) > self._limit:
            self._held.popitem(last=False)


def preview(picture: F32, prompts: Sequence[Prompt], cache: EmbeddingCache, alive: Alive = always) -> F32:
    """The matte (H, W) float32 0..1 of one frame: what `segment_sam2` gives for a shot of this frame alone.

    Args:
        picture: (H, W, 3) float32, display-like 0..1.
        prompts: all at position 0.
        cache: the model with its embeddings.
        alive: where to cancel.

    Raises:
        InvalidInput: the prompts do not fit the picture.
    """
    size = picture.shape[0], picture.shape[1]
    given = gathered(prompts, 1, size)
    content = _content(picture)
    shot = Shot(1, size, lambda _position: picture, alive)
    opened = cache.predictor.opened(shot, cache.get(content))
    seen = {one.object: opened.condition(one, remember=False) for one in given}
    cache.put(content, opened.embedding)
    return union(picture, seen, drawn_on(given, 0), alive)


def _content(picture: F32) -> bytes:
    """SHA-256 of a picture's size and samples."""
    found = hashlib.sha256(repr(picture.shape).encode())
    found.update(np.ascontiguousarray(picture, np.float32).data)
    return found.digest()
