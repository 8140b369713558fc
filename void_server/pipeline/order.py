# SPDX-License-Identifier: Apache-2.0
"""An order as the pipeline reads it: the contract's JobSpec, flattened into frozen values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from google.protobuf.json_format import ParseDict
from void.v1 import jobs_pb2, types_pb2

from void_server.engines.cleanplate import CleanplateSettings
from void_server.engines.void.given_crops import parse_crops
from void_server.engines.void.settings import Running, VoidSettings
from void_server.errors import InvalidInput
from void_server.frames.rooted_file import RootedFile
from void_server.jobs.canonical import request_id
from void_server.jobs.inputs import rooted_file
from void_server.jobs.words import MODELS, SEGMENTER, finder_of, in_words, reasoner_of
from void_server.pipeline.engine_choice import Choice, chosen
from void_server.pipeline.options import Options

MATTES = ("remove", "affected", "keep", "quadmask")
"""Inputs that are read as mattes; `quadmask` is two in one."""

CLEAN_PLATE = "clean_plate"
"""Input of frames without the object; the only one that need not have every frame."""

INPUTS = (*MATTES, CLEAN_PLATE, "plate")
"""Inputs in the order in which they are looked at."""

VLM_REASONERS = MODELS
"""Reasoners that ask a vision-language model."""

PREVIEW_STEPS = 10
"""Denoising steps of a preview, unless they are given."""


@dataclass(frozen=True)
class InputFile:
    """One frame of one input.

    Attributes:
        digest: SHA-256 of the uploaded bytes; empty when they are not there yet, or not uploaded at all.
        name: what the user calls the file.
        rooted: where it lies on shared storage; None when it is uploaded.
    """

    frame: int
    digest: str
    name: str
    rooted: RootedFile | None = None


@dataclass(frozen=True)
class InputSequence:
    """The files of one input by frame number."""

    role: str
    pattern: str
    channel: str
    files: Mapping[int, InputFile]


@dataclass(frozen=True)
class ColourRequest:
    """What was said about the plate's colour space.

    Attributes:
        name: name in the config; empty = to be found out.
        builtin: name of a built-in config; empty = the default one, unless `archive` is given.
        archive: digest of an .ocioz archive; empty = none.
    """

    name: str
    builtin: str
    archive: str

    @property
    def by_file_rule(self) -> bool:
        """True when a file rule of the job's own config may decide."""
        return not self.name and bool(self.builtin or self.archive)


@dataclass(frozen=True)
class Prompted:
    """A click, or a box, of an object on a frame.

    Attributes:
        place: x and y, or left, top, right and bottom, in pixels of the display window from its top left corner.
        object: number of the object.
        positive: of a click: whether it is on the object.
    """

    frame: int
    place: tuple[float, ...]
    object: int
    positive: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class Order:
    """One order.

    Attributes:
        frames: the frame numbers to work on, ascending.
        inputs: by role; only those that were given. A clean plate may be there for any frames, in the range or not.
        masks_only: whether the quadmask is all that is wanted.
        engine: `cleanplate` or `void`; `none` where only the quadmask is wanted.
        instruction: what the artist says to the model of a reasoner, or to what finds the object.
        in_words: whether the instruction is all that says what to remove.
        finder: what finds the object then; empty where nothing does.
        cloud_consent: whether frames may go to an endpoint that is not the site's own.
        segmenter: `roto`, or `flow` or `sam2`: then not every frame needs a matte of what is to be removed.
        prompts: clicks and boxes, in pixels of the display window.
        engine_why: why, where it was not asked for by name.
        fps: frames per second, or None = from the files.
        pixel_aspect: width of a pixel over its height, or None = from the files.
        request: the order's own name, as `void_server.jobs.canonical.request_id`.
        job: id of the job that asks; empty where none does.
    """

    frames: tuple[int, ...]
    view: str
    inputs: Mapping[str, InputSequence]
    colour: ColourRequest
    masks_only: bool
    engine: str
    engine_why: str
    instruction: str
    in_words: bool
    finder: str
    cloud_consent: bool
    segmenter: str
    prompts: tuple[Prompted, ...]
    reasoner: str
    seed: int
    preview: bool
    prompt: str
    options: Options
    fps: float | None
    pixel_aspect: float | None
    output_name: str
    request: str = ""
    job: str = ""

    def file(self, role: str, frame: int) -> InputFile | None:
        """One file, if the input was given and has the frame."""
        sequence = self.inputs.get(role)
        return sequence.files.get(frame) if sequence is not None else None

    @property
    def delivered(self) -> slice:
        """Positions of the frames that come back: all but the handles."""
        return slice(self.options.handles_before, len(self.frames) - self.options.handles_after)

    def cleanplate_settings(self) -> CleanplateSettings:
        """The settings of the clean-plate engine that follow."""
        return CleanplateSettings(
            quality="preview" if self.preview else "final",
            grain=self.options.grain,
            sources=self.options.sources or None,
            reach=self.options.reach,
            unseen=self.options.unseen,
            trace=self.options.source_pass,
            relight=self.options.relight_pass,
        )

    @property
    def only_changed(self) -> bool:
        """Whether only what the engine changed is replaced of the affected region."""
        official = self.engine == "void" and self.options.profile == "official"
        return self.options.replace == "changed" or (self.options.replace == "auto" and not official)

    def void_settings(self) -> VoidSettings:
        """The settings of the engine `void` that follow; the size of its picture is the shot's to say."""
        options = self.options
        steps = options.steps or (PREVIEW_STEPS if self.preview else None)
        common: dict[str, Any] = {
            "seed": self.seed,
            "clip_seed": None if options.clip_seed < 0 else options.clip_seed,
            "noise_flow": options.noise_flow,
            "affected_grid": options.affected_grid == "on"
            or (options.affected_grid == "auto" and options.profile == "production"),
        }
        if options.profile == "official":
            official = VoidSettings.official(options.void_passes)
            return replace(official, steps=steps, window=options.window, **common)
        return VoidSettings(
            passes=options.void_passes,
            mask_levels=options.mask_levels,
            steps=steps,
            window=options.window,
            **common,
        )

    @property
    def detail(self) -> Literal["plate", "guided", "off"]:
        """Where the engine `void` has its fine detail from; `off` of other engines."""
        if self.engine != "void":
            return "off"
        asked = self.options.detail
        if asked == "auto":
            return "plate" if self.options.profile == "production" else "off"
        return asked

    @property
    def rebuilds(self) -> bool:
        """Whether the clean-plate engine works on the shot, as the engine or beside it."""
        return self.engine == "cleanplate" or self.detail != "off"

    def void_running(self) -> Running:
        """How the engine `void` is to be computed."""
        options = self.options
        return Running(
            memory=options.memory,
            attention=options.attention,
            compile=options.compile,
            step_cache=options.step_cache,
            windows_at_once=options.windows_at_once,
        )


