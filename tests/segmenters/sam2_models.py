# SPDX-License-Identifier: Apache-2.0
"""Models for the tests of the segmenter sam2: tiny ones with random weights, and one that needs no network."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from transformers import Sam2VideoConfig, Sam2VideoModel

from void_server.segmenters.sam2.predictor import Seen

SIDE = 64


def tiny_model():
    """A Sam2VideoModel of a million random parameters that looks at 64x64 pixels."""
    torch.manual_seed(3)
    return Sam2VideoModel(tiny_configuration()).eval()


def tiny_configuration():
    """Widths are multiples of 64 above 64, and a block that attends globally is never the first of its stage."""
    wide = 128
    sizes = [[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2]
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 16,
        "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [16, 32, 64, 128],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [8, 4, 4, 2],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [4, 4],
    }
    vision = {
        "model_type": "sam2_vision_model",
        "backbone_config": backbone,
        "backbone_channel_list": [128, 64, 32, 16],
        "backbone_feature_sizes": sizes,
        "fpn_hidden_size": wide,
    }
    return Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": wide, "image_size": SIDE},
        mask_decoder_config={"hidden_size": wide, "mlp_dim": 128, "iou_head_hidden_dim": 64},
        image_size=SIDE,
        memory_attention_hidden_size=wide,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=128,
        memory_attention_rope_feat_sizes=[SIDE // 16] * 2,
        memory_encoder_hidden_size=wide,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=wide,
        memory_fuser_embed_dim=wide,
        memory_fuser_intermediate_dim=128,
    )


@dataclass
class Stand:
    """A model that sees what is red, says so on a grid of 32 cells a side, and writes down what it is asked for.

    Attributes:
        asked: ("condition", object, position) and ("ahead" or "behind", object, position), in order.
        absent: positions on which it sees nothing.
        score: logit of where it sees something.
    """

    asked: list = field(default_factory=list)
    absent: tuple = ()
    score: float = 3.0

    def opened(self, shot, embedding=None):
        return _OpenedStand(self, shot)


class _OpenedStand:
    embedding = None

    def __init__(self, stand, shot):
        self._stand, self._shot = stand, shot

    def condition(self, given, remember=True):
        self._stand.asked.append(("condition", given.object, given.position))
        return self._seen(given.position)

    def step(self, name, position, reverse):
        self._stand.asked.append(("behind" if reverse else "ahead", name, position))
        return self._seen(position)

    def forget(self):
        self._stand.asked.append(("forget",))

    def _seen(self, position):
        if position in self._stand.absent:
            return Seen(np.full((32, 32), -1024, np.float32), -5.0)
        picture = self._shot.pictures(position)
        red = (picture[..., 0] - picture[..., 2] > 0.4).astype(np.float32)
        small = cv2.resize(red, (32, 32), interpolation=cv2.INTER_AREA)
        return Seen((small - 0.5) * 20, self._stand.score)


@dataclass
class RedDisc:
    """A red disc that goes right over dark noise.

    Attributes:
        frames: how many.
        size: height and width.
        speed: pixels a frame.
        asked: positions whose picture was read.
    """

    frames: int = 7
    size: tuple = (96, 160)
    speed: float = 8.0
    radius: float = 16.0
    asked: list = field(default_factory=list)

    def matte(self, position):
        """(H, W) float32, antialiased."""
        y, x = np.indices(self.size, np.float32)
        middle = 50 + self.speed * position, 48
        return np.clip(self.radius + 0.5 - np.hypot(x - middle[0], y - middle[1]), 0, 1).astype(np.float32)

    def picture(self, position):
        """(H, W, 3) float32."""
        self.asked.append(position)
        noise = np.random.default_rng(position).random((*self.size, 3)) * 0.1
        matte = self.matte(position)[..., None]
        return (noise * (1 - matte) + np.array([0.9, 0.1, 0.05]) * matte).astype(np.float32)
