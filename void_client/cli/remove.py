# SPDX-License-Identifier: Apache-2.0
"""`void remove`: an object leaves a shot."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from void.v1 import jobs_pb2

from void_client import events
from void_client.cli.connecting import add_root_option, add_server_options, client_roots, connect
from void_client.cli.following import follow_and_deliver
from void_client.cli.site_defaults import output_folder, set_options
from void_client.cli.terminal import Speaker
from void_client.colour_config import chosen_config
from void_client.draft import draft_order, greeted, place_order
from void_client.errors import ExitCode, Left
from void_client.extent import of_views, with_crops_of, with_handles
from void_client.roots import shared_roots
from void_client.sequence import parse_range
from void_client.specification import DEFAULT_ENGINE, PRIORITIES, RemoveOptions, parse_boxes, parse_points

_DESCRIPTION = """\
Removes an object, and what it did to the scene, from an EXR shot. Where nothing is removed, the result is the
plate, bit by bit.

Patterns hold the frame number as %04d, #### or @@@@; %V is the view, %v its first letter. Mattes are EXR
sequences; PATTERN:channel reads one channel (default: alpha, else the first)."""

_EPILOG = """\
examples:
  void remove --plate 'plate.####.exr' --remove 'roto.####.exr' --out result/
  void remove --plate 'plate.%04d.exr' --range 1001-1040 --remove 'roto.%04d.exr:red' \\
              --affected 'shadow.%04d.exr' --out result/ --server gpu1:7788
  void remove --plate 'plate.####.exr' --quadmask 'painted.####.exr' --out result/ --set grain=off --preview

  void remove --plate 'plate.####.exr' --remove 'roto.####.exr' --segmenter flow --out result/
              (the roto is drawn on some frames, and carried to the others)

  void mask make --plate 'plate.####.exr' --instruction 'remove the coffee cup and correct the light on the sleeve' \\
              --out masks/
  void remove --plate 'plate.####.exr' --quadmask 'masks/matte/NAME_matte.####.exr' --out result/
              (words alone, where the server has a model that finds what they name: look at the mattes in between;
              `void remove --instruction` does both at once)

results in OUT:
  NAME.####.exr               the plate without the object, with the mattes as layer void_mask
  matte/NAME_matte.####.exr   the mattes alone, as RGBA
  NAME.json, NAME.png, NAME_qc.png   how it was made and how good it is

exit codes: 0 done, 2 bad input, 3 server unreachable, 4 job failed, 130 cancelled or left with Ctrl-C"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void`."""
    parser = commands.add_parser(
        "remove",
        help="remove an object from a shot",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_input_options(parser)
    add_output_options(parser)
    _add_work_options(parser)
    add_server_options(parser)
    add_root_option(parser)
    parser.add_argument(
        "--upload", action="store_true", help="send all frames, also those on storage that the server mounts"
    )
    parser.add_argument("--detach", action="store_true", help="submit, print the job's id and leave")
    parser.set_defaults(run=run, masks_only=False)


def add_input_options(parser: argparse.ArgumentParser) -> None:
    """The options that name frames and words."""
    group = parser.add_argument_group("what goes in")
    group.add_argument("--plate", metavar="PATTERN", required=True, help="source frames")
    group.add_argument(
        "--range", metavar="A-B[xN]", help="frames to work on (default: all that the plate's pattern finds)"
    )
    group.add_argument("--view", default="", help="view of stereo frames, such as left")
    group.add_argument(
        "--views",
        metavar="NAMES",
        default="",
        help="several views, such as left,right: one job each, one after the other, with the same seed, settings"
        " and crops of the first; with --name, the view is put behind it",
    )
    group.add_argument(
        "--handles",
        type=int,
        metavar="N",
        default=0,
        help="frames before and after --range that are read and computed for context, and not delivered; fewer where"
        " files are missing",
    )
    group.add_argument("--remove", metavar="PATTERN[:channel]", default="", help="mattes of the object")
    group.add_argument(
        "--affected",
        metavar="PATTERN[:channel]",
        default="",
        help="mattes of what it affected: shadow, reflection, moved things; with --reasoner motion also hint strokes:"
        " what they touch is found on the frames around too",
    )
    group.add_argument(
        "--keep", metavar="PATTERN[:channel]", default="", help="mattes of what must never be touched"
    )
    group.add_argument(
        "--quadmask", metavar="PATTERN", default="", help="painted void_mask: red = remove, green = affected"
    )
    group.add_argument(
        "--cleanplate",
        metavar="PATTERN",
        default="",
        help="painted or found frames of the scene without the object, under the plate's frame numbers, in its size and"
        " colour space; one frame is enough",
    )
    group.add_argument(
        "--points", metavar="SPEC", default="", help="clicks 'FRAME:X,Y[,+|-][,OBJECT]', joined by ';'"
    )
    group.add_argument(
        "--boxes",
        metavar="SPEC",
        default="",
        help="rectangles around the object, 'FRAME:LEFT,TOP,RIGHT,BOTTOM[,OBJECT]', joined by ';'",
    )
    group.add_argument("--prompt", default="", help="describes what remains, in words")
    group.add_argument(
        "--instruction",
        default="",
        help="what goes and what is to be corrected, in words. Without --remove, --quadmask, --points and --boxes the"
        " server finds what goes by them, where it has a text-grounding model or the model of --reasoner openai or"
        " gemini; what it found is told as --boxes, to be corrected. Else the words are for that reasoner's model",
    )
    group.add_argument(
        "--colorspace", metavar="NAME", default="", help="colour space of the plate (default: from the file)"
    )
    group.add_argument(
        "--ocio",
        metavar="CONFIG",
        default="",
        help="OCIO config: built-in name, .ocioz, or .ocio with its look-up files (default: $OCIO)",
    )


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """The options that name where the results go."""
    group = parser.add_argument_group("what comes out")
    group.add_argument("--out", dest="output", metavar="DIR", default="", help="folder of the results")
    group.add_argument("--name", default="", help="base name of the results (default: the plate's + _void)")
    group.add_argument("--preview", action="store_true", help="faster and coarser, into OUT/preview")


def add_queue_options(group: argparse._ArgumentGroup) -> None:
    """Add `--priority` and `--show`."""
    group.add_argument(
        "--priority",
        choices=sorted(PRIORITIES),
        default="normal",
        help="which of the waiting jobs go first; high is for supervisors (default: normal)",
    )
    group.add_argument(
        "--show",
        metavar="NAME",
        default="",
        help="the show that the job belongs to; only its tokens see it (default: the token's only one, or none)",
    )


def _add_work_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is done")
    group.add_argument(
        "--engine",
        metavar="NAME",
        default=DEFAULT_ENGINE,
        help="what fills the region: auto, cleanplate or void (default: auto)",
    )
    add_mask_options(group)
    group.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    group.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="any option that `void capabilities` lists; repeat for more",
    )
    add_queue_options(group)
    group.add_argument("--again", action="store_true", help="compute everything anew, whatever is recorded")


