# SPDX-License-Identifier: Apache-2.0
"""A ground-truth shot read from its folder: plate/, clean/, roto/, affected/ as EXR, and shot.json.

shot.json holds `name` and `frames`, the first and last frame number; files are `plate/plate.1001.exr` and so on. Plates
are scene-linear, and `clean` is the same shot as if the object had never been there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from void_server.errors import InvalidInput
from void_server.plates.matte import read_matte
from void_server.plates.plate import read_plate


@dataclass(frozen=True)
class Shot:
    """A shot in memory; every list has one picture a frame.

    Attributes:
        name: as shot.json has it.
        numbers: frame numbers.
        plates: (H, W, 3) float16 or float32, scene-linear, with the object.
        clean: the same without it.
        remove: (H, W) float32 0..1, the object's visible pixels.
        affected: (H, W) float32 0..1, what differs between plate and clean outside the object.
    """

    name: str
    numbers: list[int]
    plates: list[NDArray[Any]]
    clean: list[NDArray[Any]]
    remove: list[NDArray[np.float32]]
    affected: list[NDArray[np.float32]]


def read_shot(folder: Path) -> Shot:
    """Reads a shot.

    Raises:
        InvalidInput: there is no shot in the folder, or its pictures differ in size.
    """
    description = folder / "shot.json"
    if not description.is_file():
        raise InvalidInput(f"{folder} holds no shot.json.", fix="Give the folder of a ground-truth shot.")
    about = json.loads(description.read_text(encoding="utf-8"))
    first, last = about["frames"]
    numbers = list(range(first, last + 1))
    shot = Shot(
        str(about["name"]),
        numbers,
        [read_plate(folder / "plate" / f"plate.{n}.exr").colour for n in numbers],
        [read_plate(folder / "clean" / f"clean.{n}.exr").colour for n in numbers],
        [_matte(folder, "roto", n) for n in numbers],
        [_matte(folder, "affected", n) for n in numbers],
    )
    sizes = {
        picture.shape[:2]
        for kind in (shot.plates, shot.clean, shot.remove, shot.affected)
        for picture in kind
    }
    if len(sizes) != 1:
        raise InvalidInput(f"The pictures of {folder} differ in size: {sorted(sizes)}.")
    return shot


def _matte(folder: Path, kind: str, number: int) -> NDArray[np.float32]:
    matte = read_matte(folder / kind / f"{kind}.{number}.exr")
    return matte.on(matte.display_window)
