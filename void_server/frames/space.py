# SPDX-License-Identifier: Apache-2.0
"""Room on the store's disk: writing stops while there is still enough for the database and the machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from void_server.errors import LimitExceeded


def check_space(folder: Path, min_free_bytes: int, coming: int = 0) -> None:
    """Let a write of `coming` bytes pass if `min_free_bytes` stay free on the file system of `folder`.

    Raises:
        LimitExceeded: they would not; names the limit, its value and what is free.
    """
    if not min_free_bytes:
        return
    free = shutil.disk_usage(folder).free
    if free - coming < min_free_bytes:
        needed = f" and {coming} more bytes are to be written" if coming else ""
        raise LimitExceeded(
            f"The disk of the store has {free} bytes free{needed};"
            f" the limit min_free_bytes = {min_free_bytes} keeps that much free.",
            fix="Make room on that disk (see `void-server store report`), or lower --min-free-bytes there.",
        )
