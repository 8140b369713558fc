# SPDX-License-Identifier: Apache-2.0
"""Where OCIO finds the config of a job."""

from __future__ import annotations

import os
from pathlib import Path

from void_server.frames.blobs import BlobFolder
from void_server.plates.colour import DEFAULT_CONFIG


def config_source(blobs: BlobFolder, builtin: str, archive: str) -> str:
    """A built-in name, or the path of the job's archive; empty when the job brings no config.

    OCIO knows an archive by its ending, which blobs do not have; hence a second name for the same file.

    Raises:
        NotFound: the archive is not in the store.
    """
    if not archive:
        return builtin
    blobs.size(archive)
    folder = blobs.root / "colour"
    folder.mkdir(exist_ok=True)
    named = folder / f"{archive}.ocioz"
    if not named.exists():
        _link(blobs.path(archive), named)
    return str(named)


def config_name(builtin: str, archive: str) -> str:
    """What provenance calls the config: the built-in name, or the archive's digest."""
    return f"sha256:{archive}" if archive else builtin or DEFAULT_CONFIG


def _link(blob: Path, named: Path) -> None:
    temporary = named.with_name(f".{named.name}.{os.getpid()}")
    os.link(blob, temporary)
    temporary.replace(named)
