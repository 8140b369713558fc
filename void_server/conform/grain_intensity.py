# SPDX-License-Identifier: Apache-2.0
"""What a channel's grain grows with: its own level, or a mix of the channels'.

A sensor's noise grows with what each of its pixels saw (EMVA 1288, release 4.0, section 2). The matrix from the
camera's primaries to the plate's mixes them, and so does grain that was made by luminance: the power of a channel is
then a sum over the levels of all channels with no term below 0, and two places of the same red may have different red
grain.
"""

from __future__ import annotations

import numpy as np

from void_server.conform.grain_model import F64


def channel_mix(level: F64, power: F64, expected: F64) -> F64:
    """(C, C) of rows that sum to 1: the intensity of channel c is the sum over j of mix[c, j] * level[j].

    The other channels are taken where they explain the power better than the channel itself by more than their number
    (Bayesian information criterion: Schwarz, Annals of Statistics 6, 1978); else the channel alone.

    Args:
        level: (M, C) of blocks.
        power: (M, C) that was measured in them.
        expected: (M, C), more than 0, about what they should have; each block is weighed by its inverse.
    """
    count, channels = level.shape
    mix = np.eye(channels)
    if channels == 1:
        return mix
    terms = np.concatenate([np.ones((count, 1)), np.maximum(level, 0)], axis=1)
    for c in range(channels):
        weight = 1 / expected[:, c]
        wanted, scaled = power[:, c] * weight, terms * weight[:, None]
        alone, together = scaled[:, [0, c + 1]], without_negatives(scaled, wanted)
        least, less = (
            max(float(np.square(t @ x - wanted).sum()), 1e-12)
            for t, x in ((alone, without_negatives(alone, wanted)), (scaled, together))
        )
        found = together[1:]
        if found.sum() > 0 and count * np.log(least / less) > (channels - 1) * np.log(count):
            mix[c] = found / found.sum()
    return mix


def without_negatives(terms: F64, wanted: F64) -> F64:
    """The least-squares solution of terms @ x = wanted with no x below 0, of few columns."""
    best, least = np.zeros(terms.shape[1]), float(np.square(wanted).sum())
    square, right = terms.T @ terms, terms.T @ wanted
    for chosen in range(1, 2 ** terms.shape[1]):
        columns = [c for c in range(terms.shape[1]) if chosen >> c & 1]
        part = np.linalg.lstsq(square[np.ix_(columns, columns)], right[columns], rcond=None)[0]
        if (part < 0).any():
            continue
        error = float(np.square(terms[:, columns] @ part - wanted).sum())
        if error < least:
            best, least = np.zeros(terms.shape[1]), error
            best[columns] = part
    return best
