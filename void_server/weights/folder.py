# SPDX-License-Identifier: Apache-2.0
"""Where the weights lie, and what an engine asks for before it loads them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from void_server.data_folder import data_folder
from void_server.errors import Busy, PreconditionFailed, StoreFull
from void_server.lock import LockFile, LockHeld
from void_server.weights.catalogue import select
from void_server.weights.layout import State, expected, statuses
from void_server.weights.record import load

INCOMING = ".incoming"
"""Folder in the weights folder for files that are not whole yet: on the same disk, so that a rename publishes them."""

_LOCK = ".lock"


@dataclass(frozen=True)
class Paths:
    """Where each part lies in a weights folder; a part that was not asked for may not be there."""

    folder: Path

    @property
    def base(self) -> Path:
        """The base folder, laid out as published: scheduler, text_encoder, tokenizer, transformer, vae."""
        return self.folder / "base"

    @property
    def pass1(self) -> Path:
        """The overlay of pass 1."""
        return self.folder / "void_pass1.safetensors"

    @property
    def pass2(self) -> Path:
        """The overlay of pass 2."""
        return self.folder / "void_pass2.safetensors"

    @property
    def raft(self) -> Path:
        """torchvision's weights of RAFT (large), where the user has put them; they are not in the catalogue."""
        return self.folder / "raft" / "raft_large.pth"

    @property
    def sam2(self) -> Path:
        """The folder of SAM2's checkpoints."""
        return self.folder / "sam2"

    @property
    def grounding(self) -> Path:
        """The folder of the text-grounding model, where the user has put one; it is not in the catalogue."""
        return self.folder / "grounding"


def weights_folder() -> Path:
    """The weights folder: $VOID_WEIGHTS, else `weights` in the user's data folder."""
    chosen = os.environ.get("VOID_WEIGHTS")
    return Path(chosen) if chosen else data_folder() / "weights"


def require(folder: Path, *wanted: str) -> Paths:
    """The paths of a weights folder whose files of these groups and names are there and whole.

    Lengths and headers are read, tensors are not: it takes milliseconds.

    Args:
        folder: the weights folder.
        wanted: groups ("base") and files ("void_pass1.safetensors"); all groups when none is given.

    Raises:
        PreconditionFailed: a file is missing, truncated or wrong; the fix is the command that repairs it.
        InvalidInput: there is no such group or file.
        OSError: a file is there and cannot be read.
    """
    files = [file for file in expected(folder / "base", select(wanted)) if file.required]
    bad = [(f, s) for f, s in statuses(folder, files, load(folder)) if s.state is not State.PRESENT]
    if bad:
        first, status = bad[0]
        more = f" {len(bad)} of {len(files)} files are not usable." if len(bad) > 1 else ""
        raise PreconditionFailed(
            f"The weight file {folder / first.name} is {status}.{more}",
            fix=repair(*wanted),
            file=first.name,
        )
    return Paths(folder)


def repair(*wanted: str) -> str:
    """The commands that bring in what is missing or wrong of these groups and files; all when none is given."""
    command = " ".join(("void-server weights fetch", *wanted))
    return f"Run: {command} (without a network: void-server weights import FOLDER)"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder, hold it against other commands, and leave no unfinished files behind.

    Raises:
        Busy: another command works on the folder.
        OSError: the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = LockFile(folder / _LOCK)
    except LockHeld:
        raise Busy(f"Another `void-server weights` command works on {folder}; wait for its end.") from None
    try:
        shutil.rmtree(folder / INCOMING, ignore_errors=True)
        yield
    finally:
        shutil.rmtree(folder / INCOMING, ignore_errors=True)
        lock.release()


def require_space(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk of `folder` cannot hold.

    Args:
        folder: an existing folder.
        needed: bytes.

    Raises:
        StoreFull: with both numbers.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StoreFull(
            f"The disk of {folder} has {free} bytes free, and {needed} are needed.",
            fix="Free some space, or name a folder on another disk in $VOID_WEIGHTS.",
        )
