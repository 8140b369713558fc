# SPDX-License-Identifier: Apache-2.0
"""The files of a shot: which frames are worked on, and whether every file that they need is there."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from void.v1 import types_pb2

from void_client.errors import BadInput
from void_client.sequence import (
    FramePattern,
    FrameRange,
    covering_range,
    describe_frames,
    parse_pattern,
    split_channel,
)

PLATE = "plate"
CLEAN_PLATE = "clean_plate"
MATTES = ("remove", "affected", "keep", "quadmask")
WITH_CHANNEL = tuple(role for role in MATTES if role != "quadmask")
ROLES = (PLATE, *MATTES, CLEAN_PLATE)
"""The inputs, named as in the contract's `Shot` and in `Problem.input`."""

OPTION_OF_ROLE = {role: f"--{role.replace('_', '')}" for role in ROLES}


@dataclass(frozen=True)
class InputFile:
    """One file of one input: its frame, its name as the user writes it, and where it is."""

    frame: int
    name: str
    path: Path


@dataclass(frozen=True)
class Pairs:
    """An input as its user pairs frames with files, where file numbers are not frame numbers.

    Attributes:
        files: frame and path, in any order; a path may stand for several frames.
        channel: the channel that is the matte; empty = alpha, else the first.
    """

    files: tuple[tuple[int, str], ...]
    channel: str = ""


@dataclass(frozen=True)
class Input:
    """One input over the frames; `channel` is empty unless the user named one."""

    role: str
    pattern: FramePattern
    channel: str
    files: tuple[InputFile, ...]


@dataclass(frozen=True)
class Inputs:
    """All that a shot is made of.

    Attributes:
        range: the frames to work on.
        by_role: the inputs given, by role; `plate` is always there.
        notes: what was decided for the user, one sentence each.
        problems: what is missing, of all inputs.
    """

    range: FrameRange
    by_role: dict[str, Input]
    notes: tuple[str, ...] = ()
    problems: tuple[types_pb2.Problem, ...] = ()

    @property
    def plate(self) -> Input:
        """The source frames."""
        return self.by_role[PLATE]

    def files(self) -> Iterator[InputFile]:
        """Every file of every input."""
        for given in self.by_role.values():
            yield from given.files

    def checked_before_plates(self) -> Iterator[InputFile]:
        """What the artist made, and the first plate frame to compare it with: mattes and clean plates."""
        for role in (*MATTES, CLEAN_PLATE):
            if role in self.by_role:
                yield from self.by_role[role].files
        yield from self.plate.files[:1]

    def only(self, paths: Container[Path]) -> Inputs:
        """The same with no other files than these."""
        kept = {
            role: replace(given, files=tuple(f for f in given.files if f.path in paths))
            for role, given in self.by_role.items()
        }
        return replace(self, by_role=kept)


