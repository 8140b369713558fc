# SPDX-License-Identifier: Apache-2.0
"""What an OCIO archive must be before OCIO unpacks it: what it says of itself is looked at, nothing is unpacked."""

from __future__ import annotations

import zipfile
from pathlib import Path

from void_server.errors import InvalidInput

CONFIG_NAME = "config.ocio"
MAX_CONFIG_BYTES = 8 << 20
"""Of the config itself; the ACES studio config has 0.4 MB, and OCIO reads 48 MB of blanks for half a minute."""
MAX_BYTES = 512 << 20
"""Of everything in it, unpacked."""
MAX_ENTRIES = 4096


def check_archive(path: Path) -> None:
    """Look at the list of an archive's entries.

    Raises:
        InvalidInput: it is no archive, has no config, or too much or misnamed things in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _wrong(path, f"is no archive ({error})") from error
    if len(entries) > MAX_ENTRIES:
        raise _wrong(path, f"has {len(entries)} entries, and {MAX_ENTRIES} are the most (MAX_ENTRIES)")
    sizes = {entry.filename: entry.file_size for entry in entries}
    if CONFIG_NAME not in sizes:
        raise _wrong(path, f"has no {CONFIG_NAME}")
    if sizes[CONFIG_NAME] > MAX_CONFIG_BYTES:
        raise _wrong(path, f"has a config of over {MAX_CONFIG_BYTES >> 20} MiB (MAX_CONFIG_BYTES)")
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise _wrong(path, f"would unpack to over {MAX_BYTES >> 20} MiB (MAX_BYTES)")
    for name in sizes:
        parts = name.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in parts[0]:
            raise _wrong(path, "has an entry that leads out of it")


def _wrong(path: Path, what: str) -> InvalidInput:
    return InvalidInput(
        f"The OCIO archive {path.name} {what}.",
        fix="Make it with `ocioarchive`, or give a built-in name (ocio://...).",
        file=str(path),
    )
