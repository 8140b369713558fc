# SPDX-License-Identifier: Apache-2.0
"""The long mode: `python -m tests.fuzz --seconds 600`, shared out evenly: EXR files, OCIO archives, answers of models,
lines to the helper, clips and mattes of masks, raw calls, orders of calls.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from void.v1 import jobs_pb2

from tests.fuzz.calls import RawCalls
from tests.fuzz.files import HostileClips, HostileOpener, HostileReader
from tests.fuzz.lines import HelperUnderFire
from tests.fuzz.machine import machine_for
from tests.fuzz.mattes import HostileMattes
from tests.fuzz.oracle import Broken
from tests.fuzz.target import Target
from tests.fuzz.vlm_answers import parse_all

BATCH = 50
FLAGS = ("--max-open-jobs", "20", "--min-free-bytes", "0")


def main() -> int:
    """Run, print the figures; returns 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="in all (default %(default)s)")
    parser.add_argument("--first", type=int, help="first number; default: any, it is printed")
    parser.add_argument("--only", choices=sorted(_PARTS), help="one part, for all the time")
    options = parser.parse_args()
    first = options.first if options.first is not None else random.SystemRandom().randrange(10**9)
    parts = [options.only] if options.only else sorted(_PARTS)
    folder = Path(tempfile.mkdtemp(prefix="void-fuzz-"))
    print(f"first number {first}; files in {folder}", flush=True)
    broken = [part for part in parts if not _PARTS[part](folder / part, first, options.seconds / len(parts))]
    if not broken:
        shutil.rmtree(folder)
    print(f"broken: {', '.join(broken) or 'nothing'}")
    return 1 if broken else 0


def _files(folder: Path, first: int, seconds: float) -> bool:
    folder.mkdir()
    return _read(HostileReader(folder), folder, first, seconds)


def _archives(folder: Path, first: int, seconds: float) -> bool:
    folder.mkdir()
    return _read(HostileOpener(folder), folder, first, seconds)


def _clips(folder: Path, first: int, seconds: float) -> bool:
    folder.mkdir()
    return _read(HostileClips(folder), folder, first, seconds)


def _answers(folder: Path, first: int, seconds: float) -> bool:
    until, number, ended = time.monotonic() + seconds, first, Counter[str]()
    try:
        while time.monotonic() < until:
            ended += parse_all(range(number, number + BATCH))
            number += BATCH
    except Broken as error:
        print(f"\n{error}", flush=True)
        return False
    print(f"\nanswers      {number - first}: {_said(ended)}", flush=True)
    return True


def _lines(folder: Path, first: int, seconds: float) -> bool:
    folder.mkdir()
    helper = HelperUnderFire(folder)
    until, number = time.monotonic() + seconds, first
    try:
        while time.monotonic() < until:
            helper.send(range(number, number + BATCH))
            number += BATCH
        growth = helper.check_memory()
        code = helper.close()
    except Broken as error:
        print(f"\nafter {number - first} lines: {error}", flush=True)
        return False
    print(
        f"\nlines        {helper.sent}: {_said(helper.ended)}\nmemory       grew by {growth >> 20} MiB",
        flush=True,
    )
    return code == 0


def _said(ended: Counter[str]) -> str:
    return ", ".join(f"{code} {count}" for code, count in ended.most_common())


def _read(reader: HostileReader, folder: Path, first: int, seconds: float) -> bool:
    until, number = time.monotonic() + seconds, first
    while time.monotonic() < until:
        reader.read_mutants(range(number, number + BATCH))
        number += BATCH
    reader.close()
    for index, (_, data) in enumerate(reader.findings.broken):
        (folder / f"finding_{index}").write_bytes(data)
    print(f"\n{reader.findings.table()}", flush=True)
    return not reader.findings.broken


class _Attack(Protocol):
    """What a server is sent, by number; `ended` counts how."""

    ended: Counter[str]

    def run(self, numbers: Iterable[int]) -> None:
        """Send these; raises Broken."""


def _calls(folder: Path, first: int, seconds: float) -> bool:
    return _on_a_server("raw calls", RawCalls, folder, first, seconds)


def _mattes(folder: Path, first: int, seconds: float) -> bool:
    return _on_a_server("mattes", lambda target, _: HostileMattes(target), folder, first, seconds)


def _on_a_server(
    name: str, attack: Callable[[Target, jobs_pb2.Job], _Attack], folder: Path, first: int, seconds: float
) -> bool:
    folder.mkdir()
    with Target(folder, *FLAGS) as target:
        sent = attack(target, target.warm_up())
        until, number = time.monotonic() + seconds, first
        try:
            while time.monotonic() < until:
                sent.run(range(number, number + BATCH))
                number += BATCH
            growth = target.check(uploads=sum(sent.ended.values()))
        except Broken as error:
            print(f"\nafter {number - first} {name}: {error}", flush=True)
            return False
    print(
        f"\n{name:<13}{number - first}: {_said(sent.ended)}\nmemory       grew by {growth >> 20} MiB",
        flush=True,
    )
    return True


def _orders(folder: Path, first: int, seconds: float) -> bool:
    folder.mkdir()
    chosen = settings(
        max_examples=5,
        stateful_step_count=40,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    with Target(folder, *FLAGS) as target:
        target.warm_up()
        machine, until, rounds = machine_for(target), time.monotonic() + seconds, 0
        while time.monotonic() < until:
            try:
                run_state_machine_as_test(seed(first + rounds)(machine), settings=chosen)
            except (AssertionError, Exception) as error:  # noqa: BLE001 - a finding, whatever it is
                print(f"\norders of calls, seed {first + rounds}: {error!r}", flush=True)
                return False
            rounds += 1
        growth = target.check(uploads=machine.left_before)
    print(
        f"\norders       {rounds * chosen.max_examples}\nmemory       grew by {growth >> 20} MiB", flush=True
    )
    return True


_PARTS: dict[str, Callable[[Path, int, float], bool]] = {
    "answers": _answers,
    "archives": _archives,
    "calls": _calls,
    "clips": _clips,
    "files": _files,
    "lines": _lines,
    "mattes": _mattes,
    "orders": _orders,
}


if __name__ == "__main__":
    sys.exit(main())