def add_mask_options(group: argparse._ArgumentGroup) -> None:
    """The options that say how mattes are made."""
    group.add_argument(
        "--segmenter",
        metavar="NAME",
        default="",
        help="what makes the mattes of the object: roto (--remove has every frame), flow (--remove has some frames, and"
        " they are carried to the others), sam2 (--points, --boxes, or --remove on some frames, by the model SAM2)"
        " (default: sam2 with points, boxes or words alone, else roto)",
    )
    group.add_argument(
        "--reasoner",
        metavar="NAME",
        default="",
        help="what proposes the affected region: motion (from the plate alone; beside --affected or --quadmask it takes"
        " what is drawn as hints and adds to it), artist (what --affected draws), none, openai or gemini (default:"
        " artist with --affected or --quadmask, the model that is asked where --instruction alone says what goes, else"
        " motion)",
    )
    group.add_argument(
        "--cloud-consent", action="store_true", help="frames may leave the machine room for a cloud reasoner"
    )


def run(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """Run the command.

    Raises:
        ClientError: see its exit code.
    """
    first: Path | None = None
    views = of_views(options_of(arguments), arguments.views)
    if arguments.detach and len(views) > 1:
        speaker(events.Notes((ON_ITS_OWN,)))
    for options in views:
        sidecar = _run_one(arguments, with_crops_of(options, first) if first else options, speaker)
        first = first or sidecar
    return ExitCode.DONE


ON_ITS_OWN = (
    "With --detach nothing waits for the first view: an engine that sees crops chooses them for each view alone. Give"
    " --set crops=… where they are to be the same."
)


def _run_one(arguments: argparse.Namespace, options: RemoveOptions, speaker: Speaker) -> Path | None:
    """Order one view, follow it and bring its results; returns its sidecar, if that is here."""
    frames = parse_range(arguments.range) if arguments.range else None
    options, frames, notes = with_handles(options, frames, arguments.handles)
    draft = draft_order(options, frames, lambda: chosen_config(arguments.ocio, os.environ))
    notes += draft.inputs.notes if draft.inputs else ()
    if notes:
        speaker(events.Notes(notes))
    with greeted(lambda: connect(arguments), draft, speaker) as (connection, server):
        try:
            roots = () if arguments.upload else shared_roots(client_roots(arguments), server.roots)
            job, folder = place_order(connection, server, draft, roots, arguments.again, speaker)
        except KeyboardInterrupt as error:
            raise Left(
                "Interrupted before the job was submitted.", fix="What was sent is not sent again next time."
            ) from error
        if not arguments.detach:
            follow_and_deliver(connection, job, folder, speaker, ours=True)
            return folder.path(jobs_pb2.OUTPUT_KIND_SIDECAR, 0)
        if not arguments.json:
            speaker.print(job.id, {})
    return None


def options_of(arguments: argparse.Namespace) -> RemoveOptions:
    """What the arguments ask for.

    Raises:
        BadInput: one is unusable.
    """
    return RemoveOptions(
        patterns={
            "plate": arguments.plate,
            "remove": arguments.remove,
            "affected": arguments.affected,
            "keep": arguments.keep,
            "quadmask": arguments.quadmask,
            "clean_plate": arguments.cleanplate,
        },
        out=output_folder(arguments),
        name=arguments.name,
        view=arguments.view,
        engine=arguments.engine,
        segmenter=arguments.segmenter,
        reasoner=arguments.reasoner,
        prompt=arguments.prompt,
        instruction=arguments.instruction,
        points=parse_points(arguments.points),
        boxes=parse_boxes(arguments.boxes),
        colour_space=arguments.colorspace,
        seed=arguments.seed,
        preview=arguments.preview,
        cloud_consent=arguments.cloud_consent,
        options=set_options(arguments),
        masks_only=arguments.masks_only,
        priority=arguments.priority,
        show=arguments.show,
    )
