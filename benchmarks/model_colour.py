# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.model_colour SHOT…`: how much of a model's colour shift is left in the region it filled.

The answer is simulated (benchmarks/model_answer.py). Each way of taking the shift out is compared with the same answer
without one: the low band (a Gaussian of 4 plate pixels) in decibels and as the mean error, and the flicker of the mean
error from frame to frame. Shots are folders with `plate`, `clean`, `roto` and `affected` (`shared/shots`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.model_answer import F32, Answer, Shot, answer, load
from void_server.engines.cleanplate.membrane import coarse_mean, coarseness, enlarged, masked_blur, membrane
from void_server.engines.void.colour_shift import REACH, Cells, colour_shift

LOW = 4.0
"""Standard deviation of the low band in plate pixels."""
NEAR, RING = 4.0, 24
"""Model pixels: of the average, and of the ring, of the correction that was there before."""


def main(arguments: list[str] | None = None) -> int:
    """Prints a line for each shot and way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_colour", description=__doc__)
    parser.add_argument("shots", nargs="*", type=Path, help="folders of shots; none: nothing to do")
    parser.add_argument("--first", type=int, default=10, help="frames left out before the first")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--percent", type=int, default=50, help="of the model's trained size")
    given = parser.parse_args(arguments)
    print("| shot | correction | low band, dB | mean error, encoded | flicker, encoded |")
    print("|---|---|---|---|---|")
    for folder in given.shots:
        shot = load(folder, given.first, given.frames, given.percent)
        tinted, plain = answer(shot), answer(shot, tinted=False)
        for name, way in WAYS.items():
            print(_row(shot, name, tinted, way), flush=True)
        print(_row(shot, "(an answer without shift)", plain, _none), flush=True)
    return 0


def _row(shot: Shot, name: str, given: Answer, way: Callable[[Shot, Answer, int], F32]) -> str:
    low, errors, means = [], [], []
    for n, region in enumerate(shot.region):
        wanted = np.clip(shot.light.encode(shot.clean[n]), 0, 1)
        off = cv2.GaussianBlur(np.clip(way(shot, given, n), 0, 1) - wanted, (0, 0), LOW)[region]
        low.append(float(np.square(off, dtype=np.float64).mean()))
        errors.append(float(np.abs(off).mean(dtype=np.float64)))
        means.append(off.mean(axis=0, dtype=np.float64))
    steps = np.abs(np.diff(np.stack(means), axis=0)).mean()
    psnr = -10 * np.log10(max(float(np.mean(low)), 1e-12))
    return f"| {shot.name} | {name} | {psnr:.2f} | {np.mean(errors):.4f} | {steps:.4f} |"


def _none(shot: Shot, given: Answer, n: int) -> F32:
    size = shot.plate.shape[2], shot.plate.shape[1]
    return np.asarray(cv2.resize(given.made[n], size, interpolation=cv2.INTER_CUBIC), np.float32)


def _offset(shot: Shot, given: Answer, n: int) -> F32:
    """What was done before: the difference in a ring around the region, extended smoothly over it."""
    larger, encoded = _none(shot, given, n), shot.light.encode(shot.plate[n])
    scale = shot.plate.shape[1] / given.made.shape[1]
    told = (
        cv2.resize(given.told[n].astype(np.uint8), larger.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    )
    inside = (~(told | shot.region[n])).astype(np.uint8)
    outside = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    shown = ((encoded >= 0) & (encoded <= 1)).all(axis=2)
    evidence = (shown & (outside > scale) & (outside <= RING * scale)).astype(np.float32)
    factor = coarseness(NEAR * scale)
    values, weight = coarse_mean((encoded - larger) * evidence[..., None], evidence, factor)
    steady = masked_blur(values, weight, NEAR * scale / factor)
    return np.asarray(larger + enlarged(membrane(steady, np.minimum(4 * weight, 1)), larger), np.float32)


def shift_removed(given: Answer, n: int) -> F32:
    """(h, w, 3): the answer to a frame without its shift, at the model's size."""
    near = range(max(0, n - REACH), min(len(given.made), n + REACH + 1))
    frames = {p: Cells.of(given.made[p], given.seen[p], given.told[p]) for p in near}
    return colour_shift(n, frames).removed(given.made[n])


def _shift(shot: Shot, given: Answer, n: int) -> F32:
    size = shot.plate.shape[2], shot.plate.shape[1]
    return np.asarray(cv2.resize(shift_removed(given, n), size, interpolation=cv2.INTER_CUBIC), np.float32)


WAYS = {
    "none": _none,
    "offset around the region, each frame alone": _offset,
    "gain and offset": _shift,
}

if __name__ == "__main__":
    raise SystemExit(main())
