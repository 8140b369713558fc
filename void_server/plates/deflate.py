# SPDX-License-Identifier: Apache-2.0
"""Chunks of ZIP-compressed scan lines, made with zlib, quicker than the image library makes them of a noisy picture.

OpenEXR's ZIP puts the even bytes of a chunk before the odd ones, stores of each the difference from the one before, and
compresses that as one zlib stream ("OpenEXR File Layout"; `internal_zip.c`). Of half samples the even bytes are nearly
noise and the odd ones nearly even, so each half becomes a block of DEFLATE of its own, with its own code (RFC 1951,
section 3.2). Repeated strings, for which compressors look longest, hardly occur in differences of a picture: only runs
of one byte are looked for, and these only where there are some. What is 0 on all lines, as a matte beside a picture, is
a block that is made once.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
Span = tuple[int, int]

HEADER = b"\x78\x01"
"""Of a zlib stream with a window of 32 KiB (RFC 1950, section 2.2)."""
NO_CHANGE = 128
"""What OpenEXR stores where a byte is the one before."""
LEVEL, WINDOW_BITS, MEMORY = 1, 15, 8
"""Of zlib: the greatest window and its usual memory, with which it is quickest."""
RUNS_FROM = 1 / 8
"""Share of bytes that are as the one before from which runs are looked for. Where bytes are independent a run of three,
the shortest that counts, then begins at one byte in 64."""
LEAST_BLANK = 256
"""Bytes of the shortest run that becomes a block of its own: such a block and the end of the one before take 20."""


def zipped(chunks: U8, blank: Sequence[Span] = (), *, checked: bool = True) -> Iterator[bytes]:
    """The data of some chunks, one after the other: compressed, or as it is where that is shorter.

    Args:
        chunks: (n, bytes), the uncompressed lines of each chunk, an even number of bytes.
        blank: spans [first, end) of even places among these bytes that are 0 in all of them, in ascending order.
        checked: each block is decompressed again and compared; else whoever writes the chunks decodes them.

    Raises:
        OSError: what was compressed does not decompress to the same.
    """
    stored = _differences(chunks)
    blocks = _blocks(stored.shape[1], blank)
    strategies = [_strategies(stored[:, first:end]) for first, end, even in blocks if not even]
    for index, chunk in enumerate(stored):
        parts, chosen = [HEADER], (of[index] for of in strategies)
        for first, end, even in blocks:
            last = end == len(chunk)
            made = (
                _blank(end - first, last) if even else _block(chunk[first:end], next(chosen), last, checked)
            )
            parts.append(made)
        parts.append(zlib.adler32(chunk).to_bytes(4, "big"))
        packed = b"".join(parts)
        yield packed if len(packed) < len(chunk) else chunks[index].tobytes()


def _differences(chunks: U8) -> U8:
    """(n, bytes) as OpenEXR's ZIP reorders bytes and subtracts, before they are compressed."""
    half = chunks.shape[1] // 2
    ordered = np.empty(chunks.shape, np.uint8)
    ordered[:, :half], ordered[:, half:] = chunks[:, 0::2], chunks[:, 1::2]
    stored = np.empty_like(ordered)
    stored[:, 0] = ordered[:, 0]
    np.subtract(ordered[:, 1:], ordered[:, :-1], out=stored[:, 1:])
    stored[:, 1:] += np.uint8(NO_CHANGE)
    return stored


def _blocks(length: int, blank: Sequence[Span]) -> list[tuple[int, int, bool]]:
    """First, end and whether all is `NO_CHANGE`, of the blocks that a chunk is cut into, in order and without gaps."""
    half = length // 2
    # The first byte of a run still differs from the one before it.
    runs = [(at + a // 2 + 1, at + b // 2) for at in (0, half) for a, b in _joined(blank)]
    found: list[tuple[int, int, bool]] = []
    done = 0
    for first, end in [*(r for r in runs if r[1] - r[0] >= LEAST_BLANK), (length, length)]:
        cuts = [done, *([half] if done < half < first else []), first]
        found += [(a, b, False) for a, b in pairwise(cuts) if a < b]
        found += [(first, end, True)] if first < end else []
        done = end
    return found


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Spans that follow on each other as one."""
    found: list[Span] = []
    for first, end in spans:
        if found and found[-1][1] == first:
            first = found.pop()[0]
        found.append((first, end))
    return found


def _strategies(stored: U8) -> list[int]:
    """How zlib is to compress a block of each chunk; nothing but the chunk decides."""
    alike = np.count_nonzero(stored[:, 1:] == stored[:, :-1], axis=1)
    return [zlib.Z_RLE if n > RUNS_FROM * stored.shape[1] else zlib.Z_HUFFMAN_ONLY for n in alike]


def _block(data: U8, strategy: int, last: bool, checked: bool = True) -> bytes:
    """Blocks of DEFLATE that end at a whole byte.

    Raises:
        OSError: they do not decompress to the same.
    """
    plain = data.tobytes()
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY, strategy)
    packed = packer.compress(plain) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
    if checked and zlib.decompressobj(-WINDOW_BITS).decompress(packed) != plain:
        raise OSError("the compressor's output does not decompress to what it was given")
    return packed


@lru_cache(maxsize=64)
def _blank(length: int, last: bool) -> bytes:
    """`_block` of bytes that are all `NO_CHANGE`."""
    return _block(np.full(length, NO_CHANGE, np.uint8), zlib.Z_RLE, last)
