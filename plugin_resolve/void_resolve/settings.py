# SPDX-License-Identifier: Apache-2.0
"""What the artist chose last, and what the studio's site file gives and locks."""

from __future__ import annotations

import contextlib
from typing import Mapping, NamedTuple

from void_resolve.keeping import Json, read_json, write_json

FIRST: dict[str, object] = {
    "look": "source",
    "matte": "key",
    "matte_pattern": "",
    "matte_track": "VOID MATTE",
    "matte_tool": "",
    "matte_files": "auto",
    "colour_space": "",
    "points": "",
    "affected_pattern": "",
    "handles": 0,
    "quality": "final",
    "engine": "",
    "reasoner": "",
    "segmenter": "",
    "prompt": "",
    "instruction": "",
    "seed": "",
    "out": "",
    "address": "",
    "token_file": "",
    "ca": "",
    "options": "",
}
"""What is chosen at first. Consent to a cloud service is not here: a person gives it for one job."""

_LOCK_OF = {"address": "server", "out": "output", "quality": "preview", "colour_space": "colorspace"}
"""Settings whose name in the site file is another."""


class Site(NamedTuple):
    """The site file, as the helper tells it; without one all is empty.

    Attributes:
        file: its path.
        values: what it says, by the setting's name here.
        options: options that it sets.
        locked: what an artist may not change, in the site file's words.
        problem: why it could not be read; nothing may be sent then.
    """

    file: str = ""
    values: Mapping[str, str] = {}
    options: Mapping[str, str] = {}
    locked: frozenset[str] = frozenset()
    problem: str = ""

    def locks(self, setting: str) -> bool:
        """Whether this setting may not be changed."""
        return _LOCK_OF.get(setting, setting) in self.locked

    def locks_option(self, name: str) -> bool:
        """Whether this option of the engine may not be changed."""
        return f"options.{name}" in self.locked

    def locked_spaces(self) -> frozenset[str]:
        """The option that names the plate's colour space, where the site has decided that."""
        return frozenset({"colour_space"} if "colorspace" in self.locked else ())


def site_of(answer: Json) -> Site:
    """The site file from what the helper answered to `site`."""
    if "reply" not in answer:
        error = answer.get("error") or {}
        words = "{} {}".format(error.get("message", "The helper did not answer."), error.get("fix", ""))
        return Site(problem=words.strip())
    said = answer["reply"]
    values = {
        "address": said["server"],
        "token_file": said["token_file"],
        "ca": said["ca"],
        "out": said["output"],
    }
    values.update(said["defaults"])
    return Site(said["file"], values, dict(said["options"]), frozenset(said["locked"]))


class Settings:
    """The choices of one artist.

    Attributes:
        values: by name; what the site locks is at its first value, which leaves it to the site.
        site: the studio's.
    """

    def __init__(self, path: str, site: Site = Site()) -> None:  # noqa: B008 - it cannot be changed
        self.path = path
        self.site = site
        kept = read_json(path)
        self.values = {name: _fitting(kept.get(name), first) for name, first in FIRST.items()}
        self._unlock()

    def keep(self, values: Mapping[str, object]) -> None:
        """Take over what was chosen, and write it; where that fails it is known for this session only."""
        self.values.update({name: value for name, value in values.items() if name in FIRST})
        self._unlock()
        with contextlib.suppress(OSError):
            write_json(self.path, dict(self.values))

    def _unlock(self) -> None:
        self.values.update({name: first for name, first in FIRST.items() if self.site.locks(name)})


def _fitting(value: object, first: object) -> object:
    """A kept value, if it is of the kind of the first one."""
    return value if isinstance(value, type(first)) and not isinstance(value, bool) else first
