# SPDX-License-Identifier: Apache-2.0
"""A site's defaults and locks on the options of the commands.

The order is: command line, environment, site file, built-in default. What the site file locks has the site's value
whatever the environment says, and another one on the command line is refused.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path

from void_client.errors import BadInput
from void_client.precedence import check_options, site_default
from void_client.site import LOCKABLE, Site
from void_client.specification import parse_pairs

_DEFAULT_TOLD = re.compile(r" *\(default: .*\)$")


def apply_site(
    parser: argparse.ArgumentParser, site: Site, environment: Mapping[str, str] = os.environ
) -> None:
    """Give the options of a parser, and of the commands below it, the site's defaults; their help says so."""
    kept: dict[str, tuple[str, str]] = {}
    # argparse has no public list of its options.
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                apply_site(command, site, environment)
        name = action.dest
        if name not in LOCKABLE:
            continue
        locked, value = name in site.locked, site_default(site, name, environment)
        if value:
            action.default = value
            action.help = _told(action.help or "", value, locked)
        elif locked:
            action.help = f"{action.help} (locked by the site file)"
        if locked:
            kept[name] = (action.option_strings[0], str(action.default))
    parser.set_defaults(site=site, kept=kept)


def check_locks(arguments: argparse.Namespace) -> None:
    """Refuse what the site file does not let a user change.

    Raises:
        BadInput: an option differs from what is locked; the message names the site file.
    """
    site: Site = arguments.site
    for name, (option, value) in arguments.kept.items():
        if str(getattr(arguments, name)) != value:
            raise site.refusal_of_change(name, option)
    if "server" in site.locked and arguments.local:
        raise site.refusal_of_change("server", "--local")
    if "output" in site.locked and vars(arguments).get("out"):
        # Of `void jobs fetch`; without it the results go where the job's order says.
        raise site.refusal_of_change("output", "--out")
    check_options(site, parse_pairs(getattr(arguments, "set", [])), "--set")


def output_folder(arguments: argparse.Namespace) -> Path:
    """Where the results of `void remove` go: as the user said, else as the site file says.

    Raises:
        BadInput: neither says it.
    """
    site: Site = arguments.site
    if not arguments.output:
        raise BadInput("No folder for the results is named.", fix="Give it with --out result/.")
    if arguments.output == site.output:
        return Path(site.output_folder(arguments.plate, arguments.view))
    return Path(arguments.output)


def set_options(arguments: argparse.Namespace) -> dict[str, str]:
    """The options of `--set`, above those of the site file.

    Raises:
        BadInput: one is not `key=value`.
    """
    return {**arguments.site.options, **parse_pairs(arguments.set)}


def _told(text: str, value: str, locked: bool) -> str:
    by = "locked by the site file" if locked else "site file"
    # argparse reads a percent sign in a help text as the start of a field.
    return f"{_DEFAULT_TOLD.sub('', text)} ({by}: {value.replace('%', '%%')})"
