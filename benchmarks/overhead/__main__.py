# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.overhead`: the phases of jobs that have next to nothing to compute, and units a second."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import add_common_options, heading, keep, table, working_folder
from benchmarks.overhead.phases import PHASES, run, write_shot
from benchmarks.overhead.units import units_a_second
from benchmarks.server_process import ServerProcess
from void_server.configuration import default_workers

_EPILOG = """\
jobs    first          one frame of 96x64, nothing recorded (the worker's first unit pays for its imports)
        all recorded   the same order into another folder: a new job whose units are all recorded
        found          the same command again: the job is done, and the files are there

The yardstick is a Python process that imports the client and ends.
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overhead",
        description="Measures what a job costs beyond its pixels.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="jobs of each kind (default: %(default)s)"
    )
    parser.add_argument(
        "--units", type=int, default=2000, metavar="N", help="units of a stage (default: %(default)s)"
    )
    add_common_options(parser)
    options = parser.parse_args(arguments)
    workers = default_workers()
    lines = heading(f"overhead: a job with next to nothing to compute; {workers} workers")
    with working_folder(options.folder) as folder:
        lines += _jobs(folder, options.rounds)
        lines += ["", f"units that take no time, {options.units} of them"]
        lines += _units(units_a_second(folder, options.units, workers))
    keep("overhead", lines, options.results)
    return 0


def _jobs(folder: Path, rounds: int) -> list[str]:
    found: dict[str, list[dict[str, float]]] = {}
    with ServerProcess(folder / "store") as server:
        for number in range(rounds):
            shot = folder / f"shot {number}"
            # Another number of frames in front makes other bytes, so that each round has a first time.
            write_shot(shot, 1) if not number else _other_frame(shot, number)
            for kind, out in (("first", "a"), ("all recorded", "b"), ("found", "b")):
                found.setdefault(kind, []).append(run(server, shot, shot / out))
    yardstick = statistics.median(_bare_client() for _ in range(rounds))
    rows = [
        [
            kind,
            *(f"{statistics.median(r[phase] for r in runs):.2f}" for phase in PHASES),
            f"{(total := statistics.median(sum(r.values()) for r in runs)):.2f}",
            f"{total / yardstick:.1f}",
        ]
        for kind, runs in found.items()
    ]
    return [
        f"seconds by phase, median of {rounds}; yardstick: an idle client process, {yardstick:.2f} s",
        *table(["job", *PHASES, "whole", "of yardstick"], rows),
    ]


def _other_frame(shot: Path, number: int) -> None:
    """One frame that no earlier round had."""
    write_shot(shot, number + 1)
    for kind in ("plate", "roto"):
        for index in range(number):
            (shot / kind / f"{kind}.{1001 + index}.exr").unlink()


def _bare_client() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import void_client.cli.main"], check=True)
    return time.perf_counter() - began


def _units(found: dict[str, float]) -> list[str]:
    base = next(iter(found.values()))
    rows = [[way, f"{rate:.0f}", f"{1e6 / rate:.0f}", f"{rate / base:.2f}"] for way, rate in found.items()]
    return table(["way", "units/s", "us a unit", "of bare commit"], rows)


if __name__ == "__main__":
    raise SystemExit(main())
