# SPDX-License-Identifier: Apache-2.0
"""The long mode: `python -m tests.kills --seeds 200`; `--sum FILE …` adds up what several runs recorded."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.kills.campaign import run_seeds
from tests.kills.figures import Figures
from tests.seed_records import read_records


def main() -> int:
    """Run and print the figures; returns 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="tests.kills", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="first seed (default %(default)s)")
    parser.add_argument("--parallel", type=int, default=2, help="seeds at a time (default %(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=0, help="begin no seed after this time; 0 = no limit"
    )
    parser.add_argument("--figures", type=Path, help="file for the figures, besides printing them")
    parser.add_argument(
        "--record", type=Path, help="file that gets a JSON line for each seed, behind those in it"
    )
    parser.add_argument(
        "--sum", type=Path, nargs="+", metavar="FILE", help="run nothing: print the sum of these records"
    )
    options = parser.parse_args()
    if options.sum:
        total = read_records(options.sum, Figures)
        print(total.table())
        return 1 if total.broken else 0
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="void-kills-"))
    seeds = list(range(options.first, options.first + options.seeds))
    total = run_seeds(
        seeds, folder, parallel=options.parallel, minutes=options.minutes, say=True, record=options.record
    )
    if not total.broken:
        shutil.rmtree(folder)
    else:
        print(f"the seeds that broke a promise are kept in {folder}")
    text = (
        f"{total.table()}\nwall clock {time.monotonic() - begun:.0f} s, {options.parallel} seeds at a time\n"
    )
    print(f"\n{text}")
    if options.figures:
        options.figures.write_text(text)
    return 1 if total.broken else 0


if __name__ == "__main__":
    sys.exit(main())
