# SPDX-License-Identifier: Apache-2.0
"""Which colour space the frames are in that a node sends, and the OCIO config that the name is meant in.

A name is never looked up in another config than the script's own. What is rendered by the node is in the working space,
because it is written raw; files of a Read are in that Read's space.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from void_nuke.errors import NodeError

NUKE_LINEAR = "Linear Rec.709 (sRGB)"
"""What Nuke's own colour management works in, by the name that OCIO's built-in configs give it."""

BUILT_IN = "ocio://default"
_BUILT_IN_NAME = re.compile(r"(?:fn-nuke_)?((?:cg|studio)-config-[\w.-]+)")
_DEFAULT = re.compile(r"default\s*\((.*)\)")


class ColourManagement(NamedTuple):
    """What the script's root says.

    Attributes:
        kind: `Nuke` or `OCIO`.
        config: value of `OCIO_config`.
        custom: value of `customOCIOConfigPath`, evaluated.
        working: value of `workingSpaceLUT`.
        program: Nuke's own file, beside which its configs lie.
    """

    kind: str
    config: str
    custom: str
    working: str
    program: str


class Colour(NamedTuple):
    """A colour space and its config, as `submit` takes them."""

    space: str
    config: str


def working_space(managed: ColourManagement, environment: Mapping[str, str]) -> Colour:
    """The space that pixels have inside of the script.

    Raises:
        NodeError: the config cannot be found.
    """
    config = ocio_config(managed, environment)
    return Colour(plain_name(managed.working), config) if config else Colour(NUKE_LINEAR, BUILT_IN)


def space_of_read(
    managed: ColourManagement, environment: Mapping[str, str], colorspace: str, raw: bool
) -> Colour | None:
    """The space of a Read's files; None where its name means nothing outside of Nuke.

    Args:
        managed: what the root says.
        environment: the process's.
        colorspace: value of the Read's knob.
        raw: whether it converts nothing; then the files are taken to be in the working space.
    """
    if raw:
        return working_space(managed, environment)
    config = ocio_config(managed, environment)
    name = plain_name(colorspace)
    if config:
        # Nuke's plain `default` means a rule of its own.
        return None if name in ("", "default") else Colour(name, config)
    return Colour(NUKE_LINEAR, BUILT_IN) if name in ("linear", "default") else None


def ocio_config(managed: ColourManagement, environment: Mapping[str, str]) -> str:
    """The script's OCIO config as a file or a built-in name; empty under Nuke's own colour management.

    Raises:
        NodeError: it cannot be found.
    """
    if environment.get("OCIO"):
        return environment["OCIO"]
    if managed.kind != "OCIO":
        return ""
    if managed.config == "custom":
        if managed.custom and os.path.isfile(managed.custom):
            return managed.custom
        raise NodeError(
            f"The OCIO config {managed.custom or '(none)'} of the project settings does not exist.",
            "Correct it in Project Settings > Color.",
        )
    shipped = os.path.join(
        os.path.dirname(managed.program), "plugins", "OCIOConfigs", "configs", managed.config, "config.ocio"
    )
    if os.path.isfile(shipped):
        return shipped.replace("\\", "/")
    match = _BUILT_IN_NAME.fullmatch(managed.config)
    if match:
        return f"ocio://{match[1]}"
    raise NodeError(
        f"The OCIO config {managed.config} of the project settings is not found beside Nuke.",
        "Choose 'custom' in Project Settings > Color and name its config.ocio, or set OCIO.",
    )


def plain_name(value: str) -> str:
    """A colour space as a config names it: without Nuke's `default (…)` and the menu path before a tab."""
    value = value.split("\t")[0].strip()
    match = _DEFAULT.fullmatch(value)
    return match[1].strip() if match else value
