# SPDX-License-Identifier: Apache-2.0
"""A user's order as the contract's `JobSpec`: equal inputs, settings and place make equal specs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from void.v1 import jobs_pb2, types_pb2

from void_client.content import Content
from void_client.errors import BadInput
from void_client.inputs import PLATE, Input, InputFile, Inputs, Pairs, check_pairs
from void_client.sequence import INT32_MAX, INT32_MIN

Source: TypeAlias = Content | types_pb2.RootedPath
"""Where the server finds a file: among what is sent to it, or on storage that it mounts."""

MAX_SEED = 2**64 - 1
MIN_PADDING = 4
MAX_NAME_LENGTH = 200
DEFAULT_ENGINE = "auto"
PRIORITIES = {
    "low": jobs_pb2.PRIORITY_LOW,
    "normal": jobs_pb2.PRIORITY_UNSPECIFIED,
    "high": jobs_pb2.PRIORITY_HIGH,
}
POINT_SEGMENTER = "sam2"
SPARSE_SEGMENTERS = ("flow", POINT_SEGMENTER)
"""That make the mattes of frames without one."""

_POINT = re.compile(r"^(-?\d+):(\d+\.?\d*),(\d+\.?\d*)(?:,([+-]))?(?:,(\d+))?$", re.ASCII)
_BOX = re.compile(r"^(-?\d+):(\d+\.?\d*),(\d+\.?\d*),(\d+\.?\d*),(\d+\.?\d*)(?:,(\d+))?$", re.ASCII)
# Characters that some file system of a studio refuses (Microsoft, "Naming Files, Paths, and Namespaces"), and
# those of frame patterns.
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*#@%\x00-\x1f]')


@dataclass(frozen=True)
class RemoveOptions:
    """What a user asks of a removal, in the words of the `void remove` options; see its help.

    Attributes:
        patterns: file patterns by role (`plate`, `remove`, `affected`, `keep`, `quadmask`, `clean_plate`).
        out: folder of the results.
        name: base name of the results; empty = the plate's with `_void`.
        view: view of the frames; empty = the only one.
        engine, reasoner, prompt, instruction, seed, preview, cloud_consent: as in `Settings` and `Shot`.
        segmenter: as in `Settings`; empty = what the input asks for.
        points, boxes: clicks and rectangles, already parsed.
        colour_space: name in the config; empty = the server finds it.
        options: `--set` pairs.
        masks_only: whether the quadmask is all that is wanted.
        priority: "low", "normal" or "high".
        show: the show that the job belongs to; empty = none, or the one that the token is for.
        pairs: inputs given file by file, by role, instead of a pattern; for hosts.
    """

    patterns: Mapping[str, str]
    out: Path
    name: str = ""
    view: str = ""
    engine: str = DEFAULT_ENGINE
    segmenter: str = ""
    reasoner: str = ""
    prompt: str = ""
    instruction: str = ""
    points: tuple[types_pb2.PointPrompt, ...] = ()
    boxes: tuple[types_pb2.BoxPrompt, ...] = ()
    colour_space: str = ""
    seed: int = 0
    preview: bool = False
    cloud_consent: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    masks_only: bool = False
    priority: str = "normal"
    show: str = ""
    pairs: Mapping[str, Pairs] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MAX_SEED:
            raise BadInput(f"The seed {self.seed} is not from 0 to 2^64 - 1.", fix="Change --seed.")
        if not self._gives(PLATE):
            raise BadInput("No plate is named.", fix="Give the source frames with --plate plate.####.exr.")
        words = (
            self.name,
            self.view,
            self.engine,
            self.segmenter,
            self.reasoner,
            self.prompt,
            self.instruction,
        )
        for text in (
            *self.patterns.values(),
            *words,
            self.colour_space,
            *self.options,
            *self.options.values(),
        ):
            check_is_unicode(text)
        self._check_pairs()
        self._check_says_what_to_remove()

    @property
    def drawn(self) -> bool:
        """Whether mattes say what to remove."""
        return self._gives("remove") or self._gives("quadmask")

    @property
    def wanted_segmenter(self) -> str:
        """What makes the mattes; empty where they are drawn."""
        return self.segmenter or (POINT_SEGMENTER if self.pointed or self.worded else "")

    @property
    def worded(self) -> bool:
        """Whether an instruction alone says what to remove."""
        return bool(self.instruction.strip()) and not (self.drawn or self.pointed)

    @property
    def pointed(self) -> bool:
        """Whether clicks or rectangles say what to remove."""
        return bool(self.points or self.boxes)

    @property
    def sparse(self) -> frozenset[str]:
        """The mattes that need not be there for every frame."""
        return frozenset({"remove"}) if self.wanted_segmenter in SPARSE_SEGMENTERS else frozenset()

    def _gives(self, role: str) -> bool:
        return bool(self.patterns.get(role)) or role in self.pairs

    def _check_pairs(self) -> None:
        for role, given in self.pairs.items():
            if self.patterns.get(role):
                raise BadInput(
                    f"{role} is given by a pattern and file by file.",
                    fix="Leave one of the two.",
                    file=self.patterns[role],
                )
            check_pairs(role, given)
            for text in (given.channel, *(path for _, path in given.files)):
                check_is_unicode(text)

    def _check_says_what_to_remove(self) -> None:
        if not (self.drawn or self.pointed or self.worded):
            raise BadInput(
                "Nothing says what to remove.",
                fix="Give the object's mattes with --remove roto.####.exr (white where the object is; "
                "PATTERN:red reads one channel), a painted void_mask with --quadmask, clicks with --points, a box "
                "with --boxes, or words with --instruction.",
            )


def default_name(inputs: Inputs, view: str) -> str:
    """The plate's base name with `_void`; the view is put in unless the name tells it."""
    base = inputs.plate.pattern.base_name() or "result"
    return f"{base}_{view}_void" if view and view not in base else f"{base}_void"


