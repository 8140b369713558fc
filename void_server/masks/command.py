# SPDX-License-Identifier: Apache-2.0
"""The command `void-server mask`, which `void mask` runs too: masks inspected, converted and compared."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from void_server.errors import InvalidInput

_SOURCES = """\
A mask is one of these:
  quadmask_0.mp4         a clip (.mp4 .mov .mkv) as VOID's tools write it. quadmask_*: 0 remove, 63 remove and
                         affected, 127 affected, 255 neither. mask_*: white is removed. --polarity where the name
                         says neither. A clip has no frame numbers: --first says which frame its first picture is.
  matte.####.exr         EXR files: red (remove) and green (affected) of the layer void_mask, else of R and G.
  'roto.%04d.exr:A'      one channel of EXR files: what is removed; nothing is affected.
Frames are paired by number, never shifted. Put patterns in quotes.
"""

_DESCRIPTION = f"""\
Masks as files, without a job: look at them, bring them from one form into another, compare them.

{_SOURCES}"""

_INSPECT = f"""\
Says which frames a mask has, how much of the picture each region takes, and what is worth a warning before a job gets
it: gaps, frames without anything to remove, affected parts on the first frame, a lossy clip.

{_SOURCES}"""

_INSPECT_EXAMPLES = """\
examples:
  %(prog)s quadmask_0.mp4
  %(prog)s 'matte.####.exr' --plate 'plate.####.exr' --picture look.png
  %(prog)s quadmask_0.mp4 --first 1001 --plate 'plate.####.exr' --json

exit codes: 0 looked at, also with warnings; 2 it cannot be read"""

_CONVERT = f"""\
Writes a mask in another form, which the name of DEST decides:
  quadmask_0.mp4         a clip with codes, lossless; a matte counts from one half. The first frame loses what is
                         affected and not removed, as VOID's own tools do.
  mask_0.mp4             a clip of black and white: what is removed.
  matte.####.exr         EXR files, half, ZIPS: R remove, G affected, B overlap, A 1 in every region. The blend matte
                         of a result is made by the job, not here.
In this order: --like, --grow and --grow-affected, --grid, --first-frame-unaffected. All files appear together at the
end; Ctrl-C leaves what was there.

{_SOURCES}"""

_CONVERT_EXAMPLES = """\
examples:
  %(prog)s 'matte.####.exr' quadmask_0.mp4
  %(prog)s quadmask_0.mp4 'matte.####.exr' --first 1001
  %(prog)s quadmask_0.mp4 'matte.####.exr' --like 'plate.####.exr'
  %(prog)s 'roto.####.exr:A' 'matte.####.exr' --range 1001-1040 --grow 4

exit codes: 0 written, 2 nothing written and why, 130 left with Ctrl-C"""

_COMPARE = f"""\
Says how alike two masks are on the frames that both have: for each region the intersection over union and how well
the boundaries meet (F, as in DAVIS), the mean and the worst frame. Sizes must be the same.

{_SOURCES}"""

_COMPARE_EXAMPLES = """\
examples:
  %(prog)s 'mine.####.exr' 'theirs.####.exr'
  %(prog)s quadmask_0.mp4 'matte.####.exr' --first-one 1001

exit codes: 0 compared, however unlike they are; 2 they cannot be compared"""

MOST_PIXELS = 1000
"""Greatest growth: what needs more is another mask."""
_POLARITY = (
    "of a clip: quadmask = codes, black is removed; binary = white is removed; auto = by its name (default)"
)
_FIRST = "frame number of a clip's first picture"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void-server`; `run` of the parsed options returns the exit code."""
    raw = argparse.RawDescriptionHelpFormatter
    actions = commands.add_parser(
        "mask", help="inspect, convert and compare masks", description=_DESCRIPTION, formatter_class=raw
    ).add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, add, text, description, examples in (
        ("inspect", _add_inspect, "what a mask holds, and what to mind", _INSPECT, _INSPECT_EXAMPLES),
        ("convert", _add_convert, "clip to EXR, EXR to clip, to a plate's size", _CONVERT, _CONVERT_EXAMPLES),
        ("compare", _add_compare, "how alike two masks are", _COMPARE, _COMPARE_EXAMPLES),
    ):
        add(
            actions.add_parser(
                name,
                help=text,
                description=description,
                epilog=examples,
                formatter_class=raw,
                allow_abbrev=False,
            )
        )


def _add_inspect(parser: argparse.ArgumentParser) -> None:
    _add_source(parser)
    parser.add_argument("--plate", metavar="PATTERN", help="the EXR plate that the mask is for")
    parser.add_argument(
        "--picture", type=Path, metavar="OUT.png", help="draw five spread frames over the plate, or over grey"
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, with the shares of every frame"
    )
    parser.set_defaults(run=_inspect)


