# SPDX-License-Identifier: Apache-2.0
"""The artist's choices in words, and the request that they make."""

from __future__ import annotations

import os
from typing import Any, Mapping, Sequence, Tuple

from void_resolve.errors import ArtistError
from void_resolve.settings import Site

Choice = Tuple[str, str]
"""A value and what it is called."""

LOOKS: Sequence[Choice] = (
    ("source", "Source, without the grade"),
    ("graded", "As graded"),
)
MATTES: Sequence[Choice] = (
    ("key", "Key of the Color page, on Alpha Output"),
    ("external", "External matte of the clip"),
    ("track", "Matte clip on a track of its own"),
    ("files", "EXR sequence of mattes, picked"),
    ("fusion", "Mask of the clip's Fusion composition"),
    ("points", "Points in the frame"),
)
MATTE_FILES: Sequence[Choice] = (
    ("auto", "Four channels; one file per key if refused"),
    ("rgba", "Four channels only"),
    ("keys", "One per key"),
)
QUALITIES: Sequence[Choice] = (("final", "Final"), ("preview", "Preview: faster and coarser"))
ENGINES: Sequence[Choice] = (("", "As the site says"), ("cleanplate", "cleanplate"), ("void", "void"))
SEGMENTERS: Sequence[Choice] = (
    ("", "As the matte needs"),
    ("roto", "roto"),
    ("flow", "flow"),
    ("sam2", "sam2"),
)
REASONERS: Sequence[Choice] = (
    ("", "As the site says"),
    ("none", "none"),
    ("motion", "motion"),
    ("openai", "openai (asks a service)"),
    ("gemini", "gemini (asks a service)"),
)

_NEGATIVE, _POSITIVE = ("-", "not", "keep"), ("", "+", "remove")


def with_value(choices: Sequence[Choice], value: str) -> list[Choice]:
    """The choices, and one more for a value that is none of them."""
    known = [value == each for each, _ in choices]
    return list(choices) if any(known) else [*choices, (value, value)]


def points_of(text: str) -> tuple[tuple[int, float, float, bool], ...]:
    """Points as they are written: `FRAME X Y`, with a `-` behind it for one that is not on the object; `;` between.

    Raises:
        ArtistError: it cannot be read.
    """
    points = []
    for part in text.replace("\n", ";").split(";"):
        words = part.replace(",", " ").split()
        if not words:
            continue
        sign = " ".join(words[3:]).lower()
        try:
            point = (int(words[0]), float(words[1]), float(words[2]), sign not in _NEGATIVE)
        except (ValueError, IndexError):
            point = None
        if point is None or sign not in (*_NEGATIVE, *_POSITIVE):
            raise ArtistError(
                f"The point {part.strip()!r} cannot be read.",
                "Write FRAME X Y, such as: 1001 960 540; 1001 300 200 -",
            )
        points.append(point)
    return tuple(points)


def options_of(text: str) -> dict[str, str]:
    """Options as they are written: `feather=12, grain=off`.

    Raises:
        ArtistError: it cannot be read.
    """
    options = {}
    for part in text.replace("\n", ",").replace(";", ",").split(","):
        if not part.strip():
            continue
        name, sign, value = (piece.strip() for piece in part.partition("="))
        if not (name and sign and value):
            raise ArtistError(
                f"The option {part.strip()!r} cannot be read.", "Write NAME=VALUE, such as: feather=12"
            )
        options[name] = value
    return options


def out_of(chosen: str, site: Site) -> str:
    """Where results go: what was chosen, else what the site says.

    Raises:
        ArtistError: it is no whole path, or speaks of the plate's folder: a plate from Resolve has none.
    """
    out = chosen or site.values.get("out", "")
    if os.path.isabs(out) and "{" not in out:
        return out
    if chosen:
        raise ArtistError(f"{chosen} is not a whole path.", "Choose the folder anew.")
    if out and site.locks("out"):
        raise ArtistError(
            f"The studio's folder for results, {out}, is none for Resolve.", "Ask who looks after it."
        )
    raise ArtistError("There is no folder for results.", "Choose one.")


def server_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The server that is meant; what is empty is the site's, or the environment's."""
    return {name: str(values[name]) for name in ("address", "token_file", "ca")}


def request_of(values: Mapping[str, Any], consent: bool, site: Site, make: Any) -> Any:
    """The request for `work`.

    Args:
        values: by the names of `settings.FIRST`.
        consent: whether the artist lets this one job ask a cloud service.
        site: the studio's; what it locks is left to it.
        make: `work.Request`.

    Raises:
        ArtistError: something is missing or cannot be read.
    """
    if site.problem:
        raise ArtistError(f"The studio's site file cannot be used: {site.problem}", "Ask who looks after it.")
    if consent and site.locks("cloud_consent"):
        raise ArtistError("The studio does not let frames go to a cloud service.", "Take the consent back.")
    matte = values["matte"]
    if matte == "files" and not values["matte_pattern"]:
        raise ArtistError("No sequence of mattes was picked.", "Pick one, or take the matte from elsewhere.")
    if matte == "track" and not values["matte_track"].strip():
        raise ArtistError("The track with the matte has no name here.", "Type the name of the track.")
    points = points_of(values["points"])
    if matte == "points" and not points:
        raise ArtistError("There are no points.", "Write FRAME X Y, such as: 1001 960 540")
    for name in ("matte_pattern", "affected_pattern"):
        if values[name] and not os.path.isabs(values[name]):
            raise ArtistError(f"{values[name]} is not a whole path.", "Pick the file anew.")
    options = _options_of(values, site)
    locked = sorted(name for name in options if site.locks_option(name) or name in site.locked_spaces())
    if locked:
        raise ArtistError(
            "The studio sets {} for all.".format(", ".join(locked)), "Take it out of the options."
        )
    return make(
        look=values["look"],
        matte=matte,
        matte_pattern=values["matte_pattern"] if matte in ("files", "external") else "",
        matte_track=values["matte_track"].strip() if matte == "track" else "",
        matte_tool=values["matte_tool"].strip() if matte == "fusion" else "",
        points=points if matte == "points" else (),
        affected_pattern=values["affected_pattern"],
        handles=int(values["handles"]),
        quality=values["quality"],
        engine=values["engine"],
        reasoner=values["reasoner"],
        segmenter=values["segmenter"],
        prompt=values["prompt"],
        instruction=values["instruction"],
        seed=values["seed"],
        out=out_of(values["out"], site),
        server=server_of(values),
        cloud_consent=consent,
        options=options,
        matte_files=values["matte_files"],
    )


def _options_of(values: Mapping[str, Any], site: Site) -> dict[str, str]:
    """The typed options, with those that have a field of their own."""
    options = options_of(values["options"])
    space = values["colour_space"].strip()
    if space and options.get("colour_space", space) != space:
        raise ArtistError(
            f"The colour space is {space} in its field and {options['colour_space']} in the options.",
            "Leave one of them.",
        )
    if space:
        options["colour_space"] = space
    if values["matte_files"] != "rgba" and not site.locks_option("matte_files"):
        options.setdefault("matte_files", "keys")
    return options
