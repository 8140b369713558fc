# SPDX-License-Identifier: Apache-2.0
"""A plate frame: which channels of a file are its colour, and their samples exactly as stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.errors import InvalidInput, Unsupported
from void_server.plates.channels import COLOUR, NamedChannel, list_channels, of_view
from void_server.plates.exr import Reader, read_channels
from void_server.plates.header import EXRLimits, Header, Part, read_header
from void_server.plates.window import Window

OWN_LAYERS = "void_"
"""Passes that a result carries: they are no picture, so a result can be a plate again."""
WRITTEN = ("R", "G", "B", "Y", "A")
"""Names under which a result has its picture."""
BEAUTY_PARTS = ("", "rgba", "rgb", "beauty")
"""Names of parts whose R, G, B are the picture itself where several parts of a file have them; `rgba` is what
Nuke writes, `beauty` what renderers call it."""


@dataclass(frozen=True)
class PlateChannels:
    """Where a file keeps its picture.

    Attributes:
        header: the file's header.
        part: the part that holds the picture.
        view: the view it belongs to; empty where the file names none.
        colour: exact names of red, green and blue, or of the one luminance channel.
        alpha: exact name of the alpha channel, empty where there is none.
        others: what else the part holds of that view, but our own passes: the name without the view, and the exact one.
    """

    header: Header
    part: Part
    view: str
    colour: tuple[str, ...]
    alpha: str
    others: tuple[tuple[str, str], ...] = ()

    @property
    def wanted(self) -> dict[int, tuple[str, ...]]:
        """The channels that `read_plate` reads, by part."""
        return {self.part.index: (*self.colour, *([self.alpha] if self.alpha else []))}

    @property
    def colour_type(self) -> str:
        """`half` or `float`."""
        return self.part.channel(self.colour[0]).type


@dataclass(frozen=True)
class Plate:
    """One frame of a plate, its samples untouched.

    Attributes:
        channels: where in the file they were found.
        colour: (h, w, c) over the data window, c 3 or 1; float16 or float32 as the file has it, in the
            plate's own colour space, any value (NaN, infinities and negatives included).
        alpha: (h, w) over the data window in its own type, or None.
        others: (h, w) in its own type for each other channel of the part, by name; empty unless they were asked for.
    """

    channels: PlateChannels
    colour: npt.NDArray[Any]
    alpha: npt.NDArray[Any] | None
    others: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def header(self) -> Header:
        """The header of the file."""
        return self.channels.header

    @property
    def data_window(self) -> Window:
        """The window that the samples cover."""
        return self.channels.part.data_window

    @property
    def display_window(self) -> Window:
        """The window of the picture as it is meant to be seen."""
        return self.channels.part.display_window

    @property
    def pixel_aspect(self) -> float:
        """Width of a pixel over its height."""
        return self.channels.part.pixel_aspect


@dataclass(frozen=True)
class Planes:
    """One frame of a plate, channel after channel, as files hold it.

    Attributes:
        channels: where in the file they were found.
        samples: (h, w) over the data window in its own type, untouched, by the name that a result gives it: R, G, B or
            Y, A, and the other channels if they were asked for.
    """

    channels: PlateChannels
    samples: dict[str, npt.NDArray[Any]]

    @property
    def colour(self) -> tuple[str, ...]:
        """Names of the colour among the samples."""
        return ("R", "G", "B") if len(self.channels.colour) == 3 else ("Y",)

    def lines(self, rows: tuple[int, int]) -> Plate:
        """The lines [first, end), counted from the top of the data window, as if it held no others.

        Its colour is a copy, the other channels are not.
        """
        lines = slice(*rows)
        taken = {name: samples[lines] for name, samples in self.samples.items()}
        colour = np.stack([taken.pop(name) for name in self.colour], axis=-1)
        alpha = taken.pop("A") if self.channels.alpha else None
        return Plate(strip(self.channels, rows), colour, alpha, taken)

    def put(self, rows: tuple[int, int], colour: npt.NDArray[Any]) -> None:
        """Take (rows, w, c) colour in the place of these lines."""
        for channel, name in enumerate(self.colour):
            self.samples[name][slice(*rows)] = colour[..., channel]


def read_plate(
    path: str | Path,
    view: str = "",
    limits: EXRLimits | None = None,
    *,
    read: Reader = read_channels,
    others: bool = False,
) -> Plate:
    """The picture of one EXR file, in its own sample type.

    Args:
        path: the file.
        view: the view wanted; empty for a file without views, or for the default view of a single-part file.
        limits: what the file may ask for.
        read: gives the samples.
        others: also read what else the picture's part holds.

    Raises:
        InvalidInput: no colour, or several to choose from (lists the channels), or no such view.
        Unsupported: integer or mixed colour types, deep or subsampled.
        LimitExceeded, DataLoss: as `read_channels`.
    """
    found = find_plate(read_header(path, limits), view)
    ((part, names),) = found.wanted.items()
    more = found.others if others else ()
    samples = read(path, part, [*names, *(exact for _, exact in more)], limits)
    colour = np.stack([samples[name] for name in found.colour], axis=-1)
    alpha = samples[found.alpha] if found.alpha else None
    return Plate(found, colour, alpha, {name: samples[exact] for name, exact in more})


def read_lines(
    path: str | Path,
    rows: tuple[int, int],
    view: str = "",
    limits: EXRLimits | None = None,
    *,
    others: bool = False,
) -> Plate:
    """Some lines of the picture, as if the data window held no others; raises as `read_plate`.

    Args:
        rows: the lines [first, end), counted from the top of the data window; at least one.
    """

    def read(
        path: str | Path, part: int, names: Sequence[str], limits: EXRLimits | None
    ) -> dict[str, npt.NDArray[Any]]:
        return read_channels(path, part, names, limits, rows=rows)

    plate = read_plate(path, view, limits, read=read, others=others)
    return replace(plate, channels=strip(plate.channels, rows))


def read_planes(
    path: str | Path,
    view: str = "",
    limits: EXRLimits | None = None,
    *,
    read: Reader = read_channels,
    others: bool = False,
    rows: tuple[int, int] | None = None,
) -> Planes:
    """The picture of one EXR file, channel after channel; arguments and errors are those of `read_plate`.

    Args:
        rows: only the lines [first, end), as if the data window held no others; they are read from the file.
    """
    found = find_plate(read_header(path, limits), view)
    ((part, names),) = found.wanted.items()
    more = found.others if others else ()
    wanted = [*names, *(exact for _, exact in more)]
    taken = read_channels(path, part, wanted, limits, rows=rows) if rows else read(path, part, wanted, limits)
    named = zip(("R", "G", "B") if len(found.colour) == 3 else ("Y",), found.colour, strict=True)
    samples = {name: taken[exact] for name, exact in named}
    if found.alpha:
        samples["A"] = taken[found.alpha]
    channels = strip(found, rows) if rows else found
    return Planes(channels, samples | {name: taken[exact] for name, exact in more})


def strip(channels: PlateChannels, rows: tuple[int, int]) -> PlateChannels:
    """The same, as if the data window held only the lines [first, end), counted from its top."""
    window = channels.part.data_window
    lines = Window(window.x, window.y + rows[0], window.width, rows[1] - rows[0])
    return replace(channels, part=replace(channels.part, data_window=lines))


def find_plate(header: Header, view: str = "") -> PlateChannels:
    """Choose the picture's channels from a header alone.

    The choice is, first that fits: bare R, G, B (any case, or spelled out); the layer `rgba`; `Y`; the only
    layer with red, green and blue; the only channel that is not an alpha. Our own layers never count. Raises
    as `read_plate` does for the header's part.
    """
    channels = of_view(header, view)
    colour = _choose_colour(header, channels)
    first = colour[0]
    types = {channel.type for channel in colour}
    if "uint" in types or len(types) > 1:
        named = ", ".join(f"{channel.name} ({channel.type})" for channel in colour)
        raise Unsupported(
            f"{header.path} has colour channels of types that are not worked on: {named}.",
            fix="Write R, G and B as half or as float.",
            file=str(header.path),
        )
    alpha = next((c.name for c in _layer(channels, first.part, first.layer) if c.component == "alpha"), "")
    taken = {*(channel.name for channel in colour), alpha, *WRITTEN}
    bare = ((c, ".".join([*([c.layer] if c.layer else []), c.name.rpartition(".")[2]])) for c in channels)
    others = tuple(
        (name, c.name)
        for c, name in bare
        if c.part == first.part and not c.layer.startswith(OWN_LAYERS) and not {name, c.name} & taken
    )
    names = tuple(c.name for c in colour)
    return PlateChannels(header, header.parts[first.part], first.view, names, alpha, others)


def _choose_colour(header: Header, channels: tuple[NamedChannel, ...]) -> tuple[NamedChannel, ...]:
    triples = [triple for triple in _triples(channels) if not triple[0].layer.startswith(OWN_LAYERS)]
    bare = [triple for triple in triples if not triple[0].layer]
    named = [triple for triple in triples if triple[0].layer.lower() in ("rgba", "rgb")]
    luminance = [(c,) for c in channels if c.component == "luminance" and not c.layer]
    for fitting in (bare, named):
        if fitting:
            return _only(header, _prefer_beauty(header, fitting))
    if luminance:
        return _only(header, luminance)
    if triples:
        return _only(header, _prefer_beauty(header, triples))
    lone = [(c,) for c in channels if c.component != "alpha" and not c.layer.startswith(OWN_LAYERS)]
    return _only(header, lone if len(lone) == 1 else [])


def _triples(channels: tuple[NamedChannel, ...]) -> list[tuple[NamedChannel, ...]]:
    """Red, green and blue of every layer of every part that has all three."""
    found = []
    for part, layer in dict.fromkeys((c.part, c.layer) for c in channels):
        by_component = {c.component: c for c in _layer(channels, part, layer)}
        if all(component in by_component for component in COLOUR):
            found.append(tuple(by_component[component] for component in COLOUR))
    return found


def _layer(channels: tuple[NamedChannel, ...], part: int, layer: str) -> list[NamedChannel]:
    return [c for c in channels if c.part == part and c.layer == layer]


def _prefer_beauty(header: Header, triples: list[tuple[NamedChannel, ...]]) -> list[tuple[NamedChannel, ...]]:
    """Those in a part that is named as the picture itself, if several parts have colour and exactly one
    is.
    """

    def is_beauty(triple: tuple[NamedChannel, ...]) -> bool:
        pieces = [
            p for p in header.parts[triple[0].part].name.lower().split(".") if p != triple[0].view.lower()
        ]
        return ".".join(pieces) in BEAUTY_PARTS

    beauty = [triple for triple in triples if is_beauty(triple)]
    return beauty if len(beauty) == 1 else triples


def _only(header: Header, choices: Sequence[tuple[NamedChannel, ...]]) -> tuple[NamedChannel, ...]:
    if len(choices) == 1:
        return choices[0]
    what = "several pictures to choose from" if choices else "no picture"
    raise InvalidInput(
        f"{header.path} has {what}; its channels are {list_channels(header)}.",
        fix="Write a file with one picture as R, G, B (and A).",
        file=str(header.path),
    )
