# SPDX-License-Identifier: Apache-2.0
"""`void install`: brings the plugin for a host to where the host finds it, with a helper for it, and takes it away."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from void_client.cli.terminal import Speaker
from void_client.errors import BadInput, ExitCode
from void_client.install import nuke, resolve, resolve_place
from void_client.install.package import HelperWish, Step
from void_client.install.plugin_files import shipped_files
from void_client.local_server import data_folder

_NUKE = """\
Makes the VOID node known to Nuke: copies the plugin into a folder of yours, adds one line to init.py in ~/.nuke, and
tells the plugin which Python its helper runs in. Nothing is put into Nuke's own installation.

Made for Nuke 14 to 17; Nuke 18 is prepared for; Nuke 13 and older are not supported."""

_NUKE_EXAMPLES = """\
examples:
  void install nuke                     for yourself, with the Python that runs this command
  void install nuke --dry-run           says what it would do
  void install nuke --wheelhouse bundle --python /usr/bin/python3.11
                                        the helper gets a Python of its own, without a network
  void install nuke --dir /studio/nuke  for all, in a folder that NUKE_PATH names
  void install nuke --uninstall         init.py is as it was, the folder is gone

Run it again after an update: it writes what has changed, and says so when nothing has. Without a line in init.py, a
studio may put the plugin folder itself on NUKE_PATH. $VOID_HELPER names another helper for one session.
"""

_RESOLVE = """\
Puts VOID into the menu of DaVinci Resolve: copies the plugin into a folder of yours, writes two entries (VOID, VOID
probe) into Fusion/Scripts/Utility, and tells the plugin which Python its helper runs in.

Needs DaVinci Resolve Studio, 19.1 or newer. The free edition and the Mac App Store's Resolve are not supported."""

_RESOLVE_EXAMPLES = """\
examples:
  void install resolve                    for yourself, with the Python that runs this command
  void install resolve --dry-run          says what it would do
  void install resolve --machine          for all users of this machine; needs the right to write there
  void install resolve --wheelhouse bundle --python /usr/bin/python3.11
                                          the helper gets a Python of its own, without a network
  void install resolve --macro            the Fusion macro VOID_TouchUp too; start Resolve again for it
  void install resolve --uninstall        the entries and the plugin are gone

Run it again after an update: it writes what has changed, and says so when nothing has. A macro that was put there
once is kept up to date. $VOID_HELPER names another helper for one session.
"""

