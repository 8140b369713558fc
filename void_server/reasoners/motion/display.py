# SPDX-License-Identifier: Apache-2.0
"""Encoded analysis values as display-like ones, in which equal steps look about equally large."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from void_server.engines.cleanplate.arrays import F32, U8, Bools

GREY = 0.18
"""Scene-linear value that the shot's median is taken to; of a grey card, ISO 12232's mid-tone."""


class DisplayCurve:
    """Encoded 0..255 to display-like 0..1: x / (1 + x) (Reinhard et al., "Photographic tone reproduction", SIGGRAPH
    2002, equation 3), then the sRGB curve (IEC 61966-2-1), with the median of a picture at mid grey.

    Args:
        decode: the shot's mapping, encoded (n, 3) float32 0..1 to scene-linear.
        picture: (h, w, 3) uint8, a frame that sets the exposure.
        usable: (h, w) bool, the pixels of it that count.
    """

    def __init__(self, decode: Callable[[F32], F32], picture: U8, usable: Bools) -> None:
        levels = np.linspace(0, 1, 256, dtype=np.float32)
        linear = np.maximum(decode(np.repeat(levels[:, None], 3, axis=1)), 0)
        colours = picture[usable] if usable.any() else picture.reshape(-1, 3)
        luminance = np.stack([linear[colours[:, c], c] for c in range(3)], axis=-1).mean(axis=-1)
        exposed = linear * (GREY / max(float(np.median(luminance)), 1e-12))
        toned = exposed / (1 + exposed)
        curve = 1.055 * np.power(np.maximum(toned, 1e-8), 1 / 2.4) - 0.055
        self._table = np.where(toned <= 0.0031308, 12.92 * toned, curve).astype(np.float64)

    def __call__(self, encoded: F32) -> F32:
        """(h, w, 3) float32, encoded values 0..255, to display-like 0..1."""
        shown = [
            np.interp(encoded[..., c], np.arange(256, dtype=np.float64), self._table[:, c]) for c in range(3)
        ]
        return np.stack(shown, axis=-1).astype(np.float32)
