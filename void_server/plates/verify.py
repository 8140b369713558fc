# SPDX-License-Identifier: Apache-2.0
"""Proof that a written result left alone what it had to leave alone, from the file itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.errors import DataLoss
from void_server.plates.exr import (
    DTYPES,
    STRIPE_LINES,
    bit_view,
    is_zero,
    read_channels,
    read_single_lines,
)
from void_server.plates.header import EXRLimits, read_header
from void_server.plates.plate import Plate, read_lines, read_plate
from void_server.plates.window import Window


@dataclass(frozen=True)
class OutsideCheck:
    """What was found outside the blend matte.

    Attributes:
        samples_checked: colour and alpha samples where blend is 0.
        samples_differing: those whose bits are not the source's.
        greatest_difference: the greatest absolute difference among them; infinite where NaN or infinity is in
            it, 0 where only the sign of a zero or the payload of a NaN differs.
    """

    samples_checked: int
    samples_differing: int
    greatest_difference: float

    @property
    def identical(self) -> bool:
        """True if every sample outside is bit-identical to the source."""
        return self.samples_differing == 0


def outside_difference(
    result_path: str | Path,
    plate: Plate,
    blend: npt.NDArray[Any],
    limits: EXRLimits | None = None,
    *,
    rows: tuple[int, int] | None = None,
) -> OutsideCheck:
    """Decode a written result and compare it, bit for bit, with its plate where blend is 0.

    Args:
        result_path: the written file.
        plate: the source frame, as it was decoded from the bytes that were hashed.
        blend: (h, w) over the plate's data window, as it was published.
        limits: what the file may ask for.
        rows: of the written file only the lines [first, end) are decoded, which are those of `plate`.

    Raises:
        DataLoss: the result has other windows, channels or types than its plate, or cannot be decoded.
    """
    view = plate.channels.view
    result = read_lines(result_path, rows, view, limits) if rows else read_plate(result_path, view, limits)
    for what, of_result, of_plate in (
        ("data window", result.data_window, plate.data_window),
        ("display window", result.display_window, plate.display_window),
        ("pixel aspect", result.pixel_aspect, plate.pixel_aspect),
        ("colour type", result.colour.dtype, plate.colour.dtype),
        ("colour channels", result.colour.shape[2], plate.colour.shape[2]),
        ("alpha", _alpha_type(result), _alpha_type(plate)),
    ):
        if of_result != of_plate:
            raise DataLoss(
                f"{result_path} has {what} {of_result}, its plate {of_plate}.", file=str(result_path)
            )
    if plate.others:
        names = list(plate.others)
        result = replace(result, others=read_channels(result_path, 0, names, limits, rows=rows))
    return samples_outside(result, plate, blend)


def samples_outside(result: Plate, plate: Plate, blend: npt.NDArray[Any]) -> OutsideCheck:
    """Compare a result, bit for bit, with its plate where blend is 0.

    Args:
        result: of the windows, channels and types of the plate; what was read of a written file, or what a file was
            found to hold.
        plate, blend: as of `outside_difference`.
    """
    outside = is_zero(blend)
    pairs = [(result.colour, plate.colour)]
    if result.alpha is not None and plate.alpha is not None:
        pairs.append((result.alpha[..., None], plate.alpha[..., None]))
    checks = [_compare(written, source, outside) for written, source in pairs]
    if plate.others:
        # They pass through everywhere, also where the picture changes.
        everywhere = np.ones_like(outside)
        checks += [
            _compare(result.others[n][..., None], values[..., None], everywhere)
            for n, values in plate.others.items()
        ]
    return _merge(checks)


def check_written(
    path: str | Path,
    channels: Mapping[str, npt.NDArray[Any]],
    window: Window,
    *,
    rows: tuple[int, int] | None = None,
) -> None:
    """Decode a written file and compare it, bit for bit, with what was to be written.

    Args:
        channels: all channels of the file by name, (h, w) over its data window.
        window: that data window.
        rows: only the lines [first, end) are decoded, and are those of `channels`.

    Raises:
        DataLoss: another window, other channels, types or samples, or it cannot be decoded.
    """
    _check_layout(path, channels, window)
    names = list(channels)
    first, end = rows or (0, window.height)
    for top in range(first, end, STRIPE_LINES):
        bottom = min(end, top + STRIPE_LINES)
        written = read_channels(path, 0, names, rows=(top, bottom))
        lines = {name: values[top - first : bottom - first] for name, values in channels.items()}
        _check_lines(path, written, lines, (top, bottom))


LINES_APART = 128
"""From one line to the next that `check_spread` decodes of a file: 17 of a picture of 2160."""


def check_spread(
    path: str | Path,
    channels: Mapping[str, npt.NDArray[Any]],
    window: Window,
    *,
    rows: tuple[int, int] | None = None,
    apart: int = LINES_APART,
) -> None:
    """`check_written` of every `apart`th line: what a writer does wrong, it does to many lines.

    The bytes of the file are another matter: whoever wrote them has read them again.
    """
    _check_layout(path, channels, window)
    first, end = rows or (0, window.height)
    for top, written in read_single_lines(path, 0, range(first, end, apart)):
        lines = {name: values[top - first : top - first + 1] for name, values in channels.items()}
        _check_lines(path, written, lines, (top, top + 1))


def _check_layout(path: str | Path, channels: Mapping[str, npt.NDArray[Any]], window: Window) -> None:
    part = read_header(path).parts[0]
    types = {c.name: DTYPES[c.type] for c in part.channels}
    if part.data_window != window or types != {name: v.dtype for name, v in channels.items()}:
        raise DataLoss(f"{path} has other windows or channels than were written.", file=str(path))


def _check_lines(
    path: str | Path,
    written: Mapping[str, npt.NDArray[Any]],
    lines: Mapping[str, npt.NDArray[Any]],
    rows: tuple[int, int],
) -> None:
    for name, values in lines.items():
        if not np.array_equal(bit_view(written[name]), bit_view(values)):
            raise DataLoss(
                f"{path} does not hold what was written to it: {name}, lines {rows[0]} to {rows[1]}.",
                fix="This is a defect of the server or its disk; report it with the server's log.",
                file=str(path),
            )


def _alpha_type(plate: Plate) -> str:
    return "none" if plate.alpha is None else str(plate.alpha.dtype)


def _compare(
    written: npt.NDArray[Any], source: npt.NDArray[Any], outside: npt.NDArray[np.bool_]
) -> OutsideCheck:
    """Of (h, w, c) samples, those where `outside` holds."""
    differing = bit_view(written) != bit_view(source)
    differing &= outside[..., None]
    checked = int(np.count_nonzero(outside)) * written.shape[2]
    count = int(np.count_nonzero(differing))
    greatest = 0.0
    if count:
        a, b = written[differing].astype(np.float64), source[differing].astype(np.float64)
        with np.errstate(invalid="ignore"):
            distance = np.abs(a - b)
        distance[np.isnan(a) & np.isnan(b)] = 0
        greatest = float(np.nan_to_num(distance, nan=np.inf, posinf=np.inf).max())
    return OutsideCheck(checked, count, greatest)


def _merge(checks: list[OutsideCheck]) -> OutsideCheck:
    return OutsideCheck(
        sum(check.samples_checked for check in checks),
        sum(check.samples_differing for check in checks),
        max(check.greatest_difference for check in checks),
    )
