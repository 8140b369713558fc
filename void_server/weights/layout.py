# SPDX-License-Identifier: Apache-2.0
"""What lies in a weights folder: which files it has to hold, and whether each is there and whole.

Judged without reading tensors: by length, header and record. `verification` reads everything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Any

from void_server.weights.catalogue import (
    INDEX,
    SINGLE,
    TEXT_ENCODER,
    WeightFile,
    is_text_encoder_weight,
    text_encoder_file,
)
from void_server.weights.record import Entry, Record
from void_server.weights.safetensors_header import BadHeader, CutHeader, whole_length

MOST_JSON_BYTES = 64 << 20
"""More than any configuration or index of a model has."""


class State(str, Enum):
    """How a file stands."""

    PRESENT = "present"
    MISSING = "missing"
    TRUNCATED = "truncated"
    WRONG = "wrong"


@dataclass(frozen=True)
class Status:
    """A file's state, its length in bytes (0 when missing), and what is the matter, in half a sentence."""

    state: State
    size: int = 0
    matter: str = ""

    def __str__(self) -> str:
        return f"{self.state.value}: {self.matter}" if self.matter else self.state.value


def state_of(path: Path, recorded: Entry | None = None) -> Status:
    """How the file at `path` stands, from its length, its header and what is recorded of it.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Status(State.MISSING)
    if not S_ISREG(found.st_mode):
        return Status(State.WRONG, matter="it is no file")
    if found.st_size == 0:
        return Status(State.TRUNCATED, 0, "it is empty")
    by_record = _by_record(found.st_size, recorded)
    return by_record or _by_content(path, found.st_size)


def statuses(folder: Path, files: Iterable[WeightFile], record: Record) -> list[tuple[WeightFile, Status]]:
    """How each of these files of a weights folder stands.

    Raises:
        OSError: one is there and cannot be read.
    """
    return [(file, state_of(folder / file.name, record.files.get(file.name))) for file in files]


def expected(base: Path, files: Iterable[WeightFile]) -> list[WeightFile]:
    """These files of the catalogue, those of the text encoder as the base folder `base` stores them.

    Its tensors are in the shards that its index names, or in one file without an index; where neither is there, what
    is published stands. An index that cannot be read counts as not there: `state_of` tells that.
    """
    files = list(files)
    places = [number for number, file in enumerate(files) if is_text_encoder_weight(file)]
    stored = _text_encoder_files(base) if places else None
    if stored is None:
        return files
    others = [file for file in files if not is_text_encoder_weight(file)]
    return [*others[: places[0]], *stored, *others[places[0] :]]


def shards_of(index: Path) -> list[str]:
    """Names of the shards that an index names, sorted.

    Raises:
        ValueError: it is no such index, or names something else than files beside it.
        OSError: it cannot be read.
    """
    weight_map = _json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ValueError("it has no weight_map")
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        if PurePosixPath(name).name != name or "\\" in name or not name.endswith(".safetensors"):
            raise ValueError(f"it names {name[:80]!r}, which is no safetensors file beside it")
    return names


def _text_encoder_files(base: Path) -> list[WeightFile] | None:
    index = base / TEXT_ENCODER / INDEX
    if index.exists():
        try:
            names = [INDEX, *shards_of(index)]
        except (ValueError, OSError):
            return None
    elif (base / TEXT_ENCODER / SINGLE).exists():
        names = [SINGLE]
    else:
        return None
    return [text_encoder_file(name) for name in names]


def _by_record(size: int, recorded: Entry | None) -> Status | None:
    if recorded is None:
        return None
    if size != recorded.size:
        state = State.TRUNCATED if size < recorded.size else State.WRONG
        return Status(state, size, f"it has {size} bytes, and had {recorded.size} when it was first verified")
    if recorded.damaged:
        return Status(State.WRONG, size, "its bytes are not those that were first verified")
    return None


def _by_content(path: Path, size: int) -> Status:
    try:
        if path.suffix == ".safetensors":
            return _by_length(size, whole_length(path))
        if path.name.endswith(".index.json"):
            shards_of(path)
        elif path.suffix == ".json":
            _json(path)
    except CutHeader as error:
        return Status(State.TRUNCATED, size, str(error))
    except (BadHeader, ValueError) as error:
        return Status(State.WRONG, size, str(error))
    return Status(State.PRESENT, size)


def _by_length(size: int, whole: int) -> Status:
    if size < whole:
        return Status(State.TRUNCATED, size, f"it has {size} of the {whole} bytes that its header announces")
    if size > whole:
        return Status(State.WRONG, size, f"it has {size} bytes where its header announces {whole}")
    return Status(State.PRESENT, size)


def _json(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MOST_JSON_BYTES:
        raise ValueError(f"it has more than {MOST_JSON_BYTES} bytes")
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value
