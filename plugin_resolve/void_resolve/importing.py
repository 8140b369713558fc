# SPDX-License-Identifier: Apache-2.0
"""Files of a result as clips of the media pool, in a bin of ours, with what the source's clip says of itself."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

from void_resolve import tags, timecode
from void_resolve.clip import size_of
from void_resolve.errors import ArtistError, need
from void_resolve.host import Host
from void_resolve.state import Restore

STRAIGHT = "Straight"


class Sequence(NamedTuple):
    """Files of a folder: what stands before the number, its digits, first and last number."""

    folder: str
    stem: str
    digits: int
    first: int
    last: int

    @property
    def pattern(self) -> str:
        """With `%04d` for the number."""
        return os.path.join(self.folder, f"{self.stem}.%0{self.digits}d.exr")

    def file(self, number: int) -> str:
        """The file of a frame."""
        return self.pattern % number


def sequence_in(folder: str, stem: str) -> Sequence:
    """The files STEM.####.exr of a folder.

    Raises:
        ArtistError: there are none, or one in between is missing.
    """
    form = re.compile(re.escape(stem) + r"\.(\d+)\.exr")
    found = [match[1] for match in map(form.fullmatch, _names(folder)) if match]
    numbers = sorted(int(each) for each in found)
    if not numbers or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise ArtistError(
            f"The result {os.path.join(folder, stem)} is not whole: {len(numbers)} files.",
            "Fetch it again: choose the job in the history and re-attach it.",
        )
    return Sequence(folder, stem, len(found[0]), numbers[0], numbers[-1])


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def bins_of_ours(host: Host) -> list[Any]:
    """Our bin below the root, if there is one; asked twice, because no bin and no answer are the same.

    Raises:
        ArtistError: Resolve shows no bins at all.
    """
    pool = host.pool()
    root = need(
        pool.GetRootFolder() or pool.GetRootFolder(), "Resolve does not show the bins of the media pool."
    )
    folders = root.GetSubFolderList() or root.GetSubFolderList() or []
    return [folder for folder in folders if (folder.GetName() or folder.GetName()) == tags.BIN]


def bin_of_ours(host: Host, undo: Restore) -> Any:
    """Our bin, made where it is not there.

    Raises:
        ArtistError: it cannot be made.
    """
    pool = host.pool()
    there = bins_of_ours(host)
    if there:
        return there[0]

    def gone() -> bool:
        ours = bins_of_ours(host)
        return not ours or (bool(pool.DeleteFolders(ours)) and not bins_of_ours(host))

    undo.later("the bin VOID", gone, kind="bin")
    pool.AddSubFolder(pool.GetRootFolder(), tags.BIN)
    return need(bins_of_ours(host), f"Resolve did not make the bin {tags.BIN}.")[0]


def import_sequence(host: Host, folder: Any, files: Sequence, undo: Restore) -> Any:
    """Import files into a bin; verified.

    Raises:
        ArtistError: Resolve imported something else.
    """
    pool = host.pool()
    known = {clip.GetUniqueId() for clip in folder.GetClipList() or []}

    def new() -> list[Any]:
        return [clip for clip in folder.GetClipList() or [] if clip.GetUniqueId() not in known]

    if not pool.SetCurrentFolder(folder):
        raise ArtistError(f"Resolve did not open the bin {tags.BIN}.", "Try again.")
    undo.later("the imported clips", lambda: not new() or (pool.DeleteClips(new()) and not new()))
    if files.first < files.last:
        one = {"FilePath": files.pattern, "StartIndex": files.first, "EndIndex": files.last}
        pool.ImportMedia([one])
    if not new():
        # A single frame is only taken by its path, which brings other sequences of its folder along.
        pool.ImportMedia([files.file(files.first)])
    for clip in new():
        if _is(clip, files):
            others = [each for each in new() if each.GetUniqueId() != clip.GetUniqueId()]
            if others:
                pool.DeleteClips(others)
            return clip
    raise ArtistError(
        f"Resolve did not import {files.pattern}, frames {files.first} to {files.last}.",
        "The files are whole: import them by hand.",
    )


def _is(clip: Any, files: Sequence) -> bool:
    values = clip.GetClipProperty() or {}
    path = str(values.get("File Path") or "")
    counted = str(values.get("Frames") or "") == str(files.last - files.first + 1)
    return counted and os.path.basename(path).startswith(f"{files.stem}.") and all(size_of(values))


def set_property(clip: Any, name: str, value: str) -> bool:
    """Set a property of a clip, and read it again."""
    if clip.GetClipProperty(name) == value:
        return True
    clip.SetClipProperty(name, value)
    return bool(clip.GetClipProperty(name) == value)


def set_rate(clip: Any, rate: float) -> None:
    """Resolve takes a sequence for one of the project's rate, or of another.

    Raises:
        ArtistError: it does not take the right one.
    """
    for _ in range(2):
        try:
            if abs(float(str(clip.GetClipProperty("FPS")).split()[0]) - rate) < 1e-2:
                return
        except (ValueError, IndexError):
            pass
        clip.SetClipProperty("FPS", f"{rate:g}")
    raise ArtistError(
        f"The imported result does not take {rate:g} frames a second.",
        "Set it in Clip Attributes, and put the clip onto the timeline by hand.",
    )


def describe_result(
    clip: Any, source: Any, first: int, begins: str, rate: float, colour: tuple[str, str], framed: bool
) -> list[str]:
    """Give the result what the source has: timecode, reel, pixels, colour; returns what is left to do by hand.

    Args:
        clip: the imported result.
        source: the clip that was worked on.
        first: the result's first frame, counted from the source's first one.
        begins: timecode of the source's first frame; empty = that of the source's clip.
        rate: frames a second.
        colour: property and value; empty where none is to be set.
        framed: whether its pixels are the source's; else they are the timeline's, of which nothing is known.
    """
    left = []
    values = source.GetClipProperty() or {}
    start = timecode.moved(begins or str(values.get("Start TC") or ""), first, rate)
    if start and not set_property(clip, "Start TC", start):
        left.append(f"Set the start timecode of {clip.GetName()} in Clip Attributes to {start}.")
    reel = values.get("Reel Name") or source.GetMetadata("Reel Name") or ""
    if reel:
        clip.SetMetadata("Reel Name", reel)
        if clip.GetMetadata("Reel Name") != reel:
            left.append(f"Set the reel name of {clip.GetName()} to {reel}.")
    wanted = {"PAR": (values.get("PAR") or "") if framed else "", "Data Level": "Full", colour[0]: colour[1]}
    for name, value in wanted.items():
        if name and value and not set_property(clip, name, str(value)):
            left.append(f"Set {name} of {clip.GetName()} to {value} in the media pool.")
    return left
