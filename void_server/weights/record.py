# SPDX-License-Identifier: Apache-2.0
"""What is known of a weights folder: length and SHA-256 of each file at its first verification, licences accepted.

The file `weights.json` in the folder. It is read and written whole; writers hold the folder's lock (`folder.locked`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from void_server.errors import DataLoss
from void_server.frames.durable import write_file

RECORD_NAME = "weights.json"
_VERSION = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """One file as it was at its first verification.

    Args:
        size: length in bytes.
        sha256: digest, in hexadecimal.
        first_verified: when, as an ISO date and time in UTC.
        source: where it came from, such as "owner/name@commit"; empty when it was found in the folder.
        seen_mtime_ns: its modification time, in nanoseconds, when its bytes were last read and found as recorded.
        damaged: at the last reading its bytes were not as recorded.
    """

    size: int
    sha256: str
    first_verified: str
    source: str = ""
    seen_mtime_ns: int = 0
    damaged: bool = False


@dataclass(frozen=True)
class Record:
    """The record of one folder: entries by file name, and dates of acceptance by name of licence."""

    files: Mapping[str, Entry] = field(default_factory=dict)
    accepted: Mapping[str, str] = field(default_factory=dict)

    def with_entry(self, name: str, entry: Entry) -> Record:
        """The record with the entry of one file replaced."""
        return replace(self, files={**self.files, name: entry})

    def with_accepted(self, licences: Iterable[str], date: str) -> Record:
        """The record with these licences accepted; a date that is there stays."""
        return replace(self, accepted={**dict.fromkeys(licences, date), **self.accepted})


def load(folder: Path) -> Record:
    """The record of a folder; an empty one where there is none.

    Raises:
        DataLoss: the file is not what `save` writes.
        OSError: it cannot be read.
    """
    path = folder / RECORD_NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Record()
    try:
        value = json.loads(text)
        files = {str(name): _entry(entry) for name, entry in value["files"].items()}
        accepted = {str(name): str(date) for name, date in value["accepted"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataLoss(
            f"The record of the weights {path} is damaged ({error!r}).",
            fix="Remove it, and run: void-server weights verify (licences have to be accepted again).",
        ) from error
    return Record(files, accepted)


def save(folder: Path, record: Record) -> None:
    """Write the record of a folder, atomically.

    Raises:
        OSError: the disk refused; the earlier record is untouched.
    """
    value = {
        "version": _VERSION,
        "files": {name: asdict(entry) for name, entry in sorted(record.files.items())},
        "accepted": dict(record.accepted),
    }
    write_file(folder / RECORD_NAME, json.dumps(value, indent=2).encode() + b"\n")


def _entry(value: Any) -> Entry:
    entry = Entry(**value)
    if type(entry.size) is not int or not _SHA256.fullmatch(entry.sha256):
        raise ValueError(f"no length and digest: {value}")
    return entry
