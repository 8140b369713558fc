# SPDX-License-Identifier: Apache-2.0
"""Command line: `python -m benchmarks.flicker [SHOT_DIR …] [--generated FRAMES]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.generated_shot import GeneratedShot
from benchmarks.quality.engine_run import FEATHER, GROW, run_engine
from benchmarks.quality.shots import Shot, read_shot
from void_server.conform.blend import blend_matte
from void_server.conform.flicker import Flicker, at_borders, flicker
from void_server.conform.seam import REACH
from void_server.engines.cleanplate import SPAN, CleanplateSettings
from void_server.errors import VoidError
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.quadmask.regions import Quadmask

TEACHING = """\
Flicker of the clean-plate engine where its anchors meet, over that of the pairs near by: 1.00 is a border that is not
seen, the aim is 1.10 at most. `chance` is the share of all other places along the shot at which the same comb of
borders has a ratio at least as great; below 0.05 it is hardly chance. `truth` is the same of the right answer, where it
is known: what that shows is the shot's own.
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; 2 on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.flicker",
        description="Measures whether borders of the work are seen in a result.",
        epilog=TEACHING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shots", nargs="*", type=Path, metavar="SHOT_DIR")
    parser.add_argument(
        "--generated", type=int, default=0, metavar="FRAMES", help="frames of a shot made in code; 0 = none"
    )
    parser.add_argument("--seeds", type=int, default=1, help="such shots, each another (default: 1)")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        for folder in options.shots:
            print(_said(read_shot(folder)), flush=True)
        for seed in range(1, options.seeds + 1) if options.generated else ():
            print(_said(_made(options.generated, seed)), flush=True)
    except (VoidError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _made(frames: int, seed: int) -> Shot:
    """A shot made in code; what is right is not known of it."""
    shot = GeneratedShot(480, 270, seed)
    mattes = []
    for frame in range(frames):
        left, top, side = shot.matte_box(frame)
        matte = np.zeros((shot.height, shot.width), np.float32)
        matte[top : top + side, left : left + side] = 1
        mattes.append(matte)
    nothing = [np.zeros_like(m) for m in mattes]
    plates = [shot.plate(frame) for frame in range(frames)]
    return Shot(f"generated {seed}", list(range(frames)), plates, [], mattes, nothing)


def _said(shot: Shot) -> str:
    run = run_engine(shot, CleanplateSettings(), reasoner="artist")
    ends = range(SPAN, len(shot.plates) - 1, SPAN)
    borders = sorted({p for end in ends for p in (end, end + 1)})
    lines = [f"{shot.name}, {len(shot.plates)} frames"]
    for name, pictures in (("result", run.pictures), ("truth", shot.clean)):
        pairs = _pairs(shot, pictures) if pictures else {}
        found = at_borders(pairs, borders)
        if found is not None:
            chance = f"{found.chance:.2f}" if found.chance is not None else "-"
            mean = np.mean([pair.inside for pair in pairs.values()])
            lines.append(
                f"  {name:7} borders {found.borders:3}   ratio {found.ratio:.3f}   chance {chance}"
                f"   mean flicker {mean:.4f} stops"
            )
    return "\n".join(lines)


def _pairs(shot: Shot, pictures: list[NDArray[Any]]) -> dict[int, Flicker]:
    encoding = ShotEncoding.from_statistics([FrameStatistics.of(p.astype(np.float32)) for p in shot.plates])
    blends = [
        blend_matte(Quadmask(r, a).region, None, grow=GROW, feather=FEATHER, dtype=np.float16) > 0
        for r, a in zip(shot.remove, shot.affected, strict=True)
    ]
    found = {}
    for position in range(1, len(pictures)):
        pair = blends[position], blends[position - 1]
        if not pair[0].any() or not pair[1].any():
            continue
        rows, columns = (np.flatnonzero((pair[0] | pair[1]).any(axis=axis)) for axis in (1, 0))
        box = tuple(slice(max(0, int(i[0]) - REACH), int(i[-1]) + REACH + 1) for i in (rows, columns))
        now, then = (pictures[p][box].astype(np.float32) for p in (position, position - 1))
        pulse = flicker(now, then, (pair[0][box], pair[1][box]), encoding.epsilon)
        if pulse is not None:
            found[position] = pulse
    return found


if __name__ == "__main__":
    sys.exit(main())
