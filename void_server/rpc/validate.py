# SPDX-License-Identifier: Apache-2.0
"""What can be said about an order without looking at pixels; everything else is preflight's."""

from __future__ import annotations

import difflib
import re
from typing import Any

from void.v1 import jobs_pb2, types_pb2

from void_server.access.principals import Principal, Role, check_shows
from void_server.configuration import Limits
from void_server.errors import InvalidInput, LimitExceeded, NotFound, PreconditionFailed, Unsupported
from void_server.frames.blobs import check_digest
from void_server.frames.roots import check_relative
from void_server.jobs.canonical import SEQUENCES
from void_server.jobs.words import in_words
from void_server.rpc.texts import check_texts
from void_server.rpc.words import check_words

_OUTPUT_NAME = re.compile(r"[^/\\\x00-\x1f:*?\"<>|]{1,200}")
"""Legal in a file name on every system that a client runs on."""


def frame_numbers(frames: types_pb2.FrameRange) -> range:
    """The frames of a range; step 0 reads as 1."""
    return range(frames.first, frames.last + 1, max(1, frames.step))


class Validator:
    """Checks orders against the limits and what the workers can do.

    Args:
        capabilities: as the workers report them.
    """

    def __init__(self, limits: Limits, capabilities: dict[str, Any]) -> None:
        self._limits = limits
        self._capabilities = capabilities

    def check(self, spec: jobs_pb2.JobSpec) -> None:
        """Let a well-formed order pass.

        Raises:
            InvalidInput: a field is missing, contradictory or out of range.
            LimitExceeded: too many frames.
            PreconditionFailed: an engine, reasoner or segmenter that is not set up on this server.
            Unsupported: what this release does not do yet.
        """
        if spec.kind not in jobs_pb2.JobKind.values():
            raise InvalidInput(f"There is no kind of job {spec.kind}.", fix="Give JOB_KIND_REMOVE.")
        check_texts(spec)
        _check_output_name(spec.output.name)
        self._check_range(spec.shot)
        for name in SEQUENCES:
            self._check_sequence(name, getattr(spec.shot, name))
        self._check_inputs(spec.shot)
        self._check_plugs(spec)
        self._check_options(dict(spec.settings.options))
        self._check_colour(spec.shot.colour)

    def _check_range(self, shot: types_pb2.Shot) -> None:
        frames = shot.range
        if frames.last < frames.first or frames.step < 0:
            raise InvalidInput(
                f"The range {frames.first}-{frames.last}x{frames.step} is empty.",
                fix="Give the first frame, then the last, such as --range 1001-1040.",
            )
        count = len(frame_numbers(frames))
        if count > self._limits.max_frames:
            raise LimitExceeded(
                f"{count} frames are over the limit max_frames = {self._limits.max_frames}.",
                fix="Split the shot, or raise --max-frames on the server.",
            )

    def _check_sequence(self, name: str, sequence: types_pb2.FrameSequence) -> None:
        if len(sequence.files) > self._limits.max_frames:
            raise LimitExceeded(
                f"{name} lists {len(sequence.files)} files; the limit is max_frames = {self._limits.max_frames}.",
                fix="List the files of the range, or raise --max-frames on the server.",
            )
        previous: int | None = None
        for file in sequence.files:
            if file.WhichOneof("source") == "path":
                _check_path(file.path)
            elif file.WhichOneof("source") == "blob":
                check_digest(file.blob.digest)
            else:
                raise InvalidInput(f"{name} {file.name} has no content.", frame=file.frame, file=file.name)
            if previous is not None and file.frame <= previous:
                raise InvalidInput(
                    f"{name} lists frame {file.frame} after frame {previous}.",
                    fix="List each frame once, in ascending order.",
                    frame=file.frame,
                )
            previous = file.frame

    def _check_inputs(self, shot: types_pb2.Shot) -> None:
        if not shot.plate.files:
            raise InvalidInput("No plate is given.", fix="Give the source frames with --plate.")
        if not (shot.remove.files or shot.quadmask.files or shot.points or shot.boxes or in_words(shot)):
            raise InvalidInput(
                "Nothing says what to remove.",
                fix="Give a matte of the object with --remove, a painted void_mask with --quadmask, clicks with"
                " --points, a box with --boxes, or words with --instruction.",
            )
        if shot.pixel_aspect:
            raise Unsupported(
                "Working with another pixel aspect than the files say is not available yet.",
                fix="Leave it out, or write it into the files.",
            )

    def _check_plugs(self, spec: jobs_pb2.JobSpec) -> None:
        settings = spec.settings
        pointed, worded = bool(spec.shot.points or spec.shot.boxes), in_words(spec.shot)
        for kind, name in (
            ("engine", settings.engine),
            ("segmenter", settings.segmenter or ("sam2" if pointed else "")),
            ("reasoner", settings.reasoner),
        ):
            if not name or (kind == "engine" and name == "auto"):
                continue
            plugs = {p["name"]: p for p in self._capabilities[f"{kind}s"]}
            if name not in plugs:
                raise InvalidInput(f"There is no {kind} {name!r}.{_near(name, plugs)}")
            if not plugs[name]["available"]:
                raise PreconditionFailed(f"The {kind} {name} is {plugs[name]['unavailable_reason']}")
        if worded:
            check_words(settings, self._capabilities)
        elif spec.shot.instruction and settings.reasoner not in ("openai", "gemini"):
            raise InvalidInput(
                "An instruction is for the model of the reasoner openai or gemini, and neither is asked.",
                fix="Use --reasoner openai, or leave --instruction out.",
            )
        if settings.reasoner == "artist" and not spec.shot.affected.files and not spec.shot.quadmask.files:
            raise InvalidInput(
                "The reasoner artist takes the affected region from a matte, and none is given.",
                fix="Give --affected, or --reasoner none.",
            )

        if pointed and settings.segmenter not in ("", "sam2"):
            raise InvalidInput(
                f"The segmenter {settings.segmenter} reads no points and no boxes.",
                fix="Use --segmenter sam2, or leave them out.",
            )
        if settings.segmenter == "sam2" and not (pointed or worded or spec.shot.remove.files):
            raise InvalidInput(
                "The segmenter sam2 is shown nothing.",
                fix="Give --points, --boxes, or mattes of some frames with --remove.",
            )
        if settings.segmenter == "flow" and not spec.shot.remove.files:
            raise InvalidInput(
                "The segmenter flow carries mattes of what is to be removed, and none is given.",
                fix="Give the frames that are drawn with --remove.",
            )

    def _check_options(self, options: dict[str, str]) -> None:
        known = {o["name"]: o for o in self._capabilities["options"]}
        for name, value in options.items():
            if name not in known:
                raise InvalidInput(
                    f"There is no option {name!r}.{_near(name, known)}",
                    fix="`void capabilities` lists all options.",
                )
            _check_value(known[name], value)

    def _check_colour(self, colour: types_pb2.ColourSpace) -> None:
        if colour.WhichOneof("config") == "archive":
            check_digest(colour.archive.digest)


