# SPDX-License-Identifier: Apache-2.0
"""Whether this process may write code and run it, as models on a processor do."""

from __future__ import annotations

import mmap
from pathlib import Path

FORBIDDEN = (
    "not ready: This service may not make memory writable and executable, which PyTorch needs on a processor. "
    "Set MemoryDenyWriteExecute=no in its unit."
)
NVIDIA = Path("/dev/nvidiactl")
"""There where a process may use an NVIDIA GPU (NVIDIA driver README, chapter "device nodes")."""


def forbids_models() -> str:
    """Why no model computes here; empty where one may.

    PyTorch's library for processors, oneDNN, makes code for the sizes at hand. Under systemd's
    MemoryDenyWriteExecute=yes it ends with "could not create a primitive" (seen with PyTorch 2.13, systemd 252). What a
    GPU needs is not known.
    """
    if NVIDIA.exists():
        return ""
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except OSError:
        return FORBIDDEN
    return ""
