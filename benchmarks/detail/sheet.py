# SPDX-License-Identifier: Apache-2.0
"""A picture to look at: crops of a frame at full resolution, side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.detail.run import BY_REAL, OURS, Frame, Rebuilt
from benchmarks.quality.scores import view
from void_server.pipeline.regions import cut

TIMES, BAR, MARGIN = 2, 18, 12
"""How often a pixel is repeated; pixels of the caption; pixels around the region that are shown."""
MOST = 132
"""Pixels of a crop at most, each way."""


def write_sheet(path: Path, rows: list[tuple[str, Rebuilt, Frame]]) -> None:
    """Writes an 8-bit PNG, a row a case: plate | bicubic | guided filter | joined | wanted | what is real.

    Args:
        rows: what each row is, its shot and its frame.
    """
    drawn = [_row(*row) for row in rows]
    width = max(row.shape[1] for row in drawn)
    sheet = np.vstack(
        [cv2.copyMakeBorder(r, 0, 4, 0, width - r.shape[1], cv2.BORDER_CONSTANT) for r in drawn]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise OSError(f"could not write {path}")


def _row(what: str, rebuilt: Rebuilt, frame: Frame) -> NDArray[np.uint8]:
    at = frame.position
    pictures = {
        f"{what}, plate": view(cut(rebuilt.shot.plates[at], frame.crop)),
        "bicubic": view(rebuilt.encoding.decode(frame.ways["bicubic"])),
        BY_REAL: view(rebuilt.encoding.decode(frame.ways[BY_REAL])),
        OURS: view(rebuilt.encoding.decode(frame.ways[OURS])),
        "wanted": view(cut(rebuilt.wanted[at], frame.crop)),
        "real pixels": np.repeat((frame.share * frame.region)[..., None], 3, axis=2),
    }
    rows, columns = np.nonzero(frame.region)
    top, left = max(0, rows.min() - MARGIN), max(0, columns.min() - MARGIN)
    part = np.s_[top : min(rows.max() + MARGIN, top + MOST), left : min(columns.max() + MARGIN, left + MOST)]
    return np.hstack([_captioned(picture[part], text) for text, picture in pictures.items()])


def _captioned(picture: NDArray[np.float32], text: str) -> NDArray[np.uint8]:
    shown = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    large = np.repeat(np.repeat(shown, TIMES, axis=0), TIMES, axis=1)
    framed = cv2.copyMakeBorder(large, BAR, 0, 0, 4, cv2.BORDER_CONSTANT)
    cv2.putText(framed, text, (2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return np.asarray(framed, np.uint8)
