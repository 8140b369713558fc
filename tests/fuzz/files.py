# SPDX-License-Identifier: Apache-2.0
"""Hostile files into the workers' own functions, in a process that may crash: runs them and counts how they ended."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.archives import hostile_archive
from tests.fuzz.clips import hostile_clip
from tests.fuzz.mutations import mutant
from tests.fuzz.seeds import REGRESSION_FOLDER, SEED_FOLDER
from void_server.errors import WorkerCrashed
from void_server.pool.process import WorkerProcess

FILE_SECONDS = 20.0
"""Longest that one small file may take, all steps of `tests.fuzz.reader` together; usually it takes 0.02 s."""
MEMORY_CODE = "out_of_memory"


@dataclass
class Findings:
    """How the files ended.

    Attributes:
        files: how many were read.
        ended: outcomes by step and code.
        broken: for each finding what happened, with the bytes.
    """

    files: int = 0
    step: str = "plate"
    seconds: float = 0.0
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[tuple[str, bytes]] = field(default_factory=list)

    def table(self) -> str:
        """The figures as lines of text."""
        codes = Counter(
            code for (step, code), count in self.ended.items() for _ in range(count) if step == self.step
        )
        said = ", ".join(f"{code} {count}" for code, count in codes.most_common())
        lines = [f"files read   {self.files} in {self.seconds:.0f} s", f"{f'as {self.step}':<13}{said}"]
        return (
            "\n".join([*lines, f"findings     {len(self.broken)}", *(what for what, _ in self.broken)]) + "\n"
        )


class HostileReader:
    """The reading process; started again after each crash.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hostile.exr"
        command = [sys.executable, "-m", "tests.fuzz.reader", "--store", str(folder)]
        self._process = WorkerProcess(command, FILE_SECONDS)
        self.findings = Findings()

    def read(self, name: str, data: bytes) -> dict[str, str]:
        """Read one file with every step; returns the outcomes and adds them to the findings."""
        self._path.write_bytes(data)
        begun = time.monotonic()
        try:
            outcomes: dict[str, str] = self._process.run({"path": str(self._path)})
        except WorkerCrashed as crash:
            outcomes = {"process": f"{crash.message} (or it took over FILE_SECONDS = {FILE_SECONDS:g})"}
        self.findings.files += 1
        self.findings.seconds += time.monotonic() - begun
        for step, outcome in outcomes.items():
            if step == "process" or "\n" in outcome or outcome == MEMORY_CODE:
                self.findings.broken.append((f"{name}, {step}: {outcome}", data))
            else:
                self.findings.ended[step, outcome] += 1
        return outcomes

    def read_mutants(self, numbers: Iterable[int]) -> None:
        """Read the hostile files of these numbers."""
        seeds = seed_files()
        for number in numbers:
            self.read(f"mutant {number}", mutant(number, seeds))

    def close(self) -> None:
        """End the process."""
        self._process.close()


class HostileOpener(HostileReader):
    """The same for OCIO archives."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hostile.ocioz"
        good = SEED_FOLDER / "rgba_zips.exr"
        self._process = WorkerProcess(
            [sys.executable, "-m", "tests.fuzz.archive_reader", str(good)], FILE_SECONDS
        )
        self.findings = Findings(step="odd")

    def read_mutants(self, numbers: Iterable[int]) -> None:
        """Open the hostile archives of these numbers."""
        for number in numbers:
            self.read(f"archive {number}", hostile_archive(number))


class HostileClips(HostileReader):
    """The same for clips of masks."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hostile.mp4"
        self._process = WorkerProcess(
            [sys.executable, "-m", "tests.fuzz.clip_reader", str(folder)], FILE_SECONDS
        )
        self.findings = Findings(step="inspect")

    def read_mutants(self, numbers: Iterable[int]) -> None:
        """Read the hostile clips of these numbers."""
        for number in numbers:
            self.read(f"clip {number}", hostile_clip(number))


def seed_files() -> list[bytes]:
    """The committed seeds."""
    return [path.read_bytes() for path in sorted(SEED_FOLDER.iterdir())]


def regressions() -> dict[str, bytes]:
    """Files that once ended a worker, took too much, or were answered as a defect, by what they are."""
    if not REGRESSION_FOLDER.is_dir():
        return {}
    return {path.stem.replace("_", " "): path.read_bytes() for path in sorted(REGRESSION_FOLDER.iterdir())}
