# SPDX-License-Identifier: Apache-2.0
"""The unit `ingest`: one file, uploaded or on shared storage, is checked, decoded once, and described.

A file that cannot be used is a finding, not a failure: preflight reports all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from void_server.errors import VoidError
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.frames.rooted_file import RootedFile
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.config_source import config_source
from void_server.pipeline.decoded import DECODED, store_mattes
from void_server.pipeline.order import CLEAN_PLATE
from void_server.pipeline.shot import naming
from void_server.pipeline.sources import Sources
from void_server.plates.colour import resolve, stated_space
from void_server.plates.digest import Wanted, content_digest, digest_and_samples
from void_server.plates.encoding import FrameStatistics, grid_step
from void_server.plates.exr import read_channels, reader_of
from void_server.plates.header import EXRLimits, Header, read_header
from void_server.plates.matte import Matte, matte_channels, quadmask_channels, read_matte, read_quadmask
from void_server.plates.plate import Planes, PlateChannels, find_plate, read_planes
from void_server.plates.window import Window
from void_server.quadmask.regions import THRESHOLD

FILE, PATTERN = "{file}", "{pattern}"
"""What findings call the file and its sequence: the same bytes may have another name in another order."""

FULL = 0.98
"""A matte that is above this everywhere in the display window covers the whole picture."""


def ingest(args: Mapping[str, Any], sources: Sources) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Look at one file.

    Args:
        args: `digest`, or `rooted` of a file on shared storage; role, channel, view, limits (of
            `EXRLimits`); for a plate and a clean plate also the colour request; for a plate `name` where a file rule of
            the job's config may read it.

    Raises:
        NotFound, DataLoss: the store lacks the file, or spoilt it; that says nothing of the file itself.
        SourceChanged, SourceUnavailable: on shared storage it is no longer what it was, or cannot be read; nor does
            that.

    Returns:
        for a plate the blob `statistics`, for a matte the blob `decoded`, which spares later units the file; and what
        later plans need to know, or `problem`, in whose text
        `FILE` and `PATTERN` stand for the user's names.
    """
    if not args.get("rooted"):
        with sources.reading(args["digest"], None, verified=True) as path:
            return _described(args, path, sources.blobs)
    with sources.roots.snapshot(RootedFile.from_dict(args["rooted"])) as snapshot:
        stored, info = _described(args, snapshot.path, sources.blobs)
        return stored, info | {"sha256": snapshot.digest}