def gather(
    patterns: Mapping[str, str],
    frames: FrameRange | None,
    view: str = "",
    sparse: Container[str] = (),
    pairs: Mapping[str, Pairs] | None = None,
) -> Inputs:
    """Find the files of all inputs; what is missing is in the answer's `problems`.

    Args:
        patterns: what the user wrote, by role; mattes but `quadmask` may end with `:channel`.
        frames: the frames to work on; None = all that the plate's pattern finds.
        view: what `%V` and `%v` stand for.
        sparse: roles that need not be there for every frame.
        pairs: inputs given as files, by role; a role has a pattern or pairs, and `plate` has one of them.

    Raises:
        BadInput: a pattern is unusable, or no range can be told.
    """
    parsed: dict[str, tuple[FramePattern, str]] = {}
    for role in ROLES:
        if text := patterns.get(role, ""):
            path, channel = split_channel(text) if role in WITH_CHANNEL else (text, "")
            parsed[role] = (parse_pattern(path, view), channel)
    notes = []
    if frames is None:
        if PLATE not in parsed:
            raise BadInput("The plate is given file by file, without a range.", fix="Give the range too.")
        plate = parsed[PLATE][0]
        frames = _range_on_disk(plate)
        notes.append(f"No --range given: frames {frames} ({len(frames)}) found for {plate.text}.")
    problems: list[types_pb2.Problem] = []
    by_role: dict[str, Input] = {}
    for role, (pattern, channel) in parsed.items():
        if role == CLEAN_PLATE:
            files, told, problem = _clean_plates(pattern, frames)
            notes += told
        elif role in sparse and pattern.numbered:
            files, told, problem = _some(role, pattern, frames)
            notes += told
        else:
            files, problem = _files(role, pattern, frames)
        by_role[role] = Input(role, pattern, channel, files)
        if problem:
            problems.append(problem)
    for role, given in (pairs or {}).items():
        files, told, problem = _paired(role, given, frames, some=role == CLEAN_PLATE or role in sparse)
        notes += told
        by_role[role] = Input(role, _named_after(given), given.channel, files)
        if problem:
            problems.append(problem)
    by_role = {role: by_role[role] for role in ROLES if role in by_role}
    return Inputs(frames, by_role, tuple(notes), tuple(problems))


def _range_on_disk(plate: FramePattern) -> FrameRange:
    found = plate.frames_on_disk()
    if not found:
        raise BadInput(
            f"No file matches the plate {plate.text}.",
            fix="Check the path and the padding: #### and %04d stand for four digits.",
            file=plate.text,
        )
    return covering_range(found, plate.text)


def _files(
    role: str, pattern: FramePattern, frames: FrameRange
) -> tuple[tuple[InputFile, ...], types_pb2.Problem | None]:
    if not pattern.numbered:
        return _single(role, pattern, frames)
    wanted = [_input_file(pattern, frame) for frame in frames.frames()]
    present = set(pattern.frames_on_disk())
    there = tuple(f for f in wanted if f.frame in present)
    missing = [f for f in wanted if f.frame not in present]
    if not missing:
        return there, None
    exist = f"on disk are {describe_frames(present)}" if present else "none of it is on disk"
    return there, _problem(
        role,
        [f.frame for f in missing],
        missing[0].name,
        f"{len(missing)} of {len(wanted)} frames of {pattern.text} are missing; {exist}.",
        "Render the missing frames, or change --range." if present else "Check the path and the padding.",
    )


def _some(
    role: str, pattern: FramePattern, frames: FrameRange
) -> tuple[tuple[InputFile, ...], list[str], types_pb2.Problem | None]:
    """The files of those frames of the range that have one, and a sentence that says which."""
    files, problem = _files(role, pattern, frames)
    if not files or not problem:
        return files, [], problem
    which = describe_frames(f.frame for f in files)
    return files, [f"{OPTION_OF_ROLE[role]} has {len(files)} of {len(frames)} frames: {which}."], None


def _single(
    role: str, pattern: FramePattern, frames: FrameRange
) -> tuple[tuple[InputFile, ...], types_pb2.Problem | None]:
    if len(frames) > 1:
        return (), _problem(
            role,
            [],
            pattern.text,
            f"{pattern.text} has no place for the frame number, but {len(frames)} frames are wanted.",
            f"Write {OPTION_OF_ROLE[role]} with #### or %04d, such as name.####.exr.",
        )
    file = _input_file(pattern, frames.first)
    if file.path.is_file():
        return (file,), None
    return (), _problem(
        role, [frames.first], file.name, f"{file.name} does not exist.", f"Check {OPTION_OF_ROLE[role]}."
    )


