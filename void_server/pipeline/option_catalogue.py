# SPDX-License-Identifier: Apache-2.0
"""Every option of `Settings.options`: its type, range, default and help."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Option:
    """One option as `GetCapabilities` lists it; see protos/void/v1/server.proto."""

    name: str
    type: Literal["switch", "choice", "integer", "number", "text"]
    default_value: str
    help: str
    choices: tuple[str, ...] = ()
    minimum: float = 0.0
    maximum: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self) | {"choices": list(self.choices)}


CATALOGUE: tuple[Option, ...] = (
    Option(
        "grain",
        "switch",
        "on",
        "Engine cleanplate: keep the grain of real frames: the finest detail comes from one source; off averages all"
        " sources, so that the grain is new in every frame (see grain_amount).",
    ),
    Option(
        "grain_amount",
        "number",
        "1",
        "How much of the grain that the result lacks is added, as measured on the plate: 1 = as much as the plate has;"
        " 0 = none. Real frames bring their own, and what was made up or averaged lacks it.",
        minimum=0,
        maximum=2,
    ),
    Option(
        "sources",
        "integer",
        "0",
        "Frames that a pixel may be blended from; 0 = 3 with grain, and without as many as suit.",
        minimum=0,
        maximum=8,
    ),
    Option(
        "reach",
        "integer",
        "96",
        "Frames to look ahead and back for a background that shows.",
        minimum=1,
        maximum=500,
    ),
    Option(
        "unseen",
        "choice",
        "auto",
        "How to fill what no frame shows: texture = continued from elsewhere in the picture; smooth = colours alone;"
        " auto = whichever rebuilds a hidden band around it better.",
        choices=("auto", "texture", "smooth"),
    ),
    Option(
        "profile",
        "choice",
        "production",
        "Engine void: production = made for shots; official = as Netflix's scripts run, with their faults.",
        choices=("production", "official"),
    ),
    Option(
        "weights",
        "choice",
        "default",
        "Engine void: which weights of the server; others than the default lie in its weights folder under sets/NAME.",
        choices=("default",),
    ),
    Option(
        "void_passes",
        "integer",
        "1",
        "Engine void: 2 = a second pass, from noise that moves with the first one's picture.",
        minimum=1,
        maximum=2,
    ),
    Option(
        "mask_levels",
        "choice",
        "trained",
        "Engine void: levels of the quadmask that it is given: trained = 3; published = 3, and 2 in the second pass;"
        " four = the overlap apart, an experiment.",
        choices=("trained", "published", "four"),
    ),
    Option(
        "affected_grid",
        "choice",
        "auto",
        "Engine void: the affected region as the model is given it: on = in whole cells, as it was trained; off = to"
        " the pixel; auto = on, and off in the profile official. What changes in the plate stays to the pixel.",
        choices=("auto", "on", "off"),
    ),
    Option(
        "steps",
        "integer",
        "0",
        "Engine void: denoising steps of a pass; 0 = 30 and 50, in a preview 10.",
        minimum=0,
        maximum=1000,
    ),
    Option(
        "window",
        "integer",
        "85",
        "Engine void: frames that it sees at a time, 8k + 5; shorter shots are padded to as many.",
        minimum=13,
        maximum=197,
    ),
    Option(
        "model_percent",
        "integer",
        "100",
        "Engine void: height and width of its picture, in percent of what it was trained at.",
        minimum=10,
        maximum=200,
    ),
    Option(
        "region",
        "choice",
        "auto",
        "Engine void: what it sees: auto = a crop around what is to be removed, where that keeps more detail; whole ="
        " the whole frame, as the profile official always does.",
        choices=("auto", "whole"),
    ),
    Option(
        "region_context",
        "number",
        "1.5",
        "Engine void: width and height of the crop that it sees, in those of what is to be removed; more shows it more"
        " of the surroundings, less more detail.",
        minimum=1,
        maximum=4,
    ),
    Option(
        "crops",
        "text",
        "",
        "Engine void: the crops that it sees, instead of those it would choose, as the sidecar of an earlier job has"
        " them: WIDTHxHEIGHT@X,Y of one at rest, WIDTHxHEIGHT@FRAME:X,Y/FRAME:X,Y of one that moves, several joined by"
        " ';', or whole; pixels of the display window. Each is moved aside, on all frames alike, as far as it must to"
        " hold what is to be filled. With --views, the first view's are given to the others.",
    ),
    Option(
        "detail",
        "choice",
        "auto",
        "Engine void: fine detail of what it fills: plate = real pixels where the clean-plate engine rebuilds what the"
        " model shows, and their detail where the model follows it; guided = that detail alone; off = none; auto ="
        " plate, and off in the profile official.",
        choices=("auto", "plate", "guided", "off"),
    ),
    Option(
        "model_exposure",
        "number",
        "0",
        "Engine void: stops by which it sees the shot brighter than its median at mid grey; darker below 0. The result"
        " has the plate's light all the same.",
        minimum=-8,
        maximum=8,
    ),
    Option(
        "noise_flow",
        "choice",
        "dis",
        "Engine void: what measures the first pass's motion for the second: dis = OpenCV; raft = RAFT, where the server"
        " has torchvision and its weights.",
        choices=("dis", "raft"),
    ),
    Option(
        "clip_seed",
        "integer",
        "-1",
        "Engine void: seed of the noise on the plate; -1 = the seed. Held while seeds are tried, the plate is encoded"
        " once.",
        minimum=-1,
        maximum=2**31 - 1,
    ),
    Option(
        "memory",
        "choice",
        "auto",
        "Engine void: what is on the GPU at a time: full = all; offload = transformer or VAE; group-offload = a block;"
        " sequential = a layer; fp8 = all, in 8 bits (not measured yet); auto = the fastest that fits.",
        choices=("auto", "full", "fp8", "offload", "group-offload", "sequential"),
    ),
    Option(
        "attention",
        "choice",
        "native",
        "Engine void: what computes attention: a part of PyTorch, or an installed package (the last three).",
        choices=("native", "cudnn", "flash", "efficient", "math", "flash-attn", "flash-attn-3", "sage"),
    ),
    Option(
        "compile",
        "switch",
        "off",
        "Engine void: compile the transformer; about a minute once, then faster steps.",
    ),
    Option(
        "step_cache",
        "number",
        "0",
        "Engine void: share by which the first block may change between two steps for the others to be left out; 0 ="
        " never. Faster, another picture; no checkpoints within a pass.",
        minimum=0,
        maximum=1,
    ),
    Option(
        "windows_at_once",
        "integer",
        "0",
        "Engine void: windows of a long clip in one call; 0 = as many as there is room for.",
        minimum=0,
        maximum=4,
    ),
    Option(
        "finder",
        "choice",
        "auto",
        "What finds the object that an instruction alone names: grounding = the server's text-grounding model; model ="
        " that of the reasoner openai or gemini; auto = grounding where the server has it.",
        choices=("auto", "grounding", "model"),
    ),
    Option(
        "find",
        "text",
        "",
        "Finder grounding: what to look for, such as 'coffee cup; saucer'; empty = what the instruction names.",
    ),
    Option(
        "find_score",
        "number",
        "0.35",
        "Finder grounding: score below which a box is not taken.",
        minimum=0,
        maximum=1,
    ),
    Option(
        "fall_back",
        "choice",
        "none",
        "Where the model of the reasoner openai or gemini does not answer: none = the job fails; motion = the reasoner"
        " motion does it.",
        choices=("none", "motion"),
    ),
    Option(
        "ground",
        "choice",
        "auto",
        "Reasoners openai and gemini: what outlines the things that they name in cells: sam2 = that model; cells ="
        " nothing; auto = sam2 where the server has it.",
        choices=("auto", "cells", "sam2"),
    ),
    Option(
        "grow",
        "number",
        "2",
        "Pixels by which the region grows before it is replaced.",
        minimum=0,
        maximum=200,
    ),
    Option(
        "feather",
        "number",
        "4",
        "Pixels over which the replaced region fades out, outward of the grown region.",
        minimum=0,
        maximum=200,
    ),
    Option(
        "replace",
        "choice",
        "auto",
        "What is replaced of the affected region: changed = only what the engine changed beyond its own error, the rest"
        " keeps the plate's bits; region = all of it; auto = changed, and region in the profile official.",
        choices=("auto", "changed", "region"),
    ),
    Option(
        "passes",
        "choice",
        "none",
        "Layers for touch-up in the returned EXRs: qc = confidence, borrowed, synthesised, change over time;"
        " source = where borrowed pixels come from;"
        " relight = shadows and reflections that were divided or subtracted out.",
        choices=("none", "qc", "source", "relight", "all"),
    ),
    Option(
        "layers",
        "choice",
        "drop",
        "Other layers of the plate in the returned EXRs: keep = bit by bit, those of the part that holds the picture;"
        " drop = left out.",
        choices=("drop", "keep"),
    ),
    Option(
        "handles_before",
        "integer",
        "0",
        "Frames at the start of the range that are read and computed for context, and not delivered.",
        minimum=0,
        maximum=1000,
    ),
    Option(
        "handles_after",
        "integer",
        "0",
        "The same at the end of the range.",
        minimum=0,
        maximum=1000,
    ),
    Option(
        "first_unaffected",
        "switch",
        "on",
        "Coded video of a quadmask job: no affected region on its first frame, as VOID was trained.",
    ),
    Option(
        "compression",
        "choice",
        "zips",
        "Compression of the returned EXRs; all three are lossless.",
        choices=("zips", "zip", "none"),
    ),
    Option(
        "matte_files",
        "choice",
        "rgba",
        "Mattes of a removal as files: rgba = one sequence with four channels; keys = that, and one sequence for each"
        " of remove, affected, overlap and blend.",
        choices=("rgba", "keys"),
    ),
)
