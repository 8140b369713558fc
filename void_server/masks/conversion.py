# SPDX-License-Identifier: Apache-2.0
"""Masks from one form into another: which frames, what is done to them, and where they go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from void_server.errors import InvalidInput
from void_server.masks.like import Plates, fitted, numbered_like
from void_server.masks.pattern import FramePattern, gaps, parse_pattern
from void_server.masks.progress import told
from void_server.masks.sources import MaskFrame, Source, require_frames, require_no_gaps, require_numbers
from void_server.masks.writing import refuse_existing, refuse_inputs, write_clip, write_sequence
from void_server.pipeline.findings import frame_list
from void_server.quadmask.algebra import first_unaffected, grown
from void_server.quadmask.coded import Polarity, polarity_of
from void_server.quadmask.coded_video import FPS
from void_server.quadmask.grid import gridded_matte
from void_server.quadmask.regions import Quadmask

CLIP_SUFFIX = ".mp4"


@dataclass(frozen=True)
class Wishes:
    """What a conversion does besides changing the form.

    Attributes:
        frames: frames wanted; None for all.
        first_unaffected: whether the first frame loses what is affected and not removed; None: in a clip only.
        grid: whether the affected region is widened to whole cells of VOID's grid over the display window.
        grow, grow_affected: pixels of the result by which the mattes grow; below 0 they shrink.
        fps: frames a second of a clip.
        overwrite: whether files that are there are replaced.
    """

    frames: range | None = None
    first_unaffected: bool | None = None
    grid: bool = False
    grow: float = 0.0
    grow_affected: float = 0.0
    fps: float = FPS
    overwrite: bool = False


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        text: where it is.
        frames: the frames, ascending.
        form: `coded clip`, `binary clip` or `EXR`.
        notes: sentences worth telling.
    """

    text: str
    frames: Sequence[int]
    form: str
    notes: tuple[str, ...]

    def to_text(self) -> str:
        """What was written, as lines for people."""
        first = f"; its first picture is frame {self.frames[0]}" if self.form != "EXR" else ""
        wrote = f"{self.text}: {self.form}, {len(self.frames)} frames, {frame_list(self.frames)}{first}."
        return "\n".join([wrote, *self.notes])


def convert(source: Source, target: str, wishes: Wishes, plates: Plates | None = None) -> Converted:
    """Writes a source in another form.

    Args:
        target: a name that ends in .mp4, or a pattern of EXR files.
        plates: what gives size, windows and frame numbers; None leaves the source's.

    Raises:
        InvalidInput: frames are missing, files are there already, or the target is neither form.
        Unsupported, StoreFailed, Internal: it cannot be written.
    """
    if plates is not None:
        source = numbered_like(source, plates)
    suffix = Path(target).suffix.lower()
    if suffix == CLIP_SUFFIX:
        return _to_clip(source, Path(target), wishes, plates)
    if suffix == ".exr":
        return _to_sequence(source, parse_pattern(target), wishes, plates)
    raise InvalidInput(
        f"{target} is neither a clip that ends in .mp4 nor a pattern of EXR files.",
        fix="Write quadmask_0.mp4 or matte.####.exr.",
        file=target,
    )


def chosen(source: Source, wanted: range | None, plates: Plates | None) -> list[int]:
    """The frames to convert: those asked for, of the plate if there is one, else of the source.

    Raises:
        InvalidInput: the source lacks one, or there is none.
    """
    base = list(source.frames if plates is None else plates.frames)
    frames = base if wanted is None else [n for n in base if n in wanted]
    if wanted is not None and plates is None:
        frames = list(wanted)
    if not frames:
        raise InvalidInput(
            f"No frame of {plates.pattern.text if plates else source.text} is asked for; it has"
            f" {frame_list(base)}.",
            fix="Choose others with --range.",
        )
    require_frames(source, frames)
    return frames


def _to_clip(source: Source, path: Path, wishes: Wishes, plates: Plates | None) -> Converted:
    frames = chosen(source, wishes.frames, plates)
    require_no_gaps(source, frames)
    polarity, notes = _polarity(path)
    _prepare([path], source, wishes, plates, frames)
    write_clip(path, _changed(source, frames, wishes, plates, clip=True), polarity, wishes.fps)
    form = "coded clip" if polarity == "quadmask" else "binary clip"
    return Converted(str(path), frames, form, notes)


def _to_sequence(source: Source, pattern: FramePattern, wishes: Wishes, plates: Plates | None) -> Converted:
    require_numbers(source)
    frames = chosen(source, wishes.frames, plates)
    if not pattern.width and len(frames) > 1:
        raise InvalidInput(
            f"{pattern.text} has no place for the frame number, but {len(frames)} frames are to be written.",
            fix="Write a pattern such as matte.####.exr.",
            file=pattern.text,
        )
    _prepare([pattern.path(n) for n in frames], source, wishes, plates, frames)
    write_sequence(pattern, _changed(source, frames, wishes, plates, clip=False))
    missing, older = gaps(frames), sorted(set(pattern.frames_on_disk()) - set(frames))
    notes = [f"Frames {frame_list(missing)} are not in the source, and not written."] if missing else []
    if older and pattern.width:
        notes.append(f"Frames {frame_list(older)} of {pattern.text} are older and were left as they are.")
    return Converted(pattern.text, frames, "EXR", tuple(notes))


def _prepare(
    paths: Sequence[Path], source: Source, wishes: Wishes, plates: Plates | None, frames: Sequence[int]
) -> None:
    """Refuses what must not be written over, and makes the folder."""
    plate_files = {plates.pattern.path(n) for n in plates.frames} if plates else set()
    refuse_inputs(paths, source.files() | plate_files)
    refuse_existing(paths, wishes.overwrite)
    # A file that cannot be read should leave no empty folder.
    next(iter(source.read(frames[:1])))
    paths[0].parent.mkdir(parents=True, exist_ok=True)


def _polarity(path: Path) -> tuple[Polarity, tuple[str, ...]]:
    try:
        return polarity_of(path.name), ()
    except InvalidInput:
        note = f"{path.name} is called neither quadmask_* nor mask_*: it was written with codes, black is removed."
        return "quadmask", (note,)


def _changed(
    source: Source, frames: Sequence[int], wishes: Wishes, plates: Plates | None, *, clip: bool
) -> Iterator[MaskFrame]:
    unaffected = clip if wishes.first_unaffected is None else wishes.first_unaffected
    for frame in told(source.read(frames), "converting", len(frames)):
        sized = frame if plates is None else fitted(frame, plates.part(frame.number))
        yield _one(sized, wishes, unaffected and frame.number == frames[0])


def _one(frame: MaskFrame, wishes: Wishes, unaffected: bool) -> MaskFrame:
    quadmask = frame.quadmask
    if wishes.grow or wishes.grow_affected:
        quadmask = grown(quadmask, remove=wishes.grow, affected=wishes.grow_affected)
    if wishes.grid:
        inner = frame.window.slices(frame.display)
        affected = quadmask.affected.copy()
        affected[inner] = gridded_matte(affected[inner])
        quadmask = Quadmask(quadmask.remove, affected)
    (quadmask,) = first_unaffected([quadmask], applies=unaffected)
    return replace(frame, quadmask=quadmask)