def _clean_plates(
    pattern: FramePattern, frames: FrameRange
) -> tuple[tuple[InputFile, ...], list[str], types_pb2.Problem | None]:
    """The clean plates that are there, which may be one frame only; sentences that say which; and what is wrong.

    A file without a place for the number is the clean plate of the frame that its name ends with, as `clean.1012.exr`.
    """
    number = None if pattern.numbered or len(frames) == 1 else pattern.separate_number()
    if not pattern.numbered and number is None:
        files, problem = _single(CLEAN_PLATE, pattern, frames)
        return files, [], problem
    wanted = set(frames.frames())
    present = pattern.frames_on_disk()
    if number is not None and present:
        present = [number]
    there = tuple(_input_file(pattern, f) for f in present if f in wanted)
    beside = [f for f in present if f not in wanted]
    if not there:
        exist = f"on disk are {describe_frames(present)}" if present else "none of it is on disk"
        problem = _problem(
            CLEAN_PLATE,
            [],
            pattern.text,
            f"No frame of the range {frames} is in the clean plates {pattern.text}; {exist}.",
            "Give a clean plate of one frame of the range at least, under the number of its plate frame."
            if present
            else "Check the path and the padding.",
        )
        return (), [], problem
    which = describe_frames(f.frame for f in there)
    notes = [f"Clean plates are there for {len(there)} of {len(frames)} frames: {which}."]
    if beside:
        notes.append(
            f"Clean plates of frames {describe_frames(beside)} lie outside the range and are not used."
        )
    return there, notes, None


def check_pairs(role: str, given: Pairs) -> None:
    """Make sure that pairs can be an input.

    Raises:
        BadInput: there are none, a frame has two files, or this input has no channel to choose.
    """
    if not given.files:
        raise BadInput(f"No file of {role} is given.", fix="Pair each frame with its file.")
    by_frame: dict[int, str] = {}
    for frame, path in given.files:
        if by_frame.setdefault(frame, path) != path:
            raise BadInput(
                f"Frame {frame} of {role} has two files: {by_frame[frame]} and {path}.",
                fix="Leave one.",
                frame=frame,
                file=path,
            )
    if given.channel and role not in WITH_CHANNEL:
        raise BadInput(
            f"A channel is named for {role}, which is read whole.", fix="Leave its channel empty.", file=path
        )


def _paired(
    role: str, given: Pairs, frames: FrameRange, *, some: bool
) -> tuple[tuple[InputFile, ...], list[str], types_pb2.Problem | None]:
    """The files of a range that are there, a sentence where only some need to be, and what is missing.

    Args:
        some: whether frames that are not paired may be left out; a file that is paired must be there.
    """
    paths = dict(given.files)
    wanted = [InputFile(f, paths[f], Path(paths[f])) for f in frames.frames() if f in paths]
    there = tuple(f for f in wanted if f.path.is_file())
    present = {f.frame for f in there}
    absent = [f for f in wanted if f.frame not in present]
    unpaired = [] if some and wanted else [f for f in frames.frames() if f not in paths]
    if not absent and not unpaired:
        which = describe_frames(present)
        told = (
            [f"{role} has {len(there)} of {len(frames)} frames: {which}."] if len(there) < len(frames) else []
        )
        return there, told, None
    missing = sorted([*unpaired, *(f.frame for f in absent)])
    told_file = absent[0].name if absent else ""
    first = f"frame {absent[0].frame} is to be {told_file}" if absent else f"frame {missing[0]} has no file"
    problem = _problem(
        role,
        missing,
        told_file,
        f"{len(missing)} of {len(frames)} frames of {role} are missing; {first}.",
        "Render the missing frames, or change the range.",
    )
    return there, [], problem


def _named_after(given: Pairs) -> FramePattern:
    """What pairs are called in messages and named after: their first file."""
    path = min(given.files)[1]
    return FramePattern(path, path, "", 0)


def _input_file(pattern: FramePattern, frame: int) -> InputFile:
    name = pattern.path(frame)
    return InputFile(frame, name, Path(name))


def _problem(role: str, frames: list[int], file: str, message: str, fix: str) -> types_pb2.Problem:
    return types_pb2.Problem(
        severity=types_pb2.SEVERITY_ERROR,
        code="missing_frames",
        input=role,
        frames=frames,
        file=file,
        message=message,
        fix=fix,
    )
