# SPDX-License-Identifier: Apache-2.0
"""`void mask make`: the quadmask of a shot alone, to be looked at, painted and given back."""

from __future__ import annotations

import argparse

from void_client.cli.connecting import add_root_option, add_server_options
from void_client.cli.remove import add_input_options, add_mask_options, add_queue_options, run
from void_client.specification import DEFAULT_ENGINE

_DESCRIPTION = """\
Makes the quadmask of a shot on a server and removes nothing: the object's mattes for every frame, and what it
affected. Look at the mattes, paint them, and give them to `void remove --quadmask`."""

_EPILOG = """\
examples:
  void mask make --plate 'plate.####.exr' --remove 'roto.####.exr' --segmenter flow --out masks/
              (the roto is drawn on some frames; shadows and reflections are proposed)
  void mask make --plate 'plate.####.exr' --instruction 'remove the coffee cup' --out masks/
              (words alone, where the server has a model that finds what they name; to correct what it found,
              give the --boxes that the job tells)
  void remove --plate 'plate.####.exr' --quadmask 'masks/matte/NAME_matte.####.exr' --out result/

results in OUT:
  matte/NAME_matte.####.exr   R remove, G affected, B overlap, A where a removal may change the plate
  NAME/quadmask_0.mp4         the same as VOID's own scripts read it, where the server has ffmpeg
  NAME.json, NAME.png         how it was made, and what it looks like"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void mask`."""
    parser = commands.add_parser(
        "make",
        help="make the quadmask of a shot, on a server",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_input_options(parser)
    out = parser.add_argument_group("what comes out")
    out.add_argument("--out", dest="output", metavar="DIR", default="", help="folder of the results")
    out.add_argument("--name", default="", help="base name of the results (default: the plate's + _void)")
    how = parser.add_argument_group("how it is done")
    add_mask_options(how)
    how.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="any option that `void capabilities` lists; repeat for more",
    )
    add_queue_options(how)
    how.add_argument("--again", action="store_true", help="compute everything anew, whatever is recorded")
    add_server_options(parser)
    add_root_option(parser)
    parser.add_argument(
        "--upload", action="store_true", help="send all frames, also those on storage that the server mounts"
    )
    parser.add_argument("--detach", action="store_true", help="submit, print the job's id and leave")
    parser.set_defaults(run=run, masks_only=True, engine=DEFAULT_ENGINE, seed=0, preview=False)
