# SPDX-License-Identifier: Apache-2.0
"""One delivered frame against what its sidecar says, and against the plate where that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.errors import VoidError
from void_server.frames.blobs import digest_of_file
from void_server.plates.delivered import FORMAT, Delivered, delivered, delivered_matte
from void_server.plates.digest import content_digest
from void_server.plates.exr import bit_view, read_channels
from void_server.plates.header import read_header
from void_server.plates.plate import read_plate
from void_server.plates.verify import outside_difference
from void_server.verification.finding import File

QC = ("void_qc.green", "void_qc.blue")
"""Borrowed from other frames, and synthesised."""


class Verdict(Enum):
    """How a check ended; the value is the exit code of a command that ended so."""

    VERIFIED = 0
    DIFFERS = 1
    UNKNOWN = 2


@dataclass(frozen=True)
class PlateCheck:
    """A result beside its plate.

    Attributes:
        file: the plate.
        samples: colour and alpha samples where the blend matte is 0.
        differing: those of them whose bits are not the plate's.
        changed_share: share 0..1 of all pixels with any changed bit in colour or alpha.
    """

    file: str
    samples: int
    differing: int
    changed_share: float


@dataclass(frozen=True)
class FrameCheck:
    """One file that was checked.

    Attributes:
        file: as it was named.
        frame: its number.
        kind: `result` or `matte`.
        verdict: how it ended.
        differences: what is not as published, in sentences.
        unknown: what could not be checked though it was asked for, in sentences.
        notes: what is worth knowing besides, in sentences.
        blend_share: share 0..1 of the pixels where a model may have changed the plate; None where it was not read.
        borrowed, synthesised: means of `void_qc` over these pixels, 0..1; None without that layer.
        plate: None where the plate was not read.
    """

    file: str
    frame: int
    kind: str
    differences: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    blend_share: float | None = None
    borrowed: float | None = None
    synthesised: float | None = None
    plate: PlateCheck | None = field(default=None)

    @property
    def verdict(self) -> Verdict:
        """That of the gravest finding: what differs is sure, whatever else could not be checked."""
        if self.differences:
            return Verdict.DIFFERS
        return Verdict.UNKNOWN if self.unknown else Verdict.VERIFIED


def check_file(file: File, plate: Path | None, *, plate_asked: bool) -> FrameCheck:
    """Check one file.

    Args:
        plate: where its plate should lie; None where nobody knows.
        plate_asked: whether the user named the plate, so that it must be the one and must be readable.
    """
    told = file.sidecar.frame(file.frame)
    unknown = FrameCheck(str(file.path), file.frame, file.kind)
    if told is None or not told.get(file.kind):
        why = f"{file.sidecar.path.name} knows no {file.kind} of frame {file.frame}."
        return _unchecked(unknown, why)
    if not file.path.is_file():
        return _unchecked(unknown, "The file is not there.")
    if not 1 <= _form(told) <= FORMAT:
        return _unchecked(unknown, _NEW)
    try:
        if file.kind == "matte":
            return _check_matte(file, told)
        return _check_result(file, told, plate, plate_asked)
    except VoidError as error:
        return _unchecked(unknown, str(error))


def _unchecked(check: FrameCheck, why: str) -> FrameCheck:
    return FrameCheck(check.file, check.frame, check.kind, unknown=(why,))


def _form(told: Mapping[str, Any]) -> int:
    """How the samples were digested; 0 = in a way that is not known here."""
    form = (told.get("delivered") or {}).get("format", 1)
    return form if isinstance(form, int) else 0


def _check_matte(file: File, told: Mapping[str, Any]) -> FrameCheck:
    published = (told.get("delivered") or {}).get("matte")
    same_bytes = digest_of_file(file.path) == told["matte"]
    if not published and not same_bytes:
        return _unchecked(FrameCheck(str(file.path), file.frame, file.kind), _OLD)
    differs = not same_bytes and delivered_matte(file.path, form=_form(told)) != published
    return FrameCheck(
        str(file.path),
        file.frame,
        file.kind,
        differences=(*(("The mattes are not as published.",) if differs else ()), *_header(file, told)),
        notes=(_REWRITTEN,) if not same_bytes and not differs else (),
    )


_OLD = "The sidecar is of a release that recorded no digests of the samples, and the file's bytes are not as published."
_NEW = "The sidecar is of a later release, whose digests this one does not know."
_REWRITTEN = "Another program wrote the file again: its bytes differ, every sample is as published."


def _check_result(file: File, told: Mapping[str, Any], plate: Path | None, plate_asked: bool) -> FrameCheck:
    published = (told.get("delivered") or {}).get("result")
    same_bytes = digest_of_file(file.path) == told["result"]
    if not published and not same_bytes:
        return _unchecked(FrameCheck(str(file.path), file.frame, file.kind), _OLD)
    read = delivered(file.path, form=_form(told))
    differences = [*(_changed(read, published) if published else ()), *_header(file, told)]
    notes = [] if same_bytes or differences else [_REWRITTEN]
    unknown: list[str] = []
    beside = None
    if plate is not None:
        beside, why = _beside(file, told, plate, read.blend)
        if why:
            (unknown if plate_asked else notes).append(why)
        if beside is not None and beside.differing:
            differences.append(
                f"{beside.differing:,} of {beside.samples:,} samples outside the blend matte are not the plate's."
            )
    borrowed, synthesised = _qc(file.path, read)
    return FrameCheck(
        str(file.path),
        file.frame,
        file.kind,
        tuple(differences),
        tuple(unknown),
        tuple(notes),
        float(np.mean(read.blend > 0)),
        borrowed,
        synthesised,
        beside,
    )


def _changed(read: Delivered, published: Mapping[str, str]) -> list[str]:
    """Which parts of a file are not as published."""
    found = read.digests.to_dict()
    if found["content"] == published["content"]:
        return []
    if found["mattes"] != published["mattes"]:
        return ["The layer void_mask is not as published, so inside and outside cannot be told apart."]
    parts = [
        sentence
        for part, sentence in (
            ("outside", "Colour or alpha outside the blend matte is not as published."),
            ("inside", "Colour or alpha inside the blend matte is not as published."),
        )
        if found[part] != published[part]
    ]
    return parts or [
        "Colour, alpha and void_mask are as published, but another layer, a window, the time code or the colour space"
        " in the header is not."
    ]


def _header(file: File, told: Mapping[str, Any]) -> list[str]:
    """What of the file's own attributes contradicts the sidecar; a program that drops them changes nothing."""
    tree = file.sidecar.tree
    wanted = {
        "void/engine": f"{tree['engine'].get('name')} {tree['engine'].get('version')}",
        "void/seed": str(tree.get("seed")),
        "void/plate": (told.get("plate") or {}).get("content"),
        "void/job": told.get("job"),
        "void/weights": tree["engine"].get("weights") or None,
    }
    attributes = read_header(file.path).parts[0].attributes
    found = {name: attributes[name].text() for name in wanted if name in attributes}
    return [
        f"The header says {name} = {value}, the sidecar {wanted[name]}."
        for name, value in found.items()
        if wanted[name] is not None and value != wanted[name]
    ]


