# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.memory`: the peak of server and workers at several lengths of one generated shot."""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.generated_shot import GeneratedShot
from benchmarks.machine import add_common_options, heading, keep, table, working_folder
from benchmarks.memory.measure import Measured, measure
from void_client.errors import ClientError

MOST_BYTES = 8 * 10**9
"""The promise for the longest shot: at most 8 GB."""

MOST_GROWTH = 1.15
"""The promise for the longest against the shortest."""

_EPILOG = """\
A generated shot (textured wall with grain, panning camera, small moving object; no two frames alike) is sent to a real
server and computed by its workers. Memory is the sum of PSS of the server and all its workers, sampled five times a
second, and the sum of the greatest resident size of each, which the kernel keeps and no sampling can miss.

The store takes about 80 MB for each 4K frame; the time is about 10 seconds of one core for each.

examples  python -m benchmarks.memory                        the promise: 60 against 300 frames of 3840x2160
          python -m benchmarks.memory --frames 12 60 --size 480x270 --server-option=--worker-cache-bytes=33554432
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; 0 when the promise holds for the counts given, 1 when not, 2 when a job failed."""
    options = _parser().parse_args(arguments)
    width, height = (int(side) for side in options.size.split("x"))
    shot = GeneratedShot(width, height)
    found: list[Measured] = []
    for frames in options.frames:
        print(f"{frames} frames of {width}x{height}", flush=True)
        with working_folder(options.folder) as folder:
            try:
                found.append(
                    measure(
                        shot,
                        frames,
                        folder,
                        tuple(options.server_option),
                        lambda text: print(text, flush=True),
                        options.minutes * 60,
                    )
                )
            except ClientError as error:
                print(error, file=sys.stderr)
                return 2
        print(f"  peak {found[-1].peak / 1e9:.2f} GB after {found[-1].seconds:.0f} s", flush=True)
    lines = report(width, height, found, " ".join(options.server_option))
    keep("memory", lines, options.results)
    return 0 if holds(found) else 1


def holds(found: list[Measured]) -> bool:
    """Whether the longest shot stays below the limit, and below the allowed growth against the shortest."""
    first, last = found[0], found[-1]
    return (
        last.peak <= MOST_BYTES
        and last.peak <= MOST_GROWTH * first.peak
        and sum(last.high_water_marks) <= MOST_GROWTH * sum(first.high_water_marks)
    )


def report(width: int, height: int, found: list[Measured], options: str) -> list[str]:
    """The table."""
    workers = len(found[0].high_water_marks) - 1
    about = (
        f"memory: frames of {width}x{height} half RGB, one server with {workers} workers {options}".rstrip()
    )
    first, last = found[0], found[-1]
    lines = heading(about)
    rows = [
        [
            f"{m.frames} frames",
            _gb(m.peak),
            f"{m.peak / first.peak:.3f}",
            _gb(sum(m.high_water_marks)),
            f"{sum(m.high_water_marks) / sum(first.high_water_marks):.3f}",
            " + ".join(_gb(b) for b in m.high_water_marks),
            f"{m.seconds / m.frames:.2f}",
            f"{m.store_bytes / m.frames / 1e6:.0f}",
        ]
        for m in found
    ]
    columns = ["", "peak PSS, GB", "ratio", "sum of VmHWM, GB", "ratio", "server + workers, GB", "s/frame"]
    lines += table([*columns, "store MB/frame"], rows)
    lines += ["", "peak PSS in GB by stage"]
    phases = list(dict.fromkeys(p for m in found for p in m.peaks))
    lines += table(
        ["", *phases],
        [[f"{m.frames} frames", *(_gb(m.peaks[p]) if p in m.peaks else "-" for p in phases)] for m in found],
    )
    verdict = "holds" if holds(found) else "DOES NOT HOLD"
    if holds(found) and any(m.reached for m in found):
        verdict += ", as far as they were computed"
    lines.append("")
    for m in found:
        if m.reached:
            lines.append(f"{m.frames} frames: NOT computed whole; the time limit ended it in {m.reached}")
    lines += [
        f"{last.frames} frames take at most {MOST_BYTES / 1e9:.0f} GB and {MOST_GROWTH} times what {first.frames}"
        f" take: {verdict}",
    ]
    return lines


def _gb(count: float) -> str:
    return f"{count / 1e9:.2f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory",
        description="Measures the memory of server and workers while shots of several lengths are computed.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--frames",
        type=int,
        nargs="+",
        default=[60, 300],
        metavar="N",
        help="lengths (default: %(default)s)",
    )
    parser.add_argument(
        "--size", default="3840x2160", metavar="WxH", help="size of a frame (default: %(default)s)"
    )
    parser.add_argument(
        "--server-option", action="append", default=[], metavar="OPTION", help="given to void-server serve"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=float("inf"),
        metavar="M",
        help="leave a shot after so long and say how far it came (default: no limit)",
    )
    add_common_options(parser)
    return parser


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"in {time.monotonic() - started:.0f} s", flush=True)
    raise SystemExit(code)
