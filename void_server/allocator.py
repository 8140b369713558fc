# SPDX-License-Identifier: Apache-2.0
"""Lets the C library keep the memory of messages between one and the next, where it is glibc.

Each message of frame bytes is copied through a few buffers of a MiB. By default glibc gives such buffers back to the
system when they are freed (mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD), so each costs hundreds of page faults;
`python -m benchmarks.transfer` shows what that takes from a download.
"""

from __future__ import annotations

import ctypes
import platform

KEPT_BYTES = 16 << 20
"""Freed memory that each of the allocator's arenas keeps at most."""

LARGE_BYTES = 4 << 20
"""Buffers from this size on are given back at once, as a whole."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_message_memory() -> bool:
    """Set the thresholds for this process; returns whether its allocator takes them."""
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES) and mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))
