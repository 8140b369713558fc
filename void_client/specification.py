# SPDX-License-Identifier: Apache-2.0
"""A user's order as the contract's `JobSpec`: equal inputs, settings and place make equal specs."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from void.v1 import jobs_pb2, server_pb2, types_pb2

from void_client.content import Content
from void_client.errors import BadInput, SpecRefused
from void_client.inputs import Input, Inputs
from void_client.sequence import INT32_MAX, INT32_MIN

MAX_SEED = 2**64 - 1
MIN_PADDING = 4
MAX_NAME_LENGTH = 200
_SEE_CAPABILITIES = "`void capabilities` lists what this server can do."
DEFAULT_ENGINE = "auto"
POINT_SEGMENTER = "sam2"
READERS_OF_WORDS = ("openai", "gemini")

_POINT = re.compile(r"^(-?\d+):(\d+\.?\d*),(\d+\.?\d*)(?:,([+-]))?(?:,(\d+))?$", re.ASCII)
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
        points: clicks, already parsed.
        colour_space: name in the config; empty = the server finds it.
        options: `--set` pairs.
    """

    patterns: Mapping[str, str]
    out: Path
    name: str = ""
    view: str = ""
    engine: str = DEFAULT_ENGINE
    reasoner: str = ""
    prompt: str = ""
    instruction: str = ""
    points: tuple[types_pb2.PointPrompt, ...] = ()
    colour_space: str = ""
    seed: int = 0
    preview: bool = False
    cloud_consent: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= MAX_SEED:
            raise BadInput(f"The seed {self.seed} is not from 0 to 2^64 - 1.", fix="Change --seed.")
        if not self.patterns.get("plate"):
            raise BadInput("No plate is named.", fix="Give the source frames with --plate plate.####.exr.")
        self._check_says_what_to_remove()

    @property
    def drawn(self) -> bool:
        """Whether mattes say what to remove."""
        return bool(self.patterns.get("remove") or self.patterns.get("quadmask"))

    @property
    def segmenter(self) -> str:
        """What makes mattes of the clicks; empty without clicks."""
        return POINT_SEGMENTER if self.points else ""

    def _check_says_what_to_remove(self) -> None:
        if not (self.drawn or self.points or self.instruction):
            raise BadInput(
                "Nothing says what to remove.",
                fix="Give the object's mattes with --remove roto.####.exr (white where the object is; "
                "PATTERN:red reads one channel), or a painted void_mask with --quadmask.",
            )


def default_name(inputs: Inputs, view: str) -> str:
    """The plate's base name with `_void`; the view is put in unless the name tells it."""
    base = inputs.plate.pattern.base_name() or "result"
    return f"{base}_{view}_void" if view and view not in base else f"{base}_void"


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


def build_spec(
    options: RemoveOptions,
    inputs: Inputs,
    contents: Mapping[Path, Content],
    colour: types_pb2.ColourSpace | None = None,
) -> jobs_pb2.JobSpec:
    """The order for the server.

    Args:
        options: what the user asks.
        inputs: the files found.
        contents: digest of every file of `inputs`.
        colour: colour space and config; None = the server finds them.
    """
    shot = types_pb2.Shot(
        range=types_pb2.FrameRange(first=inputs.range.first, last=inputs.range.last, step=inputs.range.step),
        view=options.view,
        points=options.points,
        instruction=options.instruction,
        prompt=options.prompt,
        colour=colour,
    )
    for role, given in inputs.by_role.items():
        getattr(shot, role).CopyFrom(_sequence(given, contents))
    return jobs_pb2.JobSpec(
        kind=jobs_pb2.JOB_KIND_REMOVE,
        shot=shot,
        settings=types_pb2.Settings(
            engine=options.engine or DEFAULT_ENGINE,
            segmenter=options.segmenter,
            reasoner=options.reasoner,
            seed=options.seed,
            preview=options.preview,
            cloud_consent=options.cloud_consent,
            options=dict(options.options),
        ),
        output=types_pb2.OutputPlace(
            # Links are left as they are: the user's own way to a shared folder is part of the order.
            directory=os.path.abspath(options.out),  # noqa: PTH100
            name=check_name(options.name or default_name(inputs, options.view)),
            padding=max(MIN_PADDING, inputs.plate.pattern.width),
        ),
    )


