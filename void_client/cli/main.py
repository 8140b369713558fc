# SPDX-License-Identifier: Apache-2.0
"""The `void` command: reads the arguments, runs what they name, and turns errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from void_client import events
from void_client.cli import batch, capabilities, doctor, install, jobs, mask, remove, verify
from void_client.cli.site_defaults import apply_site, check_locks
from void_client.cli.terminal import JsonLines, Speaker, Terminal, flush_streams, make_streams_safe
from void_client.errors import BadInput, ClientDefect, ClientError, Left
from void_client.site import Site, load_site
from void_client.version import version

_DESCRIPTION = "Removes an object, and what it did to the scene, from EXR shots; a VOID server does the work."

_EPILOG = """\
start with:
  void remove --plate 'plate.####.exr' --remove 'roto.####.exr' --out result/
  void verify result/  to see what a model changed, and whether it is as delivered
  void doctor        if something does not work
  void install nuke  to have the VOID node in Nuke
  void install resolve  to have VOID in DaVinci Resolve's menu

environment:
  VOID_SERVER        server to use, HOST:PORT (default: your own on this machine)
  VOID_TOKEN_FILE    file with your token for it
  VOID_SITE_CONFIG   TOML file of the studio: server, storage, defaults, locks
  VOID_DATA_DIR      where your own server keeps its data
  OCIO               OCIO config that travels with a job
  NO_COLOR           no colours
  VOID_DEBUG         1 = where the client itself fails, show the traceback

exit codes:
  0    done
  1    a shot of a batch failed; a frame that is verified differs
  2    bad input: an option, a pattern, a file or a setting; nothing was computed
  3    the server cannot be reached, or does not accept the token
  4    the job failed, a result could not be fetched or written, or the client itself failed
  130  cancelled, or left with Ctrl-C"""

_DEBUG = "VOID_DEBUG"


def build_parser(site: Site) -> argparse.ArgumentParser:
    """The parser of all commands, with a site's defaults."""
    parser = argparse.ArgumentParser(
        prog="void",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"void {version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (remove, batch, mask, verify, jobs, capabilities, doctor, install):
        command.add_parser(commands)
    apply_site(parser, site)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    make_streams_safe()
    try:
        site, wrong = _site()
        parsed = build_parser(site).parse_args(arguments)
        # The doctor tells it as one of its checks.
        wrong = None if parsed.run is doctor.run else wrong
        return _run(parsed, JsonLines() if parsed.json else Terminal(), wrong)
    finally:
        flush_streams()


def _site() -> tuple[Site, BadInput | None]:
    """The site, and what is wrong with its file: help is given even then."""
    try:
        return load_site(), None
    except BadInput as error:
        return Site(), error


def _run(parsed: argparse.Namespace, speaker: Speaker, wrong: BadInput | None) -> int:
    try:
        if wrong:
            raise wrong
        check_locks(parsed)
        return int(parsed.run(parsed, speaker))
    except KeyboardInterrupt:
        error: ClientError = Left("Interrupted.")
    except ClientError as raised:
        error = raised
    except Exception as raised:  # noqa: BLE001 - the last net: a user gets one line, never a traceback
        if os.environ.get(_DEBUG):
            traceback.print_exc()
        error = ClientDefect(
            f"This should not happen: {type(raised).__name__}: {' '.join(str(raised).split())}.",
            fix=f"Please report it, with what the same command tells with {_DEBUG}=1 in its environment.",
        )
    for event in events.of_error(error):
        speaker(event)
    return int(error.exit_code)


if __name__ == "__main__":
    sys.exit(main())
