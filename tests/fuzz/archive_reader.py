# SPDX-License-Identifier: Apache-2.0
"""A process that opens hostile OCIO archives with the workers' own functions, and says how each of them ended."""

from __future__ import annotations

import os
import resource
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.reader import MEMORY_BYTES, _address_space
from void_server.errors import VoidError
from void_server.plates.colour import ColourSpace, load_config, rec709_matrix, resolve
from void_server.plates.header import read_header
from void_server.pool.messages import read_message, write_message
from void_server.pool.worker import _claim_standard_output

NAMES = ("odd", "raw", "")


def main(good: Path) -> None:
    """Answer each `{"path": …}` with `{"ok": {space: outcome}}`; an outcome is "ok", an error's code or a trace."""
    replies = _claim_standard_output()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    part = read_header(good).parts[0]
    load_config("ocio://default")
    limit = _address_space() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    while (task := read_message(sys.stdin.buffer)) is not None:
        load_config.cache_clear()
        write_message(replies, {"ok": {name: _outcome(part, name, task["path"]) for name in NAMES}})


def _outcome(part: Any, name: str, path: str) -> str:
    try:
        _use(resolve(part, "plate.0001.exr", name=name, config=path))
    except VoidError as error:
        return error.code
    except BaseException:  # noqa: BLE001 - anything else is what we look for
        return traceback.format_exc()
    return "ok"


def _use(space: ColourSpace) -> None:
    picture = np.full((2, 2, 3), 0.18, np.float32)
    space.from_linear(space.to_linear(picture.copy()))
    space.display_view(picture)
    rec709_matrix(space)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
