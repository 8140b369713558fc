# SPDX-License-Identifier: Apache-2.0
"""`void doctor`: checks one by one what a removal needs, and says what to do about each that fails."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from void_client.checks import FAIL, checks
from void_client.cli.connecting import add_root_option, add_server_options, client_roots, reach
from void_client.cli.terminal import Speaker
from void_client.errors import ExitCode


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void`."""
    parser = commands.add_parser(
        "doctor",
        help="check client, server, token, encryption, disk and shared storage",
        description="Checks what a removal needs, and says what to do about each thing that fails.",
        epilog="exit codes: 0 nothing failed, 3 something failed",
    )
    add_server_options(parser)
    add_root_option(parser)
    parser.add_argument(
        "--prove",
        metavar="DIR",
        action="append",
        default=[],
        help="a folder below a root in which a small file may be written for a moment; repeat for more"
        " (default: the roots themselves)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """Run the command; a failed check gives exit code 3."""
    failed = False
    for check in checks(lambda: reach(arguments), lambda: client_roots(arguments), arguments.prove):
        failed = failed or check.result == FAIL
        speaker.print(str(check), {"event": "check", **asdict(check)})
    return ExitCode.SERVER_UNREACHABLE if failed else ExitCode.DONE
