# SPDX-License-Identifier: Apache-2.0
"""The unit `still`: display pictures of one frame for the monitor page: plate, result and regions."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import matte_contents
from void_server.pipeline.manifest import ShotManifest
from void_server.pipeline.reduced import published_light, reduced, reduced_light
from void_server.pipeline.shot import StoredShot
from void_server.pipeline.units import unit
from void_server.plates.window import Window
from void_server.quadmask.regions import Quadmask, regions_picture

MOST_STILLS, WORST_STILLS = 12, 3
"""Stills of a job, and how many of them may be of the frames with the worst figures; the rest is spread evenly."""
STILL_SIDE, THUMB_SIDE = 960, 192
"""Longest side in pixels; nothing is enlarged."""
MAX_PICTURE_BYTES = 512 << 10
"""Of one JPEG: a job's stills have at most about 12.5 MB, and two masks of few colours a still more."""
QUALITIES = (92, 85, 75, 60, 40)
"""JPEG qualities that are tried in turn until a picture has at most `MAX_PICTURE_BYTES`; the last one is taken."""

U8 = npt.NDArray[np.uint8]


def still_units(
    shot: ShotManifest,
    digest: str,
    frames: Sequence[Mapping[str, Any]],
    results: Sequence[str] | None,
    lines: Sequence[Sequence[int]] = (),
) -> list[dict[str, Any]]:
    """The units of a job's stills.

    Args:
        digest: of the stored shot.
        frames: the sidecar's `frames`, from which the frames with the worst figures are taken.
        results: digests of the published frames in order; None for a job of masks.
        lines: of each of these, the lines [first, end) outside which it is the plate.
    """
    positions = still_positions([f.active for f in shot.frames], [f["quality"] for f in frames])
    thumb = positions[len(positions) // 2]
    units = []
    for position in positions:
        frame = shot.frames[position]
        result = results[position] if results is not None else ""
        told = {"result": result, "thumb": position == thumb}
        key = unit_key(
            "still",
            plate=frame.content,
            mattes=matte_contents(frame),
            view=shot.view,
            window=shot.window,
            colour=asdict(shot.colour),
            **told,
        )
        names = ["still_before", "still_regions"]
        names += ["still_after"] if result else []
        names += ["still_thumb"] if told["thumb"] else []
        units.append(
            unit(
                "still",
                key,
                f"still of frame {frame.frame}",
                {
                    "shot": digest,
                    "position": position,
                    "lines": list(lines[position]) if result else [],
                    **told,
                },
                frame=frame.frame,
                role="still",
                publishes={name: name for name in names},
            )
        )
    return units


def still_positions(active: Sequence[bool], quality: Sequence[Mapping[str, Any]]) -> list[int]:
    """Positions of the stills, at most `MOST_STILLS`: the worst by their figures, then spread over the active frames.

    Worst is the frame of the least confidence, of the greatest change over time, of the most unfilled samples.

    Args:
        active: for each frame, whether there is something to fill.
        quality: for each frame, the sidecar's `quality`; a figure may be absent or None.
    """
    candidates = [i for i, a in enumerate(active) if a] or list(range(len(active)))
    if len(candidates) <= MOST_STILLS:
        return candidates
    chosen: set[int] = set()
    for name, sign in (("confidence", -1), ("change_over_time", 1), ("unfilled", 1)):
        known = [i for i in candidates if quality[i].get(name) is not None]
        figures = [quality[i][name] for i in known]
        if figures and min(figures) < max(figures):
            chosen.add(max(known, key=lambda i: sign * quality[i][name]))
    spread = np.linspace(0, len(candidates) - 1, MOST_STILLS - WORST_STILLS)
    return sorted(chosen | {candidates[round(float(i))] for i in spread})


def still(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blobs `still_before` and, where there is a result, `still_after` (JPEG), `still_regions` (PNG with the
    regions' colours, clear elsewhere) and, if asked for, `still_thumb` (JPEG).

    Args:
        args: `position`, `result` (digest of the published frame, or empty), `lines` (the lines [first, end) outside
            which that is the plate) and `thumb`.
    """
    position = args["position"]
    plate = shot.planes(position)
    window = plate.channels.part.display_window
    size = _size(window, plate.channels.part.pixel_aspect)
    light = reduced_light(shot, plate, size)
    before = shot.colour.display_view(light)
    pictures = {"still_before": _jpeg(before)}
    quadmask = shot.quadmask(position, window)
    regions = Quadmask(reduced(quadmask.remove, size), reduced(quadmask.affected, size))
    pictures["still_regions"] = _png(regions_picture(regions))
    shown = before
    if args["result"]:
        after = published_light(shot, plate, light, blobs.path(args["result"]), tuple(args["lines"]))
        shown = shot.colour.display_view(after)
        pictures["still_after"] = _jpeg(shown)
    if args["thumb"]:
        side = max(shown.shape[:2])
        scale = min(1.0, THUMB_SIDE / side)
        size = tuple(max(1, round(n * scale)) for n in (shown.shape[1], shown.shape[0]))
        pictures["still_thumb"] = _jpeg(np.asarray(cv2.resize(shown, size, interpolation=cv2.INTER_AREA)))
    return {name: blobs.add_bytes(data) for name, data in pictures.items()}, {}


def _size(window: Window, aspect: float) -> tuple[int, int]:
    """Columns and rows with square pixels, the longest side at most `STILL_SIDE`."""
    height, width = window.height, window.width * aspect
    scale = min(1.0, STILL_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _jpeg(picture: U8) -> bytes:
    data = b""
    for quality in QUALITIES:
        buffer = io.BytesIO()
        # Colour at full resolution: rims of saturated things are what is looked at.
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling=0)
        data = buffer.getvalue()
        if len(data) <= MAX_PICTURE_BYTES:
            break
    return data


def _png(picture: U8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
