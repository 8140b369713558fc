# SPDX-License-Identifier: Apache-2.0
"""The unit `regions`: where on a frame something is to be filled; and the crops that a run of the model sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from void_server.engines.void.plate_size import Rect, grown_region
from void_server.engines.void.regions import Run, View, region_parts
from void_server.frames.blobs import StoredBlob
from void_server.pipeline.shot import StoredShot

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True)
class Crops:
    """What one run of the model sees of each frame.

    Attributes:
        model: height and width of the model's picture.
        size: width and height of the crop, in plate pixels.
        corners: (x, y) of it on each frame, in the common window.
    """

    model: tuple[int, int]
    size: tuple[int, int]
    corners: tuple[tuple[int, int], ...]

    @staticmethod
    def of(run: Run, view: View) -> Crops:
        """Those of a planned run."""
        return Crops((view.height, view.width), (run.width, run.height), run.corners)

    @staticmethod
    def from_dict(tree: Mapping[str, Any]) -> Crops:
        """What `to_dict` gave."""
        model, size = ((int(v[0]), int(v[1])) for v in (tree["model"], tree["size"]))
        return Crops(model, size, tuple((int(x), int(y)) for x, y in tree["corners"]))

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)

    def rect(self, position: int) -> Rect:
        """(x0, y0, x1, y1) on a frame."""
        x, y = self.corners[position]
        return x, y, x + self.size[0], y + self.size[1]


def cut(values: npt.NDArray[Scalar], rect: Rect | None) -> npt.NDArray[Scalar]:
    """The part (h, w[, c]) of a picture (H, W[, c]) within a rectangle; all of it without one."""
    return values if rect is None else values[rect[1] : rect[3], rect[0] : rect[2]]


def regions(
    shot: StoredShot, args: Mapping[str, Any]
) -> tuple[dict[str, StoredBlob], dict[str, list[list[int]]]]:
    """Say in `parts` where on the frame at `position` something is to be filled, as boxes on the common window.

    What is kept is left out, but for the margin that is filled around a region beside it.
    """
    position = args["position"]
    region = shot.quadmask(position, shot.window).region
    keep = shot.keep(position, shot.window)
    if (keep >= 1).any():
        region = region & grown_region(keep < 1, shot.manifest.settings["margin"])
    return {}, {"parts": [list(box) for box in region_parts(region)]}
