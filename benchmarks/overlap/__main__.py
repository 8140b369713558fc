# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.overlap`: sending and preflight of a shot, against the sum of its phases run one by one."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.generated_shot import GeneratedShot
from benchmarks.machine import add_common_options, heading, keep, table, working_folder
from benchmarks.overlap.link import Link
from benchmarks.server_process import ServerProcess
from void_client.connection import Connection
from void_client.content import hash_files
from void_client.draft import Draft, draft_order
from void_client.events import Event
from void_client.order import bring, preflight, prepare
from void_client.specification import RemoveOptions, build_spec
from void_client.target import Target
from void_client.transfer import upload

GIGABIT_MB_PER_S = 117.0
"""What is left of 1 Gbit/s for a TCP stream at an MTU of 1500 (1448 of 1538 bytes on the wire)."""

HASH, SEND, LOOK, TOGETHER = "hash all files", "send all files", "preflight of all", "side by side"

_EPILOG = """\
Each round does the same work twice, on two fresh stores: first one phase after the other, then as `void remove` does
it (mattes and the first plate frame checked first, then the rest read, hashed, sent and looked at side by side). The
files lie in the system's cache. The link has the speed of gigabit Ethernet unless told otherwise; the server's workers
share the processors with everything else here, so the gain is less than with a server of its own.
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; 0 when side by side is faster than the sum, 1 when not."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.overlap",
        description="Measures how much of sending and preflight overlaps.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--frames", type=int, default=16, metavar="N", help="default: %(default)s")
    parser.add_argument("--size", default="1920x1080", metavar="WxH", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--link",
        type=float,
        nargs="+",
        default=[GIGABIT_MB_PER_S, GIGABIT_MB_PER_S / 10],
        metavar="MB/S",
        help="speeds of the link; 0 = loopback as it is (default: gigabit Ethernet, and a tenth of it)",
    )
    add_common_options(parser)
    options = parser.parse_args(arguments)
    width, height = (int(side) for side in options.size.split("x"))
    faster, tables = True, list[str]()
    with working_folder(options.folder) as folder:
        size = _write(GeneratedShot(width, height), options.frames, folder)
        for link in options.link:
            medians = _measure(folder, options.rounds, link * 1e6)
            faster = faster and medians[TOGETHER] < _sum(medians)
            tables += ["", f"a link of {link:.0f} MB/s" if link else "loopback", *_table(medians)]
    lines = heading(
        f"overlap: {options.frames} frames of {width}x{height} and their mattes, {size / 1e6:.0f} MB;"
        f" median of {options.rounds} rounds"
    )
    keep("overlap", lines[:-1] + tables, options.results)
    return 0 if faster else 1


def _measure(folder: Path, rounds: int, bytes_per_s: float) -> dict[str, float]:
    """Median seconds by way."""
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        for way, seconds in _round(folder, folder / f"{bytes_per_s:.0f} {number}", bytes_per_s).items():
            found.setdefault(way, []).append(seconds)
    return {way: statistics.median(values) for way, values in found.items()}


def _sum(medians: dict[str, float]) -> float:
    return medians[HASH] + medians[SEND] + medians[LOOK]


def _table(medians: dict[str, float]) -> list[str]:
    total = _sum(medians)
    rows = [[way, f"{medians[way]:.2f}", f"{medians[way] / total:.2f}"] for way in (HASH, SEND, LOOK)]
    rows += [["sum of the phases", f"{total:.2f}", "1.00"]]
    longest = max(medians[way] for way in (HASH, SEND, LOOK))
    rows += [["longest phase: no overlap can be faster", f"{longest:.2f}", f"{longest / total:.2f}"]]
    rows += [[TOGETHER, f"{medians[TOGETHER]:.2f}", f"{medians[TOGETHER] / total:.2f}"]]
    return table(["", "s", "of the sum"], rows)


def _write(shot: GeneratedShot, frames: int, folder: Path) -> int:
    for index in range(frames):
        shot.write_plate(folder / "plate" / f"plate.{1001 + index}.exr", index)
        shot.write_matte(folder / "roto" / f"roto.{1001 + index}.exr", index)
    return sum(path.stat().st_size for path in folder.rglob("*.exr"))


def _round(frames: Path, folder: Path, bytes_per_s: float) -> dict[str, float]:
    folder.mkdir()
    with _linked(folder / "one by one", bytes_per_s) as linked, linked.connect() as connection:
        found = _one_by_one(connection, _draft(frames))
    with _linked(folder / "side by side", bytes_per_s) as linked, linked.connect() as connection:
        found[TOGETHER] = _timed(lambda: _side_by_side(connection, _draft(frames)))
    return found


class _linked:  # noqa: N801 - reads as a phrase in a with statement
    """A server behind a link; its workers are warm."""

    def __init__(self, store: Path, bytes_per_s: float) -> None:
        # Another shot, small, so that every worker has begun before time is taken.
        self._warming = store.with_name(f"{store.name} warming")
        _write(GeneratedShot(96, 64, seed=2), 16, self._warming)
        self._server = ServerProcess(store)
        self._link = Link(self._server.target.address, bytes_per_s)

    def __enter__(self) -> _linked:
        self._server.__enter__()
        self._link.__enter__()
        with self._server.connect() as connection:
            _one_by_one(connection, _draft(self._warming))
        return self

    def __exit__(self, *error: object) -> None:
        self._link.__exit__(None, None, None)
        self._server.__exit__(None, None, None)

    def connect(self) -> Connection:
        return Connection(lambda: Target(self._link.address, self._server.target.token))


def _draft(frames: Path) -> Draft:
    patterns = {"plate": str(frames / "plate/plate.####.exr"), "remove": str(frames / "roto/roto.####.exr")}
    return draft_order(RemoveOptions(patterns, frames / "out"), None, lambda: None)


def _one_by_one(connection: Connection, draft: Draft) -> dict[str, float]:
    if draft.inputs is None or draft.output is None:
        raise RuntimeError(f"the generated shot cannot be used: {draft.findings.refusal()}")
    inputs, output = draft.inputs, draft.output
    began = time.perf_counter()
    contents, _ = hash_files(((f.path, f.name) for f in inputs.files()), _quiet)
    hashed = time.perf_counter()
    upload(connection, contents.values(), _quiet)
    sent = time.perf_counter()
    preflight(connection, build_spec(draft.options, inputs, contents, output), _quiet)
    return {HASH: hashed - began, SEND: sent - hashed, LOOK: time.perf_counter() - sent}


def _side_by_side(connection: Connection, draft: Draft) -> None:
    if draft.inputs is None or draft.output is None:
        raise RuntimeError(f"the generated shot cannot be used: {draft.findings.refusal()}")
    order = prepare(draft.options, draft.inputs, draft.config, draft.output, (), _quiet)
    bring(connection, order, _quiet)


def _quiet(event: Event) -> None:
    """Nothing is told while time is taken."""


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
