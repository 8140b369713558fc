# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.engine_speed`: compute of the clean-plate engine a frame, against a yardstick of the same run.

The shot is made in memory: a textured relief with grain under a moving camera, an object with a shadow; the hole is
about 15 % of the frame. The yardstick is what any method of this kind has to do at least: two DIS-MEDIUM flows at
960 x 540 and one cubic remap of RGB at plate size. All times are processor time of one thread, which other work on the
machine disturbs little; files are neither read nor written.

  prepare   the analysis picture and the regions of a frame
  motion    camera and flow between two neighbours, both ways
  anchor    each twelfth frame matched directly; a twelfth of that
  settle    that motion completed from up to 36 pairs each way (the frames are shown forwards and backwards for it)
  fill      one frame rebuilt from the others, at plate size
  steady    what a fill shows its neighbours, and the fill brought to the light of theirs
  blend     the blend matte and the composite that is published
  memory    greatest memory of a fill's arrays at one time, without the plates that are read; measured apart

Promise: a frame in `final` at 3840x2160 costs at most 8 times the yardstick, and in `preview` at most a quarter of that
in `final`. The command ends with 1 where this is not kept. What is done once a pair counts once a frame.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from benchmarks.engine_speed.shot import SpeedShot, ThereAndBack, generate
from benchmarks.machine import RESULTS, heading, keep, table
from benchmarks.quality.engine_run import FEATHER, GROW, reference_seconds
from benchmarks.quality.shots import Shot
from void_server.conform.blend import blend_matte, composite
from void_server.engines.cleanplate import (
    NEIGHBOURS,
    SPAN,
    CleanplateSettings,
    FrameFill,
    ProxyFrame,
    anchor_span,
    anchored,
    estimate_pair,
    fill_frame,
    low_band,
    prepare_frame,
    settle_pair,
    steadied,
    steady_gain,
)
from void_server.engines.cleanplate.proxy import HOLE
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.quadmask.regions import Quadmask

MOST_OF_YARDSTICK, LEAST_FASTER = 8.0, 4.0
PROMISED_SIZE = "3840x2160"
SIZES = ("960x540", PROMISED_SIZE)
STAGES = ("prepare", "motion", "anchor", "settle", "fill", "steady", "blend")
REPEATS = 9
"""Showings of the shot that `settle` looks at: the middle one, and four on each side for its 36 pairs."""

Value = TypeVar("Value")


@dataclass
class Measured:
    """What one size and quality cost; `seconds` holds processor seconds of each frame or pair by stage."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {stage: [] for stage in STAGES})
    yardstick: list[float] = field(default_factory=list)
    hole: float = 0.0
    sources: float = 0.0
    memory: int = 0

    def timed(self, stage: str, work: Callable[[], Value], pairs: int = 1) -> Value:
        """What the work gives; its time is kept, for each of so many pairs."""
        start = time.process_time()
        value = work()
        self.seconds[stage].extend([(time.process_time() - start) / pairs] * pairs)
        return value

    def of(self, stage: str) -> float:
        """Median seconds of a stage; 0 of one that was left out."""
        return statistics.median(self.seconds[stage]) if self.seconds[stage] else 0.0

    @property
    def frame(self) -> float:
        """Seconds of all stages together."""
        return sum(self.of(stage) for stage in STAGES)

    @property
    def unit(self) -> float:
        """Seconds of the yardstick."""
        return statistics.median(self.yardstick)


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark."""
    options = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    lines = heading(
        f"engine_speed: {options.frames} generated frames, {options.fills} of them filled; processor time of one"
        " thread; medians"
    )
    kept = True
    for size in options.size or SIZES:
        width, height = (int(side) for side in size.split("x"))
        shot = generate(width, height, options.frames)
        found = {
            quality: _measure(shot, CleanplateSettings(quality=quality), options.fills)
            for quality in ("final", "preview")
        }
        lines += [*_table(size, found), ""]
        ratio, faster = _ratios(found)
        if size == PROMISED_SIZE:
            good = ratio <= MOST_OF_YARDSTICK and faster >= LEAST_FASTER
            kept &= good
            lines[-1:] = [f"promise: at most 8.00 and at least 4.00: {'kept' if good else 'NOT KEPT'}", ""]
    if options.before:
        lines += ["-- before, for comparison --", options.before.read_text(encoding="utf-8").rstrip()]
    keep("engine_speed", lines, options.results)
    return 0 if kept else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.engine_speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--size", action="append", metavar="WxH", help="size (default: 960x540 and 3840x2160)"
    )
    parser.add_argument("--frames", type=int, default=14, help="frames of the shot (default: %(default)s)")
    parser.add_argument(
        "--fills", type=int, default=3, help="frames in the middle that are filled (default: %(default)s)"
    )
    parser.add_argument(
        "--before", type=Path, metavar="FILE", help="earlier figures, to be kept below the new ones"
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR", help="where to keep the figures"
    )
    return parser


