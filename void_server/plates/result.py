# SPDX-License-Identifier: Apache-2.0
"""The EXR files that come back: the plate with its passes as layers, and the quadmask alone as RGBA.

One part, scan lines, a lossless compression with a checksum by default (ZIPS); the source's windows, pixel
aspect and attributes, raw and whole (a damaged one, with which no decoder could read the result, is left out);
ours under `void/`; no date and no software tag, so that equal input gives equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.errors import InvalidInput
from void_server.plates.blank import write_on_blank
from void_server.plates.encode import LINES_PER_CHUNK, Frame, Written, attribute_of, write_frame
from void_server.plates.header import Attribute, Part
from void_server.plates.plate import Plate, PlateChannels
from void_server.plates.splice import Onto, write_onto
from void_server.plates.window import Window

LAYOUT_ATTRIBUTES = frozenset(
    {
        "channels",
        "chunkCount",
        "compression",
        "dataWindow",
        "displayWindow",
        "lineOrder",
        "multiView",
        "name",
        "pixelAspectRatio",
        "tiles",
        "type",
    }
)
"""What describes the source's own layout; windows and pixel aspect are written from the plate. `multiView`
says which names inside the source's channels are views; the one view that comes back is named by `view`
instead."""
PREVIEW_TYPE = "preview"
OWN_PREFIX = "void/"
ALWAYS_FLOAT = "void_source."
"""Coordinates and frame numbers, which 16 bits cannot hold."""
LARGEST_HALF = float(np.finfo(np.float16).max)


def write_result(
    path: str | Path,
    plate: Plate,
    colour: npt.NDArray[Any],
    layers: Mapping[str, npt.NDArray[Any]],
    *,
    compression: str = "zips",
    attributes: Mapping[str, str | int | float] | None = None,
    onto: Onto | None = None,
) -> Written:
    """Write a result frame, whole or not at all.

    Args:
        path: where to; its folder must exist.
        plate: the source frame: windows, pixel aspect, alpha, its other channels if they were read, and attributes
            come from it.
        colour: (h, w, c) over the plate's data window, of the plate's own type and channel count.
        layers: for each name (`void_mask.red` ...) an array (h, w) over the data window. They are written in
            the type of the plate, `void_source.*` always as 32-bit float.
        compression: `zips`, `zip` or `none`.
        attributes: ours; every name starts with `void/`.
        onto: an earlier result of the same plate: `plate`, `colour` and `layers` are then the lines alone that
            differ from it, whole chunks of the compression. The file has the same bytes as without.

    Raises:
        InvalidInput: a compression that damages mattes or is unknown.
        ValueError: shapes, types or names that do not fit the plate.
        Internal: the file could not be written.
    """
    channels = result_channels(plate, colour, layers)
    return write_channels(
        path, plate.channels, channels, compression=compression, attributes=attributes, onto=onto
    )


def result_channels(
    plate: Plate, colour: npt.NDArray[Any], layers: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """The channels of a result frame by name, in the types in which they are written; arguments as in `write_result`.

    Raises:
        ValueError: shapes, types or names that do not fit the plate.
    """
    if colour.shape != plate.colour.shape or colour.dtype != plate.colour.dtype:
        raise ValueError(
            f"colour is {colour.dtype} {colour.shape}, the plate {plate.colour.dtype} {plate.colour.shape}"
        )
    names = ("R", "G", "B") if colour.shape[2] == 3 else ("Y",)
    channels: dict[str, npt.NDArray[Any]] = {name: colour[..., i] for i, name in enumerate(names)}
    if plate.alpha is not None:
        channels["A"] = plate.alpha
    return channels | dict(plate.others) | layer_channels(layers, colour.dtype)


def layer_channels(
    layers: Mapping[str, npt.NDArray[Any]], dtype: np.dtype[Any]
) -> dict[str, npt.NDArray[Any]]:
    """Layers in the types in which they are written beside colour of a type.

    Raises:
        ValueError: a name without its layer.
    """
    channels = {}
    for name, values in layers.items():
        if "." not in name:
            raise ValueError(f"a layer's channel is named layer.channel, not {name!r}")
        channels[name] = as_published(
            values, np.dtype(np.float32) if name.startswith(ALWAYS_FLOAT) else dtype
        )
    return channels


def write_quadmask(
    path: str | Path,
    plate: Plate,
    void_mask: Mapping[str, npt.NDArray[Any]],
    *,
    compression: str = "zips",
    attributes: Mapping[str, str | int | float] | None = None,
    onto: Onto | None = None,
) -> Written:
    """Write the quadmask alone as R, G, B, A, for Resolve's external matte and for hosts without layers.

    Args:
        void_mask: red, green, blue and alpha as (h, w) arrays over the plate's data window.
        path, plate, compression, attributes, onto: as in `write_result`, which also names what is raised.
    """
    channels = quadmask_letters(void_mask, plate.colour.dtype)
    return write_channels(
        path, plate.channels, channels, compression=compression, attributes=attributes, onto=onto
    )


def quadmask_letters(
    void_mask: Mapping[str, npt.NDArray[Any]], dtype: np.dtype[Any]
) -> dict[str, npt.NDArray[Any]]:
    """A quadmask as the channels R, G, B, A, in the type in which they are written.

    Raises:
        ValueError: not these four regions.
    """
    letters = {"red": "R", "green": "G", "blue": "B", "alpha": "A"}
    if set(void_mask) != set(letters):
        raise ValueError(f"a quadmask has red, green, blue and alpha, not {', '.join(void_mask)}")
    return {letters[name]: as_published(values, dtype) for name, values in void_mask.items()}


def write_grey(
    path: str | Path,
    plate: PlateChannels,
    matte: npt.NDArray[Any],
    *,
    compression: str = "zips",
    attributes: Mapping[str, str | int | float] | None = None,
) -> None:
    """Write one matte as a grey picture: R, G and B alike, half, without alpha, for hosts that read nothing else right.

    Args:
        matte: (h, w) over the plate's data window, 0..1.
        path, plate, compression, attributes: as in `write_result`, which also names what is raised.
    """
    values = as_published(np.asarray(matte, np.float32), np.dtype(np.float16))
    write_channels(path, plate, dict.fromkeys("RGB", values), compression=compression, attributes=attributes)


def write_matte(path: str | Path, plate: Plate, matte: npt.NDArray[Any]) -> None:
    """Write one matte as channel A, with the windows and attributes of its plate.

    Args:
        path, plate: as in `write_result`, which also names what is raised.
        matte: (h, w) over the plate's data window, 0..1.
    """
    write_channels(path, plate.channels, {"A": as_published(matte, plate.colour.dtype)})


def as_published(values: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Values in the type they are published in; finite values beyond half become the greatest half, not
    infinity.
    """
    if values.dtype == dtype:
        return values
    fits = values.size == 0 or bool(max(values.max(), -values.min()) <= LARGEST_HALF)
    if dtype == np.float16 and not fits:
        finite = np.isfinite(values)
        values = np.where(
            finite, np.clip(values, -LARGEST_HALF, LARGEST_HALF, where=finite, out=values.copy()), values
        )
    return values.astype(dtype)


