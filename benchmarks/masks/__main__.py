# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.masks SHOT_DIR …`: the segmenter flow from few key mattes, against two baselines.

A SHOT_DIR holds a ground-truth shot (shot.json, plate/, roto/), or input_video.mp4 with its official quadmask_0.mp4,
which are reduced to 960 pixels. Keys are true mattes, evenly spread. Frames with a key do not count.

  nearest key   the nearest key matte, where it was drawn
  DIS flow      the same, warped from frame to frame by optical flow
  flow          the segmenter

  IoU, worst    mean and least intersection over union of the frames that show the object
  F             mean boundary score (Perazzi et al., CVPR 2016) of these
  made up       frames without the object that got a matte all the same
  rank          rank correlation of confidence and IoU over all these frames (1 good, 0 means nothing)
  s/frame       processor time of one thread for a frame

With --affected the reasoner motion is given the true object matte, and what it proposes is held against the true
affected matte, or the official one, which is drawn in cells of an eighth of the height; beside it a ring around the
object. IoU is of pixels, "in cells" after both are drawn in such cells, found the share of the true region, beside the
share of the picture that was taken for affected and is not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from benchmarks.machine import RESULTS, heading, keep, table
from benchmarks.masks import affected
from benchmarks.masks.clips import Clip, read_clip
from benchmarks.masks.sheet import write_sheet
from benchmarks.masks.ways import WAYS, Found, spread
from void_server.errors import VoidError
from void_server.quadmask.compare import boundary_score, intersection_over_union
from void_server.reasoners.motion import VERSION as MOTION
from void_server.segmenters.flow import VERSION

COLUMNS = ("shot, keys, way", "IoU", "worst", "F", "made up", "rank", "s/frame")


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; 2 on input that cannot be read."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    rows: list[list[str]] = []
    try:
        for folder in options.shots:
            if options.affected:
                rows += affected.rows(folder)
                continue
            clip = read_clip(folder)
            for count in options.keys:
                rows += _measured(clip, count, options.pictures)
    except (VoidError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    what = f"reasoner motion version {MOTION}" if options.affected else f"segmenter flow version {VERSION}"
    columns = affected.COLUMNS if options.affected else COLUMNS
    keep(
        "masks_affected" if options.affected else "masks",
        heading(f"masks: {what}; one thread") + table(columns, rows),
        options.results,
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.masks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shots", nargs="+", type=Path, metavar="SHOT_DIR", help="folder of a shot")
    parser.add_argument(
        "--keys", type=_counts, default=[1, 2, 5], metavar="N,N", help="how many keys (default: 1,2,5)"
    )
    parser.add_argument(
        "--affected", action="store_true", help="measure what the reasoner motion proposes instead"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="DIR",
        help="where to keep the figures (default: benchmarks/results)",
    )
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="write contact sheets there")
    return parser


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")]
    if min(counts) < 1:
        raise argparse.ArgumentTypeError("whole numbers from 1")
    return counts


def _measured(clip: Clip, count: int, pictures: Path | None) -> list[list[str]]:
    keys = {position: clip.mattes[position] for position in spread(count, len(clip.pictures))}
    rows = []
    for name, way in WAYS.items():
        found = way(clip, keys)
        rows.append([f"{clip.name} {count} {name}", *_figures(clip, list(keys), found)])
        if pictures is not None:
            write_sheet(pictures / f"{clip.name}_{count}_{name.replace(' ', '_')}.png", clip, found.mattes)
    return rows


def _figures(clip: Clip, keys: list[int], found: Found) -> list[str]:
    judged = [i for i in range(len(clip.pictures)) if i not in keys]
    pairs = {i: (found.mattes[i] >= 0.5, clip.mattes[i] >= 0.5) for i in judged}
    shown = [i for i in judged if pairs[i][1].any()]
    overlap = {i: intersection_over_union(*pairs[i]) for i in judged}
    invented = sum(bool(pairs[i][0].any()) for i in judged if i not in shown)
    scores = [overlap[i] for i in shown]
    rank = _rank([found.confidence[i] for i in judged], list(overlap.values())) if found.confidence else None
    return [
        f"{np.mean(scores):.3f}",
        f"{min(scores):.3f}",
        f"{np.mean([boundary_score(*pairs[i]) for i in shown]):.3f}",
        f"{invented}/{len(judged) - len(shown)}",
        "" if rank is None else f"{rank:.2f}",
        f"{found.seconds:.3f}",
    ]


def _rank(one: list[float], two: list[float]) -> float:
    """Spearman's rank correlation; ties in the order they come."""
    order = [np.argsort(np.argsort(values, kind="stable")) for values in (one, two)]
    return float(np.corrcoef(order[0], order[1])[0, 1])


if __name__ == "__main__":
    raise SystemExit(main())
