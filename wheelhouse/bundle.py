# SPDX-License-Identifier: Apache-2.0
"""The bundle as a folder: one pool of wheels, a requirement file with hashes for each target, checksums, a README.

It grows in a folder beside its place and is renamed when it is whole. What an interrupted run finished is kept, as
long as it was made of the same sources and constraints.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from wheelhouse.pip import CONSTRAINTS, build_own_wheel, download
from wheelhouse.readme import readme
from wheelhouse.targets import Target
from wheelhouse.wheels import BrokenWheel, Wheel, needed, read_wheel, sha256_of

WHEELS, REQUIREMENTS, CHECKSUMS = "wheels", "requirements", "SHA256SUMS"
_INPUTS = "inputs.json"
_ROUNDS = 5
"""Times that pip is asked again for what a target's markers add; one is enough for all that is known."""


class Unresolved(Exception):
    """What a target needs was not found."""


@dataclass(frozen=True)
class House:
    """What a target needs: our own wheel and those of others, by name."""

    target: Target
    wheels: tuple[Wheel, ...]

    @property
    def size(self) -> int:
        """Bytes of all its wheels."""
        return sum(w.size for w in self.wheels)


def make_bundle(
    place: Path,
    targets: Sequence[Target],
    tell: Callable[[str], None],
    build: Callable[[Path], Path] = build_own_wheel,
) -> list[House]:
    """Make the bundle of these targets.

    Args:
        place: its folder; one that is there already is replaced when the new one is whole.
        targets: what it is for.
        tell: told each step, as a line.
        build: builds our own wheel into a folder.

    Returns:
        What each target needs.

    Raises:
        PipFailed, Unresolved, BrokenWheel: it cannot be made; what is done is kept for the next run.
    """
    part = place.with_name(f".{place.name}.part")
    own = _begin(part, build)
    tell(f"{own.name}, sha256 {sha256_of(own)}")
    houses = []
    for number, target in enumerate(targets, 1):
        done = (part / REQUIREMENTS / f"{target.name}.txt").exists()
        house = _finished(part, target, own) if done else _made(part, target, own)
        houses.append(house)
        again = ", from the run before" if done else ""
        tell(
            f"{number}/{len(targets)} {target.name}: {len(house.wheels)} wheels, "
            f"{house.size / 2**20:.1f} MiB{again}"
        )
    _publish(part, place, houses)
    return houses


def _begin(part: Path, build: Callable[[Path], Path]) -> Path:
    """A part folder that fits the present sources, with our own wheel in its pool."""
    fresh = part.with_name(part.name + ".own")
    shutil.rmtree(fresh, ignore_errors=True)
    built = build(fresh)
    inputs = {"own": sha256_of(built), "constraints": sha256_of(CONSTRAINTS)}
    if not (part / _INPUTS).exists() or json.loads((part / _INPUTS).read_text()) != inputs:
        shutil.rmtree(part, ignore_errors=True)
        (part / WHEELS).mkdir(parents=True)
        (part / REQUIREMENTS).mkdir()
        (part / _INPUTS).write_text(json.dumps(inputs))
    own = built.replace(part / WHEELS / built.name)
    fresh.rmdir()
    return own


def _made(part: Path, target: Target, own: Path) -> House:
    stage = part / "stage"
    root = _root(target, own)
    wanted = [f"{own}{target.extra}"]
    for _ in range(_ROUNDS):
        shutil.rmtree(stage, ignore_errors=True)
        download(target, wanted, stage)
        wheels, missing = needed(root, map(read_wheel, stage.iterdir()), target.markers())
        if not missing:
            break
        wanted += missing
    else:
        raise Unresolved(f"{target.name}: pip does not bring {', '.join(missing)}.")
    for wheel in wheels:
        _into_pool(stage / wheel.file, part / WHEELS / wheel.file, wheel)
    shutil.rmtree(stage)
    house = House(target, wheels)
    file = part / REQUIREMENTS / f"{target.name}.txt"
    written = file.with_suffix(".part")
    written.write_text(requirements_text(house), encoding="utf-8")
    written.replace(file)
    return house


def _finished(part: Path, target: Target, own: Path) -> House:
    """What an earlier run downloaded for a target, as its requirement file says."""
    lines = (part / REQUIREMENTS / f"{target.name}.txt").read_text(encoding="utf-8").splitlines()
    listed = {line.rpartition("sha256:")[2] for line in lines if "sha256:" in line}
    wheels = [w for w in map(read_wheel, (part / WHEELS).iterdir()) if w.sha256 in listed]
    chosen, missing = needed(_root(target, own), wheels, target.markers())
    if missing or len(chosen) != len(listed):
        file = part / REQUIREMENTS / f"{target.name}.txt"
        raise BrokenWheel(f"Wheels that {file} names are missing or changed. Delete that file and run again.")
    return House(target, chosen)


def _root(target: Target, own: Path) -> Requirement:
    wheel = read_wheel(own)
    return Requirement(f"{wheel.name}{target.extra}=={wheel.version}")


def _into_pool(source: Path, place: Path, wheel: Wheel) -> None:
    if place.exists() and sha256_of(place) != wheel.sha256:
        raise BrokenWheel(
            f"Two files are named {wheel.file}, with different bytes: the package index changed one, or a source "
            f"has builds of its own. Delete {place.parent.parent} and run again."
        )
    source.replace(place)


def requirements_text(house: House) -> str:
    """The requirement file of a target: every wheel by version and hash, our own with the extra of its side."""
    lines = [f"# {house.target.name}: install as README.txt says, from the folder of the bundle"]
    for wheel in house.wheels:
        extra = house.target.extra if wheel.name == "void-for-hosts" else ""
        lines.append(f"{wheel.name}{extra}=={wheel.version} --hash=sha256:{wheel.sha256}")
    return "\n".join(lines) + "\n"


def _publish(part: Path, place: Path, houses: Sequence[House]) -> None:
    """Leave only what the houses name, add checksums and README, and put the folder in its place."""
    kept = {w.file for h in houses for w in h.wheels}
    for file in (part / WHEELS).iterdir():
        if file.name not in kept:
            file.unlink()
    names = {f"{h.target.name}.txt" for h in houses}
    for file in (part / REQUIREMENTS).iterdir():
        if file.name not in names:
            file.unlink()
    (part / "README.txt").write_text(readme([h.target for h in houses]), encoding="utf-8")
    (part / _INPUTS).unlink()
    files = sorted(p.relative_to(part).as_posix() for p in part.rglob("*") if p.is_file())
    sums = "".join(f"{sha256_of(part / f)}  {f}\n" for f in files if f != CHECKSUMS)
    (part / CHECKSUMS).write_text(sums, encoding="utf-8")
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    part.rename(place)
    shutil.rmtree(old, ignore_errors=True)
