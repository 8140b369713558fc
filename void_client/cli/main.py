# SPDX-License-Identifier: Apache-2.0
"""The `void` command: reads the arguments, runs what they name, and turns errors into exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from void_client import events
from void_client.cli import capabilities, doctor, jobs, remove
from void_client.cli.terminal import JsonLines, Speaker, Terminal
from void_client.errors import ClientError, JobCancelled
from void_client.version import version

_DESCRIPTION = "Removes an object, and what it did to the scene, from EXR shots; a VOID server does the work."

_EPILOG = """\
start with:
  void remove --plate 'plate.####.exr' --remove 'roto.####.exr' --out result/
  void doctor        if something does not work

environment:
  VOID_SERVER        server to use, HOST:PORT (default: your own on this machine)
  VOID_TOKEN_FILE    file with that server's token
  VOID_DATA_DIR      where your own server keeps its data
  OCIO               OCIO config that travels with a job
  NO_COLOR           no colours

exit codes:
  0    done
  2    bad input: an option, a pattern, a file or a setting; nothing was computed
  3    the server cannot be reached, or does not accept the token
  4    the job failed, or a result could not be fetched or written
  130  cancelled"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="void",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"void {version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (remove, jobs, capabilities, doctor):
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parsed = build_parser().parse_args(arguments)
    speaker: Speaker = JsonLines() if parsed.json else Terminal()
    try:
        return int(parsed.run(parsed, speaker))
    except KeyboardInterrupt:
        error: ClientError = JobCancelled("Interrupted.")
    except ClientError as raised:
        error = raised
    for event in events.of_error(error):
        speaker(event)
    return int(error.exit_code)


if __name__ == "__main__":
    sys.exit(main())
