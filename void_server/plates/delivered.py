# SPDX-License-Identifier: Apache-2.0
"""What a published EXR holds, as digests that a later reader can compare: in all, and by what a model may change.

The content digest covers all samples; the others say, where it differs, which part of the file does:

- `mattes`: the layer void_mask, which says what the other two cover;
- `outside`: colour and alpha where the blend matte is 0, the plate's own samples;
- `inside`: colour and alpha where it is above 0.

Each is a SHA-256 over the digests of stripes of `STRIPE_LINES` lines, counted from the top of the data window (the last
may be lower), so that whoever knows the stripes of an earlier file need not read again what it has in common with a new
one. Format 2; docs/provenance.md has it byte by byte. Format 1, of older sidecars, digests the samples without stripes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from void_server.errors import InvalidInput
from void_server.plates.digest import content_digest, content_digest_of, description, scan_lines
from void_server.plates.exr import above_zero, bit_view, read_channels
from void_server.plates.header import EXRLimits, Header, read_header

MASK = ("void_mask.red", "void_mask.green", "void_mask.blue", "void_mask.alpha")
BLEND = MASK[3]
FORMAT = 2
"""Of the digests that are made now; `frames[].delivered.format` of a sidecar, where none is told the first."""
STRIPE_LINES = 16
"""Whole chunks of every compression that is written; few enough that a stripe stays in the processor's cache."""
CONTENT, MATTES, OUTSIDE, INSIDE = range(4)
"""Columns of the digests of a result's stripes."""
_MAGIC = b"VOID delivered 2\n"
Digests: TypeAlias = npt.NDArray[np.uint8]
"""SHA-256 of stripes, 32 bytes each along the last axis, top to bottom along the first."""
PICTURES = (("R", "G", "B"), ("Y",))
"""Colour of a published result: of a plate with three channels, or with one."""


@dataclass(frozen=True)
class DeliveredDigests:
    """Digests of one result file, 64 lower-case hexadecimal digits each; see the module."""

    content: str
    mattes: str
    outside: str
    inside: str

    def to_dict(self) -> dict[str, str]:
        """As JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class Delivered:
    """One result file that was read.

    Attributes:
        digests: of its samples.
        blend: (h, w) over the data window, as published; above 0 where a model may have changed the plate.
        layers: names of the channels beyond colour, alpha and void_mask.
    """

    digests: DeliveredDigests
    blend: npt.NDArray[Any]
    layers: tuple[str, ...]


def delivered(path: str | Path, limits: EXRLimits | None = None, *, form: int = FORMAT) -> Delivered:
    """Read a result file and digest it.

    Args:
        form: 1 or 2, as its sidecar was made.

    Raises:
        InvalidInput: it is no result: no colour, or no layer void_mask.
        LimitExceeded, Unsupported, DataLoss: as `read_channels`.
    """
    header = read_header(path, limits)
    names = header.parts[0].channel_names
    picture = next((p for p in PICTURES if set(p) <= set(names)), None)
    if len(header.parts) > 1 or picture is None or not set(MASK) <= set(names):
        raise InvalidInput(
            f"{path} is no result of VOID: it has the channels {', '.join(names)}.",
            fix="Name the EXR files that VOID wrote; a file that lost its layer void_mask cannot be checked.",
            file=str(path),
        )
    colours = [*picture, *(["A"] if "A" in names else [])]
    read = read_channels(path, 0, names, limits)
    others = tuple(n for n in names if n not in {*colours, *MASK})
    if form == 1:
        return Delivered(_digests_without_stripes(header, read, colours), read[BLEND], others)
    return Delivered(digests_of_stripes(header, result_stripes(read, colours)), read[BLEND], others)


def delivered_matte(path: str | Path, *, form: int = FORMAT) -> str:
    """Read a matte file and digest all its samples; arguments and errors as of `delivered`."""
    if form == 1:
        return content_digest(path)
    header = read_header(path)
    return joined_content(header, all_stripes(read_channels(path, 0, header.parts[0].channel_names)))


def result_stripes(channels: Mapping[str, npt.NDArray[Any]], colours: Sequence[str]) -> Digests:
    """(stripes, 4, 32) uint8: of each stripe of a result the digests `CONTENT`, `MATTES`, `OUTSIDE`, `INSIDE`.

    Args:
        channels: all of the file, (h, w): over its data window, or some whole stripes of it.
        colours: names of colour and alpha, in this order.
    """
    names = _in_order(channels)
    found = [
        [
            _of_lines([stripe[name] for name in names]),
            _of_lines([stripe[name] for name in MASK]),
            *_sides([stripe[name] for name in colours], above_zero(stripe[BLEND])),
        ]
        for stripe in stripes(channels)
    ]
    return _table(found).reshape(-1, 4, 32)


def all_stripes(channels: Mapping[str, npt.NDArray[Any]]) -> Digests:
    """(stripes, 32) uint8: the digest of all samples of each stripe; arguments as of `result_stripes`."""
    names = _in_order(channels)
    found = [[_of_lines([stripe[name] for name in names])] for stripe in stripes(channels)]
    return _table(found).reshape(-1, 32)


def digests_of_stripes(header: Header, found: Digests) -> DeliveredDigests:
    """The digests of a file whose stripes, all of them from top to bottom, have these."""
    return DeliveredDigests(
        content=joined_content(header, found[:, CONTENT]),
        mattes=_digest(found[:, MATTES]).hex(),
        outside=_digest(found[:, OUTSIDE]).hex(),
        inside=_digest(found[:, INSIDE]).hex(),
    )


def joined_content(header: Header, found: Digests) -> str:
    """The digest of all samples, windows, time code and colour space of a file whose stripes have these."""
    return hashlib.sha256(_MAGIC + description(header) + found.tobytes()).hexdigest()


def stripes(channels: Mapping[str, npt.NDArray[Any]]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Channels top to bottom, some lines at a time."""
    height = len(next(iter(channels.values())))
    for top in range(0, height, STRIPE_LINES):
        yield {name: values[top : top + STRIPE_LINES] for name, values in channels.items()}


