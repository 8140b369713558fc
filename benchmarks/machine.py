# SPDX-License-Identifier: Apache-2.0
"""What a figure was measured on, and the file that keeps it: date, cores, processor, kernel and versions; no names or
paths of the machine.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from void_server.pipeline.keys import processor

RESULTS = Path(__file__).resolve().parent / "results"

PACKAGES = ("grpcio", "protobuf", "numpy", "OpenImageIO", "opencv-python-headless", "opencolorio", "isal")
"""Packages whose version decides speed or memory."""


def heading(title: str) -> list[str]:
    """Lines above a table: what was measured, when, and on what."""
    memory = _memory_bytes()
    return [
        title,
        f"{datetime.date.today().isoformat()}; {len(os.sched_getaffinity(0))} cores of {processor()}"
        f"{f', {memory / 2**30:.0f} GiB memory' if memory else ''}; {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "",
    ]


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows below their headings; the first column to the left, the others to the right."""
    everything = [columns, *rows]
    widths = [max(len(row[i]) for row in everything) for i in range(len(columns))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in everything
    ]


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """What every benchmark can be told: where to work, and where to keep the figures."""
    parser.add_argument(
        "--folder",
        type=Path,
        default=None,
        metavar="DIR",
        help="where to make the store and the frames (default: the system's temporary folder); emptied at the end",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="DIR",
        help="where to keep the figures (default: benchmarks/results)",
    )


@contextmanager
def working_folder(parent: Path | None) -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="void-bench-", dir=parent, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def keep(name: str, lines: Sequence[str], folder: Path) -> Path:
    """Print the lines and write them to `NAME-DATE.txt`, which takes the place of an earlier one of that day."""
    print("\n".join(lines), flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{datetime.date.today().isoformat()}.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
