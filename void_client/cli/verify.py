# SPDX-License-Identifier: Apache-2.0
"""`void verify`: delivered frames checked against their sidecar, on this machine, without a server."""

from __future__ import annotations

import argparse

from void_client.cli.server_program import NO_PREFIX, run_server_program
from void_client.cli.terminal import Speaker


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void`."""
    parser = commands.add_parser(
        "verify",
        help="check delivered frames against their sidecar, and what a model changed",
        add_help=False,
        prefix_chars=NO_PREFIX,
    )
    parser.add_argument("words", nargs=argparse.REMAINDER)
    # `main` asks every command for these.
    parser.set_defaults(run=run, json=False, local=False)


def run(arguments: argparse.Namespace, _speaker: Speaker) -> int:
    """Run the server's program on what the user wrote; returns its exit code.

    Raises:
        BadInput: it is not installed here.
    """
    return run_server_program("void verify", ["verify", *arguments.words])