def _in_order(channels: Mapping[str, npt.NDArray[Any]]) -> list[str]:
    """Names in the order of the file."""
    return sorted(channels, key=lambda name: name.encode("utf-8", "surrogateescape"))


def _of_lines(channels: list[npt.NDArray[Any]]) -> bytes:
    """Digest of their scan lines; that of blank ones, most lines of a matte, is known."""
    if not any(bit_view(values).max(initial=0) for values in channels):
        return _blank(sum(values.nbytes for values in channels))
    return _digest(scan_lines(channels))


@lru_cache(maxsize=64)
def _blank(size: int) -> bytes:
    return hashlib.sha256(bytes(size)).digest()


def _digest(values: npt.NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(values).data).digest()


def _table(rows: list[list[bytes]]) -> Digests:
    return np.frombuffer(b"".join(b"".join(row) for row in rows), np.uint8)


def _sides(samples: Sequence[npt.NDArray[Any]], inside: npt.NDArray[np.bool_]) -> tuple[bytes, bytes]:
    """Digests of what of a stripe is outside and inside."""
    return bytes.fromhex(_samples(samples, ~inside)), bytes.fromhex(_samples(samples, inside))


def _digests_without_stripes(
    header: Header, channels: Mapping[str, npt.NDArray[Any]], colours: Sequence[str]
) -> DeliveredDigests:
    """Format 1."""
    inside = channels[BLEND] > 0
    samples = [channels[name] for name in colours]
    mattes = hashlib.sha256()
    for stripe in stripes({name: channels[name] for name in MASK}):
        mattes.update(scan_lines([stripe[name] for name in MASK]).data)
    return DeliveredDigests(
        content=content_digest_of(header, [stripes(channels)]),
        mattes=mattes.hexdigest(),
        outside=_samples(samples, ~inside),
        inside=_samples(samples, inside),
    )


def _samples(channels: Sequence[npt.NDArray[Any]], chosen: npt.NDArray[np.bool_]) -> str:
    """Digest of the chosen samples' bits, channel after channel, each row by row, little-endian."""
    digest = hashlib.sha256()
    some, whole = np.asarray(chosen.any(axis=1)), np.asarray(chosen.all(axis=1))
    for channel in channels:
        bits = bit_view(channel)
        little = bits.astype(bits.dtype.newbyteorder("<"), copy=False)
        # Lines of which all or nothing is chosen, most of a picture, need no choosing.
        for first, end in _runs(np.add(some, whole, dtype=np.int8)):
            if whole[first]:
                digest.update(little[first:end].data)
            elif some[first]:
                digest.update(np.ascontiguousarray(little[first:end][chosen[first:end]]).data)
    return digest.hexdigest()


def _runs(values: npt.NDArray[Any]) -> Iterator[tuple[int, int]]:
    """The spans [first, end) of equal values."""
    ends = [*(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    yield from zip([0, *ends[:-1]], ends, strict=True)
