# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.transfer`: Upload and Download against a plain gRPC stream, a socket, hashing and the disk."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.machine import add_common_options, heading, keep, table, working_folder
from benchmarks.server_process import ServerProcess
from benchmarks.transfer.ways import (
    PlainPeer,
    disk_alone,
    hashed,
    hashing_alone,
    our_download,
    our_sending,
    our_upload,
    plain_download,
    plain_download_kept,
    plain_peer,
    plain_upload,
    plain_upload_kept,
    raw_socket,
)
from void_client.connection import Connection
from void_server.frames.filesystems import MOUNT_TABLE, mount_of

GOAL = 0.6
"""Of the speed of a plain stream into a file, for upload and for download."""

DROPPED_UP, DROPPED_DOWN = "plain gRPC stream up, dropped", "plain gRPC stream down, dropped"
KEPT_UP, KEPT_DOWN = "plain gRPC stream up, kept", "plain gRPC stream down, kept"
UPLOAD, SENDING, DOWNLOAD = "Upload", "read + hash + Upload", "Download"

_EPILOG = """\
Each way moves the same files; a round moves them by every way in turn, and the table has the median of the rounds.

  raw socket                  bytes over loopback, dropped at the other side
  plain gRPC stream, dropped  the client's chunk size and number of calls at once, raw bytes without a schema
  plain gRPC stream, kept     the same into files, each synced, then its folder; nothing is verified
  hashing alone               SHA-256 on one thread
  disk alone                  files copied, each synced, then its folder
  Upload                      files that are hashed already: sent, verified, synced, recorded by the server
  read + hash + Upload        the same with the client's own hashing, side by side
  Download                    verified, written and synced by the client

Ratios are to the plain streams of the same direction. CPU is that of both sides together; on a machine that does other
work too it is the steadier figure. Where the disk is slow it decides everything: --folder on a memory file system (such
as /dev/shm on Linux) shows the rest.
"""


