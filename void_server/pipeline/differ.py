# SPDX-License-Identifier: Apache-2.0
"""The unit `differ`: where the fill of the clean-plate engine is more than the plate; and what `publish` makes of it
over some frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from void_server.conform.change import STEADY, steady_change
from void_server.conform.unchanged import change_of_fill
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.compare import stored_fill
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import known_shot, matte_contents
from void_server.pipeline.order import Order
from void_server.pipeline.plan_keys import rebuilt_fill
from void_server.pipeline.results import Results
from void_server.pipeline.shot import StoredShot
from void_server.pipeline.units import Plan, unit
from void_server.plates.window import Window, place
from void_server.quadmask.regions import THRESHOLD

VERSION = "1"
"""Part of the units' keys."""
LONG_SIDE = 960
"""Pixels of a plate's longer side at which the two are compared: the proxies' own."""

F32 = npt.NDArray[np.float32]


def plan_differ(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """Each frame that was filled; none where all of the region is to be replaced."""
    if order.masks_only or order.engine != "cleanplate" or not order.only_changed:
        return Plan()
    shot = known_shot(order, results, blobs)
    digest, units = shot.store(blobs).digest, []
    for position, frame in enumerate(shot.frames):
        fill = rebuilt_fill(results, frame.frame)
        if not frame.active or not fill["fill"]:
            continue
        key = unit_key(
            "differ",
            version=VERSION,
            frame=[frame.content, matte_contents(frame)],
            fill=fill,
            view=shot.view,
            window=shot.window,
            encoding=shot.encoding,
        )
        args = {"shot": digest, "position": position, "fill": fill}
        label = f"what is changed of frame {frame.frame}"
        units.append(unit("differ", key, label, args, frame=frame.frame))
    return Plan(units)


def differ(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blob `change`: `change` (h, w) float16 0..1 over the fill, reduced, and `box`, the fill's in the plate.

    Args:
        args: `position` of the frame, and its `fill` (`compare.stored_fill`).
    """
    position = args["position"]
    fill = stored_fill(args["fill"], blobs)
    if fill is None or fill.empty:
        return {}, {}
    x0, y0, x1, y1 = fill.box
    quadmask = shot.quadmask(position, shot.window)
    region = quadmask.region[y0:y1, x0:x1]
    if not (quadmask.region & (quadmask.remove <= THRESHOLD)).any():
        # What is removed is filled, whatever was there.
        return {}, {}
    times = max(1.0, max(shot.window.shape) / LONG_SIDE)
    size = max(1, round((x1 - x0) / times)), max(1, round((y1 - y0) / times))

    def small(values: npt.NDArray[Any]) -> F32:
        reduced = cv2.resize(np.asarray(values, np.float32), size, interpolation=cv2.INTER_AREA)
        return np.asarray(reduced.reshape(size[1], size[0], *values.shape[2:]), np.float32)

    encoding = shot.manifest.shot_encoding()
    plate = np.nan_to_num(shot.plate(position)[y0:y1, x0:x1], nan=0.0, posinf=65504.0, neginf=0.0)
    made, seen = (encoding.encode(small(picture)) for picture in (fill.colour, plate))
    relit = fill.relit if fill.relit is not None else 0.0
    filled = small(fill.borrowed + fill.synthesised + relit) > 0.5
    change = change_of_fill(made, seen, small(region) > 0, filled)
    arrays: dict[str, npt.NDArray[Any]] = {
        "change": change.astype(np.float16),
        "box": np.array(fill.box, np.int32),
    }
    return {"change": store_arrays(blobs, arrays)}, {}


def changes_near(results: Results, frames: list[int] | tuple[int, ...], position: int) -> dict[str, str]:
    """What `publish` reads to know what is changed of a frame: the stored blobs by position, as text."""
    found = {}
    for near in range(max(0, position - STEADY + 1), min(len(frames), position + STEADY)):
        one = results.find("differ", frames[near])
        if one is not None and "change" in one.blobs:
            found[str(near)] = one.blobs["change"]
    return found


def change_over(stored: Mapping[str, str], position: int, window: Window, blobs: BlobFolder) -> F32 | None:
    """(h, w) float32 0..1 over a window of the shot's common one: what is changed of a frame, that of its neighbours
    fading in and out within it; None where it is not known.

    Args:
        stored: as `changes_near` gives it.
        window: from the common window's corner.
    """
    if str(position) not in stored:
        return None
    changes = {int(p): _over(load_arrays(blobs, digest), window) for p, digest in stored.items()}
    return steady_change(position, changes)


def _over(arrays: Mapping[str, npt.NDArray[Any]], window: Window) -> F32:
    x0, y0, x1, y1 = (int(v) for v in arrays["box"])
    whole = cv2.resize(
        arrays["change"].astype(np.float32), (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR
    )
    return np.asarray(place(whole, Window(x0, y0, x1 - x0, y1 - y0), window), np.float32)
