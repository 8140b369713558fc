# SPDX-License-Identifier: Apache-2.0
"""`void mask`: masks made by a server, and inspected, converted and compared on this machine, without one.

The client reads no pictures; for the last three it runs `void-server mask`, whose words and exit code are passed on as
they are.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys

from void_client.cli import mask_make
from void_client.cli.terminal import Speaker, flush_streams
from void_client.errors import BadInput
from void_client.local_server import is_server_here

_DESCRIPTION = """\
Makes the quadmask of a shot, and handles masks as files: look at them, bring them from one form into another, compare
them.

The last three work on this machine, without a server running, but they need the server's package:
pip install 'void-for-hosts[server]'.
"""
_EPILOG = """\
examples:
  void mask make --plate 'plate.####.exr' --remove 'roto.####.exr' --segmenter flow --out masks/
  void mask inspect quadmask_0.mp4 --picture look.png
  void mask convert 'matte.####.exr' quadmask_0.mp4
  void mask convert quadmask_0.mp4 'matte.####.exr' --first 1001
  void mask compare 'mine.####.exr' 'theirs.####.exr'

`void mask ACTION --help` says more."""

_HANDED_ON = (
    ("inspect", "what a mask holds, and what to mind"),
    ("convert", "clip to EXR, EXR to clip, to a plate's size"),
    ("compare", "how alike two masks are"),
)
_NO_PREFIX = "\0"
"""Of options: none is read here, `--help` neither; an argument cannot hold this character."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to `void`."""
    parser = commands.add_parser(
        "mask",
        help="make, inspect, convert or compare masks",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)
    mask_make.add_parser(actions)
    for name, text in _HANDED_ON:
        action = actions.add_parser(name, help=text, add_help=False, prefix_chars=_NO_PREFIX)
        action.add_argument("words", nargs=argparse.REMAINDER)
        # `main` asks every command for these.
        action.set_defaults(run=run, action=name, json=False, local=False)


def run(arguments: argparse.Namespace, _speaker: Speaker) -> int:
    """Run the server's program on what the user wrote; returns its exit code.

    Raises:
        BadInput: it is not installed here.
    """
    if not is_server_here():
        raise BadInput(
            f"`void mask {arguments.action}` reads pictures, which the client alone cannot.",
            fix="Install the server's package beside it: pip install 'void-for-hosts[server]'.",
        )
    flush_streams()
    command = [sys.executable, "-m", "void_server", "mask", arguments.action, *arguments.words]
    with subprocess.Popen(command, env={**os.environ, "VOID_PROGRAM": "void"}) as process:
        return _end_of(process)


def _end_of(process: subprocess.Popen[bytes]) -> int:
    """The exit code; at Ctrl-C the program, too, is told, and may tidy up."""
    while True:
        try:
            code = process.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            # A terminal tells both, a host that stops this command tells only this process.
            if sys.platform != "win32" and process.poll() is None:
                process.send_signal(signal.SIGINT)
