# SPDX-License-Identifier: Apache-2.0
"""The unit `publish`: fill and plate are blended, written, read back and checked against the hashed source."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.conform.blend import blend_matte, composite
from void_server.conform.quality import FrameQuality, frame_quality
from void_server.engines.cleanplate import FrameFill, SteadyGain, steadied
from void_server.errors import DataLoss
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays
from void_server.pipeline.grain import with_grain
from void_server.pipeline.passes import over, qc_layer, relight_layers, source_layer, window_of
from void_server.pipeline.shot import StoredShot
from void_server.plates.plate import Plate
from void_server.plates.result import write_quadmask, write_result
from void_server.plates.verify import OutsideCheck, outside_difference

F32 = npt.NDArray[np.float32]


def publish(
    shot: StoredShot,
    position: int,
    stored_fill: dict[str, str],
    edge: dict[str, Any],
    passes: dict[str, Any],
    attributes: dict[str, str | int | float],
    grain: dict[str, Any] | None,
    blobs: BlobFolder,
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Make the returned files of one frame; leaves the blobs `result` and `matte`.

    Args:
        stored_fill: `fill`, the stored `FrameFill`, empty for a frame with nothing to fill, and `steady`, the gain that
            steadies it, empty where there is none.
        edge: grow, feather (pixels) and compression.
        passes: `qc`, `source` and `relight`, whether these layers are wanted, and `before`, the stored fill of
            the frame before, or None.
        attributes: provenance for the header, under `void/`.
        grain: what of the plate's grain the fill is to be given (`plan_grain.wanted_grain`); None for none.

    Raises:
        DataLoss: a sample outside the blend matte is not the source's, or the source is corrupt; nothing is published.
    """
    source = shot.source(position)
    window = source.data_window
    quadmask = shot.quadmask(position, window)
    blend = blend_matte(
        quadmask.region,
        shot.keep(position, window),
        grow=edge["grow"],
        feather=edge["feather"],
        dtype=source.colour.dtype,
    )
    confidence = np.zeros(window.shape, np.float32)
    result, clipped, unfilled = source.colour, 0, 0
    fill = _finished(stored_fill, blobs)
    if fill is not None and (blend > 0).any():
        grained = with_grain(shot, position, fill, blend, window, grain, blobs) if grain else fill
        picture, at = _fill_in_plate_space(shot, grained, source)
        joined = composite(source.colour, picture, blend, at=at)
        result, clipped, unfilled = joined.colour, joined.clipped, joined.unfilled
        confidence = over(window, fill.confidence, window_of(shot, fill))
    layer = {f"void_mask.{name}": values for name, values in quadmask.layer(blend).items()}
    if passes["qc"]:
        previous = _finished(passes["before"], blobs) if passes["before"] else None
        layer |= qc_layer(shot, fill, previous, window)
    if passes["source"]:
        layer |= source_layer(shot, position, fill, source)
    if passes["relight"]:
        layer |= relight_layers(shot, fill, window)
    with blobs.scratch(".exr") as path, blobs.scratch(".exr") as matte_path:
        write_result(path, source, result, layer, compression=edge["compression"], attributes=attributes)
        outside = outside_difference(path, source, blend)
        _refuse_touched(outside, shot.manifest.frames[position].frame)
        write_quadmask(
            matte_path,
            source,
            quadmask.layer(blend),
            compression=edge["compression"],
            attributes=attributes,
        )
        stored = {"result": blobs.add_file(path), "matte": blobs.add_file(matte_path)}
    quality = frame_quality(
        source.colour, result, blend, outside=outside, clipped=clipped, confidence=confidence, change=None
    )
    return stored, _info(quality, outside, blend) | {"unfilled": unfilled}


def _finished(stored: dict[str, str], blobs: BlobFolder) -> FrameFill | None:
    if not stored["fill"]:
        return None
    fill = FrameFill.from_arrays(load_arrays(blobs, stored["fill"]))
    if fill.empty or not stored["steady"]:
        return fill
    return steadied(fill, SteadyGain.from_arrays(load_arrays(blobs, stored["steady"])))


def _fill_in_plate_space(shot: StoredShot, fill: FrameFill, source: Plate) -> tuple[F32, tuple[int, int]]:
    """What of the fill lies in the source's data window, in the plate's space and channel count, and where (x, y)."""
    colour = shot.to_plate_space(fill.colour)
    if source.colour.shape[2] == 1:
        colour = colour.mean(axis=2, keepdims=True)
    window = source.data_window
    shared = window_of(shot, fill).intersect(window)
    if shared.is_empty:
        return colour[:0, :0], (0, 0)
    return colour[window_of(shot, fill).slices(shared)], (shared.x - window.x, shared.y - window.y)


def _refuse_touched(outside: OutsideCheck, frame: int) -> None:
    if outside.samples_differing:
        raise DataLoss(
            f"{outside.samples_differing} samples outside the blend matte differ from the source"
            f" (by up to {outside.greatest_difference:g}) in the written file; it is not published.",
            fix="This is a defect of the server or its disk; report it with the server's log.",
            frame=frame,
        )


def _info(quality: FrameQuality, outside: OutsideCheck, blend: npt.NDArray[Any]) -> dict[str, Any]:
    return {
        **asdict(quality),
        "outside_samples_checked": outside.samples_checked,
        "blend_percent": 100.0 * float(np.count_nonzero(blend)) / blend.size,
    }
