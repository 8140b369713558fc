# SPDX-License-Identifier: Apache-2.0
"""What a load shows, as tables, and whether its promises hold."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import mean

from benchmarks.load.clients import Record
from benchmarks.load.figures import Trend, jain, percentile, trend
from benchmarks.load.gauges import SERVER, Sample
from benchmarks.load.run import Load
from benchmarks.machine import table

TIMED = {
    "watch": "Watch: an event",
    "submit": "Submit",
    "preview": "Masks.Preview",
    "get": "Get",
    "list": "List of 20",
    "cancel": "Cancel",
    "fetch": "all files of a job",
}
"""What clients time, and how it is called in the table."""

WARM_UP = 0.25
"""Share of a load that trends leave out: caches fill, and threads are started up to the most that are needed."""

MOST_SERVER_MB_H, MOST_WORKER_MB_H = 10.0, 60.0
"""Memory counts as flat below this: a server of 100 MB would double in ten hours, a worker of 300 MB grow by its cache
of 1 GiB in most of a day. Smaller trends cannot be told from noise in an hour."""

MOST_THREADS_H = 4.0
"""Threads and files count as flat below this many an hour."""

MB = 1e6


def report(load: Load) -> list[str]:
    """All tables and the verdict."""
    lines = [*_latencies(load), "", *_work(load), "", *_users(load), "", *_processes(load)]
    broken = failures(load)
    lines += ["", *([f"DOES NOT HOLD: {text}" for text in broken] or [_kept(load)])]
    if load.interrupted:
        lines.append("It was interrupted; the figures are of the time until then.")
    return lines


def failures(load: Load) -> list[str]:
    """What of the promises does not hold: no failure, no wrong byte, memory, threads and files flat."""
    found = [f"{count} times {kind}" for kind, count in failed(load).items()]
    found += [f"{text} has other bytes than its digest" for text in wrong(load)]
    found += [f"order {text[:12]} was answered with different results" for text in unequal(load)]
    for who, samples in by_process(load).items():
        most = MOST_SERVER_MB_H if who == SERVER else MOST_WORKER_MB_H
        slope = growth(load, samples, _megabytes).low
        if slope > most:
            found.append(f"the memory of {who} grows by at least {slope:.0f} MB an hour; {most:.0f} is flat")
        for name, value in (("threads", _threads), ("files", _files)):
            slope = growth(load, samples, value).low
            if slope > MOST_THREADS_H:
                found.append(f"the {name} of {who} grow by at least {slope:.0f} an hour")
    return found


def failed(load: Load) -> Counter[str]:
    """Failures by kind."""
    return Counter(str(r["kind"]) for r in [*load.alone, *load.loaded] if r["what"] == "failure")


def wrong(load: Load) -> list[str]:
    """Digests of files that arrived with other bytes."""
    return [str(r["text"]) for r in [*load.alone, *load.loaded] if r["what"] == "wrong"]


def unequal(load: Load) -> list[str]:
    """Orders that were answered with different frames at different times, or to different users."""
    seen: dict[str, set[str]] = defaultdict(set)
    for record in of_kind([*load.alone, *load.loaded], "job"):
        seen[record["request"]].add(record["content"])
    return [request for request, contents in seen.items() if len(contents) > 1]


def of_kind(records: Iterable[Record], what: str) -> list[Record]:
    """The records of one kind."""
    return [r for r in records if r["what"] == what]


def seconds(records: Iterable[Record], what: str) -> list[float]:
    """What took how long, in the order of its arrival."""
    return [float(r["s"]) for r in of_kind(records, what) if "s" in r]


def new_jobs(load: Load) -> list[Record]:
    """Jobs that were computed under load, each once."""
    jobs = {r["job"]: r for r in of_kind(load.loaded, "job") if "created" in r and not r["found"]}
    return [r for r in jobs.values() if r["created"] >= load.began]


def by_process(load: Load) -> dict[str, list[Sample]]:
    """Samples under load, the server's first."""
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in load.samples:
        if load.began <= sample.at <= load.ended:
            found[sample.who].append(sample)
    return dict(sorted(found.items(), key=lambda item: (item[0] != SERVER, item[0])))


def growth(load: Load, samples: Sequence[Sample], value: Callable[[Sample], float]) -> Trend:
    """The trend of a figure, without the warm-up."""
    since = load.began + WARM_UP * (load.ended - load.began)
    return trend([(s.at, value(s)) for s in samples if s.at >= since])


def _kept(load: Load) -> str:
    most = max(seconds(load.loaded, "watch"), default=0.0)
    return (
        f"holds: no failure, no wrong byte, every Watch without a gap, no event later than {_s(most)}; memory of the"
        f" server below {MOST_SERVER_MB_H:.0f} MB an hour of growth and of a worker below {MOST_WORKER_MB_H:.0f} (lower"
        f" end of the interval), threads and files below {MOST_THREADS_H:.0f}"
    )


