# SPDX-License-Identifier: Apache-2.0
"""Which weights the engine `void` runs with on this machine."""

from __future__ import annotations

from pathlib import Path

from void_server.errors import InvalidInput
from void_server.weights.catalogue import select
from void_server.weights.folder import Paths, require, weights_folder
from void_server.weights.layout import expected
from void_server.weights.record import Entry, load

DEFAULT, SETS = "default", "sets"
BASE = "base"
OVERLAYS = {1: "void_pass1.safetensors", 2: "void_pass2.safetensors"}


def weight_sets() -> list[str]:
    """Names of the sets of weights beside the default one: the folders in `SETS` of the weights folder."""
    folder = weights_folder() / SETS
    return sorted(f.name for f in folder.iterdir() if f.is_dir()) if folder.is_dir() else []


def void_weights(passes: int, name: str = DEFAULT) -> Paths:
    """The weights of one or two passes.

    Args:
        passes: 1 or 2.
        name: of the set.

    Raises:
        InvalidInput: there is no such set.
        PreconditionFailed: a file is missing or damaged; the message has the command that repairs it.
    """
    return require(_folder(name), *_wanted(passes))


def weights_identity(passes: int, name: str = DEFAULT) -> dict[str, str]:
    """What tells these weights from others, for keys and papers: by file its SHA-256 where it was verified and has not
    been touched since, else its length and time.

    Raises:
        InvalidInput, PreconditionFailed: see `void_weights`.
    """
    folder = void_weights(passes, name).folder
    recorded = load(folder).files
    files = expected(folder / BASE, select(_wanted(passes)))
    present = [file.name for file in files if (folder / file.name).exists()]
    return {name: identity(folder / name, recorded.get(name)) for name in sorted(present)}


def raft_identity(name: str = DEFAULT) -> dict[str, str]:
    """The same for a set's weights of RAFT; empty where there are none."""
    path = Paths(_folder(name)).raft
    return {"raft": identity(path, None)} if path.exists() else {}


def _folder(name: str) -> Path:
    if name == DEFAULT:
        return weights_folder()
    # Only what was listed: a name from a caller is no path.
    if name not in weight_sets():
        raise InvalidInput(
            f"This server has no weights named {name!r}.",
            fix=f"There are: {', '.join([DEFAULT, *weight_sets()])}.",
        )
    return weights_folder() / SETS / name


def _wanted(passes: int) -> list[str]:
    return [BASE, *(OVERLAYS[p] for p in range(1, passes + 1))]


def identities(checkpoint: Path) -> dict[str, str]:
    """What tells a checkpoint, a file or a folder of files, from others; by file, as `weights_identity`."""
    folder = weights_folder()
    recorded = load(folder).files
    files = sorted(checkpoint.iterdir()) if checkpoint.is_dir() else [checkpoint]
    named = {file.relative_to(folder).as_posix(): file for file in files if file.is_file()}
    return {name: identity(file, recorded.get(name)) for name, file in named.items()}


def identity(path: Path, entry: Entry | None) -> str:
    """What tells a file from others: its recorded SHA-256 where it was not touched since, else its length and time."""
    status = path.stat()
    stamp = (status.st_size, status.st_mtime_ns)
    if entry is not None and stamp == (entry.size, entry.seen_mtime_ns):
        return f"sha256:{entry.sha256}"
    return f"unverified:{stamp[0]}:{stamp[1]}"
