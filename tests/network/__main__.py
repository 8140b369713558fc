# SPDX-License-Identifier: Apache-2.0
"""The long mode: `python -m tests.network --seeds 200`; `--sum FILE …` adds up what several runs recorded."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.network.campaign import run_seeds
from tests.network.figures import Figures
from tests.seed_records import read_records


def main() -> int:
    """Run and print the figures; returns 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="tests.network", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="first seed (default %(default)s)")
    parser.add_argument(
        "--minutes", type=float, default=0, help="begin no seed after this time; 0 = no limit"
    )
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
    folder = Path(tempfile.mkdtemp(prefix="void-network-"))
    seeds = range(options.first, options.first + options.seeds)
    total = run_seeds(seeds, folder, minutes=options.minutes, say=True, record=options.record)
    if total.broken:
        print(f"the files are kept in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"\n{total.table()}")
    return 1 if total.broken else 0


if __name__ == "__main__":
    sys.exit(main())