def check_priority(spec: jobs_pb2.JobSpec, who: Principal) -> None:
    """Let a priority pass that the caller may give.

    Raises:
        InvalidInput: there is no such priority.
        PreconditionFailed: it is a supervisor's to give.
    """
    if spec.priority not in jobs_pb2.Priority.values():
        raise InvalidInput(f"There is no priority {spec.priority}.", fix="Give low, normal or high.")
    if spec.priority == jobs_pb2.PRIORITY_HIGH and who.role is not Role.SUPERVISOR:
        raise PreconditionFailed(
            "Only a supervisor may give a job the priority high.",
            fix="Leave it out, or ask a supervisor to submit the job.",
        )


def settle_show(spec: jobs_pb2.JobSpec, who: Principal) -> None:
    """Let a show pass that the caller works on; a token for a single show puts it in where none is named.

    Raises:
        InvalidInput: the name cannot be a show's, or the token is for several shows and none is named.
        NotFound: the token is not for this show, whether there is one of this name or not.
    """
    if spec.show:
        check_shows([spec.show])
    if who.shows is None:
        return
    if not spec.show and len(who.shows) > 1:
        raise InvalidInput(
            "Your token is for several shows, and the order names none.",
            fix=f"Give one of them with --show: {', '.join(sorted(who.shows))}.",
        )
    spec.show = spec.show or next(iter(who.shows))
    if spec.show not in who.shows:
        raise NotFound(
            f"There is no show {spec.show}.", fix=f"Your token is for: {', '.join(sorted(who.shows))}."
        )


def _check_path(path: types_pb2.RootedPath) -> None:
    check_relative(path.relative)
    check_digest(path.stamp.sample_digest)


def _check_output_name(name: str) -> None:
    """A client makes file names of it: nothing that leads to another folder."""
    if not _OUTPUT_NAME.fullmatch(name) or name.strip(".") == "":
        raise InvalidInput(
            f"The output name {name[:80]!r} cannot be part of a file name.",
            fix="Give a name of 1 to 200 characters without / and \\.",
        )


def _check_value(option: dict[str, Any], value: str) -> None:
    name, kind = option["name"], option["type"]
    if kind in ("switch", "choice"):
        words = ["on", "off"] if kind == "switch" else option["choices"]
        if value not in words:
            raise InvalidInput(f"{name}={value} is not one of {', '.join(words)}.")
        return
    if kind == "text":
        return
    try:
        number = int(value) if kind == "integer" else float(value)
    except ValueError:
        raise InvalidInput(
            f"{name}={value} is not {'a whole ' if kind == 'integer' else 'a '}number."
        ) from None
    if not option["minimum"] <= number <= option["maximum"]:
        raise InvalidInput(
            f"{name}={value} is outside {option['minimum']:g} to {option['maximum']:g}.", fix=option["help"]
        )


def _near(name: str, known: dict[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]}?" if close else f" There are: {', '.join(sorted(known))}."
