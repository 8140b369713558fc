# SPDX-License-Identifier: Apache-2.0
"""The plugin's files: where this installation has them, which of a folder's are ours, and writing them whole."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import void_client
from void_client.errors import BadInput
from void_client.results import whole_file

RECORD = "void_install.json"
"""In the plugin folder: what was put there."""

SOURCES = {
    "nuke": {"plugin_nuke": "", "plugin_line": "", "gizmos": "gizmos"},
    "resolve": {"plugin_resolve": "", "plugin_line": "", "gizmos": "gizmos"},
}
"""For each host folders of a checkout, or of `void_client/hosts` in a wheel, and where in the plugin folder they go."""


@dataclass(frozen=True)
class Record:
    """What an installation put where.

    Attributes:
        files: SHA-256 of each file in the plugin folder, by its path there.
        made_init: whether there was no `init.py` before.
        wheel: SHA-256 of our wheel that the helper's own environment was made of; empty = it has none.
        outside: SHA-256 of each file that lies elsewhere, by its whole path.
        folders: the folders that were made for those, the outermost first.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    made_init: bool = False
    wheel: str = ""
    outside: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()


def shipped_files(host: str = "nuke") -> dict[str, bytes]:
    """The plugin's files by their path in the plugin folder.

    Raises:
        BadInput: this installation has none.
    """
    package = Path(void_client.__file__).resolve().parent
    for root in (package / "hosts", package.parent):
        if (root / f"plugin_{host}").is_dir():
            return dict(_files_below(root, SOURCES[host]))
    raise BadInput(
        f"This installation of void ({package}) holds no files for {host.capitalize()}.",
        fix="Install the wheel void-for-hosts, or run the command from a checkout.",
    )


def _files_below(root: Path, sources: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    for source, place in sources.items():
        for path in sorted((root / source).rglob("*")):
            relative = path.relative_to(root / source)
            hidden = any(part.startswith((".", "__pycache__")) for part in relative.parts)
            if path.is_file() and not hidden:
                yield (Path(place) / relative).as_posix(), path.read_bytes()


def read_record(folder: Path) -> Record | None:
    """What an earlier installation put into a folder; None when it is empty or not there.

    Raises:
        BadInput: something else lies there.
    """
    try:
        said = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        outside, folders = dict(said.get("outside", {})), tuple(said.get("folders", ()))
        return Record(dict(said["files"]), bool(said["made_init"]), str(said["wheel"]), outside, folders)
    except FileNotFoundError:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return None
        problem = "is there already, and this command did not make it"
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"holds a record that cannot be read ({error})"
    raise BadInput(
        f"{folder} {problem}.", fix="Move it away, or name another place with --dir.", file=str(folder)
    )


def write_record(folder: Path, record: Record) -> None:
    """Write what was put into a folder."""
    said = {
        "files": dict(record.files),
        "made_init": record.made_init,
        "wheel": record.wheel,
        "outside": dict(record.outside),
        "folders": list(record.folders),
    }
    write_file(folder / RECORD, (json.dumps(said, indent=1, sort_keys=True) + "\n").encode())


def digest_of(data: bytes) -> str:
    """SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def present(path: Path) -> bytes | None:
    """A file's bytes; None when there is none.

    Raises:
        BadInput: it is there and cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.", file=str(path)) from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; behind a link its target, with the permissions that it has.

    Raises:
        WriteFailed: it cannot be written.
    """
    real = Path(os.path.realpath(path))
    with whole_file(real) as file:
        if real.exists():
            Path(file.name).chmod(real.stat().st_mode & 0o7777)
        file.write(data)


def remove_ours(folder: Path, record: Record) -> list[Path]:
    """Take away what a record names, as far as it is unchanged, and what Python made of it.

    Returns:
        The files that stay: those that somebody added or changed.
    """
    for name, digest in record.files.items():
        data = present(folder / name)
        if data is not None and digest_of(data) == digest:
            (folder / name).unlink()
    (folder / RECORD).unlink(missing_ok=True)
    for cache in list(folder.rglob("__pycache__")):
        for compiled in cache.glob("*.pyc"):
            compiled.unlink()
    for inner in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        with suppress(OSError):
            inner.rmdir()
    with suppress(OSError):
        folder.rmdir()
    return sorted(p for p in folder.rglob("*") if not p.is_dir())
