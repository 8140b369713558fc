# SPDX-License-Identifier: Apache-2.0
"""Makes one fault at a time in a copy of the code, and says which tests found it; a survivor fails.

A file of faults says what to copy and which tests there are:

    copy = ["tests/__init__.py", "tests/nuke"]
    tests = ["tests/nuke"]

    [[fault]]
    rule = "N01"            # tests named after it are run: -k n01_
    file = "tests/nuke/standin/nodes.py"
    old = "text that occurs once"
    new = "what stands there instead"
    select = "n01_ or n02_" # where other tests are to find it
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import tomllib

ROOT = Path(__file__).parents[2]
LONGEST = 120.0
"""Seconds; tests that a fault keeps from ending have found it."""

LONGEST_OF_ALL = 900.0
"""Seconds that all tests may take without a fault."""


class Fault(NamedTuple):
    """One edit.

    Attributes:
        rule: what it breaks.
        file: path from the project's root.
        old: text that occurs once.
        new: what stands there instead.
        select: which tests are to find it, as pytest's -k.
    """

    rule: str
    file: str
    old: str
    new: str
    select: str


class Faults(NamedTuple):
    """A file of faults."""

    copy: list[str]
    tests: list[str]
    faults: list[Fault]


def read(path: Path) -> Faults:
    """The faults of a file; ValueError for one whose text does not occur once."""
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    faults = []
    for entry in values["fault"]:
        fault = Fault(
            entry["rule"],
            entry["file"],
            entry["old"],
            entry["new"],
            entry.get("select", f"{entry['rule'].lower()}_"),
        )
        times = (ROOT / fault.file).read_text(encoding="utf-8").count(fault.old)
        if times != 1:
            raise ValueError(f"{path.name}, {fault.rule}: {fault.old!r} occurs {times} times in {fault.file}")
        faults.append(fault)
    return Faults(values["copy"], values["tests"], faults)


def run(faults: Faults, fault: Fault | None) -> tuple[bool, list[str], str]:
    """Whether the tests are green with a fault, which were not, and what they said."""
    with tempfile.TemporaryDirectory(prefix="fault") as folder:
        root = Path(folder)
        for name in faults.copy:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, root / name)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
        command += ["--rootdir", folder, "--tb=line", "-rfE", *faults.tests]
        if fault is not None:
            text = (root / fault.file).read_text(encoding="utf-8")
            (root / fault.file).write_text(text.replace(fault.old, fault.new), encoding="utf-8")
            command += ["-k", fault.select]
        paths = [folder, *(str(root / name) for name in faults.copy if name.startswith("plugin_"))]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=LONGEST if fault else LONGEST_OF_ALL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False, [f"no end after {LONGEST:g} s"], ""
    red = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    # 5: no test has the name, so none can find the fault.
    return done.returncode in (0, 5), list(dict.fromkeys(red)) or ["collection"], done.stdout + done.stderr


def check(path: Path, jobs: int) -> list[str]:
    """Tries every fault of a file, and returns those that no test found."""
    faults = read(path)
    green, red, said = run(faults, None)
    if not green:
        raise SystemExit(
            f"{path.name}: the tests are red without any fault: {', '.join(red)}\n{said[-2000:]}"
        )
    survivors = []
    with ThreadPoolExecutor(jobs) as pool:
        for fault, (survived, found, _) in zip(
            faults.faults, pool.map(lambda one: run(faults, one), faults.faults), strict=True
        ):
            where = "survives" if survived else "found by " + ", ".join(one.split("::")[-1] for one in found)
            print(f"{fault.rule} {fault.file}: {where}", flush=True)
            if survived:
                survivors.append(f"{path.name} {fault.rule}: {fault.old.strip().splitlines()[0]}")
    print(f"{path.name}: {len(faults.faults) - len(survivors)} of {len(faults.faults)} faults found")
    return survivors


def main() -> int:
    """Reads the command line; 1 where a fault survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.toml")
    parser.add_argument("--jobs", type=int, default=2, help="faults that are tried at a time; 2 unless said")
    given = parser.parse_args()
    survivors = [one for path in given.files for one in check(path, given.jobs)]
    for one in survivors:
        print(f"survives: {one}", file=sys.stderr)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
