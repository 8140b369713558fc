# SPDX-License-Identifier: Apache-2.0
"""Command line: `python -m benchmarks.quality [SHOT_DIR …]`."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.quality.baselines import telea, temporal_median
from benchmarks.quality.engine_run import Reasoner, Run, reference_seconds, run_engine
from benchmarks.quality.scores import Score, overlap, score, view
from benchmarks.quality.sheet import write_sheet
from benchmarks.quality.shots import Shot, read_shot
from void_server.engines.cleanplate import VERSION, CleanplateSettings
from void_server.errors import VoidError
from void_server.reasoners.motion import VERSION as MOTION_VERSION

ROOT = Path(__file__).resolve().parents[2]
TEACHING = """\
A shot is a folder with plate/ clean/ roto/ affected/ and shot.json; without one, examples/demo is run.

columns   PSNR in dB (higher is better; 6 dB halve the error) on the object, on what it affects (shadow, reflection)
          and on both; SSIM 0..1 in the box around both; all against the true clean plate, display-like values
rows      plate untouched, Telea's inpainting per frame, temporal median, this engine
IoU       intersection over union of the affected matte that was used with the true one, both above 0.5, off the object
outside   samples that differ from the plate where the blend matte is 0: anything but 0 is a defect
speed     seconds a frame on one thread, and the sum as a multiple of (two DIS-MEDIUM flows at 960x540 and one cubic
          remap at plate size), measured in the same run, so that machines can be compared

examples  python -m benchmarks.quality --set grain=off --sheet look.png
          python -m benchmarks.quality SHOT_DIR --reasoner motion
          python -m benchmarks.quality SHOT_DIR OTHER_DIR --set quality=preview --history quality.txt
"""


_GIVEN = {
    "artist": "roto and true affected matte",
    "motion": f"roto alone; reasoner motion version {MOTION_VERSION}",
    "none": "roto alone; no reasoner",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; 0 when every sample outside the blend matte was untouched, 1 when not, 2 on bad input."""
    options = _parser().parse_args(arguments)
    # One thread: the bits and the timings that a worker has.
    cv2.setNumThreads(1)
    exact = True
    try:
        settings = parse_settings(options.set)
        lines = _heading(settings, options.reasoner)
        print("\n".join(lines), flush=True)
        for folder in options.shots or [ROOT / "examples" / "demo"]:
            shot = read_shot(folder)
            run = run_engine(shot, settings, reasoner=options.reasoner)
            table = _table(shot, run)
            print("\n".join(table), flush=True)
            lines += table
            exact &= run.differing == 0
            if options.sheet:
                write_sheet(_sheet_path(options.sheet, shot.name, len(options.shots)), shot, run.pictures)
    except VoidError as error:
        print(error, file=sys.stderr)
        return 2
    if options.history:
        options.history.parent.mkdir(parents=True, exist_ok=True)
        with options.history.open("a", encoding="utf-8") as kept:
            kept.write("\n".join(lines) + "\n\n")
    return 0 if exact else 1


def parse_settings(pairs: list[str]) -> CleanplateSettings:
    """Engine settings from `key=value` texts; on/off for switches.

    Raises:
        SystemExit: an unknown key, or a value that is not of its kind.
        InvalidInput: a value out of range.
    """
    known = {f.name for f in fields(CleanplateSettings)}
    values: dict[str, Any] = {}
    for pair in pairs:
        key, _, text = pair.partition("=")
        if key not in known or not text:
            raise SystemExit(f"--set {pair}: use key=value with a key of {', '.join(sorted(known))}")
        values[key] = _value(key, text)
    return CleanplateSettings(**values)


def _value(key: str, text: str) -> str | bool | int:
    if key == "quality":
        return text
    if key == "grain":
        if text not in ("on", "off"):
            raise SystemExit(f"--set grain={text}: use on or off")
        return text == "on"
    try:
        return int(text)
    except ValueError:
        raise SystemExit(f"--set {key}={text}: use a whole number") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality",
        description="Measures the clean-plate engine on shots whose truth is known.",
        epilog=TEACHING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "shots", nargs="*", type=Path, metavar="SHOT_DIR", help="folder of a ground-truth shot"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an engine setting: grain=off, quality=preview …",
    )
    parser.add_argument(
        "--reasoner",
        choices=("artist", "motion", "none"),
        default="artist",
        help="where the affected region comes from: artist = the shot's true matte; motion = proposed from the roto"
        " alone; none (default: %(default)s)",
    )
    parser.add_argument("--history", type=Path, metavar="FILE", help="append the tables to this text file")
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE.png", help="write plate | result | truth | difference"
    )
    return parser


def _heading(settings: CleanplateSettings, reasoner: Reasoner) -> list[str]:
    chosen = " ".join(f"{f.name}={getattr(settings, f.name)}" for f in fields(settings))
    return [
        f"{datetime.date.today().isoformat()}  cleanplate version {VERSION}  {chosen}",
        f"given: {_GIVEN[reasoner]}",
        f"machine: {platform.machine()}, {os.cpu_count()} cores, one thread; Python {platform.python_version()},"
        f" NumPy {np.__version__}, OpenCV {cv2.__version__}",
    ]


def _table(shot: Shot, run: Run) -> list[str]:
    truth = [view(picture) for picture in shot.clean]
    inpainted = telea(shot)
    rows = {
        "plate untouched": [view(picture) for picture in shot.plates],
        "Telea per frame": inpainted,
        "temporal median": temporal_median(shot, inpainted),
        "cleanplate": [view(picture) for picture in run.pictures],
    }
    height, width = shot.plates[0].shape[:2]
    lines = ["", f"{shot.name}: {len(shot.plates)} frames, {width}x{height}"]
    lines.append(f"  {'':18s}{'object':>9s}{'affected':>10s}{'both':>9s}{'SSIM':>9s}")
    lines += [f"  {name:18s}{_columns(score(shot, pictures, truth))}" for name, pictures in rows.items()]
    total, reference = sum(run.seconds.values()), reference_seconds(shot)
    stages = ", ".join(f"{stage} {seconds:.3f}" for stage, seconds in run.seconds.items())
    return [
        *lines,
        f"  affected IoU: {overlap(shot, run.affected):.3f}",
        f"  samples differing outside the blend matte: {run.differing}",
        f"  mean over frames: {_mean_figures(run)}",
        f"  seconds a frame: {stages}; sum {total:.3f} = {total / reference:.1f} x the yardstick of {reference:.3f}",
    ]


def _columns(figures: Score) -> str:
    return f"{figures.object:9.2f}{figures.affected:10.2f}{figures.both:9.2f}{figures.ssim:9.4f}"


def _mean_figures(run: Run) -> str:
    means = []
    for name in ("coverage", "confidence", "ring_error", "sources", "distance"):
        values = [figures[name] for figures in run.figures if name in figures and figures["sources"] > 0]
        if values:
            means.append(f"{name} {np.mean(values):.3f}")
    return ", ".join(means) if means else "nothing was borrowed"


def _sheet_path(asked: Path, shot: str, shots: int) -> Path:
    return asked if shots <= 1 else asked.with_name(f"{asked.stem}_{shot}{asked.suffix}")


if __name__ == "__main__":
    raise SystemExit(main())
