# SPDX-License-Identifier: Apache-2.0
"""The picture of an inspection: some spread frames, the regions in colour over the plate, or over grey."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from void_server.masks.inspection import percent
from void_server.masks.like import Plates, scaled
from void_server.masks.sources import MaskFrame
from void_server.pipeline.contact_sheet import BACKGROUND, DIM, GAP, LINE, MARGIN, TEXT, draw_legend
from void_server.plates.colour import resolve
from void_server.plates.plate import read_plate
from void_server.plates.window import Window, place
from void_server.quadmask.compare import LEVEL
from void_server.quadmask.regions import overlay

U8 = npt.NDArray[np.uint8]

COLUMNS = 5
CELL = 400
"""Width in pixels of one frame's picture."""
GREY = 110
OPACITY = 0.6


@dataclass(frozen=True)
class Cell:
    """One frame of the sheet: its number, its picture (h, w, 3) uint8, and the share that is removed, 0..1."""

    frame: int
    picture: U8
    removed: float


def spread(frames: Sequence[int], count: int = COLUMNS) -> list[int]:
    """At most `count` of the frames at even distances, the first and the last among them."""
    places = np.linspace(0, len(frames) - 1, min(count, len(frames)))
    return [frames[round(place)] for place in places]


def cell_of(frame: MaskFrame, plates: Plates | None) -> Cell:
    """The cell of a frame, over its plate where there is one."""
    aspect = frame.display.width * frame.pixel_aspect / frame.display.height
    window = Window(0, 0, CELL, max(1, round(CELL / aspect)))
    behind = np.full((*window.shape, 3), GREY, np.uint8)
    if plates is not None and frame.number in plates.frames:
        behind = _plate(plates, frame.number, window)
    shown = frame.shown
    picture = overlay(behind, scaled(shown, window), OPACITY)
    return Cell(frame.number, picture, float(np.mean(shown.remove >= LEVEL)))


def draw_sheet(title: str, cells: Sequence[Cell]) -> bytes:
    """The sheet as PNG."""
    height = max(cell.picture.shape[0] for cell in cells)
    columns = max(2, len(cells))
    size = (2 * MARGIN + columns * (CELL + GAP) - GAP, 2 * MARGIN + 3 * LINE + height)
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font, small = ImageFont.load_default(18), ImageFont.load_default(14)
    draw.text((MARGIN, MARGIN), _fitting(title, sheet.width - 2 * MARGIN - 320, font), TEXT, font)
    draw_legend(draw, small, sheet.width)
    for column, cell in enumerate(cells):
        x, y = MARGIN + column * (CELL + GAP), MARGIN + 2 * LINE
        draw.text((x, y - LINE + 2), f"{cell.frame}", TEXT, font)
        sheet.paste(Image.fromarray(cell.picture), (x, y))
        removed = f"{percent(cell.removed)} removed" if cell.removed else "nothing removed"
        draw.text((x, y + height + 4), removed, DIM, small)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _plate(plates: Plates, frame: int, window: Window) -> U8:
    """The display window of a plate as people see it, at the size of a window, (h, w, 3) uint8."""
    path = plates.pattern.path(frame)
    plate = read_plate(path)
    space = resolve(plate.channels.part, str(path))
    colour = place(plate.colour.astype(np.float32), plate.data_window, plate.display_window)
    linear = np.nan_to_num(space.to_linear(np.ascontiguousarray(colour, np.float32)))
    small = cv2.resize(linear, (window.width, window.height), interpolation=cv2.INTER_AREA)
    return space.display_view(np.asarray(small, np.float32).reshape(*window.shape, -1))


def _fitting(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, or its end behind an ellipsis where it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength("…" + text) > width:
        text = text[1:]
    return "…" + text