def _add_convert(parser: argparse.ArgumentParser) -> None:
    _add_source(parser)
    parser.add_argument("dest", metavar="DEST", help="a name that ends in .mp4, or a pattern of EXR files")
    parser.add_argument("--range", metavar="A-B", help="frames to convert (default: all)")
    parser.add_argument(
        "--like",
        metavar="PATTERN",
        help="EXR plate whose size, windows and frame numbers the result takes; a clip without --first must have as"
        " many pictures as the plate has frames",
    )
    parser.add_argument(
        "--fps", type=float, default=12.0, metavar="N", help="frames a second of a clip (default %(default)g)"
    )
    parser.add_argument(
        "--first-frame-unaffected",
        choices=("on", "off"),
        help="take what is affected and not removed from the first frame (default: on for a clip, off for EXR)",
    )
    parser.add_argument(
        "--grid",
        choices=("on", "off"),
        default="off",
        help="widen the affected region to whole cells of VOID's grid (default off)",
    )
    parser.add_argument(
        "--grow",
        type=float,
        default=0.0,
        metavar="PX",
        help="grow what is removed by pixels of the result; shrink below 0",
    )
    parser.add_argument(
        "--grow-affected", type=float, default=0.0, metavar="PX", help="grow what is affected, likewise"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    parser.set_defaults(run=_convert)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("one", metavar="ONE", help="a clip, or EXR files: PATTERN or PATTERN:channel")
    parser.add_argument("two", metavar="TWO", help="likewise")
    for name in ("one", "two"):
        parser.add_argument(f"--first-{name}", type=int, metavar="FRAME", help=f"{_FIRST}, of {name.upper()}")
        parser.add_argument(
            f"--polarity-{name}",
            choices=("auto", "quadmask", "binary"),
            default="auto",
            help=f"{_POLARITY}, of {name.upper()}",
        )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, with the values of every frame"
    )
    parser.set_defaults(run=_compare)


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="a clip, or EXR files: PATTERN or PATTERN:channel")
    parser.add_argument("--first", type=int, metavar="FRAME", help=_FIRST)
    parser.add_argument("--polarity", choices=("auto", "quadmask", "binary"), default="auto", help=_POLARITY)


# What works on pictures is imported where it is needed: the server starts without it.


def _inspect(options: argparse.Namespace, _default_store: Path) -> int:
    from void_server.masks.like import Plates
    from void_server.masks.looking import inspect
    from void_server.masks.progress import ended_once
    from void_server.masks.sources import open_source, require_numbers

    with ended_once():
        source = open_source(options.source, first=options.first, polarity=options.polarity)
        plates = None
        if options.plate:
            require_numbers(source)
            plates = Plates.found(options.plate)
        seen = inspect(source, plates, options.picture)
    print(json.dumps(seen.to_json()) if options.json else seen.to_text())
    return 0


def _convert(options: argparse.Namespace, _default_store: Path) -> int:
    from void_server.masks.conversion import Wishes, convert
    from void_server.masks.like import Plates
    from void_server.masks.pattern import parse_range
    from void_server.masks.progress import ended_once
    from void_server.masks.sources import open_source

    unaffected = options.first_frame_unaffected
    wishes = Wishes(
        frames=parse_range(options.range) if options.range else None,
        first_unaffected=None if unaffected is None else unaffected == "on",
        grid=options.grid == "on",
        grow=_pixels(options.grow),
        grow_affected=_pixels(options.grow_affected),
        fps=options.fps,
        overwrite=options.overwrite,
    )
    with ended_once():
        source = open_source(options.source, first=options.first, polarity=options.polarity)
        plates = Plates.found(options.like) if options.like else None
        done = convert(source, options.dest, wishes, plates)
    print(done.to_text())
    return 0


def _compare(options: argparse.Namespace, _default_store: Path) -> int:
    from void_server.masks.comparison import compared
    from void_server.masks.progress import ended_once
    from void_server.masks.sources import open_source

    with ended_once():
        one = open_source(
            options.one, first=options.first_one, polarity=options.polarity_one, option="--first-one"
        )
        two = open_source(
            options.two, first=options.first_two, polarity=options.polarity_two, option="--first-two"
        )
        seen = compared(one, two)
    print(json.dumps(seen.to_json()) if options.json else seen.to_text())
    return 0


def _pixels(value: float) -> float:
    if not abs(value) <= MOST_PIXELS:
        raise InvalidInput(f"A growth of {value} pixels is no use.", fix=f"Give at most {MOST_PIXELS}.")
    return value
