# SPDX-License-Identifier: Apache-2.0
"""EXR files for the tests, written by the OpenEXR library itself, which nothing under test uses."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

COMPRESSIONS = {
    "none": OpenEXR.NO_COMPRESSION,
    "rle": OpenEXR.RLE_COMPRESSION,
    "zips": OpenEXR.ZIPS_COMPRESSION,
    "zip": OpenEXR.ZIP_COMPRESSION,
    "piz": OpenEXR.PIZ_COMPRESSION,
    "pxr24": OpenEXR.PXR24_COMPRESSION,
    "b44": OpenEXR.B44_COMPRESSION,
    "b44a": OpenEXR.B44A_COMPRESSION,
    "dwaa": OpenEXR.DWAA_COMPRESSION,
    "dwab": OpenEXR.DWAB_COMPRESSION,
}


def box(x, y, width, height):
    """A window as the OpenEXR module wants it."""
    return np.array([x, y], np.int32), np.array([x + width - 1, y + height - 1], np.int32)


def header(shape, *, at=(0, 0), display=None, compression="zips", **attributes):
    height, width = shape
    return {
        "compression": COMPRESSIONS[compression],
        "type": OpenEXR.scanlineimage,
        "dataWindow": box(*at, width, height),
        "displayWindow": box(*(display or (0, 0, width, height))),
        **attributes,
    }


@pytest.fixture(scope="session")
def fresh(tmp_path_factory):
    """A new path for an EXR file at each call; usable under hypothesis."""
    folder, numbers = tmp_path_factory.mktemp("exr"), itertools.count()
    return lambda name="frame": folder / f"{name}.{next(numbers):06d}.exr"


@pytest.fixture(scope="session")
def write_exr(fresh):
    """Writes channels {name: (h, w) array} as a single-part file and gives its path."""

    def write(channels, **options) -> Path:
        path = fresh()
        shape = next(iter(channels.values())).shape
        with OpenEXR.File(header(shape, **options), dict(channels)) as file:
            file.write(str(path))
        return path

    return write


@pytest.fixture(scope="session")
def write_parts(fresh):
    """Writes parts [(name, channels, attributes)] as a multi-part file and gives its path."""

    def write(*parts) -> Path:
        path = fresh()
        made = []
        for name, channels, attributes in parts:
            shape = next(iter(channels.values())).shape
            made.append(OpenEXR.Part(header(shape, name=name, **attributes), dict(channels), name))
        with OpenEXR.File(made) as file:
            file.write(str(path))
        return path

    return write


@pytest.fixture(scope="session")
def any_bits():
    """Arrays of every bit pattern: NaN payloads, infinities, negatives, -0 and subnormals among them."""

    def make(dtype, shape=(19, 23), seed=0):
        dtype = np.dtype(dtype)
        unsigned = {2: np.uint16, 4: np.uint32}[dtype.itemsize]
        random = np.random.default_rng(seed)
        return (
            random.integers(0, 2 ** (8 * dtype.itemsize), shape, dtype=np.uint64).astype(unsigned).view(dtype)
        )

    return make


@pytest.fixture(scope="session")
def grey():
    """A smooth half picture channel."""

    def make(shape=(8, 10), dtype=np.float16, scale=1.0):
        height, width = shape
        return (scale * np.linspace(0.1, 0.9, height * width).reshape(height, width)).astype(dtype)

    return make
