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

from void_server.errors import DataLoss, NotFound
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.again import LINES
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import matte_contents
from void_server.pipeline.manifest import ShotManifest
from void_server.pipeline.reduced import reduced, reduced_light
from void_server.pipeline.results import Finished
from void_server.pipeline.shot import StoredShot
from void_server.pipeline.small_result import with_result
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

MADE = 2
"""Raised when a still shows the same in another way; part of its key."""

U8 = npt.NDArray[np.uint8]


def still_units(
    shot: ShotManifest, digest: str, frames: Sequence[Mapping[str, Any]], published: Sequence[Finished] | None
) -> list[dict[str, Any]]:
    """The units of a job's stills.

    Args:
        digest: of the stored shot.
        frames: the sidecar's `frames`, from which the frames with the worst figures are taken.
        published: the published frames in order; None for a job of masks.
    """
    positions = still_positions([f.active for f in shot.frames], [f["quality"] for f in frames])
    thumb = positions[len(positions) // 2]
    units = []
    for position in positions:
        frame = shot.frames[position]
        result = published[position] if published is not None else None
        plate = {
            "plate": frame.content,
            "view": shot.view,
            "window": shot.window,
            "colour": asdict(shot.colour),
        }
        mattes, shows = matte_contents(frame), position == thumb
        made = frames[position]["delivered"]["result"]
        # Its samples and not its bytes, which say for whom they were made.
        content = made["content"] if made else ""
        key = unit_key("still", **plate, mattes=mattes, result=content, thumb=shows, made=MADE)
        told = {
            "result": result.blobs["result"] if result else "",
            "lines": result.info[LINES] if result else None,
            "thumb": shows,
            "mattes": unit_key("regions", **plate, mattes=mattes),
        }
        names = ["still_before", "still_regions"]
        names += ["still_after"] if result else []
        names += ["still_thumb"] if shows else []
        units.append(
            unit(
                "still",
                key,
                f"still of frame {frame.frame}",
                {"shot": digest, "position": position, **told},
                frame=frame.frame,
                role="still",
                publishes={name: name for name in names},
                earlier=unit_key("still of a plate", **plate, made=MADE),
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
    regions' colours, clear elsewhere) and, if asked for, `still_thumb` (JPEG); and `plate`, the plate as it is shown,
    for the next time.

    Args:
        args: `position`, `result` (digest of the published frame, or empty), `lines` (those [first, end) outside which
            it is the plate), `thumb`, `mattes` (a key of what the regions are made of), and `earlier`: blobs and info
            of the last still of the plate, or absent.
    """
    known = _known(args.get("earlier"), blobs)
    if known is None:
        planes = shot.planes(args["position"])
        part = planes.channels.part
        size = _size(part.display_window, part.pixel_aspect)
        before = shot.colour.display_view(reduced_light(shot, planes, size))
        del planes
        pictures = {"still_before": blobs.add_bytes(_jpeg(before))}
        pictures["plate"] = store_arrays(blobs, {"picture": before})
    else:
        pictures = {name: _stored(blobs, known[name]) for name in ("still_before", "plate")}
        before = load_arrays(blobs, known["plate"])["picture"]
    if known is not None and args["earlier"]["info"]["mattes"] == args["mattes"]:
        pictures["still_regions"] = _stored(blobs, known["still_regions"])
    else:
        pictures["still_regions"] = blobs.add_bytes(_png(_regions(shot, args["position"], before)))
    shown = before
    if args["result"]:
        shown = with_result(shot, before, blobs.path(args["result"]), args["lines"])
        pictures["still_after"] = blobs.add_bytes(_jpeg(shown))
    if args["thumb"]:
        side = max(shown.shape[:2])
        scale = min(1.0, THUMB_SIDE / side)
        small = tuple(max(1, round(n * scale)) for n in (shown.shape[1], shown.shape[0]))
        thumb = np.asarray(cv2.resize(shown, small, interpolation=cv2.INTER_AREA))
        pictures["still_thumb"] = blobs.add_bytes(_jpeg(thumb))
    return pictures, {"mattes": args["mattes"]}


def _known(earlier: Mapping[str, Any] | None, blobs: BlobFolder) -> dict[str, str] | None:
    """What an earlier still of the plate left, if all of it is as it was."""
    if earlier is None:
        return None
    try:
        for digest in earlier["blobs"].values():
            blobs.verified_path(digest)
    except (NotFound, DataLoss):
        return None
    return dict(earlier["blobs"])


def _stored(blobs: BlobFolder, digest: str) -> StoredBlob:
    return StoredBlob(digest, blobs.size(digest))


def _regions(shot: StoredShot, position: int, before: U8) -> U8:
    """(h, w, 4) the regions' colours, of the size of `before`."""
    with shot.reading_source(position) as opened:
        window = opened.channels.part.display_window
    quadmask, size = shot.quadmask(position, window), (before.shape[1], before.shape[0])
    return regions_picture(Quadmask(reduced(quadmask.remove, size), reduced(quadmask.affected, size)))


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
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
