# SPDX-License-Identifier: Apache-2.0
"""The mattes of a result in the media pool and as external mattes of its clip: four channels in one, or one per key."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from void_resolve import importing, tags
from void_resolve.errors import ArtistError
from void_resolve.host import Host
from void_resolve.state import Restore

AUTO, RGBA, KEYS = "auto", "rgba", "keys"
OF_A_KEY = {
    "remove": "what was removed",
    "affected": "what it affected",
    "overlap": "where both meet",
    "blend": "where the result may differ from the plate",
}
"""Ends of the names of the sequences of one key each, and what they hold."""

ADD_THE_MATTE = "On the Color page, right-click into the node editor and choose Add Matte > {name}."
USE_THE_KEYS = (
    "Drag from one of its keys to the key input (triangle) of a node: R what was removed, G what it affected,"
    " B where both meet, A where the result may differ from the plate."
)
USE_ONE_KEY = "Drag from its key R to the key input (triangle) of a node: each of these mattes is one key."


class Result(NamedTuple):
    """What the mattes belong to.

    Attributes:
        clip: the imported result.
        folder: bin of ours.
        path: folder of the result's files.
        name: their base name.
        job: its id.
        rate: frames a second.
        wanted: AUTO, RGBA or KEYS.
    """

    clip: Any
    folder: Any
    path: str
    name: str
    job: str
    rate: float
    wanted: str


def bring(host: Host, result: Result, undo: Restore) -> list[str]:
    """Import the mattes and attach them to the result; returns what the artist has to do now.

    Raises:
        ArtistError: Resolve did not take what must not be left undone.
    """
    if result.wanted == KEYS:
        return _each_key(host, result, undo)
    clicks, attached = _four_channels(host, result, undo)
    if attached or result.wanted == RGBA:
        return clicks
    return [*clicks, *_each_key(host, result, undo)]


def _four_channels(host: Host, result: Result, undo: Restore) -> tuple[list[str], bool]:
    """The one sequence of four keys; whether Resolve attached it."""
    name = f"{result.name}_matte"
    try:
        files, clip = _imported(host, result, name, undo)
    except ArtistError as error:
        return [f"The passes were not imported: {error}"], False
    _mark(clip, result)
    left = []
    if not importing.set_property(clip, "Alpha mode", importing.STRAIGHT):
        left.append(f"Set the alpha mode of {clip.GetName()} to Straight in Clip Attributes.")
    if _attached(host, result.clip, files):
        return [*left, ADD_THE_MATTE.format(name=name), USE_THE_KEYS], True
    refused = f"Resolve did not attach the passes: drag {clip.GetName()} from the bin {tags.BIN} into the node editor."
    return [*left, refused, USE_THE_KEYS], False


def _each_key(host: Host, result: Result, undo: Restore) -> list[str]:
    """A sequence for each key, those that are there."""
    names = [f"{result.name}_{end}" for end in OF_A_KEY]
    there = [name for name in names if _is_there(result, name)]
    if not there:
        return [
            "The job made no sequences of one key each: choose Mattes come back as > One per key,"
            " and press Remove again."
        ]
    left, attached = [], []
    for name in there:
        try:
            files, clip = _imported(host, result, name, undo)
        except ArtistError as error:
            left.append(f"The passes were not imported: {error}")
            continue
        _mark(clip, result)
        if _attached(host, result.clip, files):
            attached.append(name)
        else:
            left.append(
                f"Resolve did not attach {clip.GetName()}: drag it from the bin {tags.BIN} into the node editor."
            )
    if attached:
        left.append(ADD_THE_MATTE.format(name=" or ".join(attached)))
    held = "; ".join(f"_{end} {words}" for end, words in OF_A_KEY.items())
    return [*left, f"{USE_ONE_KEY} They are: {held}."]


def _is_there(result: Result, name: str) -> bool:
    try:
        importing.sequence_in(os.path.join(result.path, "matte"), name)
    except ArtistError:
        return False
    return True


def _imported(host: Host, result: Result, name: str, undo: Restore) -> tuple[importing.Sequence, Any]:
    """A sequence of mattes in our bin.

    Raises:
        ArtistError: it is not there, or Resolve did not take it.
    """
    files = importing.sequence_in(os.path.join(result.path, "matte"), name)
    return files, importing.import_sequence(host, result.folder, files, undo)


def _mark(clip: Any, result: Result) -> None:
    """Say whose a clip is, so that it can be taken out again.

    Raises:
        ArtistError: Resolve does not keep it.
    """
    if not tags.tag_clip(clip, result.job, tags.MATTE):
        raise ArtistError("Resolve did not keep the note whose result the imported clip is.", "Try again.")
    importing.set_rate(clip, result.rate)


def _attached(host: Host, clip: Any, files: importing.Sequence) -> bool:
    """Attach a sequence as a clip's matte; False where Resolve took a single frame, or nothing."""
    before = [str(path) for path in host.pool().GetClipMatteList(clip) or []]
    host.storage().AddClipMattesToMediaPool(clip, [files.file(files.first)])
    there = [str(path) for path in host.pool().GetClipMatteList(clip) or [] if str(path) not in before]
    numbers = f"[{files.first:0{files.digits}d}-{files.last:0{files.digits}d}]"
    for path in there:
        if os.path.basename(path) == f"{files.stem}.{numbers}.exr":
            return True
        if files.first == files.last and os.path.normpath(path) == os.path.normpath(files.file(files.first)):
            return True
    if there:
        host.pool().DeleteClipMattes(clip, there)
    return False
