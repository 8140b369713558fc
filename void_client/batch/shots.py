# SPDX-License-Identifier: Apache-2.0
"""The file of a batch: a TOML table of shots, each in the words of the options of `void remove`, with defaults."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from void_client.errors import BadInput

MAX_BYTES = 2**26
"""A longer file is no table of shots."""
PLACEHOLDER = "{shot}"
FILES = ("plate", "remove", "affected", "keep", "quadmask", "cleanplate", "out")
"""Paths; relative ones begin at the folder of the file."""
TEXTS = (
    *FILES,
    *("range", "view", "name", "points", "boxes", "prompt", "instruction", "colorspace", "ocio"),
    *("engine", "segmenter", "reasoner"),
)
SWITCHES = ("preview", "cloud_consent")
KEYS = (*TEXTS, "seed", *SWITCHES, "options")
"""What a shot may say: the options of `void remove`, and `options` for `--set`."""
NOT_FOR_ALL = ("cloud_consent",)
"""A person gives consent for a shot, not for all that will ever stand in a file."""
_SHOT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class ShotWish:
    """One shot as the file has it, with the defaults and with its name in place of `{shot}`.

    Attributes:
        name: its key in the file.
        values: texts, the seed and switches by key, paths absolute; without `options`.
        options: pairs for `--set`.
    """

    name: str
    values: Mapping[str, Any]
    options: Mapping[str, str]


@dataclass(frozen=True)
class ShotFile:
    """A file of shots.

    Attributes:
        path: the file.
        title: what the report is called.
        shots: in the order of the file.
        problems: what is wrong with the file, in sentences that name the shot; such a shot is not among `shots`.
    """

    path: Path
    title: str
    shots: tuple[ShotWish, ...]
    problems: tuple[str, ...]


def read_shots(path: Path) -> ShotFile:
    """Read a file of shots.

    Raises:
        BadInput: it cannot be read at all, or names no shot.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"{path} is too long for a table of shots.", file=str(path))
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.", file=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no TOML: {error}.", file=str(path)) from error
    problems = [f"There is no key {key!r}; known are title, defaults and shots." for key in _unknown(tree)]
    defaults, shots = tree.get("defaults", {}), tree.get("shots", {})
    if not isinstance(defaults, dict) or not isinstance(shots, dict) or not shots:
        raise BadInput(
            f"{path} names no shot.", fix="Write a table for each, such as [shots.sh010].", file=str(path)
        )
    problems += [f"defaults: {text}" for text in _wrong(defaults, for_all=True)]
    wishes = []
    for name, own in shots.items():
        wrong = _wrong_shot(name, own)
        problems += [f"{name}: {text}" for text in wrong]
        if not wrong and not problems:
            wishes.append(_wish(name, defaults, own, path.absolute().parent))
    return ShotFile(path, str(tree.get("title") or path.stem), tuple(wishes), tuple(problems))


def _unknown(tree: Mapping[str, Any]) -> list[str]:
    return [key for key in tree if key not in ("title", "defaults", "shots")]


def _wrong_shot(name: str, own: Any) -> list[str]:
    if not _SHOT_NAME.fullmatch(name):
        return ["A shot is named with letters, digits, dots, dashes and underscores."]
    return _wrong(own, for_all=False) if isinstance(own, dict) else ["A shot is a table."]


def _wrong(table: Mapping[str, Any], *, for_all: bool) -> list[str]:
    problems = []
    for key, value in table.items():
        if key not in KEYS:
            problems.append(f"There is no option {key!r}; there are {', '.join(KEYS)}.")
        elif for_all and key in NOT_FOR_ALL:
            problems.append(f"{key} is given for a shot, not for all.")
        elif key in TEXTS and not isinstance(value, str):
            problems.append(f"{key} must be a text.")
        elif key == "seed" and (isinstance(value, bool) or not isinstance(value, int)):
            problems.append("seed must be a whole number.")
        elif key in SWITCHES and not isinstance(value, bool):
            problems.append(f"{key} must be true or false.")
        elif key == "options" and not _is_table_of_values(value):
            problems.append('options must be a table such as {grain = "off"}.')
    return problems


def _is_table_of_values(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(v, (str, int, float)) for v in value.values())


def _wish(name: str, defaults: Mapping[str, Any], own: Mapping[str, Any], folder: Path) -> ShotWish:
    merged = {**defaults, **own}
    options = {**defaults.get("options", {}), **own.get("options", {})}
    merged.pop("options", None)
    values = {key: _filled(value, name) for key, value in merged.items()}
    for key in FILES:
        if values.get(key):
            values[key] = str(folder / values[key])
    if values.get("ocio") and (folder / values["ocio"]).is_file():
        values["ocio"] = str(folder / values["ocio"])
    return ShotWish(name, values, {key: _option_text(value, name) for key, value in options.items()})


def _filled(value: Any, name: str) -> Any:
    return value.replace(PLACEHOLDER, name) if isinstance(value, str) else value


def _option_text(value: Any, name: str) -> str:
    """As it would be written behind `--set NAME=`: true is on."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(_filled(value, name))
