# SPDX-License-Identifier: Apache-2.0
"""Where a node's results lie: a folder for each version below the one that the node names.

The folder's text stays as the artist wrote it, with Nuke's own `[…]` in it, so that a script and its results can move
together.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from typing import Any

RECORD = "job.json"
"""In a version's folder: which job makes or made it, so that a node finds it after a crash."""

LOG = "job.log"
INPUTS = "inputs"
"""Folder of the rendered inputs, in a version's folder: a job may read them while it runs."""

_VERSION = re.compile(r"v(\d{3,})")
_OWN_VALUE = re.compile(r"\[\s*(value|knob)\s+(?!root\.|topnode)(?:this\.)?([A-Za-z_][\w.]*)\s*\]")


def version_name(version: int) -> str:
    """`v003`."""
    return f"v{version:03d}"


def join(folder: str, *parts: str) -> str:
    """Parts below a folder, with slashes, as Nuke writes paths on every system."""
    return "/".join([folder.replace("\\", "/").rstrip("/"), *parts])


def from_inside(text: str) -> str:
    """A text of the node's knobs as a node inside of the group has to write it: `[value name]` is another's there."""
    return _OWN_VALUE.sub(r"[\1 parent.\2]", text)


def versions_in(folder: str) -> list[int]:
    """The versions that are on disk below a folder, ascending."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    matches = (_VERSION.fullmatch(name) for name in names)
    return sorted(int(match[1]) for match in matches if match)


def next_version(folder: str, shown: int) -> int:
    """The first version that nobody has used, above the one that is shown."""
    return max([0, shown, *versions_in(folder)]) + 1


def claim_version(folder: str, shown: int) -> int:
    """Make the folder of a new version; another node or machine that does the same gets another one.

    Raises:
        OSError: it cannot be made.
    """
    os.makedirs(folder, exist_ok=True)
    version = next_version(folder, shown)
    while True:
        try:
            os.mkdir(os.path.join(folder, version_name(version)))
            return version
        except FileExistsError:
            version += 1


def write_record(folder: str, record: dict[str, Any]) -> None:
    """Leave the record of a job in a version's folder, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    handle, partial = tempfile.mkstemp(prefix=".void-", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, os.path.join(folder, RECORD))
    except BaseException:
        os.unlink(partial)
        raise


def read_record(folder: str) -> dict[str, Any] | None:
    """The record of a version's folder; None where there is none that can be read."""
    try:
        with open(os.path.join(folder, RECORD), encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def append_log(folder: str, line: str) -> None:
    """Add a line to the job's log; a log that cannot be written stops nothing."""
    try:
        with open(os.path.join(folder, LOG), "a", encoding="utf-8") as file:
            file.write(line.rstrip("\n") + "\n")
    except OSError as error:
        print(f"VOID: the job's log in {folder} cannot be written: {error}")
