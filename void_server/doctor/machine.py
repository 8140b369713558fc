# SPDX-License-Identifier: Apache-2.0
"""Looks at the machine and at what is installed on it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

from void_server.doctor.check import Check, Subject, fail, ok, warn
from void_server.weights.catalogue import select
from void_server.weights.folder import locked, weights_folder
from void_server.weights.layout import State, Status, expected, statuses
from void_server.weights.record import load
from void_server.weights.verify import verify

LEAST_PYTHON = (3, 11)
DISTRIBUTION = "void-for-hosts"
ASK_SECONDS = 120.0
"""For programs that are asked; PyTorch takes some seconds to load, from a network disk many."""
DAY_SECONDS = 86400.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TORCH = "import torch; print(torch.__version__, torch.version.cuda, torch.cuda.is_available())"


def python(_subject: Subject) -> Iterator[Check]:
    """The version of Python."""
    seen = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < LEAST_PYTHON:
        yield fail("Python", seen, "The server needs Python 3.11 or newer.")
    else:
        yield ok("Python", seen)


def packages(subject: Subject) -> Iterator[Check]:
    """Whether all packages of the server are there, in the versions that were tested."""
    needed = sorted(_needed())
    found = {name: version for name in needed if (version := _installed(name))}
    if missing := [name for name in needed if name not in found]:
        yield fail(
            "packages", f"missing: {', '.join(missing)}", "Install them: pip install 'void-for-hosts[server]'"
        )
        return
    if subject.constraints is None:
        yield ok("packages", f"{len(found)} are there; give --constraints to compare their versions")
        return
    tested = _tested(subject.constraints)
    others = [f"{n} {v} ({tested[n]})" for n, v in found.items() if n in tested and tested[n] != v]
    if others:
        yield warn(
            "packages",
            f"other versions than were tested (in brackets): {', '.join(others)}",
            f"Install with PIP_CONSTRAINT={subject.constraints}, or test them yourself.",
        )
    else:
        yield ok("packages", f"{len(found)} are there, in the versions that were tested")


def graphics(subject: Subject) -> Iterator[Check]:
    """GPU, driver, and whether PyTorch sees them."""
    program = shutil.which("nvidia-smi")
    cards = 0
    if program is None:
        yield ok("GPU", "no nvidia-smi: CPU only")
    else:
        asked = (program, "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
        ran = subprocess.run(asked, capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
        lines = ran.stdout.strip().splitlines()
        if ran.returncode or not lines:
            said = (ran.stderr or ran.stdout).strip()[:200]
            yield fail("GPU", f"nvidia-smi fails: {said}", "Mend the driver; until then it is CPU only.")
        else:
            cards = len(lines)
            yield ok("GPU", "; ".join(lines))
    version = _installed("torch")
    if not version:
        yield ok("PyTorch", "not installed: no engine void")
    elif cards or subject.deep:
        yield _torch(cards)
    else:
        yield ok("PyTorch", f"{version}; without a GPU it is not loaded here, but with --deep")


def _torch(cards: int) -> Check:
    """Whether it can be loaded, which takes seconds, and uses the GPU."""
    ran = subprocess.run(
        [sys.executable, "-c", _TORCH], capture_output=True, text=True, timeout=ASK_SECONDS, check=False
    )
    words = ran.stdout.split()
    if ran.returncode or len(words) != 3:
        said = ran.stderr.strip().splitlines()[-1:] or ["it says nothing"]
        return fail("PyTorch", f"cannot be loaded: {said[0][:200]}", "Install it again: '.[void]'.")
    version, cuda, usable = words
    seen = f"{version}, {'no CUDA' if cuda == 'None' else f'CUDA {cuda}'}"
    if cards and usable != "True":
        return fail(
            "PyTorch",
            f"{seen}; it cannot use the GPU",
            "Install a build with CUDA that the driver serves; in a sandbox let it see /dev/nvidia*.",
        )
    return ok("PyTorch", seen if cards else f"{seen}; on the CPU")


def weights(subject: Subject) -> Iterator[Check]:
    """The weights of the engine void and of SAM2, as far as some are there."""
    folder = weights_folder()
    if not folder.exists():
        yield ok("weights", f"none at {folder}: no engine void")
        return
    wanted = expected(folder / "base", [f for f in select(()) if f.required])
    if subject.deep:
        with locked(folder):
            found = [(c.file, c.status) for c in verify(folder, wanted, again=True)]
    else:
        found = statuses(folder, wanted, load(folder))
    groups: dict[str, list[tuple[str, Status]]] = {}
    for file, status in found:
        groups.setdefault(file.group, []).append((file.name, status))
    for group, files in groups.items():
        yield _group(group, files, "every byte was read" if subject.deep else "--deep reads every byte")


def _group(group: str, files: list[tuple[str, Status]], how: str) -> Check:
    name = f"weights {group}"
    bad = [f"{file}: {status}" for file, status in files if status.state is not State.PRESENT]
    if not bad:
        return ok(name, f"{len(files)} files are whole ({how})")
    if len(bad) == len(files) and all(status.state is State.MISSING for _, status in files):
        return ok(name, "none")
    more = f", and {len(bad) - 3} more" if len(bad) > 3 else ""
    return fail(name, "; ".join(bad[:3]) + more, f"void-server weights fetch {group}")


def ffmpeg(_subject: Subject) -> Iterator[Check]:
    """The program that coded clips of quadmasks are read and written with."""
    found = shutil.which("ffmpeg")
    if found:
        yield ok("ffmpeg", found)
    else:
        yield warn("ffmpeg", "none", "Coded clips of quadmasks need it; all else works without.")


def clock(_subject: Subject) -> Iterator[Check]:
    """Whether the clock is not before the day on which this program was installed."""
    now = time.time()
    seen = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="seconds")
    if now < Path(__file__).stat().st_mtime - DAY_SECONDS:
        yield fail("clock", f"{seen} is before this program was installed", "Set the clock; use NTP.")
    else:
        yield ok("clock", seen)


def _needed() -> set[str]:
    """Packages of the server, without those of other extras."""
    found = set()
    for line in metadata.requires(DISTRIBUTION) or ():
        requirement, _, marker = line.partition(";")
        name = _NAME.match(requirement)
        if name and (not marker.strip() or re.search(r"extra\s*==\s*['\"]server['\"]", marker)):
            found.add(_plain(name[0]))
    return found


def _installed(name: str) -> str:
    """Version without what a builder added to it ("+cpu"); empty when it is not there."""
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return ""


def _tested(constraints: Path) -> dict[str, str]:
    pairs = (
        line.split("==") for line in constraints.read_text(encoding="utf-8").splitlines() if "==" in line
    )
    return {_plain(name.strip()): version.strip() for name, version in pairs}


def _plain(name: str) -> str:
    """A package's name as packaging.python.org/en/latest/specifications/name-normalization compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
