# SPDX-License-Identifier: Apache-2.0
"""The segmenter `sam2`: points, boxes and drawn mattes carried to all frames by SAM2's video model.

Nothing here imports a model before `load_predictor` is called. What runs in which package is in docs/masks.md.
"""

from void_server.segmenters.sam2.embedding import EmbeddingCache, preview
from void_server.segmenters.sam2.loading import load_predictor
from void_server.segmenters.sam2.prompts import Box, Drawn, Point, Prompt
from void_server.segmenters.sam2.segment import VERSION, segment_sam2

__all__ = [
    "VERSION",
    "Box",
    "Drawn",
    "EmbeddingCache",
    "Point",
    "Prompt",
    "load_predictor",
    "preview",
    "segment_sam2",
]
