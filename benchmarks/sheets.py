# SPDX-License-Identifier: Apache-2.0
"""Command line: `python -m benchmarks.sheets SHOT_DIR RESULT_DIR OUT`: results to be looked at, pixel by pixel."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from void_server.errors import VoidError
from void_server.plates.matte import read_matte
from void_server.plates.plate import read_plate

TEACHING = """\
SHOT_DIR holds plate/plate.FRAME.exr; if it also holds clean/clean.FRAME.exr, the right answer, that is shown too.
RESULT_DIR is what `void remove` wrote. Each row of the sheet is one frame: before, result, difference and, where it is
known, the right answer, all at full resolution around the blend matte, cut where that is larger than --largest.

Pictures are shown by the sRGB curve, darker or brighter by --exposure stops; the difference is the result's less the
plate's under that curve, times --gain, centred on grey: brighter is brighter in the result, grey is the plate's bits.
A white outline is the blend matte's.
"""
F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]
GAP = 6


@dataclass(frozen=True)
class Look:
    """How pictures are shown: exposure in stops, gain of the difference, and the greatest side in pixels."""

    exposure: float
    gain: float
    largest: int


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark; 2 on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sheets",
        description="Makes a sheet of crops at full resolution: before, result, difference, right answer.",
        epilog=TEACHING,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shot", type=Path, metavar="SHOT_DIR")
    parser.add_argument("result", type=Path, metavar="RESULT_DIR")
    parser.add_argument("out", type=Path, metavar="OUT", help="PNG or JPG")
    parser.add_argument("--frames", type=int, default=3, help="rows of the sheet (default: %(default)s)")
    parser.add_argument("--exposure", type=float, default=0.0, metavar="STOPS", help="default: %(default)s")
    parser.add_argument("--gain", type=float, default=4.0, help="of the difference (default: %(default)s)")
    parser.add_argument("--largest", type=int, default=400, metavar="PX", help="default: %(default)s")
    options = parser.parse_args(arguments)
    look = Look(options.exposure, options.gain, options.largest)
    try:
        picture = sheet(options.shot, options.result, options.frames, look)
    except (VoidError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    quality = [cv2.IMWRITE_JPEG_QUALITY, 85] if options.out.suffix == ".jpg" else []
    if not cv2.imwrite(str(options.out), picture[..., ::-1], quality):
        print(f"{options.out} cannot be written.", file=sys.stderr)
        return 2
    return 0


def sheet(shot: Path, result: Path, rows: int, look: Look) -> U8:
    """(h, w, 3) of some frames, spread over the result.

    Raises:
        ValueError: there is no result, or nothing was blended on any of its frames.
    """
    frames = _frames(result)
    if not frames:
        raise ValueError(f"{result} holds no results.")
    blended = [n for n, path in frames.items() if (_blend(result, path) > 0).any()]
    if not blended:
        raise ValueError(f"Nothing was blended in {result}.")
    spread = np.linspace(0, len(blended) - 1, min(rows, len(blended)) + 2)[1:-1]
    shown = sorted({blended[round(float(at))] for at in spread})
    made = [_row(shot, result, frames[n], n, look) for n in shown]
    width = max(row.shape[1] for row in made)
    padded = [np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0))) for row in made]
    return np.asarray(np.concatenate(padded), np.uint8)


def _frames(result: Path) -> dict[int, Path]:
    """The result files by frame number."""
    found = ((re.search(r"\.(-?\d+)\.exr$", path.name), path) for path in sorted(result.glob("*.exr")))
    return {int(match[1]): path for match, path in found if match}


def _blend(result: Path, frame: Path) -> F32:
    """The published blend matte of a frame."""
    matte = read_matte(frame, "void_mask.alpha")
    return np.asarray(matte.on(matte.display_window), np.float32)


def _row(shot: Path, result: Path, path: Path, number: int, look: Look) -> U8:
    plate = read_plate(_file(shot, "plate", number)).colour.astype(np.float32)
    after = read_plate(path).colour.astype(np.float32)
    blend = _blend(result, path)
    box = _box(blend > 0, look.largest)
    before, made = (_shown(p[box], look) for p in (plate, after))
    difference = np.clip(0.5 + look.gain * (made - before), 0, 1)
    clean = _file(shot, "clean", number)
    right = [_shown(read_plate(clean).colour.astype(np.float32)[box], look)] if clean.is_file() else []
    outlined = _outlined(before, blend[box] > 0)
    parts = [
        _named(p, name)
        for p, name in zip(
            [outlined, made, difference, *right],
            [f"{number} before", "result", f"difference x{look.gain:g}", "right answer"],
            strict=False,
        )
    ]
    gap = np.zeros((parts[0].shape[0], GAP, 3), np.uint8)
    joined = [piece for part in parts for piece in (part, gap)][:-1]
    return np.concatenate(joined, axis=1)


def _file(shot: Path, kind: str, number: int) -> Path:
    return shot / kind / f"{kind}.{number:04d}.exr"


def _box(inside: NDArray[np.bool_], largest: int, around: int = 16) -> tuple[slice, slice]:
    """What of the picture is shown: around the blend matte, or around its middle where that is too large."""
    slices = []
    for axis, length in ((1, inside.shape[0]), (0, inside.shape[1])):
        found = np.flatnonzero(inside.any(axis=axis))
        first, last = max(0, int(found[0]) - around), min(length, int(found[-1]) + 1 + around)
        if last - first > largest:
            first = (first + last - largest) // 2
            last = first + largest
        slices.append(slice(first, last))
    return slices[0], slices[1]


def _shown(linear: F32, look: Look) -> F32:
    """(h, w, 3) 0..1 under the sRGB curve."""
    light = np.clip(np.nan_to_num(linear * np.float32(2**look.exposure), posinf=1e4, neginf=0.0), 0, 1)
    low = light * 12.92
    curve = np.where(light <= 0.0031308, low, 1.055 * np.power(np.maximum(light, 1e-9), 1 / 2.4) - 0.055)
    return np.asarray(np.broadcast_to(curve, (*curve.shape[:2], 3)), np.float32)


def _outlined(picture: F32, inside: NDArray[np.bool_]) -> F32:
    edge = inside & (cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    return np.where(edge[..., None], np.float32(1), picture)


def _named(picture: F32, name: str) -> U8:
    drawn = np.ascontiguousarray(np.round(255 * picture).astype(np.uint8))
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(drawn, name, (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, width, cv2.LINE_AA)
    return drawn


if __name__ == "__main__":
    sys.exit(main())
