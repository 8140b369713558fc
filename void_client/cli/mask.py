# SPDX-License-Identifier: Apache-2.0
"""`void mask`: masks made by a server, and inspected, converted and compared on this machine, without one.

The client reads no pictures; for the last three it runs `void-server mask`, whose words and exit code are passed on as
they are.
"""

from __future__ import annotations

import argparse

from void_client.cli import mask_make
from void_client.cli.server_program import NO_PREFIX, run_server_program
from void_client.cli.terminal import Speaker

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
        action = actions.add_parser(name, help=text, add_help=False, prefix_chars=NO_PREFIX)
        action.add_argument("words", nargs=argparse.REMAINDER)
        # `main` asks every command for these.
        action.set_defaults(run=run, action=name, json=False, local=False)


def run(arguments: argparse.Namespace, _speaker: Speaker) -> int:
    """Run the server's program on what the user wrote; returns its exit code.

    Raises:
        BadInput: it is not installed here.
    """
    words = ["mask", arguments.action, *arguments.words]
    return run_server_program(f"void mask {arguments.action}", words)
