# SPDX-License-Identifier: Apache-2.0
"""Named arrays as blobs, in the safetensors layout: no code runs when one is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from void_server.frames.blobs import BlobFolder, StoredBlob


def store_arrays(blobs: BlobFolder, arrays: dict[str, npt.NDArray[Any]]) -> StoredBlob:
    """Put arrays into the frame store.

    Raises:
        OSError: the disk refused.
    """
    with blobs.scratch(".safetensors") as path:
        save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, path)
        return blobs.add_file(path)


def load_arrays(blobs: BlobFolder, digest: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays out of the frame store.

    Raises:
        NotFound: no such blob.
    """
    blobs.size(digest)
    arrays: dict[str, npt.NDArray[Any]] = load_file(blobs.path(digest))
    return arrays
