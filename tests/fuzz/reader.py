# SPDX-License-Identifier: Apache-2.0
"""A process that reads hostile files with the workers' own functions, and says how each of them ended.

It is a process of its own so that a crash or an endless loop in a native decoder is seen as such, and under a limit
of its address space (RLIMIT_AS), so that a file that makes it ask for too much is seen as well.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from void_server.errors import VoidError
from void_server.frames.blobs import BlobFolder
from void_server.frames.roots import Roots
from void_server.pipeline.ingest import ingest, probe
from void_server.pipeline.sources import Sources
from void_server.plates.header import EXRLimits, read_header
from void_server.plates.matte import read_matte, read_quadmask
from void_server.plates.plate import read_plate
from void_server.plates.result import write_result
from void_server.pool.messages import read_message, write_message
from void_server.pool.worker import _claim_standard_output

MAX_BYTES = 64 << 20
"""Decoded bytes that these files may ask for; far under the memory limit, so that running out of it is a finding."""
LIMITS = EXRLimits(max_pixels=1 << 22, max_bytes=MAX_BYTES)
MEMORY_BYTES = 512 << 20
"""Address space beyond what the process has after its imports."""


def main() -> None:
    """Answer each `{"path": …}` with `{"ok": {step: outcome}}`; an outcome is "ok", an error's code or a trace."""
    parser = argparse.ArgumentParser(prog="tests.fuzz.reader", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="folder for a frame store")
    options = parser.parse_args()
    replies = _claim_standard_output()
    # Codecs chatter about each damaged block; what matters is in the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    blobs = BlobFolder(options.store)
    read_plate_of_a_good_file_first(options.store)
    limit = _address_space() + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    while (task := read_message(sys.stdin.buffer)) is not None:
        write_message(replies, {"ok": _outcomes(Path(task["path"]), blobs)})


def read_plate_of_a_good_file_first(folder: Path) -> None:
    """Let libraries start their threads and caches before memory is counted."""
    from tests.small_shot import write_exr

    path = write_exr(folder / "good.exr", np.zeros((4, 4, 3), np.float16), "RGB")
    read_plate(path)
    path.unlink()


def _outcomes(path: Path, blobs: BlobFolder) -> dict[str, str]:
    found = {name: _outcome(step, path) for name, step in _STEPS.items()}
    digest = blobs.add_bytes(path.read_bytes()).digest
    found["probe"] = _outcome(lambda _: probe(digest, blobs, LIMITS), path)
    sources = Sources(blobs, Roots())
    for role in ("plate", "remove", "quadmask"):
        found[f"ingest as {role}"] = _outcome(lambda _, role=role: ingest(_args(digest, role), sources), path)
    blobs.path(digest).unlink()
    return found


def _outcome(step: Callable[[Path], Any], path: Path) -> str:
    try:
        step(path)
    except VoidError as error:
        return error.code
    except BaseException:  # noqa: BLE001 - anything else is what we look for
        return traceback.format_exc()
    return "ok"


def _args(digest: str, role: str) -> dict[str, Any]:
    limits = {"max_pixels": LIMITS.max_pixels, "max_bytes": LIMITS.max_bytes}
    colour = {"name": "", "builtin": "", "archive": ""}
    return {
        "digest": digest,
        "role": role,
        "channel": "",
        "view": "",
        "name": "plate.0001.exr",
        "limits": limits,
        "colour": colour,
    }


def _returned(path: Path) -> None:
    """A plate that can be read can be returned, whatever its attributes are."""
    plate = read_plate(path, limits=LIMITS)
    out = path.with_suffix(".returned.exr")
    mask = np.zeros(plate.colour.shape[:2], np.float32)
    try:
        write_result(out, plate, plate.colour, {"void_mask.red": mask})
        try:
            again = read_plate(out, limits=LIMITS)
        except VoidError as error:
            raise AssertionError(f"what was written for it cannot be read: {error}") from error
        assert again.colour.tobytes() == plate.colour.tobytes()
    finally:
        out.unlink(missing_ok=True)


_STEPS: dict[str, Callable[[Path], Any]] = {
    "header": lambda path: read_header(path, LIMITS),
    "plate": lambda path: read_plate(path, limits=LIMITS),
    "matte": lambda path: read_matte(path, limits=LIMITS),
    "quadmask": lambda path: read_quadmask(path, limits=LIMITS),
    "returned": _returned,
}


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
