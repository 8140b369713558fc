# SPDX-License-Identifier: Apache-2.0
"""`python -m wheelhouse`: makes the bundle and prints what each target weighs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from wheelhouse.bundle import House, Unresolved, make_bundle
from wheelhouse.pip import ROOT, PipFailed
from wheelhouse.targets import UnknownTarget, named
from wheelhouse.wheels import BrokenWheel


def main() -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m wheelhouse", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help="such as client-linux-cp311; default: all"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "bundle", help="folder of the bundle")
    arguments = parser.parse_args()
    try:
        houses = make_bundle(
            arguments.out.absolute(), named(arguments.targets), lambda line: print(line, flush=True)
        )
    except (PipFailed, Unresolved, BrokenWheel, UnknownTarget) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(houses))
    print(f"bundle: {arguments.out}")
    return 0


def table(houses: list[House]) -> str:
    """Targets with their number of wheels and MiB, and the pool that holds each wheel once."""
    rows = [(h.target.name, len(h.wheels), h.size) for h in houses]
    pool = {w.file: w.size for h in houses for w in h.wheels}
    rows.append(("all, stored once", len(pool), sum(pool.values())))
    lines = [f"{'target':<28} {'wheels':>6} {'MiB':>7}"]
    return "\n".join(lines + [f"{name:<28} {count:>6} {size / 2**20:>7.1f}" for name, count, size in rows])


if __name__ == "__main__":
    sys.exit(main())