def matte_as_published(matte: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """`as_published` of some lines of a matte, of which most columns hold nothing."""
    published = np.zeros(matte.shape, dtype)
    columns = np.flatnonzero(matte.any(axis=0))
    if columns.size:
        part = np.s_[:, columns[0] : columns[-1] + 1]
        published[part] = as_published(matte[part], dtype)
    return published


def kept_attributes(part: Part, view: str = "") -> tuple[Attribute, ...]:
    """What a written frame keeps of its source: every attribute but those of the source's layout, raw.

    Args:
        part: the source's header.
        view: the view that comes back, named where the source does not name one.
    """
    source = part.attributes
    kept = [
        a
        for a in source.values()
        if a.name not in LAYOUT_ATTRIBUTES and a.type != PREVIEW_TYPE and not a.damaged
    ]
    if "view" not in source and view:
        kept.append(attribute_of("view", view))
    return tuple(kept)


def write_channels(
    path: str | Path,
    plate: PlateChannels,
    channels: Mapping[str, npt.NDArray[Any]],
    *,
    compression: str = "zips",
    attributes: Mapping[str, str | int | float] | None = None,
    onto: Onto | None = None,
    blank: Window | None = None,
    scratch: bool = False,
) -> Written:
    """Write channels with the windows and attributes of a plate, whole or not at all; raises as `write_result`.

    Args:
        path, compression, attributes, onto: as in `write_result`.
        channels: (h, w) over the plate's data window by name, in the types in which they are written.
        blank: the whole data window, of which `plate` and `channels` are some lines, whole chunks of the compression;
            on the others all is 0.
        scratch: the file is not yet in its place: whoever puts it there reads it again and syncs it.
    """
    if compression not in LINES_PER_CHUNK:
        raise InvalidInput(
            f"Results are not written with compression {compression!r}.",
            fix=f"Choose one of {', '.join(LINES_PER_CHUNK)}: the others damage mattes or carry no checksum.",
        )
    frame = Frame(
        data_window=plate.part.data_window,
        display_window=plate.part.display_window,
        pixel_aspect=plate.part.pixel_aspect,
        channels=channels,
        attributes=(*kept_attributes(plate.part, plate.view), *_own(attributes or {})),
        compression=compression,
    )
    if onto is not None:
        return write_onto(Path(path), frame, onto, scratch=scratch)
    if blank is not None:
        return write_on_blank(Path(path), frame, blank, scratch=scratch)
    return write_frame(Path(path), frame, scratch=scratch)


def _own(attributes: Mapping[str, str | int | float]) -> tuple[Attribute, ...]:
    outside = [name for name in attributes if not name.startswith(OWN_PREFIX)]
    if outside:
        raise ValueError(f"our attributes stand under {OWN_PREFIX}, not {', '.join(outside)}")
    return tuple(attribute_of(name, value) for name, value in attributes.items())
