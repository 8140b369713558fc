# SPDX-License-Identifier: Apache-2.0
"""`void-helper`, and `python -m void_client.helper`: speaks docs/helper_protocol.md on standard input and output."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence

from void_client.cli.terminal import flush_streams, make_streams_safe
from void_client.helper.session import Session
from void_client.version import version

_DESCRIPTION = """\
Speaks with a host such as Nuke in lines of JSON, and with a VOID server by gRPC. Hosts start it; a person uses `void`.
It ends when its standard input closes; jobs go on on the server. Standard error is its log."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the host that started this process, and end the process."""
    parser = argparse.ArgumentParser(
        prog="void-helper",
        description=_DESCRIPTION,
        epilog="The lines are described in docs/helper_protocol.md.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"void-helper {version()}")
    parser.parse_args(arguments)
    make_streams_safe()
    lines = _take_over_output()
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        force=True,
    )
    # Ctrl-C in the host's terminal is the host's; when that ends, so does the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Session(lines, os.environ).serve(sys.stdin.buffer)
    flush_streams()
    # Threads may be inside calls of gRPC or waits that nothing can end.
    os._exit(0)


def _take_over_output() -> int:
    """A descriptor for the protocol alone; whatever else prints from now on goes to standard error."""
    sys.stdout.flush()
    lines = os.dup(1)
    if os.name == "posix":
        # A host may have left its pipe so that a full one refuses instead of waiting.
        os.set_blocking(lines, True)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return lines


if __name__ == "__main__":
    main()