_EXIT_CODES = "\nexit codes: 0 done, 2 it cannot be done, and what to do, 4 a file could not be written"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to `void`."""
    parser = commands.add_parser("install", help="make VOID known to Nuke or Resolve, or take it away")
    hosts = parser.add_subparsers(title="hosts", metavar="HOST", required=True)
    of_nuke = _host(hosts, "nuke", "the plugin for Nuke 14 to 17", _NUKE, _NUKE_EXAMPLES)
    of_nuke.add_argument(
        "--dir",
        metavar="DIR",
        default="",
        help="a folder whose init.py Nuke runs, instead of ~/.nuke; plugin and helper go there too (default: they go"
        " into your data folder)",
    )
    of_nuke.set_defaults(run=run_nuke)
    of_resolve = _host(
        hosts, "resolve", "the plugin for DaVinci Resolve Studio 19.1 and newer", _RESOLVE, _RESOLVE_EXAMPLES
    )
    places = of_resolve.add_mutually_exclusive_group()
    places.add_argument(
        "--user", action="store_true", help="into your own folders of Resolve, which is the default"
    )
    places.add_argument("--machine", action="store_true", help="into the folders of Resolve for all users")
    places.add_argument(
        "--dir",
        metavar="DIR",
        default="",
        help="Resolve's folder Fusion somewhere else; plugin and helper go there too, beside Scripts",
    )
    of_resolve.add_argument(
        "--macro", action="store_true", help="the Fusion macro VOID_TouchUp too (docs/resolve_macro.md)"
    )
    of_resolve.set_defaults(run=run_resolve)


def run_nuke(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """Run `void install nuke`.

    Raises:
        BadInput: it cannot be done.
        WriteFailed: a file could not be written.
    """
    place = nuke.place_of(arguments.dir, Path.home(), data_folder())
    wish = _wish(arguments)
    if arguments.uninstall:
        return _do(nuke.uninstalling(place), arguments, speaker, place.base)
    _do(nuke.installing(place, wish, shipped_files("nuke")), arguments, speaker, place.base)
    speaker.print(f"Without a line in init.py: NUKE_PATH={place.plugin}", {})
    speaker.print("For Nuke 14 to 17; 18 is prepared for; 13 and older are not supported.", {})
    return ExitCode.DONE


def run_resolve(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """Run `void install resolve`.

    Raises:
        BadInput: it cannot be done.
        WriteFailed: a file could not be written.
    """
    here = (sys.platform, os.environ)
    if arguments.dir:
        place = resolve_place.place_in(arguments.dir)
    elif arguments.machine:
        place = resolve_place.place_for_machine(*here)
    else:
        place = resolve_place.place_for_user(*here, Path.home(), data_folder())
    wish = resolve.Wish(_wish(arguments), arguments.macro)
    if arguments.uninstall:
        return _do(resolve.uninstalling(place), arguments, speaker, place.fusion)
    _do(resolve.installing(place, wish, shipped_files("resolve")), arguments, speaker, place.fusion)
    for path in resolve_place.other_launchers(place, *here, Path.home()):
        speaker.print(f"Resolve shows VOID twice: {path} is of another installation; uninstall one.", {})
    if arguments.macro:
        speaker.print("Start Resolve again for the macro.", {})
    speaker.print("In Resolve: Workspace > Scripts > VOID. If it is not there, start Resolve again.", {})
    speaker.print("For DaVinci Resolve Studio, 19.1 and newer; not for the free edition.", {})
    return ExitCode.DONE


def _host(
    hosts: argparse._SubParsersAction[argparse.ArgumentParser], name: str, what: str, text: str, examples: str
) -> argparse.ArgumentParser:
    parser = hosts.add_parser(
        name,
        help=what,
        description=text,
        epilog=examples + _EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--helper",
        metavar="PATH",
        default="",
        help="a void-helper, or a Python that has it (default: the Python that runs this command)",
    )
    parser.add_argument(
        "--wheelhouse",
        metavar="DIR",
        default="",
        help="make a Python of the helper's own from the wheels of this folder, such as the bundle of `make bundle`",
    )
    parser.add_argument(
        "--python",
        metavar="PATH",
        default="",
        help="what to make that with: Python 3.10 or newer, not the host's",
    )
    parser.add_argument("--uninstall", action="store_true", help="undo it all; what you added there is kept")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    # `main` asks every command for these.
    parser.set_defaults(json=False, local=False)
    return parser


def _do(steps: Iterator[Step], arguments: argparse.Namespace, speaker: Speaker, base: Path) -> ExitCode:
    done = 0
    try:
        for step in steps:
            done += 1
            if arguments.dry_run:
                speaker.print(f"would do: {step.text}", {})
                continue
            speaker.print(step.text, {})
            for line in step.do():
                speaker.print(line, {})
    except OSError as error:
        raise BadInput(
            f"{error.filename or base} cannot be changed: {error.strerror or error}.",
            fix="Check its permissions, and run the command again.",
            file=str(error.filename or base),
        ) from error
    if not done:
        speaker.print("nothing to do: it is as it should be", {})
    return ExitCode.DONE


def _wish(arguments: argparse.Namespace) -> HelperWish:
    if arguments.helper and (arguments.wheelhouse or arguments.python):
        raise BadInput(
            "--helper names a Python that is there; --wheelhouse makes one.", fix="Give one of the two."
        )
    if bool(arguments.wheelhouse) != bool(arguments.python):
        raise BadInput(
            "--wheelhouse and --python belong together.",
            fix="Name the folder of wheels and the Python to make an environment with, or leave both out.",
        )
    if arguments.wheelhouse:
        return HelperWish(wheelhouse=arguments.wheelhouse, python=arguments.python)
    return HelperWish(path=arguments.helper or sys.executable)
