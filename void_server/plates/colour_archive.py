# SPDX-License-Identifier: Apache-2.0
"""What an OCIO archive must be before OCIO unpacks it: what it says of itself, and that its config is text."""

from __future__ import annotations

import copy
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import PyOpenColorIO as ocio

from void_server.errors import InvalidInput

CONFIG_NAME = "config.ocio"
MAX_CONFIG_BYTES = 8 << 20
"""Of the config itself; the ACES studio config has 0.4 MB, and OCIO reads 48 MB of blanks for half a minute."""
MAX_BYTES = 512 << 20
"""Of everything in it, unpacked."""
MAX_ENTRIES = 4096


def check_archive(path: Path) -> None:
    """Look at the list of an archive's entries, and whether its config is whole.

    Raises:
        InvalidInput: it is no archive, has no config or a damaged one, or too much or misnamed things in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_entries(path, archive.infolist())
            _check_config(path, archive)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _wrong(path, f"is no archive ({error})") from error


def _check_entries(path: Path, entries: Sequence[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise _wrong(path, f"has {len(entries)} entries, and {MAX_ENTRIES} are the most (MAX_ENTRIES)")
    configs = [entry for entry in entries if entry.filename == CONFIG_NAME]
    if len(configs) != 1:
        raise _wrong(path, f"has no {CONFIG_NAME}" if not configs else f"has {len(configs)} of {CONFIG_NAME}")
    # What is said to be packed is asked for as a whole, before it is found not to be there.
    if max(configs[0].file_size, configs[0].compress_size) > MAX_CONFIG_BYTES:
        raise _wrong(path, f"has a config of over {MAX_CONFIG_BYTES >> 20} MiB (MAX_CONFIG_BYTES)")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise _wrong(path, f"would unpack to over {MAX_BYTES >> 20} MiB (MAX_BYTES)")
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in parts[0]:
            raise _wrong(path, "has an entry that leads out of it")


def _check_config(path: Path, archive: zipfile.ZipFile) -> None:
    """OCIO would take damaged text, and quote it in errors that are no text either."""
    try:
        archive.read(CONFIG_NAME).decode("utf-8")
    except (zlib.error, EOFError, RuntimeError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise _wrong(path, f"has a {CONFIG_NAME} that is damaged or no UTF-8 text ({error})") from error


def check_self_contained(path: Path, loaded: ocio.Config) -> None:
    """OCIO reads a look-up file that an archive's config names by an absolute path from this machine's disk.

    `Config.isArchivable` says whether all search paths and files are relative, lead nowhere out of the config's folder
    and begin with no variable; it wants to know of a folder.

    Raises:
        InvalidInput: they are not.
    """
    placed = copy.deepcopy(loaded)
    placed.setWorkingDir("/archive")
    if not placed.isArchivable():
        raise _wrong(path, "names look-up files outside of it, or by a path that begins with a variable")


def _wrong(path: Path, what: str) -> InvalidInput:
    return InvalidInput(
        f"The OCIO archive {path.name} {what}.",
        fix="Make it with `ocioarchive`, or give a built-in name (ocio://...).",
        file=str(path),
    )
