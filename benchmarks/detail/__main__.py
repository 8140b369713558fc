# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.detail SHOT…`: real pixels joined with a model's small answer, against other enlargements.

No model runs: its answer is the true clean plate at the model's size, softened and tinted as a VAE leaves it, with a
little noise of every frame (benchmarks/detail/answer.py). The clean-plate engine rebuilds the shot from its own frames,
with its true mattes. Figures are those of the region, before grain and blend.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from benchmarks.detail.figures import Table, measured, share_of
from benchmarks.detail.run import OTHERS, OURS, Frame, Rebuilt, brought_back, plan_of
from benchmarks.detail.sheet import write_sheet
from benchmarks.machine import RESULTS, heading, keep, table
from benchmarks.quality.shots import read_shot

CASES = ((100, False), (25, False), (25, True))
"""Size of the model's picture in percent, and whether it sees crops. These plates have 640 x 360 pixels: a quarter of
the trained size of the whole frame is to them what the trained size is to a plate of 2.6K."""
EFFECTS = 25, False
"""The case in which the model leaves what the object did."""


def main(arguments: list[str] | None = None) -> int:
    """Prints the tables, keeps them, and draws the sheets.

    Returns:
        0; 1 where a true answer joined is not 1 dB nearer to the truth than the best other way, or not better in
        SSIM and gradient.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detail", description=__doc__)
    parser.add_argument("shots", nargs="+", type=Path, metavar="SHOT", help="folders of ground-truth shots")
    parser.add_argument("--every", type=int, default=3, help="frames from one that is measured to the next")
    parser.add_argument("--sheets", type=Path, default=None, metavar="DIR", help="draw detail_SHOT.png there")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR", help="where to keep the figures"
    )
    given = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    lines, better = (
        heading("Detail: real pixels joined with a simulated answer of a model, by benchmarks.detail"),
        True,
    )
    for folder in given.shots:
        rebuilt = Rebuilt.of(read_shot(folder))
        rows = []
        for percent, crops in CASES:
            result, said, drawn = _case(rebuilt, percent, crops, given.every)
            lines += said
            better &= _beats(result)
            rows.append((f"{percent} %{', crop' if crops else ''}", rebuilt, drawn))
        other = rebuilt.keeping_effects()
        result, said, drawn = _case(other, *EFFECTS, given.every, ", the model leaves what the object did")
        lines += said
        if given.sheets:
            rows = [rows[-1], ("other answer", other, drawn)]
            write_sheet(given.sheets / f"detail_{rebuilt.shot.name}.png", rows)
    keep("detail", lines, given.results)
    return 0 if better else 1


def _case(
    rebuilt: Rebuilt, percent: int, crops: bool, every: int, what: str = ""
) -> tuple[Table, list[str], Frame]:
    plan = plan_of(rebuilt, percent, crops=crops)
    frames = list(brought_back(rebuilt, plan, list(range(0, len(rebuilt.regions), every))))
    result, view = measured(rebuilt, frames), plan.view
    scale = plan.scale(plan.runs[0])
    ways = [
        [name, f"{w.psnr:.2f}", f"{w.ssim:.4f}", f"{w.gradient_error:.2f}"] for name, w in result.ways.items()
    ]
    said = [
        f"{rebuilt.shot.name}{what}: model {view.width} x {view.height}, {'crop' if crops else 'whole frame'},"
        f" {scale:.2f} plate pixels for one of its own",
        *table(["way", "PSNR dB", "SSIM", "gradient error"], ways),
        f"real {np.mean(result.real):.3f} of the region; of the model's pixels where the rebuilt plate is what it means"
        f" to show {share_of(result.same)}, where it is not {share_of(result.other)}",
        "",
    ]
    print("\n".join(said), flush=True)
    return result, said, frames[len(frames) // 2]


def _beats(result: Table) -> bool:
    ours, others = result.ways[OURS], [result.ways[name] for name in OTHERS]
    return (
        ours.psnr >= max(o.psnr for o in others) + 1
        and ours.ssim > max(o.ssim for o in others)
        and ours.gradient_error < min(o.gradient_error for o in others)
    )


if __name__ == "__main__":
    raise SystemExit(main())