def _described(
    args: Mapping[str, Any], path: Path, blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    limits, role, view = EXRLimits(**args["limits"]), args["role"], args["view"]
    try:
        with naming(FILE, str(path)):
            content, kept = digest_and_samples(path, _wanted(args, read_header(path, limits)), limits)
            read = reader_of(kept)
            if role in ("plate", CLEAN_PLATE):
                planes = read_planes(path, view, limits, read=read)
                return (
                    _plate(args, planes, content, blobs)
                    if role == "plate"
                    else _clean_plate(args, planes.channels, content, blobs)
                )
            if role == "quadmask":
                remove, affected = read_quadmask(path, view, limits, read=read)
                stored = store_mattes(blobs, {"remove": remove, "affected": affected})
                return {DECODED: stored}, _quadmask(content, remove, affected)
            matte = read_matte(path, args["channel"], view, pattern=PATTERN, limits=limits, read=read)
            return {DECODED: store_mattes(blobs, {"matte": matte})}, _matte(content, matte)
    except VoidError as error:
        return {}, {"problem": error.to_dict()}


def _wanted(args: Mapping[str, Any], header: Header) -> Wanted:
    """The channels that are read of a file, from its header alone."""
    if args["role"] in ("plate", CLEAN_PLATE):
        return find_plate(header, args["view"]).wanted
    if args["role"] == "quadmask":
        return quadmask_channels(header, args["view"])
    return matte_channels(header, args["channel"], args["view"])


def probe(digest: str, blobs: BlobFolder, limits: EXRLimits) -> dict[str, Any]:
    """Header and per-channel value range of one file, JSON-ready; or `problem`."""
    path = blobs.path(digest)
    try:
        with naming(digest, str(path)):
            header = read_header(path, limits)
            parts = []
            for part in header.parts:
                names = [c.name for c in part.channels]
                samples = read_channels(path, part.index, names, limits)
                parts.append(
                    {
                        "name": part.name,
                        "view": part.view,
                        "data_window": asdict(part.data_window),
                        "display_window": asdict(part.display_window),
                        "pixel_aspect": part.pixel_aspect,
                        "compression": part.compression,
                        "channels": [
                            {"name": c.name, "type": c.type, **_range(samples[c.name])} for c in part.channels
                        ],
                    }
                )
            return {"content_digest": content_digest(path, limits), "parts": parts}
    except VoidError as error:
        return {"problem": error.to_dict()}


def _range(samples: np.ndarray[Any, Any]) -> dict[str, Any]:
    finite = samples[np.isfinite(samples)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return {"minimum": low, "maximum": high, "constant": bool((samples == samples.flat[0]).all())}


def _plate(
    args: Mapping[str, Any], planes: Planes, content: str, blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    request, part = args["colour"], planes.channels.part
    space = resolve(
        part,
        args["name"],
        name=request["name"],
        config=config_source(blobs, request["builtin"], request["archive"]),
    )
    step = grid_step(*part.data_window.shape)
    grid = np.stack([planes.samples[name][::step, ::step] for name in planes.colour], axis=-1)
    linear = space.to_linear(grid.astype(np.float32))
    statistics = store_arrays(blobs, dict(FrameStatistics.of(linear, step=1).to_arrays()))
    fps = part.frames_per_second
    info = {
        "content": content,
        **_windows(part.data_window, part.display_window, part.pixel_aspect),
        "type": planes.channels.colour_type,
        "channels": [*planes.channels.colour, *([planes.channels.alpha] if planes.channels.alpha else [])],
        "colour": {"name": space.name, "stated": space.stated, "linear": space.linear},
        "fps": float(fps) if fps is not None else None,
    }
    return {"statistics": statistics}, info


def _clean_plate(
    args: Mapping[str, Any], plate: PlateChannels, content: str, blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """`says`: the colour space that the file itself names, empty where it names none or the job says which holds."""
    request = args["colour"]
    config = config_source(blobs, request["builtin"], request["archive"])
    stated = None if request["name"] else stated_space(plate.part, config)
    return {}, {
        "content": content,
        **_windows(plate.part.data_window, plate.part.display_window, plate.part.pixel_aspect),
        "channels": list(plate.colour),
        "says": stated[0] if stated else "",
    }


def _matte(content: str, matte: Matte) -> dict[str, Any]:
    return {
        "content": content,
        **_windows(matte.data_window, matte.display_window, matte.pixel_aspect),
        "channel": matte.channel,
        "nan_count": matte.nan_count,
        "clipped_count": matte.clipped_count,
        **_coverage(matte),
    }


def _quadmask(content: str, remove: Matte, affected: Matte) -> dict[str, Any]:
    return {
        **_matte(content, remove),
        "affects": _coverage(affected)["removes"],
        "nan_count": remove.nan_count + affected.nan_count,
        "clipped_count": remove.clipped_count + affected.clipped_count,
    }


def _coverage(matte: Matte) -> dict[str, Any]:
    """`removes`: pixels above the threshold, overscan included, by those of the display window; `full`: it covers the
    whole display window.
    """
    marked = int(np.count_nonzero(matte.values > THRESHOLD))
    shown = matte.on(matte.display_window)
    return {"removes": marked / matte.display_window.pixels, "full": bool((shown > FULL).all())}


def _windows(data: Window, display: Window, aspect: float) -> dict[str, Any]:
    return {"data_window": asdict(data), "display_window": asdict(display), "pixel_aspect": aspect}
