# SPDX-License-Identifier: Apache-2.0
"""Samples of EXR files in their own type, every bit as stored: NaN payloads, infinities, negatives and -0
included.

Headers are read and bounded first (`void_server.plates.header`), pixels are decoded by OpenImageIO. A range
of channels of one type that is asked for in that same type is copied by OpenImageIO, never converted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from void_server.errors import DataLoss, InvalidInput, Unsupported
from void_server.plates.header import Attribute, Channel, EXRLimits, Header, Part, read_header

__all__ = [
    "DTYPES",
    "Attribute",
    "Channel",
    "EXRLimits",
    "Header",
    "Part",
    "Reader",
    "above_zero",
    "bit_view",
    "is_zero",
    "read_channels",
    "read_header",
    "read_stripes",
    "reader_of",
]

Samples = npt.NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "half": np.dtype(np.float16),
    "float": np.dtype(np.float32),
    "uint": np.dtype(np.uint32),
}
"""The NumPy type of each OpenEXR sample type."""

STRIPE_LINES = 256
"""Lines read at a time by `read_stripes`: the tallest block of any scan-line compression (DWAB, HTJ2K), so
that no block is decompressed twice."""


def last_words(tell: Callable[[], str]) -> str:
    """What the image library says of its last failure; it quotes the file, whose bytes need not be text."""
    try:
        return tell()
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", errors="replace")


def bit_view(samples: Samples) -> npt.NDArray[np.unsignedinteger[Any]]:
    """The same samples as unsigned integers of the same width, for comparing and hashing bit patterns."""
    contiguous = np.ascontiguousarray(samples)
    return contiguous.view(np.uint16 if contiguous.dtype.itemsize == 2 else np.uint32)


def above_zero(samples: Samples) -> npt.NDArray[np.bool_]:
    """Where samples are above 0; of half samples by their bits, since NumPy compares these one by one."""
    if samples.dtype != np.float16:
        return np.asarray(samples > 0)
    # 0 wraps around; infinity is the last of the positive ones, NaN and what is negative come after it.
    return np.asarray(bit_view(samples) - np.uint16(1) < np.uint16(0x7C00))


def is_zero(samples: Samples) -> npt.NDArray[np.bool_]:
    """Where samples are 0 or -0; see `above_zero`."""
    if samples.dtype != np.float16:
        return np.asarray(samples == 0)
    return np.asarray(bit_view(samples) & np.uint16(0x7FFF) == 0)


def read_channels(
    path: str | Path,
    part: int,
    names: Sequence[str],
    limits: EXRLimits | None = None,
    *,
    rows: tuple[int, int] | None = None,
) -> dict[str, Samples]:
    """Channels of one part in their own type.

    Args:
        path: the file.
        part: the part's index, 0 in a single-part file.
        names: exact channel names, as the header has them.
        limits: what the file may ask for; `EXRLimits()` where None.
        rows: only the lines [first, end), counted from the top of the data window.

    Returns:
        for each name an array (h, w) over the part's data window: float16, float32 or uint32. Of a mip-mapped
        file it is the full-size level.

    Raises:
        InvalidInput: not an EXR, no such part, or no such channel (lists those that are there).
        LimitExceeded: a limit is passed.
        Unsupported: deep, or with subsampled channels.
        DataLoss: the samples cannot be decoded whole.
    """
    with _OpenPart(Path(path), part, limits or EXRLimits()) as opened:
        first, end = rows or (0, opened.part.data_window.height)
        if opened.part.tiled:
            return {name: lines[first:end] for name, lines in opened.read(list(names)).items()}
        shape, found = (end - first, opened.part.data_window.width), dict[str, Samples]()
        # In stripes: a buffer for the whole picture beside the channels costs more than it saves.
        for top in range(first, end, STRIPE_LINES):
            bottom = min(end, top + STRIPE_LINES)
            for name, lines in opened.read(list(names), (top, bottom)).items():
                found.setdefault(name, np.empty(shape, lines.dtype))[top - first : bottom - first] = lines
        return found


Reader: TypeAlias = Callable[[str | Path, int, Sequence[str], EXRLimits | None], dict[str, Samples]]
"""Gives channels of a part as `read_channels` does: from the file, or from what was decoded of it already."""


def reader_of(kept: Mapping[tuple[int, str], Samples]) -> Reader:
    """Reads what is decoded already (by part and name) from memory, and anything else from the file."""

    def read(
        path: str | Path, part: int, names: Sequence[str], limits: EXRLimits | None
    ) -> dict[str, Samples]:
        if all((part, name) in kept for name in names):
            return {name: kept[part, name] for name in names}
        return read_channels(path, part, names, limits)

    return read


def read_stripes(
    path: str | Path, part: int, limits: EXRLimits | None = None
) -> Iterator[dict[str, Samples]]:
    """All channels of one part, top to bottom in stripes of full width, so that memory stays bounded.

    Yields:
        for each stripe the channels as `read_channels` gives them, `STRIPE_LINES` lines high (the last may be
        lower). A tiled part comes as one stripe. Raises as `read_channels` does.
    """
    with _OpenPart(Path(path), part, limits or EXRLimits()) as opened:
        names = list(opened.part.channel_names)
        height = opened.part.data_window.height
        step = height if opened.part.tiled else STRIPE_LINES
        for top in range(0, height, step):
            yield opened.read(names, (top, min(height, top + step)))


def read_single_lines(
    path: str | Path, part: int, tops: Iterable[int], limits: EXRLimits | None = None
) -> Iterator[tuple[int, dict[str, Samples]]]:
    """All channels of some lines of one part of scan lines, each with its place, counted from the top of the data
    window; arrays (1, w). Raises as `read_channels` does.
    """
    with _OpenPart(Path(path), part, limits or EXRLimits()) as opened:
        names = list(opened.part.channel_names)
        for top in tops:
            yield top, opened.read(names, (top, top + 1))


class _OpenPart:
    """One part of a file, checked and open for reading."""

    def __init__(self, path: Path, index: int, limits: EXRLimits) -> None:
        header = read_header(path, limits)
        if not 0 <= index < len(header.parts):
            raise InvalidInput(f"{path} has {len(header.parts)} parts, no part {index}.", file=str(path))
        self.path, self.index, self.part = path, index, header.parts[index]
        self._refuse_unreadable()
        opened = oiio.ImageInput.open(str(path))
        if opened is None:
            raise self._lost(last_words(oiio.geterror))
        self.input: oiio.ImageInput = opened
        self.order = self._library_order()

    def __enter__(self) -> _OpenPart:
        return self

    def __exit__(self, *_: object) -> None:
        self.input.close()

    def read(self, names: list[str], rows: tuple[int, int] | None = None) -> dict[str, Samples]:
        """Whole channels, or the rows [first, end) of them counted from the top of the data window."""
        missing = [name for name in names if name not in self.order]
        if missing:
            raise InvalidInput(
                f"{self.path} has no channel {', '.join(missing)}; "
                f"it has {', '.join(self.part.channel_names)}.",
                fix="Name a channel that the file has.",
                file=str(self.path),
            )
        found: dict[str, Samples] = {}
        for run in self._runs(names):
            block = self._read_run(run, rows)
            for column, name in enumerate(run):
                found[name] = np.ascontiguousarray(block[..., column])
        return {name: found[name] for name in names}

    def _runs(self, names: list[str]) -> list[list[str]]:
        """The names in the library's order, cut where a channel is skipped or the type changes: one read
        each.
        """
        wanted = sorted(set(names), key=self.order.__getitem__)
        keyed = [(self.order[name] - rank, self.part.channel(name).type) for rank, name in enumerate(wanted)]
        return [
            [name for name, _ in run]
            for _, run in groupby(zip(wanted, keyed, strict=True), lambda pair: pair[1])
        ]

    def _read_run(self, run: list[str], rows: tuple[int, int] | None) -> Samples:
        window = self.part.data_window
        sample_type = self.part.channel(run[0]).type
        first, end = self.order[run[0]], self.order[run[-1]] + 1
        if rows is None or self.part.tiled:
            block = self.input.read_image(self.index, 0, first, end, sample_type)
            height = window.height
        else:
            top, bottom = window.y + rows[0], window.y + rows[1]
            block = self.input.read_scanlines(self.index, 0, top, bottom, 0, first, end, sample_type)
            height = rows[1] - rows[0]
        if block is None:
            raise self._lost(last_words(self.input.geterror))
        block = np.asarray(block).reshape(height, window.width, len(run))
        if block.dtype != DTYPES[sample_type]:
            raise self._lost(f"samples came as {block.dtype}, not as {sample_type}")
        return block

    def _library_order(self) -> dict[str, int]:
        """Where the library puts each channel; it moves R, G, B, A to the front."""
        spec = self.input.spec(self.index, 0)
        names, window = tuple(spec.channelnames), self.part.data_window
        if sorted(names) != sorted(self.part.channel_names) or (spec.width, spec.height) != (
            window.width,
            window.height,
        ):
            self.input.close()
            raise self._lost("the decoder does not see the parts that the header names")
        return {name: position for position, name in enumerate(names)}

    def _refuse_unreadable(self) -> None:
        if self.part.deep:
            raise Unsupported(
                f"{self.path} holds deep samples.",
                fix="Flatten it first (DeepToImage in Nuke).",
                file=str(self.path),
            )
        subsampled = [c.name for c in self.part.channels if (c.x_sampling, c.y_sampling) != (1, 1)]
        if subsampled:
            raise Unsupported(
                f"{self.path} has subsampled channels: {', '.join(subsampled)}.",
                fix="Write it as R, G, B of full resolution.",
                file=str(self.path),
            )

    def _lost(self, why: str) -> DataLoss:
        return DataLoss(
            f"{self.path} cannot be decoded: {why.strip() or 'the decoder gives no reason'}.",
            fix="Copy or render the file again.",
            file=str(self.path),
        )
