# SPDX-License-Identifier: Apache-2.0
"""Mattes out of EXR files: the channel an artist means, as float 0..1 over the file's data window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.errors import InvalidInput
from void_server.plates.channels import NamedChannel, component_of, list_channels, of_view
from void_server.plates.exr import Reader, read_channels
from void_server.plates.header import EXRLimits, Header, read_header
from void_server.plates.window import Window, place

NUKE_ORDER = ("red", "green", "blue", "alpha")
"""The order in which Nuke shows the channels of a layer; other names follow as the file has them."""
QUADMASK_LAYER = "void_mask"
SAME_ASPECT = 1e-4
"""Relative difference below which two pixel aspects are the same: hosts round anamorphic factors
differently."""


@dataclass(frozen=True)
class Matte:
    """One channel as a matte.

    Attributes:
        file: the file it came from.
        values: (h, w) float32 over the data window, 0..1, straight.
        data_window: the window that the values cover; outside it the matte is 0.
        display_window: the window of the picture it belongs to.
        pixel_aspect: width of a pixel over its height.
        channel: exact name of the channel that was read.
        constant: True if all values over the data window are equal.
        nan_count: samples that were NaN and became 0.
        clipped_count: samples that lay outside 0..1 and were clipped.
    """

    file: str
    values: npt.NDArray[np.float32]
    data_window: Window
    display_window: Window
    pixel_aspect: float
    channel: str
    constant: bool
    nan_count: int
    clipped_count: int

    def on(self, window: Window) -> npt.NDArray[np.float32]:
        """The matte over another window, (h, w) float32: 0 where its data window does not reach."""
        return place(self.values, self.data_window, window).astype(np.float32, copy=False)


def read_matte(
    path: str | Path,
    channel: str = "",
    view: str = "",
    *,
    pattern: str = "",
    limits: EXRLimits | None = None,
    read: Reader = read_channels,
) -> Matte:
    """One channel of an EXR file as a matte.

    Args:
        path: the file.
        channel: `red` or `R`, `layer.red` or `layer.R`, an exact name, or a short name that only one channel
            has. Empty takes alpha where there is one, else the first channel in Nuke's order.
        view: the view wanted, as in `read_plate`.
        pattern: how the user named the files, for messages; the path where empty.
        limits: what the file may ask for.
        read: gives the samples.

    Raises:
        InvalidInput: no such channel (lists those that are there); or, with no channel named, alpha is 1
            everywhere while another channel varies (names `PATTERN:channel` to give instead).
        Unsupported, LimitExceeded, DataLoss: as `read_channels`.
    """
    header = read_header(path, limits)
    channels = of_view(header, view)
    chosen = _chosen(header, channels, channel)
    samples = read(path, chosen.part, [chosen.name], limits)[chosen.name]
    if not channel and chosen.component == "alpha" and bool(np.all(samples == 1)):
        _refuse_solid_alpha(header, channels, chosen, pattern, limits)
    return _matte(header, chosen, samples)


def matte_channels(header: Header, channel: str = "", view: str = "") -> dict[int, tuple[str, ...]]:
    """The channel that `read_matte` reads, by part; raises as it does for the header's part."""
    chosen = _chosen(header, of_view(header, view), channel)
    return {chosen.part: (chosen.name,)}


def quadmask_channels(header: Header, view: str = "") -> dict[int, tuple[str, ...]]:
    """The channels that `read_quadmask` reads, by part; raises as it does for the header's part."""
    remove, affected = _painted(header, view)
    wanted: dict[int, tuple[str, ...]] = {}
    for channel in (remove, affected):
        wanted[channel.part] = (*wanted.get(channel.part, ()), channel.name)
    return wanted


def read_quadmask(
    path: str | Path, view: str = "", limits: EXRLimits | None = None, *, read: Reader = read_channels
) -> tuple[Matte, Matte]:
    """Remove and affected of a painted quadmask: red and green of `void_mask`; blue and alpha are ignored.

    A file without that layer, such as `NAME_matte`, has them in its bare R and G.

    Raises:
        InvalidInput: neither `void_mask.red` and `.green` (or `.R` and `.G`) nor bare R and G are there.
        Unsupported, LimitExceeded, DataLoss: as `read_channels`.
    """
    header = read_header(path, limits)
    remove, affected = _painted(header, view)
    return _read(header, remove, limits, read), _read(header, affected, limits, read)


def same_picture(display: Window, aspect: float, other_display: Window, other_aspect: float) -> bool:
    """Whether two frames are of one picture: equal display windows and pixel aspects; data windows are free."""
    return display == other_display and math.isclose(aspect, other_aspect, rel_tol=SAME_ASPECT)


