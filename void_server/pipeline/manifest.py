# SPDX-License-Identifier: Apache-2.0
"""The shot manifest: one stored list of all that the units of a shot read, so that a unit names it by digest.

Built by the plans, never by hand; JSON in the frame store.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.frames.rooted_file import RootedFile
from void_server.plates.encoding import ShotEncoding
from void_server.plates.model_light import ModelLight
from void_server.plates.window import Window


@dataclass(frozen=True)
class MatteRef:
    """A matte file of one frame.

    Attributes:
        digest: SHA-256 of the bytes.
        content: content digest, for keys.
        name: what the user calls the file.
        channel: channel to read; empty = by rule. Not used for a quadmask.
        rooted: where it lies on shared storage; None = in the store.
        decoded: digest of its values as ingest stored them; empty = the file is read.
    """

    digest: str
    content: str
    name: str
    channel: str
    rooted: RootedFile | None = None
    decoded: str = ""


@dataclass(frozen=True)
class CleanPlateRef:
    """A frame without the object that the artist gave.

    Attributes:
        digest: SHA-256 of the bytes.
        content: content digest, for keys.
        name: what the user calls the file.
        rooted: where it lies on shared storage; None = in the store.
    """

    digest: str
    content: str
    name: str
    rooted: RootedFile | None = None


@dataclass(frozen=True)
class FrameRef:
    """One frame of the shot.

    Attributes:
        frame: frame number.
        plate: SHA-256 of the plate's bytes.
        content: the plate's content digest.
        name: what the user calls the plate file.
        mattes: by role: remove, affected, keep, quadmask.
        active: True when there is something to fill.
        proxy: digest of the stored `ProxyFrame`; empty before the stage prepare.
        motion: digest of the stored `PairMotion` to the next frame; empty before the stage motion and on the last.
        anchoring: digest of the stored `Anchoring` of the motion's span; empty before the stage anchor and on the last.
        proposal: digest of the affected region that the reasoner proposes; empty where it does not.
        rooted: where the plate lies on shared storage; None = in the store.
        clean_plate: the frame without the object, where the artist gave one.
        drawn: True where the artist marked something affected.
        segmented: digest of the matte of what is to be removed that a segmenter made; empty where the artist drew one.
        effects: digest of what a model says is affected, and removed along with the object; empty where none was asked.
        stroke: digest of what is marked as the reasoner's survey keeps it; empty before, and where nothing is.
    """

    frame: int
    plate: str
    content: str
    name: str
    mattes: dict[str, MatteRef]
    active: bool
    proxy: str = ""
    motion: str = ""
    anchoring: str = ""
    proposal: str = ""
    rooted: RootedFile | None = None
    clean_plate: CleanPlateRef | None = None
    drawn: bool = False
    stroke: str = ""
    segmented: str = ""
    effects: str = ""


@dataclass(frozen=True)
class ColourRef:
    """The plate's colour space together with its config.

    Attributes:
        name: name in the config.
        config: name of a built-in config, or empty.
        archive: digest of an .ocioz archive in the store, or empty.
        linear: the samples are scene-linear already.
    """

    name: str
    config: str
    archive: str
    linear: bool


@dataclass(frozen=True)
class ShotManifest:
    """A whole shot.

    Attributes:
        view: view to read from multi-view files.
        window: the common window (x, y, width, height) that all frames are placed on.
        encoding: the shot's display-like mapping, as `ShotEncoding`'s numbers.
        settings: the engine's settings.
        movers: digest of what moves on its own, as the reasoner tells it; empty before, and where nothing does.
        light: the mapping in which the engine `void` sees the shot, as `ModelLight` tells it; only of its jobs.
    """

    view: str
    window: tuple[int, int, int, int]
    colour: ColourRef
    encoding: dict[str, Any]
    settings: dict[str, Any]
    frames: tuple[FrameRef, ...]
    movers: str = ""
    light: dict[str, Any] = field(default_factory=dict)

    def model_light(self) -> ModelLight:
        """The mapping in which the engine `void` sees the shot."""
        return ModelLight.from_dict(self.light)

    def shot_encoding(self) -> ShotEncoding:
        """The shot's display-like mapping."""
        return ShotEncoding(
            self.encoding["epsilon"], tuple(self.encoding["low"]), tuple(self.encoding["high"])
        )

    def work_window(self) -> Window:
        """The common window."""
        return Window(*self.window)

    def with_frames(self, frames: tuple[FrameRef, ...]) -> ShotManifest:
        """The same shot with more known about its frames."""
        return replace(self, frames=frames)

    def store(self, blobs: BlobFolder) -> StoredBlob:
        """Put it into the frame store."""
        return blobs.add_bytes(json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode())


def load_manifest(path: Path) -> ShotManifest:
    """Read a stored manifest."""
    tree = json.loads(path.read_bytes())
    frames = tuple(_frame(f) for f in tree["frames"])
    return ShotManifest(
        view=tree["view"],
        window=tuple(tree["window"]),
        colour=ColourRef(**tree["colour"]),
        encoding=tree["encoding"],
        settings=tree["settings"],
        frames=frames,
        movers=tree["movers"],
        light=tree.get("light", {}),
    )


def _frame(tree: dict[str, Any]) -> FrameRef:
    mattes = {role: MatteRef(**_with_rooted(matte)) for role, matte in tree["mattes"].items()}
    clean = tree.get("clean_plate")
    return FrameRef(
        **_with_rooted(tree)
        | {"mattes": mattes, "clean_plate": CleanPlateRef(**_with_rooted(clean)) if clean else None}
    )


def _with_rooted(ref: dict[str, Any]) -> dict[str, Any]:
    return ref | {"rooted": RootedFile.from_dict(ref["rooted"]) if ref["rooted"] else None}
