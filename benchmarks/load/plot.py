# SPDX-License-Identifier: Apache-2.0
"""A load as a picture: memory over time, threads and files, the queue, and latencies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.load.clients import Record
from benchmarks.load.gauges import SERVER
from benchmarks.load.report import MB, TIMED, WARM_UP, by_process, new_jobs, seconds
from benchmarks.load.run import Load

DRAWN = ("watch", "submit", "preview", "get")
"""Latencies that are drawn."""


def plot(load: Load, title: str, path: Path) -> None:
    """Write the PNG.

    Raises:
        OSError: it could not be written.
    """
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    figure.suptitle(title, fontsize=10)
    memory, counts, queue, latencies = figure.subplots(2, 2).flat
    _memory(load, memory)
    _counts(load, counts)
    _queue(load, queue)
    _latencies(load, latencies)
    for axes in (memory, counts, queue):
        axes.set_xlabel("minutes")
        axes.set_ylim(bottom=0)
    for axes in (memory, counts, queue, latencies):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=90)


def _memory(load: Load, axes: Axes) -> None:
    axes.set_title("resident memory, MB", fontsize=9)
    for who, samples in by_process(load).items():
        style = {"linewidth": 2.0, "color": "black"} if who == SERVER else {"linewidth": 1.0}
        axes.plot([_minute(load, s.at) for s in samples], [s.rss / MB for s in samples], label=who, **style)
    axes.axvspan(0, WARM_UP * (load.ended - load.began) / 60, alpha=0.08, label="warm-up, not in the trend")


def _counts(load: Load, axes: Axes) -> None:
    axes.set_title("the server's threads and open files; its database's log, MB", fontsize=9)
    samples = by_process(load).get(SERVER, [])
    times = [_minute(load, s.at) for s in samples]
    axes.plot(times, [s.threads for s in samples], label="threads")
    axes.plot(times, [s.files for s in samples], label="files")
    axes.plot(times, [s.journal / MB for s in samples], label="write-ahead log, MB")
    axes.plot(times, [s.database / MB for s in samples], label="database, MB")


def _queue(load: Load, axes: Axes) -> None:
    axes.set_title("jobs of the artists in queue and running (those that ended)", fontsize=9)
    jobs = [r for r in new_jobs(load) if "started" in r and "finished" in r]
    moments = [load.began + (load.ended - load.began) * i / 300 for i in range(301)]
    for name, first, last in (("in queue", "created", "started"), ("running", "started", "finished")):
        counts = [sum(j[first] <= moment < j[last] for j in jobs) for moment in moments]
        axes.step([_minute(load, m) for m in moments], counts, label=name, linewidth=1)


def _latencies(load: Load, axes: Axes) -> None:
    axes.set_title("share of calls and events that took at most so long", fontsize=9)
    for index, what in enumerate(DRAWN):
        for records, style, who in ((load.alone, "--", "alone"), (load.loaded, "-", "all")):
            _share(axes, records, what, f"C{index}", style, f"{TIMED[what]}, {who}")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("seconds")


def _share(axes: Axes, records: Sequence[Record], what: str, colour: str, style: str, label: str) -> None:
    values = sorted(seconds(records, what))
    if values:
        shares = [(i + 1) / len(values) for i in range(len(values))]
        axes.plot(values, shares, style, color=colour, label=label, linewidth=1.2)


def _minute(load: Load, at: float) -> float:
    return (at - load.began) / 60
