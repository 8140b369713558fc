# SPDX-License-Identifier: Apache-2.0
"""The plugin's own look into EXR files, against files that OpenEXR wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from void_resolve import exr

from tests.resolve.standin.renderer import write_picture

COMPRESSIONS = {
    "none": OpenEXR.NO_COMPRESSION,
    "RLE": OpenEXR.RLE_COMPRESSION,
    "ZIPS": OpenEXR.ZIPS_COMPRESSION,
    "ZIP": OpenEXR.ZIP_COMPRESSION,
}


def write(path: Path, channels: dict[str, np.ndarray], compression: int, **header: object) -> str:
    values = {"compression": compression, "type": OpenEXR.scanlineimage, **header}
    OpenEXR.File(values, {k: np.ascontiguousarray(v) for k, v in channels.items()}).write(str(path))
    return str(path)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_channel_varies_exactly_where_its_pixels_do(tmp_path, data):
    compression = data.draw(st.sampled_from(sorted(COMPRESSIONS)))
    width, height = data.draw(st.integers(1, 37)), data.draw(st.integers(1, 40))
    noise = np.random.default_rng(data.draw(st.integers(0, 99)))
    kinds = {n: data.draw(st.sampled_from([np.float16, np.float32, np.uint32])) for n in ("A", "B", "Z")}
    channels = {n: (noise.random((height, width)) * 9).astype(kind) for n, kind in kinds.items()}
    channels["A"][:] = data.draw(st.sampled_from([0, 1, 3]))
    changed = data.draw(st.booleans()) and width * height > 1
    if changed:
        at = data.draw(st.integers(0, width * height - 1))
        channels["A"].flat[at] = 2
    path = write(tmp_path / "a.exr", channels, COMPRESSIONS[compression])
    assert exr.varies(path, "A") is changed
    header = exr.read_header(path)
    assert header.names == ["A", "B", "Z"]
    assert header.size == (width, height)


def test_a_long_picture_of_one_value_does_not_vary(tmp_path):
    path = tmp_path / "a.exr"
    write_picture(
        path, np.concatenate([np.random.default_rng(1).random((270, 480, 3)), np.ones((270, 480, 1))], 2)
    )
    assert not exr.varies(str(path), "A")
    assert exr.varies(str(path), "B")


def test_what_cannot_be_looked_into_is_named(tmp_path):
    picture = np.ones((4, 4, 4), np.float32)
    write_picture(tmp_path / "piz.exr", picture, "RGBHalfPIZ")
    assert exr.read_header(str(tmp_path / "piz.exr")).names == ["A", "B", "G", "R"]
    with pytest.raises(exr.Unreadable, match="PIZ"):
        exr.varies(str(tmp_path / "piz.exr"), "A")
    write_picture(tmp_path / "zip.exr", picture[..., :3])
    with pytest.raises(exr.Unreadable, match="no channel A"):
        exr.varies(str(tmp_path / "zip.exr"), "A")
    (tmp_path / "text.exr").write_text("no picture")
    with pytest.raises(exr.Unreadable, match="no EXR"):
        exr.read_header(str(tmp_path / "text.exr"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keep=st.floats(0, 0.999), flip=st.integers(0, 10**6), seed=st.integers(0, 255))
def test_a_damaged_file_is_refused_or_read_and_nothing_else(tmp_path, keep, flip, seed):
    whole = tmp_path / "whole.exr"
    if not whole.exists():
        write_picture(whole, np.random.default_rng(2).random((20, 16, 4)))
    data = bytearray(whole.read_bytes()[: max(1, int(whole.stat().st_size * keep))])
    data[flip % len(data)] = seed
    (tmp_path / "damaged.exr").write_bytes(data)
    try:
        exr.varies(str(tmp_path / "damaged.exr"), "A")
    except exr.Unreadable as error:
        assert str(error)
