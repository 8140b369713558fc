# SPDX-License-Identifier: Apache-2.0
"""Which delivered files are meant, and which sidecar each belongs to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from void_server.errors import InvalidInput
from void_server.masks.pattern import parse_pattern

_FILE = re.compile(r"^(?P<name>.+)\.(?P<frame>-?\d+)\.exr$", re.ASCII | re.IGNORECASE)
_MATTE = "_matte"
_MATTE_FOLDER = "matte"
MOST_SIDECAR_BYTES = 1 << 30
"""Longest sidecar that is read; one of 10,000 frames has about 40 MB."""


@dataclass(frozen=True)
class Sidecar:
    """A sidecar that was read: its path and its values."""

    path: Path
    tree: dict[str, Any]

    @property
    def name(self) -> str:
        """Base name of the result files."""
        return str(self.tree["name"])

    def frame(self, number: int) -> dict[str, Any] | None:
        """What it says of a frame; None where it does not know it."""
        return next((f for f in self.tree["frames"] if f["frame"] == number), None)


@dataclass(frozen=True)
class File:
    """A delivered file.

    Attributes:
        path: where it lies, or should.
        sidecar: what says how it was made.
        frame: its number.
        kind: `result`, or `matte` for the quadmask alone.
    """

    path: Path
    sidecar: Sidecar
    frame: int
    kind: str


def find_files(named: Sequence[str], sidecar: Path | None) -> list[File]:
    """The files that a user named: EXR files, patterns, sidecars, or result folders.

    Args:
        named: as the user wrote them.
        sidecar: the sidecar of all of them; None = the one that lies where VOID wrote it.

    Raises:
        InvalidInput: nothing is there, or a file has no sidecar.
    """
    known: dict[Path, Sidecar] = {}
    chosen = read_sidecar(sidecar) if sidecar is not None else None
    files = [file for text in named for file in _of_one(text, chosen, known)]
    unique = {(file.path, file.kind): file for file in files}
    return list(unique.values())


def read_sidecar(path: Path) -> Sidecar:
    """A sidecar of VOID.

    Raises:
        InvalidInput: it is none, or cannot be read.
    """
    try:
        if path.stat().st_size > MOST_SIDECAR_BYTES:
            raise InvalidInput(f"{path} is too long for a sidecar.", file=str(path))
        tree = json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidInput(
            f"The sidecar {path} cannot be read: {error.strerror or error}.",
            fix="It is delivered beside the frames as NAME.json; name it with --sidecar.",
            file=str(path),
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is no JSON: {error}.", file=str(path)) from error
    if not _is_sidecar(tree):
        raise InvalidInput(f"{path} is no sidecar of VOID.", fix="Name NAME.json.", file=str(path))
    return Sidecar(path, tree)


def _of_one(text: str, chosen: Sidecar | None, known: dict[Path, Sidecar]) -> Iterable[File]:
    path = Path(text)
    if path.is_dir():
        sidecars = [chosen] if chosen else _sidecars_in(path, known)
        if not sidecars:
            raise InvalidInput(f"There is no sidecar of VOID in {path}.", fix="Name it with --sidecar.")
        return [file for sidecar in sidecars for file in _all_of(sidecar, path)]
    if path.suffix.lower() == ".json":
        return _all_of(_known(path, known), path.parent)
    if path.is_file():
        return [_of_file(path, chosen, known)]
    pattern = parse_pattern(text)
    frames = pattern.frames_on_disk()
    if not frames:
        raise InvalidInput(
            f"No file fits {text}.", fix="Check the path, and the padding of the frame number.", file=text
        )
    return [_of_file(pattern.path(frame), chosen, known) for frame in frames]


def _of_file(path: Path, chosen: Sidecar | None, known: dict[Path, Sidecar]) -> File:
    found = _FILE.match(path.name)
    if found is None:
        raise InvalidInput(
            f"{path.name} is not named as VOID names its files: NAME.1001.exr.",
            fix="Give the file its name back; the frame number says which frame it is.",
            file=str(path),
        )
    name, frame = found["name"], int(found["frame"])
    is_matte = name.endswith(_MATTE)
    if chosen is not None:
        return File(path, chosen, frame, "matte" if is_matte and chosen.name != name else "result")
    places = [(path.parent / f"{name}.json", "result")]
    if is_matte:
        bare = f"{name.removesuffix(_MATTE)}.json"
        places += [(path.parent.parent / bare, "matte"), (path.parent / bare, "matte")]
    for place, kind in places:
        if place.is_file():
            return File(path, _known(place, known), frame, kind)
    raise InvalidInput(
        f"{path} has no sidecar: {places[0][0]} is not there.",
        fix="Copy NAME.json beside the frames, or name it with --sidecar.",
        file=str(path),
    )


def _all_of(sidecar: Sidecar, folder: Path) -> list[File]:
    """Every file that the sidecar speaks of, there or not."""
    by_number = _files_by_number(folder, sidecar.name)
    files = []
    for frame in sidecar.tree["frames"]:
        for kind in ("result", "matte"):
            if frame.get(kind):
                number = frame["frame"]
                missing = folder / _relative(sidecar.name, kind, f"{number:04d}")
                files.append(File(by_number.get((kind, number), missing), sidecar, number, kind))
    return files


def _relative(name: str, kind: str, number: str) -> str:
    return f"{name}.{number}.exr" if kind == "result" else f"{_MATTE_FOLDER}/{name}{_MATTE}.{number}.exr"


def _files_by_number(folder: Path, name: str) -> dict[tuple[str, int], Path]:
    """The files of a name, whatever their padding."""
    there: dict[tuple[str, int], Path] = {}
    for kind, place, base in (
        ("result", folder, name),
        ("matte", folder / _MATTE_FOLDER, f"{name}{_MATTE}"),
    ):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            found = _FILE.match(path.name)
            if found and found["name"] == base:
                there[kind, int(found["frame"])] = path
    return there


def _sidecars_in(folder: Path, known: dict[Path, Sidecar]) -> list[Sidecar]:
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(_known(path, known))
        except InvalidInput:
            # Other JSON files may lie beside them.
            continue
    return found


def _known(path: Path, known: dict[Path, Sidecar]) -> Sidecar:
    if path not in known:
        known[path] = read_sidecar(path)
    return known[path]


def _is_sidecar(tree: Any) -> bool:
    return (
        isinstance(tree, dict)
        and isinstance(tree.get("name"), str)
        and isinstance(tree.get("engine"), dict)
        and isinstance(tree.get("frames"), list)
        and all(isinstance(f, dict) and isinstance(f.get("frame"), int) for f in tree["frames"])
    )