def _latencies(load: Load) -> list[str]:
    shares = (0.5, 0.95, 0.99, 1.0)
    rows = []
    for what, name in TIMED.items():
        alone, loaded = seconds(load.alone, what), seconds(load.loaded, what)
        if not loaded:
            continue
        one, all_ = ([percentile(values, p) for p in shares] for values in (alone, loaded))
        rows.append(
            [
                *(name, str(len(alone)), _s(one[0]), _s(one[1]), str(len(loaded)), *map(_s, all_)),
                *(_ratio(all_[0], one[0]), _ratio(all_[1], one[1])),
            ]
        )
    columns = ["seconds", "alone: n", "p50", "p95", "all: n", "p50", "p95", "p99", "max", "p50 all/alone"]
    return table([*columns, "p95 all/alone"], rows)


def _work(load: Load) -> list[str]:
    minutes = max(1e-9, (load.ended - load.began) / 60)
    sent, jobs = of_kind(load.loaded, "sent"), of_kind(load.loaded, "job")
    fetched = of_kind(load.loaded, "fetch")
    files, missing = sum(r["files"] for r in sent), sum(r["missing"] for r in sent)
    slow = of_kind(load.loaded, "slow download")
    lines = [
        f"{minutes:.1f} minutes; {len(new_jobs(load))} jobs computed, {len(new_jobs(load)) / minutes:.1f} a minute;"
        f" {sum(r['found'] for r in jobs)} orders found a finished or running one;"
        f" {len(of_kind(load.loaded, 'cancelled'))} ended as cancelled",
        f"{files} files offered, of which the server had {files - missing};"
        f" {sum(r['files'] for r in fetched)} fetched and checked, {sum(r['bytes'] for r in fetched) / MB:.0f} MB",
        f"failures: {sum(failed(load).values())}; wrong bytes: {len(wrong(load))};"
        f" unequal answers: {len(unequal(load))}",
    ]
    if slow:
        rate = sum(r["bytes"] for r in slow) / sum(r["s"] for r in slow) / 1000
        lines.append(
            f"slow reader: {len(slow)} downloads at {rate:.1f} kB/s, whole;"
            f" {len(of_kind(load.loaded, 'slow watch'))} watches of"
            f" {sum(r['events'] for r in of_kind(load.loaded, 'slow watch'))} events, without a gap,"
            f" begun again {len(of_kind(load.loaded, 'slow watch begun again'))} times"
        )
    return lines


def _users(load: Load) -> list[str]:
    waits, ran = defaultdict(list), defaultdict(list)
    for job in new_jobs(load):
        if "started" in job and "finished" in job:
            waits[job["user"]].append(job["started"] - job["created"])
            ran[job["user"]].append(job["finished"] - job["created"])
    rows = [
        [
            *(user, str(len(values)), _s(mean(values)), _s(percentile(values, 0.95))),
            *(_s(mean(ran[user])), _s(percentile(ran[user], 0.95))),
        ]
        for user, values in sorted(waits.items())
    ]
    columns = ["user", "jobs", "in queue, mean s", "p95", "to its end, mean s", "p95"]
    counts = [float(len(values)) for values in waits.values()]
    ends = [mean(values) for values in ran.values()]
    said = f"Jain's index: of jobs {jain(counts):.3f}, of time to the end {jain(ends):.3f} (1 = all alike)"
    return [*table(columns, rows), said]


def _processes(load: Load) -> list[str]:
    rows = []
    for who, samples in by_process(load).items():
        memory, threads, files = (growth(load, samples, f) for f in (_megabytes, _threads, _files))
        rows.append(
            [
                *(who, f"{samples[0].rss / MB:.0f}", f"{samples[-1].rss / MB:.0f}"),
                *(f"{max(s.rss for s in samples) / MB:.0f}", _slope(memory)),
                *(_whole([s.threads for s in samples]), f"{threads.slope:+.1f}"),
                *(_whole([s.files for s in samples]), f"{files.slope:+.1f}"),
                f"{samples[-1].cpu - samples[0].cpu:.0f}",
            ]
        )
    columns = ["", "RSS, MB: first", "last", "most", "growth, MB/h (95 %)", "threads", "/h", "files", "/h"]
    lines = table([*columns, "CPU, s"], rows)
    server = by_process(load).get(SERVER, [])
    if server and load.before and load.after:
        before, after = load.before[SERVER], load.after[SERVER]
        lines += [
            f"the server at rest, before and after: RSS {before.rss / MB:.0f} and {after.rss / MB:.0f} MB, threads"
            f" {before.threads} and {after.threads}, files {before.files} and {after.files}",
            f"database {before.database / MB:.1f} to {after.database / MB:.1f} MB, its log at most"
            f" {max(s.journal for s in server) / MB:.1f} MB",
        ]
    return lines


def _slope(found: Trend) -> str:
    return f"{found.slope:+.1f} ({found.low:+.1f} to {found.high:+.1f})"


def _whole(values: Sequence[int]) -> str:
    return f"{values[0]} to {values[-1]}, most {max(values)}"


def _megabytes(sample: Sample) -> float:
    return sample.rss / MB


def _threads(sample: Sample) -> float:
    return float(sample.threads)


def _files(sample: Sample) -> float:
    return float(sample.files)


def _s(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"


def _ratio(value: float, base: float) -> str:
    return "-" if math.isnan(base) or not base else f"{value / base:.2f}"