def _beside(
    file: File, told: Mapping[str, Any], plate: Path, blend: npt.NDArray[Any]
) -> tuple[PlateCheck | None, str]:
    """The comparison with the plate, or why there is none."""
    try:
        if not plate.is_file():
            return None, f"The plate {plate} is not there."
        if content_digest(plate) != told["plate"]["content"]:
            return None, f"The plate {plate} is not the one that was given: its samples are others."
        source = read_plate(plate, str(file.sidecar.tree.get("view") or ""))
        outside = outside_difference(file.path, source, blend)
        result = read_plate(file.path, source.channels.view)
    except VoidError as error:
        return None, str(error)
    changed = (bit_view(result.colour) != bit_view(source.colour)).any(axis=2)
    if result.alpha is not None and source.alpha is not None:
        changed |= bit_view(result.alpha) != bit_view(source.alpha)
    share = float(np.mean(changed)) if changed.size else 0.0
    return PlateCheck(str(plate), outside.samples_checked, outside.samples_differing, share), ""


def _qc(path: Path, read: Delivered) -> tuple[float | None, float | None]:
    """Mean shares of what was borrowed and synthesised where the blend matte is above 0."""
    inside = read.blend > 0
    if not set(QC) <= set(read.layers) or not inside.any():
        return None, None
    layers = read_channels(path, 0, QC)
    borrowed, synthesised = (float(layers[name][inside].astype(np.float64).mean()) for name in QC)
    return borrowed, synthesised
