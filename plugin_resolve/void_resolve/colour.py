# SPDX-License-Identifier: Apache-2.0
"""Which colour space rendered frames are in: asked of the settings, never guessed, and never changed.

Resolve renders EXR files in its output colour space, whatever the clip was. Names are those of a built-in config of
OCIO; a space of which it is not certain what it is there is refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from void_resolve.errors import ArtistError

CONFIG = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
KEYS = (
    *("colorScienceMode", "isAutoColorManage", "rcmPresetMode", "separateColorSpaceAndGamma"),
    *("colorSpaceInput", "colorSpaceInputGamma", "colorSpaceTimeline", "colorSpaceTimelineGamma"),
    *("colorSpaceOutput", "colorSpaceOutputGamma", "inputDRT", "outputDRT"),
    *("timelineWorkingLuminance", "timelineWorkingLuminanceMode", "colorAcesIDT", "colorAcesODT"),
)
OF_CLIP = ("Input Color Space", "IDT", "Data Level", "Alpha mode")
MANAGED = "davinciYRGBColorManagedv2"
UNMANAGED = "davinciYRGB"
ACES = ("acescc", "acescct")
NO_OUTPUT_TRANSFORM = "No Output Transform"
NO_INPUT_TRANSFORM = "No Input Transform"

SPACES = {
    "Rec.709 Gamma 2.4": "Gamma 2.4 Rec.709 - Texture",
    "Rec.709 Gamma 2.2": "Gamma 2.2 Rec.709 - Texture",
    "sRGB": "sRGB - Texture",
    "Rec.709 Linear": "Linear Rec.709 (sRGB)",
    "Linear Rec.709": "Linear Rec.709 (sRGB)",
    "Rec.2020 Linear": "Linear Rec.2020",
    "P3-D65 Linear": "Linear P3-D65",
    "DaVinci WG/Intermediate": "DaVinci Intermediate WideGamut",
    "DaVinci WG/Linear": "Linear DaVinci WideGamut",
    "DaVinci WG Linear": "Linear DaVinci WideGamut",
    "ACEScg": "ACEScg",
    "ACEScct": "ACEScct",
    "ACEScc": "ACEScc",
    "ACES": "ACES2065-1",
}
"""Names of Resolve, and what they are called in `CONFIG`."""

STATE_IT = "Or state it: the option colour_space takes a name of OCIO's studio config."


class Colour(NamedTuple):
    """The colour space of rendered frames.

    Attributes:
        space, config: as an order takes them.
        clip_property, clip_value: what the imported result is to be set to; empty where nothing is.
        recorded: all settings, for the record of the job.
    """

    space: str
    config: str
    clip_property: str
    clip_value: str
    recorded: dict[str, Any]


def read(holder: Any) -> dict[str, str]:
    """The colour settings of a project or a timeline, as texts."""
    found = holder.GetSetting("")
    if not isinstance(found, dict) or "colorScienceMode" not in found:
        found = {key: holder.GetSetting(key) for key in KEYS}
    return {key: str(found.get(key) or "") for key in KEYS}


def of_clip(values: dict[str, str]) -> dict[str, str]:
    """The colour of a clip's properties."""
    return {key: str(values.get(key) or "") for key in OF_CLIP}


def output_name(settings: dict[str, str]) -> str:
    """The output colour space in one name."""
    space, gamma = settings["colorSpaceOutput"], settings["colorSpaceOutputGamma"]
    separate = settings["separateColorSpaceAndGamma"] == "1"
    return f"{space} {gamma}" if separate and gamma and gamma not in space else space


def of_render(
    project: dict[str, str], timeline: dict[str, str], clip: dict[str, str], stated: str = ""
) -> Colour:
    """The colour space of what a timeline renders.

    Args:
        project: settings of the project, which decide where nothing else does.
        timeline: settings of the timeline that renders.
        clip: colour of the clip.
        stated: a name of OCIO that the artist gave; then nothing else counts.

    Raises:
        ArtistError: it cannot be told.
    """
    settings = {key: timeline.get(key) or project.get(key) or "" for key in KEYS}
    recorded = {"project": dict(project), "timeline": dict(timeline), "clip": dict(clip)}
    mode = settings["colorScienceMode"]
    if mode == MANAGED:
        name = output_name(settings)
        space = stated or SPACES.get(name, "")
        if not space:
            raise ArtistError(
                f"The output colour space '{name}' of Resolve is not one that VOID knows for certain.",
                f"Set Project Settings > Color Management > Output color space to Rec.709 Gamma 2.4. {STATE_IT}",
            )
        return _colour(space, "Input Color Space", name, recorded)
    if mode in ACES:
        transform = settings["colorAcesODT"]
        if not stated and transform != NO_OUTPUT_TRANSFORM:
            raise ArtistError(
                f"The project renders through the ACES output transform '{transform}'.",
                f"Set it to '{NO_OUTPUT_TRANSFORM}', as for EXR files for VFX. {STATE_IT}",
            )
        value = NO_INPUT_TRANSFORM if transform == NO_OUTPUT_TRANSFORM else ""
        return _colour(stated or "ACES2065-1", "IDT" if value else "", value, recorded)
    if stated:
        return _colour(stated, "", "", recorded)
    what = "is not colour managed" if mode == UNMANAGED else f"has the colour science '{mode}'"
    raise ArtistError(
        f"The project {what}, so that nothing tells in which colour space its frames are.",
        "Set Project Settings > Color Management > Color science to DaVinci YRGB Color Managed or ACES."
        f" {STATE_IT}",
    )


def _colour(space: str, name: str, value: str, recorded: dict[str, Any]) -> Colour:
    return Colour(space, CONFIG, name, value, {**recorded, "taken": space, "config": CONFIG})
