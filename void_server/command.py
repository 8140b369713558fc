# SPDX-License-Identifier: Apache-2.0
"""Where the command `void-server` begins: an install of the client alone has the command too, but not what it needs."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code, 2 where the server's packages are not installed."""
    try:
        from void_server.main import main as run
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "void", "void_server"):
            raise
        print(
            f"void-server: this is an install of the client alone; the server needs the package {package}."
            " Install it with: pip install 'void-for-hosts[server]'",
            file=sys.stderr,
        )
        return 2
    return run(arguments)
