# SPDX-License-Identifier: Apache-2.0
"""Wheels on disk: what they are, what they need, and which of them a target needs.

pip decides versions, but it evaluates markers (`python_version < '3.11'`) for the Python that it runs on, also when it
downloads for another one. So what a target needs is read from the wheels themselves.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

_CHUNK = 2**20


class BrokenWheel(Exception):
    """A wheel cannot be read, or is not what it should be."""


@dataclass(frozen=True)
class Wheel:
    """A wheel file.

    Attributes:
        name: normalised name of the distribution (PEP 503).
        version: with a local part, if it has one.
        file: file name.
        sha256: of the file, as hexadecimal digits.
        size: in bytes.
        requires: what it needs, markers included.
    """

    name: str
    version: str
    file: str
    sha256: str
    size: int
    requires: tuple[Requirement, ...]


def read_wheel(path: Path) -> Wheel:
    """What a file is.

    Raises:
        BrokenWheel: it is no wheel.
    """
    try:
        name, version, _, _ = parse_wheel_filename(path.name)
        with zipfile.ZipFile(path) as archive:
            metadata = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
            headers = BytesParser().parsebytes(archive.read(metadata), headersonly=True)
    except (OSError, ValueError, zipfile.BadZipFile, StopIteration) as error:
        raise BrokenWheel(f"{path} is no wheel: {error}. Delete it and run again.") from error
    needs = tuple(Requirement(text) for text in headers.get_all("Requires-Dist", []))
    return Wheel(name, str(version), path.name, sha256_of(path), path.stat().st_size, needs)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def needed(
    root: Requirement, wheels: Iterable[Wheel], markers: Mapping[str, str]
) -> tuple[tuple[Wheel, ...], tuple[str, ...]]:
    """The wheels that a requirement leads to, by name, and the requirements that no wheel meets.

    Args:
        root: what is to be installed.
        wheels: what there is, at most one of a name.
        markers: the environment that it is installed in.
    """
    by_name = {w.name: w for w in wheels}
    found: dict[str, Wheel] = {}
    missing: list[str] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [root]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        extras = frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        wheel = by_name.get(name)
        if wheel is None or not requirement.specifier.contains(wheel.version, prereleases=True):
            plain = Requirement(str(requirement))
            plain.marker = None
            missing.append(str(plain))
            continue
        found[name] = wheel
        waiting += [r for r in wheel.requires if _applies(r, markers, extras)]
    return tuple(found[n] for n in sorted(found)), tuple(sorted(missing))


def _applies(requirement: Requirement, markers: Mapping[str, str], extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({**markers, "extra": extra}) for extra in ("", *extras))
