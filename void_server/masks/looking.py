# SPDX-License-Identifier: Apache-2.0
"""A mask read once, for its facts and for a picture of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from void_server.errors import InvalidInput
from void_server.masks.inspection import Beside, Inspection, facts_of
from void_server.masks.like import Plates
from void_server.masks.progress import told
from void_server.masks.sheet import Cell, cell_of, draw_sheet, spread
from void_server.masks.sources import MaskFrame, Source
from void_server.plates.publish import published


def inspect(source: Source, plates: Plates | None = None, picture: Path | None = None) -> Inspection:
    """The inspection of all frames, and the picture where one is asked for.

    Args:
        plates: the plate that the mask is for; None for none.
        picture: a PNG to write; None for none. An older one is replaced.

    Raises:
        InvalidInput: the picture cannot be written there, or a file cannot be read.
    """
    if picture is not None and (picture.suffix.lower() != ".png" or not picture.parent.is_dir()):
        raise InvalidInput(
            f"{picture} cannot be written: it does not end in .png, or its folder is not there.",
            fix="Name a .png in a folder that is there.",
            file=str(picture),
        )
    wanted = set(spread(source.frames)) if picture is not None else set()
    cells: list[Cell] = []

    def frames() -> Iterator[MaskFrame]:
        for frame in told(source.read(source.frames), "inspecting", len(source.frames)):
            if frame.number in wanted:
                cells.append(cell_of(frame, plates))
            yield frame

    seen = facts_of(source, frames(), _beside(plates))
    if picture is not None:
        _write(picture, draw_sheet(Path(source.text).name, cells))
    return seen


def _beside(plates: Plates | None) -> Beside | None:
    if plates is None:
        return None
    display = plates.part(plates.frames[0]).display_window
    return Beside(plates.pattern.text, plates.frames, (display.width, display.height))


def _write(path: Path, data: bytes) -> None:
    with published(path) as temporary:
        temporary.write_bytes(data)
