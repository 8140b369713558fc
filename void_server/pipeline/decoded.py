# SPDX-License-Identifier: Apache-2.0
"""Mattes as ingest decoded them, stored as the part that is not 0, so that no later unit decodes their files again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.plates.matte import Matte
from void_server.plates.window import Window

DECODED = "decoded"
"""Name of the blob that ingest leaves of a matte."""


def store_mattes(blobs: BlobFolder, mattes: Mapping[str, Matte]) -> StoredBlob:
    """Store the values of mattes by name, each over the smallest window that holds all that is not 0."""
    arrays = {}
    for name, matte in mattes.items():
        rows, columns = (np.flatnonzero(matte.values.any(axis=axis)) for axis in (1, 0))
        top, left = (int(found[0]) if found.size else 0 for found in (rows, columns))
        bottom, right = (int(found[-1]) + 1 if found.size else 0 for found in (rows, columns))
        arrays[name] = matte.values[top:bottom, left:right]
        arrays[f"{name}.at"] = np.array([matte.data_window.x + left, matte.data_window.y + top], np.int64)
    return store_arrays(blobs, arrays)


def load_matte(blobs: BlobFolder, digest: str, name: str) -> tuple[np.ndarray, Window]:
    """A stored matte: (h, w) float32 0..1, and the window that it covers; outside it is 0.

    Raises:
        NotFound: no such blob.
    """
    stored = load_arrays(blobs, digest)
    values, (x, y) = stored[name], stored[f"{name}.at"]
    return np.asarray(values, np.float32), Window(int(x), int(y), values.shape[1], values.shape[0])
