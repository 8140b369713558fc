# SPDX-License-Identifier: Apache-2.0
"""What a published EXR holds, as digests that a later reader can compare: in all, and by what a model may change.

The content digest covers all samples; the others say, where it differs, which part of the file does:

- `mattes`: the layer void_mask, which says what the other two cover;
- `outside`: colour and alpha where the blend matte is 0, the plate's own samples;
- `inside`: colour and alpha where it is above 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.errors import InvalidInput
from void_server.plates.digest import content_digest_of, scan_lines
from void_server.plates.exr import bit_view, read_channels
from void_server.plates.header import EXRLimits, Header, read_header

MASK = ("void_mask.red", "void_mask.green", "void_mask.blue", "void_mask.alpha")
BLEND = MASK[3]
_STRIPE_LINES = 32
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


def delivered(path: str | Path, limits: EXRLimits | None = None) -> Delivered:
    """Read a result file and digest it.

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
    return Delivered(digests_of(header, read, colours), read[BLEND], others)


def digests_of(
    header: Header, channels: Mapping[str, npt.NDArray[Any]], colours: Sequence[str]
) -> DeliveredDigests:
    """The digests of a result file whose samples are known.

    Args:
        channels: all that the header names, (h, w) over the data window.
        colours: names of colour and alpha, in this order.
    """
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


def stripes(channels: Mapping[str, npt.NDArray[Any]]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Channels top to bottom, some lines at a time, which stay in the processor's cache."""
    height = len(next(iter(channels.values())))
    for top in range(0, height, _STRIPE_LINES):
        yield {name: values[top : top + _STRIPE_LINES] for name, values in channels.items()}


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
