# SPDX-License-Identifier: Apache-2.0
"""`void mask`: quadmasks made and looked at without a removal."""

from __future__ import annotations

import argparse

from void_client.cli import mask_make


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void`."""
    parser = commands.add_parser("mask", help="make quadmasks", description="Makes quadmasks.")
    parts = parser.add_subparsers(metavar="COMMAND", required=True)
    mask_make.add_parser(parts)