def check_capabilities(
    options: RemoveOptions, frames: int, server: server_pb2.GetCapabilitiesResponse
) -> None:
    """Make sure that the server can do what the settings say.

    Args:
        options: what the user asks.
        frames: number of frames to work on.
        server: what the server can do.

    Raises:
        SpecRefused: it cannot; all reasons at once.
    """
    found = [
        *_check_plug("engine", options.engine, server.engines, frames, also=(DEFAULT_ENGINE,)),
        *_check_plug("segmenter", options.segmenter, server.segmenters, frames),
        *_check_plug("reasoner", options.reasoner, server.reasoners, frames, also=("none",)),
        *_check_options(options.options, server.options),
    ]
    if options.instruction and not (options.drawn or options.points or options.reasoner):
        found += _check_reader_of_words(server.reasoners)
    if found:
        raise SpecRefused(found)


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


def _sequence(given: Input, contents: Mapping[Path, Content]) -> types_pb2.FrameSequence:
    return types_pb2.FrameSequence(
        pattern=given.pattern.text,
        channel=given.channel,
        files=[
            types_pb2.FrameFile(frame=f.frame, name=f.name, blob=contents[f.path].blob) for f in given.files
        ],
    )


def _check_plug(
    kind: str,
    name: str,
    plugs: Sequence[server_pb2.Plug],
    frames: int,
    also: tuple[str, ...] = (),
) -> list[types_pb2.Problem]:
    if not name:
        return []
    plug = next((p for p in plugs if p.name == name), None)
    if plug is None:
        names = [p.name for p in plugs]
        return [] if name in also else [_problem(f"There is no {kind} '{name}'.{_near(name, names)}")]
    if not plug.available:
        reason = plug.unavailable_reason.rstrip(".") or "not available on this server"
        return [_problem(f"The {kind} '{name}' cannot be used: {reason}.")]
    if plug.max_frames and frames > plug.max_frames:
        return [
            _problem(
                f"The {kind} '{name}' takes at most {plug.max_frames} frames; the range has {frames}.",
                "Split the range with --range.",
            )
        ]
    return []


def _check_reader_of_words(reasoners: Sequence[server_pb2.Plug]) -> list[types_pb2.Problem]:
    readers = [p for p in reasoners if p.name in READERS_OF_WORDS]
    if any(p.available for p in readers):
        return []
    reasons = "; ".join(f"{p.name}: {p.unavailable_reason.rstrip('.')}" for p in readers) or "it has none"
    return [
        _problem(
            f"An instruction alone cannot say what to remove on this server ({reasons}).",
            "Draw mattes and give them with --remove.",
        )
    ]


def _check_options(given: Mapping[str, str], known: Sequence[server_pb2.Option]) -> list[types_pb2.Problem]:
    by_name = {o.name: o for o in known}
    problems = []
    for name, value in sorted(given.items()):
        option = by_name.get(name)
        if option is None:
            problems.append(_problem(f"There is no option '{name}'.{_near(name, by_name)}"))
        elif not _fits(option, value):
            problems.append(_problem(f"{name}={value} is not possible.", f"Give {describe_values(option)}."))
    return problems


def _fits(option: server_pb2.Option, value: str) -> bool:
    if option.type == "switch":
        return value in ("on", "off")
    if option.type == "choice":
        return value in option.choices
    try:
        number = int(value) if option.type == "integer" else float(value)
    except ValueError:
        return False
    return option.minimum <= number <= option.maximum


def describe_values(option: server_pb2.Option) -> str:
    """What an option may be set to, in words."""
    if option.type == "switch":
        return "on or off"
    if option.type == "choice":
        return " or ".join(option.choices)
    kind = "a whole number" if option.type == "integer" else "a number"
    return f"{kind} from {option.minimum:g} to {option.maximum:g}"


def _near(name: str, names: Iterable[str]) -> str:
    all_names = sorted(names)
    near = difflib.get_close_matches(name, all_names, n=3, cutoff=0.5)
    if near:
        return f" Did you mean {' or '.join(near)}?"
    return f" There are: {', '.join(all_names)}." if all_names else ""


def _problem(message: str, fix: str = _SEE_CAPABILITIES) -> types_pb2.Problem:
    return types_pb2.Problem(severity=types_pb2.SEVERITY_ERROR, code="unsupported", message=message, fix=fix)
