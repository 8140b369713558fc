# SPDX-License-Identifier: Apache-2.0
"""What the artist chose, whether it goes together, and which files come of it."""

from __future__ import annotations

from typing import Mapping, NamedTuple

from void_resolve import clip as clips
from void_resolve import fusion_mask, matte, plate
from void_resolve.clip import Clip, Span
from void_resolve.errors import ArtistError
from void_resolve.host import Host
from void_resolve.order import Point, Wishes
from void_resolve.plate import RECORD, SOURCE, Frames
from void_resolve.state import Restore, keep_render_settings
from void_resolve.turn import Turn

LOOKS = ("source", "graded")
MATTES = ("key", "external", "track", "files", "fusion", "points")
MATTE_FILES = ("auto", "rgba", "keys")
QUALITIES = ("preview", "final")
CARRYING = ("flow", "sam2")
"""Segmenters to which mattes of some frames are enough; they carry them to the others."""


class Request(NamedTuple):
    """What the artist chose.

    Attributes:
        look: `source` or `graded`: what the plate is.
        matte: `key`, `external`, `track`, `files`, `fusion` or `points`: where it comes from.
        matte_pattern: EXR sequence, for `files`; for `external` which of several.
        matte_track: name of a video track, for `track`.
        matte_tool: name of a tool in the clip's Fusion composition, for `fusion`; empty = its only mask.
        points: frame (of the timeline, or of the clip), x, y from the top left of the plate, positive.
        affected_pattern: EXR sequence of what the object affects; may be empty.
        handles: frames before and after, as far as there are any.
        quality: `preview` or `final`.
        engine, reasoner, prompt, instruction, seed: as in the order; `auto` = the server's choice.
        out: folder for results.
        server: `address`, `token_file`, `ca`.
        cloud_consent: whether frames may leave the house.
        options: of the server; and `colour_space`, a name of OCIO where Resolve's settings do not tell.
        matte_files: `rgba`, `keys` or `auto`: which sequences of mattes come back into the project.
        item: ids of timeline and clip; empty = the clip that is meant when the work begins.
        of_several: whether it is one of several clips.
        segmenter: as in the order; empty = sam2 for points, else roto.
    """

    look: str = "source"
    matte: str = "key"
    matte_pattern: str = ""
    matte_track: str = ""
    matte_tool: str = ""
    points: tuple[Point, ...] = ()
    affected_pattern: str = ""
    handles: int = 0
    quality: str = "final"
    engine: str = ""
    reasoner: str = ""
    prompt: str = ""
    instruction: str = ""
    seed: str = ""
    out: str = ""
    server: Mapping[str, str] = {}
    cloud_consent: bool = False
    options: Mapping[str, str] = {}
    matte_files: str = "auto"
    item: tuple[str, str] = ("", "")
    of_several: bool = False
    segmenter: str = ""


def wishes(request: Request) -> Wishes:
    """What of it goes into the order as it is."""
    return Wishes(
        request.quality,
        request.engine,
        request.reasoner,
        request.prompt,
        request.instruction,
        request.seed,
        request.cloud_consent,
        request.options,
        request.segmenter,
    )


def framing(request: Request) -> str:
    """SOURCE, or RECORD where the timeline's sizing is baked in: for what is seen, and for a rendered matte."""
    return RECORD if request.look == "graded" or request.matte in ("key", "track") else SOURCE


def check(request: Request, clip: Clip) -> None:
    """Refuse what does not go together, before anything is rendered.

    Raises:
        ArtistError: so it is.
    """
    for value, known, what in (
        (request.look, LOOKS, "look"),
        (request.matte, MATTES, "matte"),
        (request.quality, QUALITIES, "quality"),
        (request.matte_files, MATTE_FILES, "way of matte files"),
    ):
        if value not in known:
            raise ArtistError(f"There is no {what} '{value}'.", f"Choose one of {', '.join(known)}.")
    _check_several(request)
    if request.look == "source" and clip.bake:
        raise ArtistError(
            f"{clip.name} cannot be worked on from its source: {clip.bake}.",
            "Choose As graded: then it is baked as the timeline shows it.",
        )
    if framing(request) == SOURCE and not all(clip.size):
        raise ArtistError(f"Resolve does not tell the size of {clip.name}.", "Choose As graded.")
    if framing(request) == SOURCE and not clip.square:
        raise ArtistError(
            f"The pixels of {clip.name} are not square ({clip.pixels}), and a timeline of its own would stretch them.",
            "Choose As graded, or the key as matte: then the timeline's own framing is sent.",
        )
    if framing(request) == RECORD and request.matte in ("external", "fusion"):
        what = "An external matte" if request.matte == "external" else "A Fusion mask"
        raise ArtistError(
            f"{what} has the framing of the source, and the plate would have the timeline's.",
            "Choose the source as plate, or the key as matte.",
        )
    if request.look == "source" and framing(request) == RECORD and clip.group:
        raise ArtistError(
            f"{clip.name} is in the colour group {clip.group}, whose grades no script can take off.",
            "Choose As graded, take it out of the group, or take the matte from elsewhere than key and track.",
        )
    missing = {
        "track": (request.matte_track, "the name of the track with the matte"),
        "files": (request.matte_pattern, "the EXR sequence of the matte"),
        "points": (request.points, "a point on what is to be removed"),
    }.get(request.matte)
    if missing and not missing[0]:
        raise ArtistError(f"There is not yet {missing[1]}.", "Give it in the window.")


