# SPDX-License-Identifier: Apache-2.0
"""Which weights the engine `void` runs with on this machine."""

from __future__ import annotations

from pathlib import Path

from void_server.weights.catalogue import select
from void_server.weights.folder import Paths, require, weights_folder
from void_server.weights.layout import expected
from void_server.weights.record import Entry, load

BASE = "base"
OVERLAYS = {1: "void_pass1.safetensors", 2: "void_pass2.safetensors"}


def void_weights(passes: int) -> Paths:
    """The weights of one or two passes.

    Raises:
        PreconditionFailed: a file is missing or damaged; the message has the command that repairs it.
    """
    return require(weights_folder(), *_wanted(passes))


def weights_identity(passes: int) -> dict[str, str]:
    """What tells these weights from others, for keys and papers: by file its SHA-256 where it was verified and has not
    been touched since, else its length and time.

    Raises:
        PreconditionFailed: see `void_weights`.
    """
    folder = void_weights(passes).folder
    recorded = load(folder).files
    files = expected(folder / BASE, select(_wanted(passes)))
    present = [file.name for file in files if (folder / file.name).exists()]
    return {name: _identity(folder / name, recorded.get(name)) for name in sorted(present)}


def raft_identity() -> dict[str, str]:
    """The same for the weights of RAFT; empty where there are none."""
    path = Paths(weights_folder()).raft
    return {"raft": _identity(path, None)} if path.exists() else {}


def _wanted(passes: int) -> list[str]:
    return [BASE, *(OVERLAYS[p] for p in range(1, passes + 1))]


def _identity(path: Path, entry: Entry | None) -> str:
    status = path.stat()
    stamp = (status.st_size, status.st_mtime_ns)
    if entry is not None and stamp == (entry.size, entry.seen_mtime_ns):
        return f"sha256:{entry.sha256}"
    return f"unverified:{stamp[0]}:{stamp[1]}"
