# SPDX-License-Identifier: Apache-2.0
"""Lets the C library keep the memory of messages between one and the next, in few places, where it is glibc.

Each message of frame bytes is copied through a few buffers of a MiB. By default glibc gives such buffers back to the
system when they are freed (mallopt(3), M_TRIM_THRESHOLD and M_MMAP_THRESHOLD), so each costs hundreds of page faults;
`python -m benchmarks.transfer` shows what that takes from a download.

By default, too, threads take turns at up to eight arenas a core, and what one arena keeps serves no thread of another.
A server has a hundred threads that come and go, and each call's buffers lie in another arena than the last one's: all
of them grow in turn, for hours, until each keeps what the greatest calls need. `python -m benchmarks.load` shows it.
"""

from __future__ import annotations

import ctypes
import platform

KEPT_BYTES = 16 << 20
"""Freed memory that each of the allocator's arenas keeps at most."""

LARGE_BYTES = 4 << 20
"""Buffers from this size on are given back at once, as a whole."""

ARENAS = 2
"""How many all threads share. With 32 clients at once a server took 80 MB with two and 158 MB with the sixteen of two
cores. Sending took no more processor time, 0.8 to 0.9 s a GB against 0.9 to 1.0, as Python's threads wait for each
other anyway where they allocate. With a single one it was 1.0 to 1.1, for sixty page faults a MB instead of four."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Numbers of glibc's <malloc.h>."""


def keep_message_memory() -> bool:
    """Set thresholds and arenas for this process, before it has threads; returns whether its allocator takes them."""
    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    wanted = {_M_TRIM_THRESHOLD: KEPT_BYTES, _M_MMAP_THRESHOLD: LARGE_BYTES, _M_ARENA_MAX: ARENAS}
    return all(mallopt(parameter, value) for parameter, value in wanted.items())