def _read(header: Header, channel: NamedChannel, limits: EXRLimits | None, read: Reader) -> Matte:
    return _matte(header, channel, read(header.path, channel.part, [channel.name], limits)[channel.name])


def _painted(header: Header, view: str) -> tuple[NamedChannel, NamedChannel]:
    """Where a painted quadmask has what is to be removed, and what is affected."""
    channels = of_view(header, view)
    for layer in (QUADMASK_LAYER, ""):
        remove, affected = (_find(channels, layer, component) for component in ("red", "green"))
        if remove is not None and affected is not None:
            return remove, affected
    raise InvalidInput(
        f"{header.path} has no quadmask; its channels are {list_channels(header)}.",
        fix=f"Give files with {QUADMASK_LAYER}.red (remove) and {QUADMASK_LAYER}.green (affected).",
        file=str(header.path),
    )


def _chosen(header: Header, channels: tuple[NamedChannel, ...], channel: str) -> NamedChannel:
    return _named(header, channels, channel) if channel else _default(channels)


def _matte(header: Header, channel: NamedChannel, samples: npt.NDArray[Any]) -> Matte:
    part = header.parts[channel.part]
    values = samples.astype(np.float32)
    not_numbers = np.isnan(values)
    values[not_numbers] = 0
    outside = (values < 0) | (values > 1)
    values = np.clip(values, 0, 1)
    return Matte(
        file=str(header.path),
        values=values,
        data_window=part.data_window,
        display_window=part.display_window,
        pixel_aspect=part.pixel_aspect,
        channel=channel.name,
        constant=bool(np.all(values == values.flat[0])),
        nan_count=int(np.count_nonzero(not_numbers)),
        clipped_count=int(np.count_nonzero(outside)),
    )


def _find(channels: tuple[NamedChannel, ...], layer: str, component: str) -> NamedChannel | None:
    return next((c for c in channels if (c.layer, c.component) == (layer, component)), None)


def _default(channels: tuple[NamedChannel, ...]) -> NamedChannel:
    ordered = _in_nuke_order(channels)
    return next((c for c in ordered if c.component == "alpha"), ordered[0])


def _in_nuke_order(channels: tuple[NamedChannel, ...]) -> list[NamedChannel]:
    """Bare names and the layer rgba first; inside a layer red, green, blue, alpha, then the rest in file
    order.
    """

    def rank(channel: NamedChannel) -> tuple[bool, int]:
        known = channel.component in NUKE_ORDER
        return (
            channel.layer.lower() not in ("", "rgba"),
            NUKE_ORDER.index(channel.component) if known else len(NUKE_ORDER),
        )

    return sorted(channels, key=rank)


def _named(header: Header, channels: tuple[NamedChannel, ...], wanted: str) -> NamedChannel:
    """The channel that a user's spelling means: the exact name, then layer and component, then a name only
    one has.
    """
    *layers, last = wanted.split(".")
    layer, component = ".".join(layers), component_of(last)
    tries = (
        [c for c in channels if c.name == wanted],
        [c for c in channels if (c.layer, c.component) == (layer, component)],
        [c for c in channels if not layer and c.component == component],
        [c for c in channels if not layer and c.layer == wanted],
    )
    for found in tries:
        if len(found) == 1:
            return found[0]
    several = any(len(found) > 1 for found in tries)
    raise InvalidInput(
        f"{header.path} has {'several channels' if several else 'no channel'} {wanted!r}; "
        f"its channels are {list_channels(header)}.",
        fix="Name one of these after the colon, as layer.channel.",
        file=str(header.path),
    )


def _refuse_solid_alpha(
    header: Header,
    channels: tuple[NamedChannel, ...],
    alpha: NamedChannel,
    pattern: str,
    limits: EXRLimits | None,
) -> None:
    """Alpha 1 everywhere beside a channel that varies is a picture's alpha, hardly the matte that was
    meant.
    """
    others = [c for c in _in_nuke_order(channels) if c.part == alpha.part and c != alpha]
    samples = read_channels(header.path, alpha.part, [c.name for c in others], limits)
    varying = next((c for c in others if np.any(samples[c.name] != samples[c.name].flat[0])), None)
    if varying is not None:
        name = f"{varying.layer}.{varying.component}" if varying.layer else varying.component
        raise InvalidInput(
            f"{header.path} has {alpha.name} = 1 everywhere, while {varying.name} varies: "
            "alpha is not the matte here.",
            fix=f"Name the channel to use: {pattern or header.path}:{name}",
            file=str(header.path),
        )
