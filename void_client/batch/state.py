# SPDX-License-Identifier: Apache-2.0
"""What a batch remembers from one run to the next: a small file beside the table of shots, replaced atomically.

It spares the next run to read frames again. It is not needed to find jobs: without it the same order is sent again, and
the server answers with the job that it has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from void_client.batch.shots import ShotWish
from void_client.errors import BadInput
from void_client.results import whole_file

SUFFIX = ".state.json"
FORMAT = 1
SUBMITTED, DONE, FAILED = "submitted", "done", "failed"


@dataclass(frozen=True)
class ShotState:
    """How a shot stands.

    Attributes:
        state: submitted, done or failed.
        job: id of its job; empty where none was accepted.
        fingerprint: of its order and files, see `fingerprint`.
        message: why it failed; empty otherwise.
    """

    state: str
    job: str
    fingerprint: str
    message: str = ""


class BatchState:
    """The states of all shots, on disk after each change.

    Raises:
        BadInput: the file is there and is none of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._shots = _read(path)

    def get(self, shot: str, of: str = "") -> ShotState | None:
        """How a shot stands; None where nothing is known, or where its order or files are not those `of` then."""
        known = self._shots.get(shot)
        return known if known is not None and of in ("", known.fingerprint) else None

    def set(self, shot: str, state: ShotState) -> None:
        """Record how a shot stands.

        Raises:
            WriteFailed: the disk refused.
        """
        self._shots[shot] = state
        tree = {"format": FORMAT, "shots": {name: asdict(s) for name, s in self._shots.items()}}
        with whole_file(self.path) as file:
            file.write(json.dumps(tree, indent=1).encode())


def state_path(shots: Path) -> Path:
    """The file of a table of shots: `shots.toml` has `shots.state.json`."""
    return shots.with_suffix(SUFFIX)


def fingerprint(wish: ShotWish, config: str, files: Iterable[Path]) -> str:
    """SHA-256 over a shot's wish, its OCIO config, and name, length and time of change of each of its files."""
    stamps = []
    for path in files:
        status = path.stat()
        stamps.append([str(path), status.st_size, status.st_mtime_ns])
    text = json.dumps([dict(wish.values), dict(wish.options), config, stamps], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> dict[str, ShotState]:
    if not path.exists():
        return {}
    try:
        tree: Any = json.loads(path.read_bytes())
        if tree["format"] != FORMAT:
            raise ValueError("another format")
        return {str(name): ShotState(**state) for name, state in tree["shots"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(
            f"{path} cannot be read as the state of a batch: {error}.",
            fix="Move it away: the jobs are found again by their orders.",
            file=str(path),
        ) from error