def _check_several(request: Request) -> None:
    if request.of_several and (request.matte == "files" or request.affected_pattern):
        raise ArtistError(
            "One picked sequence cannot be the matte of several clips.",
            "Select one clip, or take the matte of each from its key, its own matte, its Fusion mask, or a track.",
        )


def span_of(request: Request, clip: Clip) -> Span:
    """The frames to work on; a Fusion mask is only known on those that the timeline shows."""
    return clips.span_of(clip, request.handles, framing(request) == SOURCE and request.matte != "fusion")


def points_of(request: Request, clip: Clip, span: Span) -> list[Point]:
    """The points with frames of the job.

    Raises:
        ArtistError: one lies on a frame, or at a place, that is not sent.
    """
    if request.matte != "points":
        return []
    found = []
    size = clip.size if framing(request) == SOURCE else clip.timeline_size
    for frame, x, y, positive in request.points:
        on_timeline = clip.record[0] <= frame < clip.record[1]
        if request.of_several and not on_timeline:
            continue
        number = clip.number(frame) if on_timeline else frame
        if not span.sent[0] <= number <= span.sent[1]:
            raise ArtistError(
                f"A point is on frame {frame}, which is not sent.", "Set it on a frame of the clip."
            )
        if not (0 <= x < size[0] and 0 <= y < size[1]):
            raise ArtistError(
                f"The point {x:g}, {y:g} is beside the picture of {size[0]} x {size[1]}.",
                "Set it in the picture.",
            )
        found.append((number, float(x), float(y), bool(positive)))
    if not found:
        raise ArtistError(
            f"No point lies on {clip.name}.", "Give points in frames of the timeline for each clip."
        )
    return found


def given(host: Host, request: Request, clip: Clip, span: Span) -> dict[str, Frames]:
    """Mattes that are files already, by role; looked at before anything is rendered.

    Raises:
        ArtistError: they do not fit.
    """
    kept, found, keyed = framing(request), {}, request.segmenter in CARRYING
    if request.matte == "external":
        found["remove"] = matte.external(host, clip, span, request.matte_pattern, keyed)
    elif request.matte == "files":
        found["remove"] = matte.picked(request.matte_pattern, clip, span, kept, keyed)
    if request.affected_pattern:
        found["affected"] = matte.picked(request.affected_pattern, clip, span, kept)
    size = clip.size if kept == SOURCE else clip.timeline_size
    for role, frames in found.items():
        _check_size(role, frames.size, size)
    return found


def check_sizes(frames: Mapping[str, Frames]) -> None:
    """Refuse mattes of another size or framing than the plate's.

    Raises:
        ArtistError: so it is.
    """
    of_plate = frames["plate"]
    for role, each in frames.items():
        _check_size(role, each.size, of_plate.size)
        if each.framing != of_plate.framing:
            raise ArtistError(
                f"The matte {role} has the framing of the {each.framing}, the plate that of the {of_plate.framing}.",
                "Choose another matte, or another plate.",
            )


def _check_size(role: str, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    if size != wanted:
        raise ArtistError(
            f"The matte {role} is {size[0]} x {size[1]}, and the plate {wanted[0]} x {wanted[1]}.",
            "Choose a matte of the plate's size.",
        )


def render(
    host: Host, request: Request, clip: Clip, span: Span, folder: str, restore: Restore, turn: Turn
) -> dict[str, Frames]:
    """Render the plate, and the matte where it is to be rendered; by role.

    Raises:
        ArtistError: Resolve could not.
        Cancelled: by the artist.
    """
    found: dict[str, Frames] = {}
    turn.check()
    host.open_page("deliver")
    keep_render_settings(host.project(), restore)
    if framing(request) == SOURCE:
        if request.matte == "fusion":
            found["remove"] = fusion_mask.render_mask(
                host, clip, span, request.matte_tool, folder, restore, turn
            )
        target = plate.new_folder(folder, "plate")
        return {**found, "plate": plate.render_source(host, clip, span, target, restore, turn)}
    if request.matte == "track":
        found["remove"] = matte.render_track(host, clip, span, request.matte_track, folder, restore, turn)
    plate.solo(clip.timeline, clip.track, restore)
    if request.matte == "key":
        found["remove"] = matte.render_key(host, clip, span, folder, restore, turn)
    target = plate.new_folder(folder, "plate")
    graded = request.look == "graded"
    found["plate"] = plate.render_record(host, clip, span, target, restore, turn, graded=graded)
    return found
