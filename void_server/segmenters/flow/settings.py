# SPDX-License-Identifier: Apache-2.0
"""Constants that several steps of the segmenter share. *u* is the long side of the reduced picture / 960."""

from __future__ import annotations

VERSION = "1"
"""Part of every unit key: raised by any change that can change a bit of a matte."""

LONG_SIDE = 960
"""Pixels of the reduced picture, on which everything but the last edge is done; smaller plates are not enlarged."""
BAND = 15.0
"""Distance in u from the predicted edge within which a pixel may change sides, in one frame."""
NEAR = 3 * BAND
"""Distance in u from the predicted edge within which the background's colours are learnt."""
