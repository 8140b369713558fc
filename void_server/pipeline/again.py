# SPDX-License-Identifier: Apache-2.0
"""A plate that was published before: what its new files have in common with the earlier ones is taken over.

Lines that neither of the two blends touched are the plate with empty passes in both. Their compressed chunks are copied
and their digests are known; they are neither decoded nor digested again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.errors import DataLoss, NotFound
from void_server.frames.blobs import BlobFolder
from void_server.frames.blocks import Blocks, PartlyRead
from void_server.pipeline.arrays import load_arrays
from void_server.pipeline.opened_source import blocks_from_arrays
from void_server.plates.delivered import CONTENT, STRIPE_LINES, Digests
from void_server.plates.encode import Written
from void_server.plates.plate import PlateChannels, strip
from void_server.plates.result import write_channels
from void_server.plates.splice import Onto, fits
from void_server.plates.verify import check_spread
from void_server.plates.window import Window

LINES = "lines"
"""Of a published frame: the lines [first, end) outside which it is the plate with empty passes; no figure of its
quality."""
FILES = ("result", "matte")
"""Blobs that are written onto the earlier ones."""
MOST_AGAIN = 0.75
"""Share of the lines beyond which a frame is written as if for the first time: reading the earlier one does not pay."""


@dataclass(frozen=True)
class Again:
    """What is known of the earlier files of a plate.

    Attributes:
        rows: the lines [first, end) that may differ, in whole stripes.
        onto: the earlier `FILES`.
        stripes: the digests of all their stripes, likewise.
    """

    rows: tuple[int, int]
    onto: dict[str, Onto]
    stripes: dict[str, Digests]

    @property
    def _may_differ(self) -> slice:
        """The stripes of `rows`."""
        return slice(self.rows[0] // STRIPE_LINES, -(-self.rows[1] // STRIPE_LINES))

    def joined(self, found: Mapping[str, Digests]) -> dict[str, Digests]:
        """The digests of all stripes of the new files, of which those of `rows` have these."""
        whole = {name: digests.copy() for name, digests in self.stripes.items()}
        for name, digests in found.items():
            whole[name][self._may_differ] = digests
        return whole

    def write(
        self,
        name: str,
        path: Path,
        plate: PlateChannels,
        channels: Mapping[str, npt.NDArray[Any]],
        content: Digests,
        given: Mapping[str, Any],
    ) -> Written:
        """Write a file onto the earlier one, and decode some of the lines that were compressed; whoever puts it in its
        place reads all of it again.

        Args:
            name: one of `FILES`.
            plate: of the whole data window.
            channels: the lines `rows`.
            content: (stripes, 32), the digests of all their samples.
            given: `compression` and `attributes`.

        Raises:
            DataLoss: the file does not hold what was written.
            EarlierSpoilt: the earlier one is damaged.
        """
        was = self.stripes[name][self._may_differ]
        was = was[:, CONTENT] if name == "result" else was
        differs = np.flatnonzero((was != content).any(axis=1))
        first, end = (int(differs[0]), int(differs[-1]) + 1) if differs.size else (0, 0)
        part = slice(first * STRIPE_LINES, min(end * STRIPE_LINES, self.rows[1] - self.rows[0]))
        lines = {n: values[part] for n, values in channels.items()}
        rows = self.rows[0] + part.start, self.rows[0] + part.stop
        written = write_channels(path, strip(plate, rows), lines, onto=self.onto[name], scratch=True, **given)
        # As a reader of the file would decode it: a line of each stripe.
        check_spread(path, lines, plate.part.data_window, rows=rows, apart=STRIPE_LINES)
        return written


@dataclass(frozen=True)
class Earlier:
    """A plate as it was last published, with the same layers.

    Attributes:
        blobs, info: of that unit.
        stripes: the digests of all stripes of `FILES`.
        files: what is known of the bytes of `FILES`.
        source: what was found of the plate's file when it was read whole; None where it cannot be read in part.
    """

    blobs: Mapping[str, str]
    info: Mapping[str, Any]
    stripes: dict[str, Digests]
    files: dict[str, Blocks]
    source: Blocks | None


def recorded(earlier: Mapping[str, Any] | None, blobs: BlobFolder) -> Earlier | None:
    """What was left when a plate was last published; None where nothing was, or it is damaged.

    Args:
        earlier: blobs and info of that unit.
    """
    if earlier is None:
        return None
    try:
        blobs.verified_path(earlier["blobs"]["stripes"])
    except (NotFound, DataLoss):
        return None
    arrays = load_arrays(blobs, earlier["blobs"]["stripes"])
    stripes = {name: arrays[name] for name in FILES}
    files = {name: known for name in FILES if (known := blocks_from_arrays(name, arrays)) and known.head}
    if len(files) < len(FILES):
        return None
    source = blocks_from_arrays("source", arrays)
    return Earlier(earlier["blobs"], earlier["info"], stripes, files, source)


def published_before(
    earlier: Earlier | None,
    lines: tuple[int, int],
    whole: Window,
    compression: str,
    blobs: BlobFolder,
) -> Again | None:
    """What to write onto; None where nothing is there, it is damaged, or most lines may differ.

    Args:
        lines: the lines [first, end) outside which it now is the plate with empty passes; may be empty.
        whole: the plate's data window.
    """
    if earlier is None:
        return None
    rows = _in_stripes([lines, earlier.info[LINES]], whole.height)
    if rows[1] - rows[0] > MOST_AGAIN * whole.height:
        return None
    try:
        onto = {name: Onto(_opened(earlier, name, blobs), whole) for name in FILES}
    except (NotFound, DataLoss):
        return None
    if not all(fits(file, compression) for file in onto.values()):
        return None
    return Again(rows, onto, earlier.stripes)


class EarlierSpoilt(DataLoss):
    """An earlier file was found damaged while it was copied: its plate is to be published without it."""


def _opened(earlier: Earlier, name: str, blobs: BlobFolder) -> PartlyRead:
    digest = earlier.blobs[name]
    spoilt = EarlierSpoilt(f"Blob {digest} is corrupt in the store.", file=digest)
    return blobs.part(digest, earlier.files[name], spoilt)


def _in_stripes(spans: Sequence[Sequence[int]], height: int) -> tuple[int, int]:
    """Lines [first, end) of whole stripes that hold all spans; at least one stripe."""
    some = [span for span in spans if span[0] < span[1]] or [(0, 1)]
    first, end = min(s[0] for s in some), max(s[1] for s in some)
    return first // STRIPE_LINES * STRIPE_LINES, min(height, -(-end // STRIPE_LINES) * STRIPE_LINES)
