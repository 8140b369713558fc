# SPDX-License-Identifier: Apache-2.0
"""Where a job's files lie: a folder for each version, with the record that finds the job again after a crash."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from typing import Any

from void_resolve.errors import ArtistError

RECORD = "job.json"
INPUTS = "inputs"


def claim(out: str, name: str) -> str:
    """Make the folder of a new version of a clip's result; two at once get two.

    Raises:
        ArtistError: it cannot be made.
    """
    if not os.path.isabs(out):
        raise ArtistError(f"The folder for results is '{out}', which is no whole path.", "Choose a folder.")
    base, version = os.path.join(out, name), 1
    try:
        os.makedirs(base, exist_ok=True)
        while True:
            path = os.path.join(base, f"v{version:03d}")
            try:
                os.mkdir(path)
                return path
            except FileExistsError:
                version += 1
    except OSError as error:
        raise ArtistError(
            f"The folder {base} cannot be made ({error.strerror}).", "Choose another folder for results."
        ) from error


def discard(folder: str) -> None:
    """Delete a version's folder of which nothing was sent."""
    shutil.rmtree(os.path.join(folder, INPUTS), ignore_errors=True)
    try:
        os.rmdir(folder)
    except OSError:
        return


def write_record(folder: str, record: dict[str, Any]) -> None:
    """Leave the record of a job in its folder, whole or not at all.

    Raises:
        ArtistError: it cannot be written.
    """
    try:
        handle, partial = tempfile.mkstemp(prefix=".void-", suffix=".part", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, os.path.join(folder, RECORD))
    except OSError as error:
        raise ArtistError(
            f"The record of the job cannot be written into {folder} ({error.strerror}).", "Make room there."
        ) from error


def read_record(folder: str) -> dict[str, Any] | None:
    """The record of a version's folder; None where there is none that can be read."""
    try:
        with open(os.path.join(folder, RECORD), encoding="utf-8") as file:
            record = json.load(file)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None