def _measure(shot: SpeedShot, settings: CleanplateSettings, fills: int) -> Measured:
    found = Measured()
    yardstick = Shot("", [], shot.plates, [], [], [])

    def measure_yardstick() -> None:
        found.yardstick.append(reference_seconds(yardstick, time.process_time))

    encoding = ShotEncoding.from_statistics([FrameStatistics.of(plate) for plate in shot.plates])
    nothing = np.zeros_like(shot.remove[0])
    measure_yardstick()

    def prepared(i: int) -> ProxyFrame:
        mattes = (shot.remove[i], shot.affected[i], nothing)
        return prepare_frame(shot.plates[i], *mattes, encoding.to_uint8, settings)

    count = len(shot.plates)
    proxies = [found.timed("prepare", partial(prepared, i)) for i in range(count)]
    found.hole = statistics.fmean(float(proxy.where(HOLE).mean()) for proxy in proxies)
    measured = [
        found.timed("motion", partial(estimate_pair, one, two, settings)) for one, two in pairwise(proxies)
    ]
    once = ThereAndBack(proxies, measured, shot.plates.__getitem__, 1)
    corrections = [
        correction
        for start in range(0, count - 1, SPAN)
        for correction in found.timed(
            "anchor", partial(anchor_span, start, once), min(SPAN, count - 1 - start)
        ).corrections
    ]
    reader = ThereAndBack(proxies, measured, shot.plates.__getitem__, REPEATS)
    settled = [
        anchored(found.timed("settle", partial(settle_pair, reader.start + i, reader)), correction)
        for i, correction in enumerate(corrections)
    ]
    measure_yardstick()
    reader = ThereAndBack(proxies, settled, shot.plates.__getitem__, 1)
    first = (count - fills) // 2
    for i in range(first, first + fills):
        fill = found.timed("fill", partial(fill_frame, i, reader, settings))
        if settings.steady:
            fill = found.timed("steady", partial(_steadied, i, fill, reader))
        found.timed("blend", partial(_publish, shot, i, fill))
        found.sources = max(found.sources, fill.figures["sources"])
        measure_yardstick()
    tracemalloc.start()
    fill_frame(first, reader, settings)
    found.memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def _steadied(position: int, fill: FrameFill, reader: ThereAndBack) -> FrameFill:
    """The fill among as many neighbours as a long shot has, all stood in for by itself: the work is the same."""
    own = low_band(position, fill, reader)
    if own is None:
        return fill
    lows = dict.fromkeys(range(position - NEIGHBOURS, position + NEIGHBOURS + 1), own)
    return steadied(fill, steady_gain(position, lows, reader))


def _publish(shot: SpeedShot, frame: int, fill: FrameFill) -> None:
    plate = shot.plates[frame]
    region = Quadmask(shot.remove[frame], shot.affected[frame]).region
    blend = blend_matte(region, None, grow=GROW, feather=FEATHER, dtype=plate.dtype)
    composite(plate, fill.colour, blend, at=fill.box[:2])


def _ratios(found: dict[str, Measured]) -> tuple[float, float]:
    final, preview = found["final"], found["preview"]
    return final.frame / final.unit, final.frame / preview.frame


def _table(size: str, found: dict[str, Measured]) -> list[str]:
    rows = []
    for quality, of in found.items():
        rows.append(
            [
                quality,
                *(f"{of.of(stage):.3f}" for stage in STAGES),
                f"{of.frame:.3f}",
                f"{of.unit:.3f}",
                f"{of.frame / of.unit:.2f}",
                f"{of.sources:.0f}",
                f"{of.hole:.1%}",
                f"{of.memory / 1e9:.2f}",
            ]
        )
    names = [*(f"{stage} s" for stage in STAGES), "frame s", "yardstick s", "frame / yardstick"]
    lines = [size, *table([" ", *names, "sources", "hole", "memory GB"], rows)]
    return [*lines, f"final / preview: {_ratios(found)[1]:.2f}"]


if __name__ == "__main__":
    raise SystemExit(main())
