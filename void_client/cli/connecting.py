# SPDX-License-Identifier: Apache-2.0
"""The options that say which server is meant, shared by all commands."""

from __future__ import annotations

import argparse
import os

from void_client.connection import Connection
from void_client.errors import BadInput
from void_client.reach import Reach
from void_client.roots import Root


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add `--server`, `--local`, `--token-file`, `--ca`, `--cert`, `--key` and `--json`."""
    group = parser.add_argument_group("which server")
    place = group.add_mutually_exclusive_group()
    place.add_argument(
        "--server",
        metavar="HOST:PORT",
        help="a server in the machine room (default: $VOID_SERVER, else --local)",
    )
    place.add_argument(
        "--local", action="store_true", help="your own server on this machine, started when needed"
    )
    group.add_argument(
        "--token-file",
        metavar="FILE",
        default=os.environ.get("VOID_TOKEN_FILE", ""),
        help="file with your token for the server (default: $VOID_TOKEN_FILE); --local needs none",
    )
    group.add_argument(
        "--ca",
        metavar="FILE",
        default="",
        help="PEM file that the server's certificate must chain to (default: the system's authorities)",
    )
    group.add_argument(
        "--cert",
        metavar="FILE",
        default="",
        help="PEM file with a certificate of your own, for a server that wants one; with --key",
    )
    group.add_argument("--key", metavar="FILE", default="", help="PEM file with the key of --cert")
    group.add_argument("--json", action="store_true", help="print events as JSON lines on standard output")


def add_root_option(parser: argparse.ArgumentParser) -> None:
    """Add `--root`."""
    parser.add_argument(
        "--root",
        metavar="NAME=FOLDER",
        action="append",
        default=[],
        help="a folder that the server mounts too, by the server's name for it: its files are not sent; repeat for"
        " more (also: the site file)",
    )


def server_address(arguments: argparse.Namespace) -> str:
    """The address that the user named by option or environment; empty = the local server."""
    if arguments.local:
        return ""
    return str(arguments.server or os.environ.get("VOID_SERVER", ""))


def reach(arguments: argparse.Namespace) -> Reach:
    """The server that the options mean."""
    return Reach(server_address(arguments), arguments.token_file, arguments.ca, arguments.cert, arguments.key)


def client_roots(arguments: argparse.Namespace) -> tuple[Root, ...]:
    """The folders that client and server may share, by the site file and `--root`.

    Raises:
        BadInput: a `--root` is unusable.
    """
    if not server_address(arguments):
        return reach(arguments).roots(())
    return reach(arguments).roots((*arguments.site.roots, *map(_parse_root, arguments.root)))


def _parse_root(text: str) -> Root:
    name, equals, folder = text.partition("=")
    if not name or not equals or not folder:
        raise BadInput(f"'{text}' is not NAME=FOLDER.", fix="Write --root proj=/mnt/proj.")
    return Root(name, (os.path.abspath(folder),))  # noqa: PTH100


def connect(arguments: argparse.Namespace) -> Connection:
    """A connection to the server that the options mean; a local one is started when none serves.

    Raises:
        ClientError: an option is unusable, or the local server does not start.
    """
    return reach(arguments).connect()
