# SPDX-License-Identifier: Apache-2.0
"""Named arrays as blobs, in the safetensors layout: no code runs when one is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from void_server.frames.blobs import BlobFolder, StoredBlob

SUFFIX = ".safetensors"


def store_arrays(blobs: BlobFolder, arrays: dict[str, npt.NDArray[Any]]) -> StoredBlob:
    """Put arrays into the frame store.

    Raises:
        OSError: the disk refused.
    """
    with blobs.scratch(SUFFIX) as path:
        return blobs.add_file(write_arrays(path, arrays))


def write_arrays(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> Path:
    """Write arrays into a scratch file; returns its path.

    Raises:
        OSError: the disk refused.
    """
    save_file({name: np.ascontiguousarray(values) for name, values in arrays.items()}, path)
    return path


def load_arrays(blobs: BlobFolder, digest: str) -> dict[str, npt.NDArray[Any]]:
    """Arrays out of the frame store.

    Raises:
        NotFound: no such blob.
    """
    blobs.size(digest)
    arrays: dict[str, npt.NDArray[Any]] = load_file(blobs.path(digest))
    return arrays
