# SPDX-License-Identifier: Apache-2.0
"""Which weights the engine `void` runs with on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from void_server.weights.folder import Paths, require, weights_folder

BASE = "base"
OVERLAYS = {1: "void_pass1.safetensors", 2: "void_pass2.safetensors"}


def void_weights(passes: int) -> Paths:
    """The weights of one or two passes.

    Raises:
        PreconditionFailed: a file is missing or damaged; the message has the command that repairs it.
    """
    return require(weights_folder(), BASE, *(OVERLAYS[p] for p in range(1, passes + 1)))


def weights_identity(passes: int) -> dict[str, Any]:
    """What tells these weights from others, for keys: size and time of each overlay, JSON-ready.

    Raises:
        PreconditionFailed: see `void_weights`.
    """
    paths = void_weights(passes)
    return {path.name: _stamp(path) for path in (paths.pass1, paths.pass2)[:passes]}


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
