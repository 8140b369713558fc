# SPDX-License-Identifier: Apache-2.0
"""The frames of the recordings are those of their 8-bit mp4 files, decoded by an ffmpeg of today."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import torch

from tests.engines.void.recorded import GOLDEN, clip

FFMPEG = shutil.which("ffmpeg")
LEVELS = 1
"""Greatest difference of an 8-bit value: versions of ffmpeg round the conversion from YUV differently."""

pytestmark = pytest.mark.skipif(
    FFMPEG is None,
    reason="not checked: decoding of mp4 within one level of the committed frames; there is no ffmpeg (make system)",
)


def decoded(name: str, height: int, width: int) -> torch.Tensor:
    """(n, h, w, 3) uint8, as ffmpeg gives it as rgb24."""
    file = GOLDEN / "clips" / "short" / name
    command = [str(FFMPEG), "-v", "error", "-i", str(file), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    given = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    return torch.from_numpy(np.frombuffer(given, np.uint8).reshape(-1, height, width, 3).copy())


def difference(found: torch.Tensor, wanted: torch.Tensor) -> int:
    assert found.shape == wanted.shape
    return int((found.int() - wanted.int()).abs().max())


def test_a_decoded_clip_is_within_a_level_of_the_frames():
    frames = clip("frame")
    assert difference(decoded("input_video.mp4", *frames.shape[1:3]), frames) <= LEVELS


def test_a_decoded_mask_is_within_a_level_of_the_mask():
    mask = clip("mask")
    found = decoded("quadmask_0.mp4", *mask.shape[1:3])
    assert all(difference(found[..., channel], mask) <= LEVELS for channel in range(3))


def test_a_difference_of_two_levels_is_seen():
    frames = clip("frame")
    changed = frames.clone()
    changed[3, 2, 1, 0] ^= 2
    assert difference(changed, frames) > LEVELS
