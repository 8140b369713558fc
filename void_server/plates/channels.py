# SPDX-License-Identifier: Apache-2.0
"""What the channel names of a file mean: view, layer and component of each, over all parts.

`layer.component` with `R` or `red` alike; a layer's name may itself hold dots. Views are named by a part's
`view` attribute, or inside a channel's name where the part has a `multiView` attribute ("Storing Multi-View
Images in OpenEXR Files", openexr.com): a name with a layer whose last-but-one component is a view belongs to
that view, a name without a layer to the default view, the first of the list.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from void_server.errors import InvalidInput
from void_server.plates.header import Header, Part

COMPONENTS = {"r": "red", "g": "green", "b": "blue", "a": "alpha", "y": "luminance"}
"""Single letters and the word each stands for, as Nuke reads them."""
COLOUR = ("red", "green", "blue")


@dataclass(frozen=True)
class NamedChannel:
    """One channel and what its name says.

    Attributes:
        part: index of the part that holds it.
        name: its exact name in the file.
        type: `half`, `float` or `uint`.
        view: the view it belongs to; empty where the file names none for it.
        layer: its layer without the view; empty for R, G, B and other bare names.
        component: its last name part; `red`, `green`, `blue`, `alpha` or `luminance` where it means one of
            these.
    """

    part: int
    name: str
    type: str
    view: str
    layer: str
    component: str


def component_of(name: str) -> str:
    """The component that a channel's last name part means: `R`, `r`, `Red` and `red` are all `red`."""
    lowered = name.lower()
    word = COMPONENTS.get(lowered, lowered)
    return word if word in COMPONENTS.values() else name


def named_channels(header: Header) -> tuple[NamedChannel, ...]:
    """Every channel of the file with its meaning, in file order."""
    return tuple(
        _named(part, channel.name, channel.type) for part in header.parts for channel in part.channels
    )


def views_of(channels: tuple[NamedChannel, ...]) -> tuple[str, ...]:
    """The views that the channels name, in order of appearance."""
    return tuple(dict.fromkeys(channel.view for channel in channels if channel.view))


def of_view(header: Header, view: str) -> tuple[NamedChannel, ...]:
    """The channels that belong to one view.

    A file that names no view belongs to every view (a `%V` pattern gives one file each), unless it has layers
    of that very name: some writers leave the `multiView` attribute out. With no view asked for, a single-part
    file answers with its default view; a multi-part file of several views must be asked.

    Raises:
        InvalidInput: the file has views, but not this one, or several of which none was asked for.
    """
    channels = named_channels(header)
    views = views_of(channels)
    if not views:
        return _of_layer_named(channels, view) or channels
    if not view:
        view = _only_or_default_view(header, views)
    elif view not in views:
        raise InvalidInput(
            f"{header.path} has no view {view!r}; it has {', '.join(views)}.",
            fix="Give --view one of these.",
            file=str(header.path),
        )
    return tuple(channel for channel in channels if channel.view in ("", view))


def list_channels(header: Header) -> str:
    """The file's channels for a message: `R, G, B` or, of several parts, `beauty: R, G, B; depth: Z`."""
    if len(header.parts) == 1:
        return ", ".join(header.parts[0].channel_names)
    return "; ".join(f"{part.name or part.index}: {', '.join(part.channel_names)}" for part in header.parts)


def _of_layer_named(channels: tuple[NamedChannel, ...], view: str) -> tuple[NamedChannel, ...]:
    """The channels under a layer that is called as the view, with that layer taken as their view."""
    return tuple(
        replace(c, view=view, layer=".".join(piece for piece in c.layer.split(".") if piece != view))
        for c in channels
        if view and view in c.layer.split(".")
    )


def _only_or_default_view(header: Header, views: tuple[str, ...]) -> str:
    if not header.multipart and header.parts[0].views:
        return header.parts[0].views[0]
    if len(views) > 1:
        raise InvalidInput(
            f"{header.path} has several views: {', '.join(views)}.",
            fix="Give --view one of these.",
            file=str(header.path),
        )
    return views[0]


def _named(part: Part, name: str, sample_type: str) -> NamedChannel:
    *layers, last = name.split(".")
    view = part.view
    if not view and part.views:
        view = part.views[0] if not layers else layers[-1] if layers[-1] in part.views else ""
    if view and layers and view in (layers[-1], layers[0]):
        layers.pop(-1 if layers[-1] == view else 0)
    return NamedChannel(part.index, name, sample_type, view, ".".join(layers), component_of(last))
