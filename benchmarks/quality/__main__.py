# SPDX-License-Identifier: Apache-2.0
"""Command line: `python -m benchmarks.quality [SHOT_DIR …]`."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.quality import figures
from benchmarks.quality.baselines import pull_push, telea, temporal_median
from benchmarks.quality.engine_run import Reasoner, Run, reference_seconds, run_engine
from benchmarks.quality.history import ENGINE_ROW, Entry, append, compare, read_history, without_nan
from benchmarks.quality.reference import reference
from benchmarks.quality.scores import overlap, view
from benchmarks.quality.sheet import write_sheet
from benchmarks.quality.shots import Shot, read_shot
from void_server.engines.cleanplate import VERSION, CleanplateSettings
from void_server.errors import VoidError
from void_server.reasoners.motion import VERSION as MOTION_VERSION

ROOT = Path(__file__).resolve().parents[2]
TEACHING = """\
A shot is a folder with plate/ clean/ roto/ affected/ and shot.json; without one, examples/demo is run.

columns   object, affected, both: PSNR in dB (6 dB halve the error) on the object, on what it affects (shadow,
          reflection) and on both; low: of both, without the finest detail; SSIM 0..1 in the box around both
          warp: warping error over the truth's (above 1 boils, below is too smooth); HF: fine detail and grain over the
          truth's; seam: how a contour shows, over the truth's; flicker: in stops; resid: likeness of the error to the
          object; object%, effect%: how much of the object, of its shadow or reflection is left
          docs/benchmarks.md says how each is made and how it can be fooled
rows      plate untouched, Telea's inpainting and a pull-push pyramid per frame, temporal median, this engine
IoU       intersection over union of the affected matte that was used with the true one, both above 0.5, off the object
rank      rank correlation over frames of the engine's confidence with how right it was (1 good, 0 means nothing)
outside   samples that differ from the plate where the blend matte is 0: anything but 0 is a defect
speed     seconds a frame on one thread, and the sum as a multiple of (two DIS-MEDIUM flows at 960x540 and one cubic
          remap at plate size), measured in the same run, so that machines can be compared

examples  python -m benchmarks.quality --set grain=off --sheet look.png
          python -m benchmarks.quality SHOT_DIR --reasoner motion
          python -m benchmarks.quality SHOT_DIR OTHER_DIR --set quality=preview --text quality.txt
          python -m benchmarks.quality SHOT_DIR --history quality-history.jsonl --fail-if-worse
"""


_GIVEN = {
    "artist": "roto and true affected matte",
    "motion": f"roto alone; reasoner motion version {MOTION_VERSION}",
    "none": "roto alone; no reasoner",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark.

    Returns:
        0; 1 when samples outside the blend matte were touched; 2 on bad input or a disk that refuses; 3, if asked for,
        when a figure is worse than in the history.
    """
    options = _parser().parse_args(arguments)
    # One thread: the bits and the timings that a worker has.
    cv2.setNumThreads(1)
    exact, worsened = True, False
    try:
        settings = parse_settings(options.set)
        earlier = read_history(options.history) if options.history else []
        lines = _heading(settings, options.reasoner)
        print("\n".join(lines), flush=True)
        for folder in options.shots or [ROOT / "examples" / "demo"]:
            shot = read_shot(folder)
            run = run_engine(shot, settings, reasoner=options.reasoner)
            entry = _entry(shot, run, settings, options.reasoner)
            worse, better = compare(earlier, entry)
            said = [*_table(shot, run, entry), *(f"  {line}" for line in worse + better)]
            print("\n".join(said), flush=True)
            lines += said
            exact &= run.differing == 0
            worsened |= bool(worse)
            if options.history:
                append(options.history, entry)
                earlier.append(entry)
            if options.sheet:
                write_sheet(_sheet_path(options.sheet, shot.name, len(options.shots)), shot, run.pictures)
    except (VoidError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.text:
        options.text.parent.mkdir(parents=True, exist_ok=True)
        with options.text.open("a", encoding="utf-8") as kept:
            kept.write("\n".join(lines) + "\n\n")
    if not exact:
        return 1
    return 3 if worsened and options.fail_if_worse else 0


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
    if key in ("quality", "unseen"):
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
    parser.add_argument("--text", type=Path, metavar="FILE", help="append the tables to this text file")
    parser.add_argument(
        "--history",
        type=Path,
        metavar="FILE.jsonl",
        help="append the figures to this file, and say what got worse or better since its newest line of the same shot,"
        " settings and given region",
    )
    parser.add_argument(
        "--fail-if-worse", action="store_true", help="end with 3 when a figure is worse than in the history"
    )
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE.png", help="write plate | result | truth | difference"
    )
    return parser


def _heading(settings: CleanplateSettings, reasoner: Reasoner) -> list[str]:
    chosen = " ".join(f"{f.name}={getattr(settings, f.name)}" for f in fields(settings))
    return [
        f"{datetime.date.today().isoformat()}  cleanplate version {VERSION}  {chosen}",
        f"given: {_GIVEN[reasoner]}",
        f"machine: {_machine()}",
    ]


def _machine() -> str:
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, one thread; Python {platform.python_version()},"
        f" NumPy {np.__version__}, OpenCV {cv2.__version__}"
    )


def _entry(shot: Shot, run: Run, settings: CleanplateSettings, reasoner: Reasoner) -> Entry:
    known = reference(shot)
    inpainted = telea(shot)
    result = [view(picture) for picture in run.pictures]
    rows = {
        "plate untouched": known.plates,
        "Telea per frame": inpainted,
        "pull-push": pull_push(shot),
        "temporal median": temporal_median(shot, inpainted),
        ENGINE_ROW: result,
    }
    measured = {name: figures.measure(shot, known, pictures) for name, pictures in rows.items()}
    measured[ENGINE_ROW] |= {
        "affected_iou": overlap(shot, run.affected),
        "confidence_rank": figures.confidence_rank(known, result, run.figures),
        "differing": run.differing,
    }
    height, width = shot.plates[0].shape[:2]
    return Entry(
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        metrics=figures.VERSION,
        engine=VERSION,
        shot=shot.name,
        frames=[shot.numbers[0], shot.numbers[-1]],
        size=[width, height],
        given=reasoner,
        settings=asdict(settings),
        rows={name: without_nan(row) for name, row in measured.items()},
        seconds=dict(run.seconds),
        yardsticks=sum(run.seconds.values()) / reference_seconds(shot),
        machine=_machine(),
    )


def _table(shot: Shot, run: Run, entry: Entry) -> list[str]:
    total = sum(entry.seconds.values())
    stages = ", ".join(f"{stage} {seconds:.3f}" for stage, seconds in entry.seconds.items())
    engine = entry.rows[ENGINE_ROW]
    overlapping, rank = (figures.text(f, engine[f.key]) for f in figures.ENGINE[:2])
    return [
        "",
        f"{shot.name}: {len(shot.plates)} frames, {entry.size[0]}x{entry.size[1]}",
        *figures.table(entry.rows),
        f"  samples differing outside the blend matte: {run.differing}",
        f"  affected IoU: {overlapping}; confidence rank: {rank}",
        f"  mean over frames: {_mean_figures(run)}",
        f"  seconds a frame: {stages}; sum {total:.3f} = {entry.yardsticks:.1f} x the yardstick of"
        f" {total / entry.yardsticks:.3f}",
    ]


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
