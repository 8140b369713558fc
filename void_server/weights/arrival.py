# SPDX-License-Identifier: Apache-2.0
"""The last step of every file that comes in: judged while it has a temporary name, then published and recorded."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path

from void_server.errors import DataLoss, StoreFull
from void_server.frames.durable import publish
from void_server.weights.catalogue import WeightFile
from void_server.weights.layout import State, state_of
from void_server.weights.record import Record, save
from void_server.weights.verify import differs, new_entry

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True)
class Arrived:
    """A file under a temporary name in the weights folder.

    Args:
        file: which one it is to be.
        path: where it lies.
        sha256: digest of its bytes.
        source: where it came from, for the record and for messages.
    """

    file: WeightFile
    path: Path
    sha256: str
    source: str


def take_in(folder: Path, arrived: Arrived, record: Record, anew: bool) -> Record:
    """Publish a file under its name and record it; returns the record as it then is.

    Args:
        folder: the weights folder.
        arrived: the file.
        record: the folder's record.
        anew: take other bytes than those recorded earlier.

    Raises:
        DataLoss: it is truncated, wrong, or not the file that is recorded; what was there before is untouched.
        OSError: the disk refused.
    """
    file = arrived.file
    status = state_of(arrived.path)
    if status.state is not State.PRESENT:
        raise DataLoss(
            f"The file {file.name} from {arrived.source} is {status}. It was not taken.",
            fix="Give the command again with a whole file; what came in before stays.",
        )
    if not anew and differs(record, file, status.size, arrived.sha256):
        raise DataLoss(
            f"The file {file.name} from {arrived.source} is not the one that was verified here before:"
            f" {_told(status.size, arrived.sha256)}, recorded is"
            f" {_told(record.files[file.name].size, record.files[file.name].sha256)}. It was not taken.",
            fix="Bring the recorded file, or take this one instead with the option --anew.",
        )
    final = folder / file.name
    final.parent.mkdir(parents=True, exist_ok=True)
    publish(arrived.path, final)
    record = record.with_entry(file.name, new_entry(final, arrived.sha256, arrived.source))
    save(folder, record)
    return record


def disk_full(error: OSError, folder: Path) -> StoreFull | None:
    """The error as a full disk of the weights folder; None when it is something else."""
    if error.errno not in _FULL:
        return None
    return StoreFull(
        f"The disk of {folder} takes no more bytes ({error.strerror}).",
        fix="Free some space there, then give the same command again; files that are whole stay.",
    )


def _told(size: int, sha256: str) -> str:
    return f"{size} bytes with SHA-256 {sha256}"
