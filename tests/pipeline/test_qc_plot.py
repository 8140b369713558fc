# SPDX-License-Identifier: Apache-2.0
"""The plot of the figures: borders and the grain of the plate are in it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from void_server.pipeline.qc_plot import draw_qc_plot

GRAIN = {
    "confidence": 1.0,
    "reason": "",
    "levels": [[0.1, 0.5]] * 3,
    "sigma": [[0.01, 0.02], [0.02, 0.03], [0.03, 0.04]],
}
NONE = {"confidence": 0.0, "reason": "No grain."}
FIGURES = {"changed_percent": 1.0, "change_over_time": 0.1, "flicker": 0.01, "flicker_beside": 0.02}
OTHERS = {"confidence": 0.9, "seam": 1.0, "clipped": 0, "outside_difference": 0.0}


def drawn(frames: list[int], grain: dict | None = NONE) -> np.ndarray:
    """The plot of a shot whose anchors meet at these frames."""
    told = {"frames": frames, "measured": len(frames), "ratio": 1.0, "chance": 0.5}
    sidecar = {
        "frames": [{"frame": n, "quality": FIGURES | OTHERS} for n in range(1001, 1030)],
        "flicker": {"anchors": told},
        "grain": grain,
    }
    return np.asarray(Image.open(io.BytesIO(draw_qc_plot("shot", sidecar))).convert("RGB")).astype(int)


def green(plot: np.ndarray) -> int:
    """Pixels of the anchors' lines."""
    others = np.maximum(plot[..., 0], plot[..., 2])
    return int(np.count_nonzero(plot[..., 1] - others > 40))


def test_borders_are_lines_through_the_flicker():
    assert green(drawn([])) == 0 < green(drawn([1012])) < green(drawn([1012, 1013, 1024, 1025]))


def test_grain_is_a_line_a_channel_and_without_any_the_reason_is_said():
    known, unknown, unseen = (drawn([], grain) for grain in (GRAIN, NONE, None))
    below = slice(int(0.88 * len(known)), None)
    assert green(known[below]) > 50 > green(unknown[below])
    assert (unknown[below] != unseen[below]).any()
