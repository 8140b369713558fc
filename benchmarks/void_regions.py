# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.void_regions SHOT…`: what the engine `void` sees of a shot, and how much detail that keeps.

No model runs: the true clean plate is reduced to the model's picture and brought back, once the whole frame and once
the planned crops. What is lost there, no model can give back. Shots are folders with `clean` and `roto`, and `affected`
where there is one (`shared/shots`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from void_server.engines.void.plate_size import Rect, at_plate_size, reduced
from void_server.engines.void.regions import CONTEXT, RegionPlan, View, planned, region_parts
from void_server.engines.void.settings import model_size
from void_server.pipeline.known_shot import LEAST_MARGIN
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.quadmask.regions import THRESHOLD

FINE = 1.0
"""Standard deviation, in plate pixels, of the blur whose remainder is the high frequency."""

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Kept:
    """What comes back of the clean plate's region.

    Attributes:
        energy: share 0..1 of the energy of its high frequency.
        psnr: decibels, encoded values.
    """

    energy: float
    psnr: float


def main(arguments: list[str] | None = None) -> int:
    """Prints a line for each shot and size of the model's picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.void_regions", description=__doc__)
    parser.add_argument("shots", nargs="*", type=Path, help="folders of shots; none: nothing to do")
    parser.add_argument(
        "--percent",
        nargs="*",
        type=int,
        default=[100, 50, 17],
        help="of the model's trained size (default: %(default)s)",
    )
    parser.add_argument("--context", type=float, default=CONTEXT)
    parser.add_argument("--every", type=int, default=8, help="frames from one that is measured to the next")
    given = parser.parse_args(arguments)
    print("| shot | model, percent | plan | scale, whole / crop | runs | share | energy kept | PSNR, dB |")
    print("|---|---|---|---|---|---|---|---|")
    for folder in given.shots:
        for percent in given.percent:
            print(row(folder, percent, given.context, given.every), flush=True)
    return 0


def row(folder: Path, percent: int, context: float, every: int) -> str:
    """One line of the table."""
    names = sorted(p.name.split(".")[-2] for p in (folder / "clean").glob("*.exr"))
    regions = [_region(folder, name) for name in names]
    height, width = regions[0].shape
    rows, columns = model_size(height, width, percent / 100)
    view = View((0, 0, width, height), 1.0, rows, columns)
    plan = planned([region_parts(r) for r in regions], view, margin=LEAST_MARGIN, context=context)
    whole = planned([[] for _ in regions], view, margin=LEAST_MARGIN)
    measured = [n for n in range(0, len(names), every) if regions[n].any()]
    clean = [_pixels(folder / "clean", names[n]) for n in measured]
    encoding = ShotEncoding.from_statistics(FrameStatistics.of(c) for c in clean)
    kept = [
        _kept([(encoding.encode(c), regions[n], n) for c, n in zip(clean, measured, strict=True)], each)
        for each in (whole, plan)
    ]
    run = max(plan.runs, key=plan.scale)
    seen = "whole" if plan.whole else f"{run.width} x {run.height}{', moving' if run.moves else ''}"
    return (
        f"| {folder.name} | {columns} x {rows} ({percent}) | {seen} | {view.whole_scale:.2f} / {plan.scale(run):.2f}"
        f" | {len(plan.runs)} | {sum(r.width * r.height for r in plan.runs) / (width * height):.0%}"
        f" | {kept[0].energy:.0%} / {kept[1].energy:.0%} | {kept[0].psnr:.1f} / {kept[1].psnr:.1f} |"
    )


def _kept(frames: Sequence[tuple[F32, npt.NDArray[np.bool_], int]], plan: RegionPlan) -> Kept:
    """Over the region of all frames together."""
    fine = kept = error = 0.0
    count = 0
    for picture, region, position in frames:
        back = picture.copy()
        for run in plan.runs:
            fills = run.fills[position] or (run.crop(position) if plan.whole else None)
            if fills is not None:
                _bring_back(picture, back, region, run.crop(position), fills, plan.view)
        fine += float((_high(picture)[region] ** 2).sum(dtype=np.float64))
        kept += float((_high(back)[region] ** 2).sum(dtype=np.float64))
        error += float(((back - picture)[region] ** 2).sum(dtype=np.float64))
        count += int(region.sum()) * 3
    return Kept(kept / fine, float(-10 * np.log10(max(error / count, 1e-12))))


def _bring_back(
    picture: F32, back: F32, region: npt.NDArray[np.bool_], crop: Rect, fills: Rect, view: View
) -> None:
    """Write into `back` what of a crop comes back, where it is to be filled."""
    seen = np.s_[crop[1] : crop[3], crop[0] : crop[2]]
    large = at_plate_size(reduced(picture[seen], view.height, view.width), picture[seen], region[seen])
    whole = picture.copy()
    whole[seen] = large
    part = np.s_[fills[1] : fills[3], fills[0] : fills[2]]
    back[part] = whole[part]


def _high(picture: F32) -> F32:
    return np.asarray(picture - cv2.GaussianBlur(picture, (0, 0), FINE), np.float32)


def _region(folder: Path, name: str) -> npt.NDArray[np.bool_]:
    mattes = [_pixels(folder / role, name) for role in ("roto", "affected") if (folder / role).is_dir()]
    return np.asarray(np.maximum.reduce([m[..., 0] for m in mattes]) > THRESHOLD)


def _pixels(folder: Path, name: str) -> F32:
    (path,) = folder.glob(f"*.{name}.exr")
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT), np.float32)


if __name__ == "__main__":
    raise SystemExit(main())
