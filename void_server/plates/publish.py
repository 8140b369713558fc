# SPDX-License-Identifier: Apache-2.0
"""A file that appears whole or not at all: temporary name in the same folder, fsync, rename, fsync of the
folder.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from void_server.frames.durable import publish


@contextmanager
def published(path: Path, *, synced: bool = True) -> Iterator[Path]:
    """A temporary path to write to; at the end of the block it is synced, if asked, and takes the place of `path`.

    The temporary file is removed if the block fails, and `path` is then as it was before.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        if synced:
            publish(temporary, path)
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