def parse_order(spec: Mapping[str, Any], finders: Collection[str] = (), job: str = "") -> Order:
    """Read the JSON form of a `void.v1.JobSpec` that the server's front has checked.

    Args:
        finders: those that this server has.
        job: id of the job that asks.

    Raises:
        InvalidInput: an option has no usable value, or the engine cannot do what is asked.
    """
    message = ParseDict(dict(spec), jobs_pb2.JobSpec())
    shot, settings = message.shot, message.settings
    frames = range(shot.range.first, shot.range.last + 1, max(1, shot.range.step))
    masks_only = message.kind == jobs_pb2.JOB_KIND_QUADMASK
    engine = Choice("none") if masks_only else chosen(settings.engine, len(frames))
    worded = in_words(shot)
    finder = finder_of(settings, finders) if worded else ""
    order = Order(
        frames=tuple(frames),
        view=shot.view,
        inputs={role: _sequence(role, shot) for role in INPUTS if getattr(shot, role).files},
        colour=ColourRequest(shot.colour.name, shot.colour.builtin, shot.colour.archive.digest),
        masks_only=masks_only,
        engine=engine.engine,
        engine_why=engine.why,
        instruction=" ".join(shot.instruction.split()),
        in_words=worded,
        finder=finder,
        cloud_consent=settings.cloud_consent,
        segmenter=settings.segmenter or (SEGMENTER if shot.points or shot.boxes or worded else "roto"),
        prompts=_prompts(shot),
        reasoner=reasoner_of(shot, settings, finder),
        seed=settings.seed,
        preview=settings.preview,
        prompt=shot.prompt,
        options=Options.parse(settings.options),
        fps=shot.fps.numerator / shot.fps.denominator if shot.fps.denominator else None,
        pixel_aspect=shot.pixel_aspect or None,
        output_name=message.output.name,
        request=request_id(message),
        job=job,
    )
    if masks_only and (order.options.handles_before or order.options.handles_after):
        raise InvalidInput(
            "Mattes are made without handles.",
            fix="Leave handles_before and handles_after out, or give a longer range.",
        )
    if order.frames and not order.frames[order.delivered]:
        raise InvalidInput(
            f"All {len(order.frames)} frames are handles, and none is left to deliver.",
            fix="Give a longer range, or fewer handles.",
        )
    if order.engine == "void":
        order.void_running()
        if order.options.crops:
            parse_crops(order.options.crops)
        longest = order.void_settings().longest
        if longest is not None and len(frames) > longest:
            raise InvalidInput(
                f"The profile official takes {longest} frames at most, and these are {len(frames)}.",
                fix="Use --set profile=production, or a shorter range.",
            )
    return order


def _prompts(shot: types_pb2.Shot) -> tuple[Prompted, ...]:
    points = [Prompted(p.frame, (p.x, p.y), p.object, p.positive) for p in shot.points]
    boxes = [Prompted(b.frame, (b.left, b.top, b.right, b.bottom), b.object) for b in shot.boxes]
    return tuple(points + boxes)


def _sequence(role: str, shot: types_pb2.Shot) -> InputSequence:
    sequence: types_pb2.FrameSequence = getattr(shot, role)
    files = {
        f.frame: InputFile(
            f.frame, f.blob.digest, f.name, rooted_file(f.path) if f.HasField("path") else None
        )
        for f in sequence.files
    }
    return InputSequence(role, sequence.pattern, sequence.channel, files)
