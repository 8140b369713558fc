# SPDX-License-Identifier: Apache-2.0
"""A process that does with hostile clips what `void mask` does, and says how each of them ended."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from void_server.errors import VoidError
from void_server.masks.comparison import compared
from void_server.masks.conversion import Wishes, convert
from void_server.masks.inspection import facts_of
from void_server.masks.sources import Source, open_source
from void_server.pool.messages import read_message, write_message
from void_server.pool.worker import _claim_standard_output

MOST_PICTURES = 1000
"""More than the seeds hold, however often damage repeats a piece of them."""
MOST_BYTES = 600 << 20
"""Resident memory that one ffmpeg may take; a whole seed takes 50 MB."""


def main(folder: Path) -> None:
    """Answer each `{"path": …}` with `{"ok": {step: outcome}}`; an outcome is "ok", an error's code or a trace."""
    replies = _claim_standard_output()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    while (task := read_message(sys.stdin.buffer)) is not None:
        path, out = Path(task["path"]), folder / "out"
        out.mkdir()
        outcomes = {name: _outcome(step, path, out) for name, step in _STEPS.items()}
        shutil.rmtree(out)
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        outcomes["memory"] = "ok" if most < MOST_BYTES else f"an ffmpeg took\n{most >> 20} MiB"
        write_message(replies, {"ok": outcomes})


def _outcome(step: Callable[[Path, Path], None], path: Path, out: Path) -> str:
    before = sorted(out.iterdir())
    try:
        step(path, out)
    except VoidError as error:
        left = sorted(set(out.iterdir()) - set(before))
        return error.code if not left or left == [out / "frames"] else f"{error.code}, and left\n{left}"
    except BaseException:  # noqa: BLE001 - anything else is what we look for
        return traceback.format_exc()
    return "ok"


def _source(path: Path) -> Source:
    return open_source(str(path), first=1, polarity="quadmask")


def _inspect(path: Path, out: Path) -> None:
    source = _source(path)
    assert 0 < len(source.frames) < MOST_PICTURES, f"{len(source.frames)} pictures"
    facts_of(source, source.read(source.frames)).to_text()


def _to_clip(path: Path, out: Path) -> None:
    convert(_source(path), str(out / "quadmask_0.mp4"), Wishes())


def _to_frames(path: Path, out: Path) -> None:
    """Mattes of all pictures are written, and are as the clip was."""
    pattern = str(out / "frames" / "matte.####.exr")
    convert(_source(path), pattern, Wishes())
    same = compared(_source(path), open_source(pattern, first=None))
    assert min(min(one.iou) for one in same.likeness.values()) == 1.0, "the mattes differ from the clip"


_STEPS: dict[str, Callable[[Path, Path], None]] = {
    "inspect": _inspect,
    "clip": _to_clip,
    "frames": _to_frames,
}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
