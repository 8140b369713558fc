# SPDX-License-Identifier: Apache-2.0
"""Chunks that ISA-L makes are what OpenEXR's own decoder reads, and no chunk depends on its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib

from void_server.plates import deflate
from void_server.plates.deflate import zipped
from void_server.plates.encode import Frame, packed_chunks, write_frame
from void_server.plates.exr import bit_view, read_channels
from void_server.plates.verify import check_written
from void_server.plates.window import Window

KINDS = ("noise", "blank", "flat", "ramp", "few lines")


def samples(kind: str, shape: tuple[int, int], dtype: str) -> np.ndarray:
    values = np.zeros(shape, dtype)
    if kind == "noise":
        bits = np.random.default_rng(3).integers(0, 256, values.nbytes, np.uint8)
        return bits.view(dtype).reshape(shape)
    if kind == "flat":
        values[:] = 0.18
    if kind == "ramp":
        values[:] = np.linspace(-2, 2, shape[1])
    if kind == "few lines":
        values[shape[0] // 3 : shape[0] // 2 + 1] = np.random.default_rng(4).random(shape[1])
    return values


@pytest.mark.parametrize("compression", ["zips", "zip", "none"])
@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=5),
    types=st.lists(st.sampled_from(["float16", "float32"]), min_size=5, max_size=5),
    size=st.tuples(st.integers(1, 70), st.integers(1, 700)),
)
def test_openimageio_reads_every_bit_that_was_written(tmp_path_factory, compression, kinds, types, size):
    window = Window(-7, 3, size[1], size[0])
    given = zip(kinds, types, strict=False)
    channels = {f"{'BAZC'[i % 4]}{i}": samples(kind, window.shape, t) for i, (kind, t) in enumerate(given)}
    path = tmp_path_factory.mktemp("deflate") / "frame.exr"
    write_frame(path, Frame(window, window, 1.0, channels, (), compression))
    check_written(path, channels, window)


def test_a_chunk_depends_on_its_own_lines_alone():
    window = Window(0, 0, 600, 60)
    channels = {
        name: samples(kind, window.shape, "float16") for name, kind in zip("ABCDE", KINDS, strict=True)
    }
    whole = list(packed_chunks(Frame(window, window, 1.0, channels, (), "zips")))
    for line in range(60):
        alone = {name: values[line : line + 1] for name, values in channels.items()}
        one = Window(0, line, 600, 1)
        assert list(packed_chunks(Frame(one, one, 1.0, alone, (), "zips"))) == [whole[line]]


def test_a_chunk_that_compression_makes_longer_is_stored_as_it_is(tmp_path):
    noise = np.random.default_rng(1).integers(0, 256, (3, 400), np.uint8)
    assert list(zipped(noise)) == [line.tobytes() for line in noise]
    channels = {"A": noise.view(np.float16)}
    window = Window(0, 0, 200, 3)
    write_frame(path := tmp_path / "noise.exr", Frame(window, window, 1.0, channels, (), "zips"))
    assert (bit_view(read_channels(path, 0, ["A"])["A"]) == bit_view(channels["A"])).all()


def test_channels_that_are_0_on_a_line_take_next_to_no_room():
    noise = np.random.default_rng(2).random((1, 2000)).astype(np.float16).view(np.uint8)
    blank = np.zeros((1, 40_000), np.uint8)
    (alone,) = zipped(noise)
    (beside,) = zipped(np.concatenate([noise, blank], axis=1))
    assert len(beside) < len(alone) + 600


def test_grain_takes_less_room_than_as_one_block():
    random = np.random.default_rng(5)
    lines = (0.18 + 0.02 * random.standard_normal((4, 3 * 1920))).astype(np.float16).view(np.uint8)
    stored = deflate._differences(lines)
    as_one = sum(len(isal_zlib.compress(line, deflate.LEVEL)) for line in stored)
    assert sum(map(len, zipped(lines))) < 0.93 * as_one


def test_what_does_not_decompress_to_the_same_is_not_written(monkeypatch):
    monkeypatch.setattr(deflate.isal_zlib, "decompress", lambda data, bufsize: bytes(bufsize))
    with pytest.raises(OSError, match="does not decompress"):
        list(zipped(np.zeros((1, 400), np.uint8)))
