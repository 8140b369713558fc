# SPDX-License-Identifier: Apache-2.0
"""`void-server drain`: ends the server of a store between two units, as SIGTERM does."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from void_server.errors import PreconditionFailed
from void_server.lock import holder

WAIT_SECONDS = 300.0
"""More than the server's own `--drain-seconds`."""
POLL_SECONDS = 0.2

_DESCRIPTION = """\
Ends the server that runs on a store: it takes no more jobs (clients are told to come back), finishes the units in hand,
saves how far the others are, and ends. Jobs go on at the next start; no finished unit is computed again.

Run this as the account that runs the server. Where systemd started it, `systemctl stop` does the same.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; it takes `--store` from the caller."""
    parser = commands.add_parser(
        "drain",
        help="end a server between two units of work",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=WAIT_SECONDS,
        metavar="SECONDS",
        help="how long to wait for its end; 0 = not at all (default %(default)s)",
    )
    parser.add_argument("--now", action="store_true", help="do not wait for units in hand")
    return parser


def drain(store: Path, wait_seconds: float, *, now: bool) -> int:
    """Ask the server of `store` to end; returns 0 once it has, or was asked where nobody waits, else 1.

    Raises:
        PreconditionFailed: no server runs there.
    """
    pid = holder(store / "lock")
    if pid is None:
        raise PreconditionFailed(
            f"No server that can be asked runs on {store}.",
            fix="`--store` names its folder; is it another one?",
        )
    for _ in range(2 if now else 1):
        if holder(store / "lock") == pid:
            os.kill(pid, signal.SIGTERM)
        # Two signals that come together may arrive as one.
        time.sleep(POLL_SECONDS)
    until = time.monotonic() + wait_seconds
    while holder(store / "lock") == pid:
        if time.monotonic() > until:
            if wait_seconds:
                print(f"void-server: process {pid} still runs after {wait_seconds:g} s", file=sys.stderr)
            return 1 if wait_seconds else 0
        time.sleep(POLL_SECONDS)
    print("The server has ended.")
    return 0
