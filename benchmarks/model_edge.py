# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.model_edge SHOT…`: how much of the region keeps the plate's bits, and what that costs.

The answer is simulated (benchmarks/model_answer.py). The affected region is taken as drawn, and as drawn too large
(`--wide`). For each: the share of the affected region off the object that keeps the plate's bits; the share that the
truth leaves as it is, to a quarter of a percent of the picture's range, and how much of that keeps its bits; decibels
against the truth (encoded) over the whole region and over the affected part, all of it replaced / only what changed;
and the seam (conform/seam.py) of both. Shots are folders with `plate`, `clean`, `roto` and `affected` (`shared/shots`).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.model_answer import F32, Answer, Bools, Shot, answer, load
from void_server.conform.blend import blend_matte, composite
from void_server.conform.change import LEAST, narrowed
from void_server.conform.seam import seam_ratio
from void_server.engines.void.plate_size import at_plate_size
from void_server.pipeline import answers

GROW, FEATHER = 2.0, 4.0
"""The defaults of the options of these names."""


def main(arguments: list[str] | None = None) -> int:
    """Prints a line for each shot and affected region."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.model_edge", description=__doc__)
    parser.add_argument("shots", nargs="*", type=Path, help="folders of shots; none: nothing to do")
    parser.add_argument("--first", type=int, default=10, help="frames left out before the first")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--percent", type=int, default=50, help="of the model's trained size")
    parser.add_argument("--wide", type=int, nargs="*", default=[0, 40], help="plate pixels drawn too large")
    parser.add_argument("--pictures", type=Path, help="folder for a sheet of each row's middle frame")
    given = parser.parse_args(arguments)
    print(
        "| shot | drawn too large by | keeps its bits | truly unchanged, keeps | region, dB | affected, dB | seam |"
    )
    print("|---|---|---|---|---|---|---|")
    for folder in given.shots:
        shot = load(folder, given.first, given.frames, given.percent)
        for wide in given.wide:
            print(_row(_widened(shot, wide), wide, given.pictures), flush=True)
    return 0


def _widened(shot: Shot, pixels: int) -> Shot:
    if not pixels:
        return shot
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return replace(shot, affected=np.stack([cv2.dilate(a, disc) for a in shot.affected]))


def _row(shot: Shot, wide: int, pictures: Path | None) -> str:
    given = answer(shot)
    kept, seams, same = [], [], []
    errors: list[list[float]] = []
    for n in range(len(shot.plate)):
        made, blends, change = _both(shot, given, n)
        affected = (shot.affected[n] > 0.02) & (shot.remove[n] <= 0.02)
        kept.append(float((blends[1][affected] == 0).mean()))
        unchanged = _unchanged(shot, n) & affected
        same.append([unchanged.sum(), affected.sum(), (blends[1][unchanged] == 0).sum()])
        results = [composite(shot.plate[n], made, blend).colour for blend in blends]
        wanted = shot.light.encode(shot.clean[n])
        off = [np.square(shot.light.encode(r) - wanted, dtype=np.float64) for r in results]
        errors.append([float(o[where].mean()) for where in (shot.region[n], affected) for o in off])
        seams.append([seam_ratio(r, b, 0.002) for r, b in zip(results, blends, strict=True)])
        if pictures is not None and n == len(shot.plate) // 2:
            pictures.mkdir(parents=True, exist_ok=True)
            _sheet(shot, n, results, change, blends[1]).tofile(pictures / f"{shot.name}-{wide}.png")
    whole, only, whole_affected, only_affected = -10 * np.log10(np.mean(errors, axis=0))
    true, every, true_kept = np.sum(same, axis=0)
    seam = np.nanmean(np.array(seams, np.float64), axis=0)
    return (
        f"| {shot.name} | {wide} px | {np.mean(kept):.0%}"
        f" | {true / every:.0%}, {true_kept / max(1, true):.0%} | {whole:.2f} / {only:.2f}"
        f" | {whole_affected:.2f} / {only_affected:.2f} | {seam[0]:.2f} / {seam[1]:.2f} |"
    )


def _unchanged(shot: Shot, n: int) -> Bools:
    """(H, W): where the truth is the plate but for its grain, also in the mean."""
    apart = shot.light.encode(shot.clean[n]) - shot.light.encode(shot.plate[n])
    means = (np.abs(cv2.GaussianBlur(apart, (0, 0), sigma)).max(axis=2) < LEAST for sigma in (4.0, 20.0))
    return np.asarray(np.logical_and.reduce(list(means)))


def _both(shot: Shot, given: Answer, n: int) -> tuple[F32, tuple[F32, F32], F32]:
    """The fill in scene-linear light, the blend mattes of all the region and of what changed, and the change."""

    def load_answer(position: int) -> answers.Answer:
        return answers.Answer(given.made[position], given.seen[position], given.told[position])

    found = answers.corrected(n, len(given.made) - 1, load_answer)
    size = shot.plate.shape[2], shot.plate.shape[1]
    change = np.asarray(cv2.resize(found.change, size, interpolation=cv2.INTER_LINEAR), np.float32)
    encoded = at_plate_size(found.made, shot.light.encode(shot.plate[n]), shot.region[n], given.told[n])
    whole, sure = (_blend(region) for region in (shot.region[n], shot.remove[n] > 0.02))
    return shot.light.decode(encoded), (whole, narrowed(whole, sure, change)), change


def _blend(region: Bools) -> F32:
    return np.asarray(blend_matte(region, None, grow=GROW, feather=FEATHER, dtype=np.float32), np.float32)


def _sheet(shot: Shot, n: int, results: list[F32], change: F32, blend: F32) -> F32:
    """A PNG's bytes: plate, all replaced, only the changed; the truth, the change, and the blend matte."""

    def shown(linear: F32) -> F32:
        return np.asarray(np.clip(shot.light.encode(linear), 0, 1), np.float32)

    mattes = [np.repeat(m[..., None], 3, 2) for m in (change, blend)]
    rows = [
        np.hstack([shown(p) for p in (shot.plate[n], *results)]),
        np.hstack([shown(shot.clean[n]), *mattes]),
    ]
    sheet = (np.vstack(rows)[..., ::-1] * 255).round().astype(np.uint8)
    return np.asarray(cv2.imencode(".png", sheet)[1])


if __name__ == "__main__":
    raise SystemExit(main())