@dataclass(frozen=True)
class Load:
    """A number of files of one size."""

    name: str
    files: int
    size: int

    @property
    def bytes(self) -> int:
        """Of all files."""
        return self.files * self.size


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; 0 when Upload and Download reach the goal, 1 when not."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.transfer",
        description="Measures how fast frames travel.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds (default: %(default)s)")
    parser.add_argument(
        "--megabytes",
        type=int,
        default=300,
        metavar="N",
        help="of each load and round (default: %(default)s)",
    )
    add_common_options(parser)
    options = parser.parse_args(arguments)
    total = options.megabytes * 10**6
    frames = Load("4K frames", max(1, total // 50_000_000), 50_000_000)
    small = Load("small files", max(1, total // 1_000_000), 1_000_000)
    reached = True
    with working_folder(options.folder) as folder, plain_peer() as peer:
        lines = heading(
            f"transfer: frames to a real server and back, over loopback; files on {_kind(folder)}"
        )
        for load in (frames, small):
            spent = _measure(load, options.rounds, folder, peer)
            if load is frames:
                reached = _goal(spent, UPLOAD, KEPT_UP) and _goal(spent, DOWNLOAD, KEPT_DOWN)
            lines += _table(load, options.rounds, spent)
    lines.append(
        f"goal: {frames.name}, Upload and Download, at {GOAL:.0%} of a plain stream that is kept: {_word(reached)}"
    )
    keep("transfer", lines, options.results)
    return 0 if reached else 1


@dataclass(frozen=True)
class Spent:
    """Seconds of the clock, and of processors on both sides."""

    clock: float
    processor: float


def _measure(load: Load, rounds: int, folder: Path, peer: PlainPeer) -> dict[str, Spent]:
    """Median seconds by way; a fresh store for each load."""
    found: dict[str, list[Spent]] = {}
    store = folder / f"store {load.size}"
    with ServerProcess(store) as server, server.connect() as connection:
        for number in range(rounds):
            others = (server.pid, peer.pid)
            for way, spent in _round(load, number, folder / "files", connection, peer, others).items():
                found.setdefault(way, []).append(spent)
    return {
        way: Spent(statistics.median(s.clock for s in all_), statistics.median(s.processor for s in all_))
        for way, all_ in found.items()
    }


def _round(
    load: Load, number: int, folder: Path, connection: Connection, peer: PlainPeer, others: tuple[int, ...]
) -> dict[str, Spent]:
    paths = _write(load, folder, 2 * number)
    contents = hashed(paths)
    copies = folder / "copies"
    ways: dict[str, Callable[[], None]] = {
        "raw socket": lambda: raw_socket(peer, paths),
        "hashing alone": lambda: hashing_alone(paths),
        "disk alone": lambda: disk_alone(paths, copies),
        DROPPED_UP: lambda: plain_upload(peer, paths),
        KEPT_UP: lambda: plain_upload_kept(peer, paths, copies),
        UPLOAD: lambda: our_upload(connection, contents),
        DROPPED_DOWN: lambda: plain_download(peer, paths),
        KEPT_DOWN: lambda: plain_download_kept(peer, paths, copies),
        DOWNLOAD: lambda: our_download(connection, contents, copies),
    }
    spent = {}
    for way, work in ways.items():
        copies.mkdir()
        spent[way] = _timed(work, others)
        shutil.rmtree(copies)
    # Other bytes: the server has the first ones now.
    other = _write(load, folder, 2 * number + 1)
    spent[SENDING] = _timed(lambda: our_sending(connection, other), others)
    return spent


def _write(load: Load, folder: Path, seed: int) -> list[Path]:
    """Files of random bytes, which lie in the system's cache as freshly rendered ones do."""
    folder.mkdir(exist_ok=True)
    numbers = np.random.default_rng((seed, load.size))
    paths = [folder / f"frame.{index:04d}.exr" for index in range(load.files)]
    for path in paths:
        path.write_bytes(numbers.bytes(load.size))
    return paths


def _timed(work: Callable[[], None], others: tuple[int, ...]) -> Spent:
    began, used = time.perf_counter(), _processor_seconds(others)
    work()
    return Spent(time.perf_counter() - began, _processor_seconds(others) - used)


def _processor_seconds(others: tuple[int, ...]) -> float:
    """Of this process and of others, from /proc/PID/stat (proc_pid_stat(5): utime and stime)."""
    total = time.process_time()
    for pid in others:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _goal(spent: dict[str, Spent], way: str, baseline: str) -> bool:
    return spent[baseline].clock / spent[way].clock >= GOAL


def _table(load: Load, rounds: int, found: dict[str, Spent]) -> list[str]:
    rows = [
        [
            way,
            f"{load.bytes / 1e6 / spent.clock:.0f}",
            *(f"{found[plain].clock / spent.clock:.2f}" for plain in _plain(way)),
            f"{1e3 * spent.clock / load.files:.1f}",
            f"{spent.processor / load.bytes * 1e9:.2f}",
        ]
        for way, spent in sorted(found.items(), key=lambda item: item[1].clock)
    ]
    about = f"{load.name}: {load.files} of {load.size / 1e6:.0f} MB, median of {rounds} rounds"
    columns = ["", "MB/s", "of plain, kept", "of plain, dropped", "ms a file", "CPU s a GB"]
    return [about, *table(columns, rows), ""]


def _plain(way: str) -> tuple[str, str]:
    """The plain streams of the same direction: kept, dropped."""
    down = way in (DOWNLOAD, DROPPED_DOWN, KEPT_DOWN)
    return (KEPT_DOWN, DROPPED_DOWN) if down else (KEPT_UP, DROPPED_UP)


def _kind(folder: Path) -> str:
    """Type of the file system, such as "ext4"."""
    if not MOUNT_TABLE.exists():
        return "a file system unknown"
    mount = mount_of(folder.resolve(), MOUNT_TABLE.read_text(encoding="utf-8", errors="surrogateescape"))
    return mount.kind if mount else "a file system unknown"


def _word(reached: bool) -> str:
    return "reached" if reached else "NOT REACHED"


if __name__ == "__main__":
    raise SystemExit(main())