def check_is_unicode(text: str) -> str:
    """The text, if it can be part of an order.

    Raises:
        BadInput: it holds bytes that are no UTF-8, as an old file name may.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(text).decode(errors="backslashreplace")
        raise BadInput(
            f"The name {shown} is not UTF-8.", fix="Rename the file or folder.", file=shown
        ) from error
    return text


def check_name(name: str) -> str:
    """The name, if it can be a file name on every system.

    Raises:
        BadInput: it cannot.
    """
    usable = name and name == name.strip() and len(name) <= MAX_NAME_LENGTH
    if not usable or _NOT_IN_NAMES.search(name) or name.startswith("."):
        raise BadInput(
            f"'{name}' cannot be the name of result files.",
            fix="Give --name with letters, digits, dots, dashes and underscores.",
        )
    return name


def output_place(options: RemoveOptions, inputs: Inputs) -> types_pb2.OutputPlace:
    """Where the results of an order go.

    Raises:
        BadInput: the folder or the name cannot be used.
    """
    return types_pb2.OutputPlace(
        # Links are left as they are: the user's own way to a shared folder is part of the order.
        directory=check_is_unicode(os.path.abspath(options.out)),  # noqa: PTH100
        name=check_name(options.name or default_name(inputs, options.view)),
        padding=max(MIN_PADDING, inputs.plate.pattern.width),
    )


def build_spec(
    options: RemoveOptions,
    inputs: Inputs,
    sources: Mapping[Path, Source],
    place: types_pb2.OutputPlace,
    colour: types_pb2.ColourSpace | None = None,
) -> jobs_pb2.JobSpec:
    """The order for the server.

    Args:
        options: what the user asks.
        inputs: the files found.
        sources: where the server finds every file of `inputs`.
        place: where the results go.
        colour: colour space and config; None = the server finds them.
    """
    shot = types_pb2.Shot(
        range=types_pb2.FrameRange(first=inputs.range.first, last=inputs.range.last, step=inputs.range.step),
        view=options.view,
        points=options.points,
        boxes=options.boxes,
        instruction=options.instruction,
        prompt=options.prompt,
        colour=colour,
    )
    for role, given in inputs.by_role.items():
        getattr(shot, role).CopyFrom(_sequence(given, sources))
    return jobs_pb2.JobSpec(
        kind=jobs_pb2.JOB_KIND_QUADMASK if options.masks_only else jobs_pb2.JOB_KIND_REMOVE,
        shot=shot,
        settings=types_pb2.Settings(
            engine=options.engine or DEFAULT_ENGINE,
            segmenter=options.wanted_segmenter,
            reasoner=options.reasoner,
            seed=options.seed,
            preview=options.preview,
            cloud_consent=options.cloud_consent,
            options=dict(options.options),
        ),
        output=place,
        priority=PRIORITIES[options.priority],
        show=options.show,
    )


def parse_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """`key=value` texts as a dictionary.

    Raises:
        BadInput: no equals sign, no key, or the same key with two values.
    """
    result: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not key:
            raise BadInput(
                f"'{pair}' is not key=value.", fix="Write --set grain=off; `void capabilities` lists all."
            )
        if result.setdefault(key, value) != value:
            raise BadInput(f"{key} is set to '{result[key]}' and to '{value}'.", fix="Leave one --set.")
    return result


def parse_points(text: str) -> tuple[types_pb2.PointPrompt, ...]:
    """Clicks as `FRAME:X,Y[,+|-][,OBJECT]`, several joined by `;`.

    X and Y are pixels of the display window from its top left corner; `-` marks what does not belong to the
    object.

    Raises:
        BadInput: anything else.
    """
    return tuple(_parse_point(part.strip()) for part in text.split(";") if part.strip())


def _parse_point(text: str) -> types_pb2.PointPrompt:
    found = _POINT.match(text)
    if found:
        frame, number = int(found[1]), int(found[5] or 0)
        if INT32_MIN <= frame <= INT32_MAX and number <= INT32_MAX:
            return types_pb2.PointPrompt(
                frame=frame, x=float(found[2]), y=float(found[3]), positive=found[4] != "-", object=number
            )
    raise BadInput(
        f"'{text}' is not a point.", fix="Write --points 'FRAME:X,Y', such as '1001:640,360; 1001:10,10,-'."
    )


def parse_boxes(text: str) -> tuple[types_pb2.BoxPrompt, ...]:
    """Rectangles as `FRAME:LEFT,TOP,RIGHT,BOTTOM[,OBJECT]`, several joined by `;`; pixels as of `parse_points`.

    Raises:
        BadInput: anything else.
    """
    return tuple(_parse_box(part.strip()) for part in text.split(";") if part.strip())


def _parse_box(text: str) -> types_pb2.BoxPrompt:
    found = _BOX.match(text)
    if found:
        frame, number = int(found[1]), int(found[6] or 0)
        left, top, right, bottom = (float(found[n]) for n in range(2, 6))
        if INT32_MIN <= frame <= INT32_MAX and number <= INT32_MAX and left < right and top < bottom:
            return types_pb2.BoxPrompt(
                frame=frame, left=left, top=top, right=right, bottom=bottom, object=number
            )
    raise BadInput(
        f"'{text}' is not a box.",
        fix="Write --boxes 'FRAME:LEFT,TOP,RIGHT,BOTTOM', such as '1001:600,300,720,420'.",
    )


def _sequence(given: Input, sources: Mapping[Path, Source]) -> types_pb2.FrameSequence:
    return types_pb2.FrameSequence(
        pattern=given.pattern.text,
        channel=given.channel,
        files=[_file(f, sources[f.path]) for f in given.files],
    )


def _file(file: InputFile, source: Source) -> types_pb2.FrameFile:
    if isinstance(source, Content):
        return types_pb2.FrameFile(frame=file.frame, name=file.name, blob=source.blob)
    return types_pb2.FrameFile(frame=file.frame, name=file.name, path=source)
