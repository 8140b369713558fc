# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.load`: many clients on one server at once."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from pathlib import Path

from benchmarks.load.figures import percentile
from benchmarks.load.gauges import SERVER
from benchmarks.load.plan import FRAMES, HEIGHT, WIDTH, Plan
from benchmarks.load.plot import plot
from benchmarks.load.report import MB, failed, failures, new_jobs, of_kind, report, seconds
from benchmarks.load.run import USERS, Load, Wanted, measure
from benchmarks.machine import add_common_options, heading, keep, working_folder

CACHE_BYTES = 32 << 20
"""Of a worker: the default of 1 GiB would fill for hours, and growth could not be told from it."""

TOLD_EVERY_S = 15.0

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it (128 + SIGINT)."""

_EPILOG = f"""\
A real server; clients are processes of their own, as at artists' desks ({len(USERS)} users, each with as many clients
as any other). An artist sends {FRAMES} frames of {WIDTH}x{HEIGHT} that nobody sent before, or now and then those of an
order that others make too; asks for a preview now and then; lets the server look; submits; watches from the first
event; fetches and checks every file; and begins again without a pause. Some jobs are cancelled, some orders given
twice. A slow reader downloads over a link of --slow-kbytes a second and takes an event of its Watch every few seconds.

"alone" is one artist on the same server before the others come: what ratios are taken of. The latency of an event is
the time from its record in the database to its arrival. Previews come from a tiny SAM2 of random values, so their time
is that of queue, worker and files, not of a model. Memory is read from /proc (Linux); its growth is the Theil-Sen
slope without the first quarter, with an interval of 95 %. The store is gone afterwards.

exit status  0 all promises hold, 1 one does not (the last lines say which), 2 nothing could be measured, 130 Ctrl-C:
the tables are then of the time until it was pressed

examples  python -m benchmarks.load --minutes 60                  the promise: an hour (make soak)
          python -m benchmarks.load --minutes 5 --clients 24      twice as many
          python -m benchmarks.load --minutes 5 --slow 0          the same without a slow reader
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; see the epilog for what it returns."""
    options = _parser().parse_args(arguments)
    wanted = Wanted(
        clients=options.clients,
        slow=options.slow,
        seconds=options.minutes * 60,
        alone_s=min(options.alone, options.minutes * 60),
        previews=not options.no_previews,
        server_options=(f"--worker-cache-bytes={CACHE_BYTES}", *options.server_option),
        plan=Plan(slow_bytes_per_s=options.slow_kbytes * 1000),
    )
    print(f"one artist alone for {wanted.alone_s:.0f} s, then {wanted.clients} clients", flush=True)
    with working_folder(options.folder) as folder:
        try:
            load = measure(wanted, folder, _Progress(wanted.seconds))
        except (RuntimeError, KeyboardInterrupt) as error:
            print(f"nothing was measured: {error or 'interrupted'}", file=sys.stderr)
            return 2
    name = (
        f"load: {wanted.artists} artists of {len(USERS)} users, {wanted.slow} slow readers, {options.minutes:g} min;"
        f" frames of {WIDTH}x{HEIGHT}; void-server serve {' '.join(wanted.server_options)}"
    )
    lines = heading(name)
    keep("load", lines + report(load), options.results)
    picture = options.results / f"load-{datetime.date.today().isoformat()}.png"
    plot(load, "\n".join(lines[:2]), picture)
    print(f"{picture.name} is its plot")
    if options.samples:
        write_samples(load, options.samples)
    if load.interrupted:
        return INTERRUPTED
    return 1 if failures(load) else 0


def write_samples(load: Load, path: Path) -> None:
    """All samples of processes and all records of clients, a JSON object a line, in the order of time."""
    everything = [s.to_dict() for s in load.samples] + load.alone + load.loaded
    with path.open("w", encoding="utf-8") as file:
        for line in sorted(everything, key=lambda record: float(record["at"])):
            file.write(json.dumps(line) + "\n")


class _Progress:
    """Says now and then how far the load is."""

    def __init__(self, whole_s: float) -> None:
        self._whole, self._told = whole_s, 0.0

    def __call__(self, spent: float, load: Load) -> None:
        if spent - self._told < TOLD_EVERY_S:
            return
        self._told = spent
        now = [s for s in load.samples if s.at >= load.samples[-1].at - 0.5]
        memory = ", ".join(f"{s.who} {s.rss / MB:.0f}" for s in now)
        server = next((s for s in now if s.who == SERVER), None)
        print(
            f"{_clock(spent)} of {_clock(self._whole)}, {_clock(self._whole - spent)} left:"
            f" {len(new_jobs(load))} jobs, events p99 {percentile(seconds(load.loaded, 'watch'), 0.99):.3f} s,"
            f" {sum(failed(load).values())} failures, {len(of_kind(load.loaded, 'cancelled'))} cancelled; MB: {memory}"
            + (f"; {server.threads} threads, {server.files} files" if server else ""),
            flush=True,
        )


def _clock(spent: float) -> str:
    return f"{int(spent) // 60}:{int(spent) % 60:02d}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description="Measures latency, fairness and memory of a server on which many clients work at once.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--clients", type=int, default=12, metavar="N", help="at once (default: %(default)s)")
    parser.add_argument(
        "--slow", type=int, default=1, metavar="N", help="slow readers among them (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes", type=float, default=10, metavar="M", help="of the load (default: %(default)s)"
    )
    parser.add_argument(
        "--alone",
        type=float,
        default=60,
        metavar="S",
        help="seconds of one artist before it (default: %(default)s)",
    )
    parser.add_argument(
        "--slow-kbytes",
        type=float,
        default=20,
        metavar="KB",
        help="a second of a slow reader's link (default: 20)",
    )
    parser.add_argument("--no-previews", action="store_true", help="without Masks.Preview; needs no PyTorch")
    parser.add_argument(
        "--server-option", action="append", default=[], metavar="OPTION", help="given to void-server serve"
    )
    parser.add_argument(
        "--samples", type=Path, metavar="FILE", help="write every sample and record there, as JSON lines"
    )
    add_common_options(parser)
    return parser


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"in {time.monotonic() - started:.0f} s", flush=True)
    raise SystemExit(code)
