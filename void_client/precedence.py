# SPDX-License-Identifier: Apache-2.0
"""Who wins over whom: the user, then the environment, then the site file, then the built-in default.

What the site file locks has the site's value whatever the environment says, and another one from the user is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from void_client.site import Site

VARIABLES = {"server": "VOID_SERVER", "token_file": "VOID_TOKEN_FILE", "ocio": "OCIO"}
"""The environment variable that stands above the site file, by name of the setting."""


@dataclass(frozen=True)
class Precedence:
    """Settles what holds for a host, which leaves empty what it does not set.

    Attributes:
        site: the studio's.
        environment: the process's.
    """

    site: Site
    environment: Mapping[str, str]

    def settled(self, name: str, given: str, word: str, built_in: str = "") -> str:
        """What holds for a setting.

        Args:
            name: one of `site.LOCKABLE`.
            given: the user's value; empty = not set.
            word: what the user calls it, for the error.
            built_in: what holds when nobody says anything; the environment's is left to whoever reads it later.

        Raises:
            BadInput: the site locks another value.
        """
        locked = name in self.site.locked
        default = site_default(self.site, name, self.environment) or built_in
        if locked and given and given != default:
            raise self.site.refusal_of_change(name, word)
        return given or default

    def check_unchanged(self, name: str, given: bool, word: str) -> bool:
        """The same for a switch, which a site can only lock as it is built in: off."""
        if given and name in self.site.locked:
            raise self.site.refusal_of_change(name, word)
        return given

    def options(self, given: Mapping[str, str], word: str) -> dict[str, str]:
        """The server's options, those given above those of the site.

        Args:
            given: by name.
            word: what the user calls all of them, for the error.

        Raises:
            BadInput: the site locks another value.
        """
        check_options(self.site, given, word)
        return {**self.site.options, **given}


def site_default(site: Site, name: str, environment: Mapping[str, str] = os.environ) -> str:
    """The site's value of a setting, unless the environment stands above it; empty = none."""
    value = site.value(name)
    above = name not in site.locked and environment.get(VARIABLES.get(name, ""))
    return "" if above else value


def check_options(site: Site, given: Mapping[str, str], word: str) -> None:
    """Refuse options of the server that the site locks at another value.

    Raises:
        BadInput: one is; the message names the site file.
    """
    for option, value in given.items():
        if f"options.{option}" in site.locked and not _same(value, site.options.get(option)):
            raise site.refusal_of_change(f"options.{option}", f"{word} {option}")


def _same(value: str, locked: str | None) -> bool:
    """Whether two values are one: a host may write 3 where a site file says 3.0."""
    if locked is None or value == locked:
        return value == locked
    try:
        return float(value) == float(locked)
    except ValueError:
        return False
