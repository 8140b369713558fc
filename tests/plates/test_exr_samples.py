# SPDX-License-Identifier: Apache-2.0
"""Samples come out of any EXR file in their own type with every bit as stored, or not at all."""

from __future__ import annotations

import numpy as np
import OpenImageIO
import pytest

from void_server.errors import DataLoss, InvalidInput, LimitExceeded, Unsupported
from void_server.plates.exr import (
    EXRLimits,
    above_zero,
    bit_view,
    is_zero,
    read_channels,
    read_header,
    read_stripes,
)

EXACT = ["none", "rle", "zips", "zip", "piz"]
LOSSY = ["pxr24", "b44", "b44a", "dwaa", "dwab"]


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(bit_view(a), bit_view(b))


@pytest.mark.parametrize("compression", EXACT)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint32])
def test_every_bit_pattern_survives(write_exr, any_bits, compression, dtype):
    stored = {name: any_bits(dtype, seed=i) for i, name in enumerate("RGB")}
    read = read_channels(write_exr(stored, compression=compression), 0, ["R", "G", "B"])
    assert all(same_bits(read[name], stored[name]) for name in stored)


@pytest.mark.parametrize("compression", LOSSY)
def test_lossy_files_read_as_the_reference_library_reads_them(write_exr, grey, compression):
    import OpenEXR

    path = write_exr({"R": grey((40, 50)), "A": grey((40, 50))}, compression=compression)
    with OpenEXR.File(str(path), separate_channels=True) as file:
        expected = {name: channel.pixels for name, channel in file.channels().items()}
    read = read_channels(path, 0, ["R", "A"])
    assert all(same_bits(read[name], expected[name]) for name in read)


def test_channels_of_different_types_keep_each_its_own(write_exr, any_bits):
    stored = {
        "R": any_bits(np.float16, seed=1),
        "G": any_bits(np.float16, seed=2),
        "B": any_bits(np.float16, seed=3),
        "A": any_bits(np.float32, seed=4),
        "id.x": any_bits(np.uint32, seed=5),
        "N.X": any_bits(np.float16, seed=6),
    }
    read = read_channels(write_exr(stored), 0, list(stored))
    assert all(same_bits(read[name], stored[name]) for name in stored)


def test_channels_are_found_by_name_whatever_the_order_asked(write_exr, any_bits):
    stored = {name: any_bits(np.float16, seed=i) for i, name in enumerate(["A", "B", "G", "R", "a.z", "z.a"])}
    path = write_exr(stored)
    for names in (["z.a", "R"], ["B", "R", "A"], ["a.z"]):
        read = read_channels(path, 0, names)
        assert list(read) == names
        assert all(same_bits(read[name], stored[name]) for name in names)


def test_each_part_has_its_own_window_and_samples(write_parts, any_bits):
    first, second = any_bits(np.float16, (5, 6), 1), any_bits(np.float32, (9, 4), 2)
    path = write_parts(
        ("beauty", {"R": first}, {"display": (0, 0, 20, 20)}),
        ("depth", {"Z": second}, {"display": (0, 0, 20, 20), "at": (-2, 3)}),
    )
    assert same_bits(read_channels(path, 0, ["R"])["R"], first)
    assert same_bits(read_channels(path, 1, ["Z"])["Z"], second)


def write_tiled(path, samples, tile=16):
    height, width, channels = samples.shape
    spec = OpenImageIO.ImageSpec(width, height, channels, "half")
    spec.tile_width = spec.tile_height = tile
    output = OpenImageIO.ImageOutput.create("exr")
    assert output.open(str(path), spec) and output.write_image(samples) and output.close()


def test_a_tiled_file_reads_as_any_other(fresh, any_bits):
    samples = any_bits(np.float16, (50, 70, 3))
    write_tiled(path := fresh("tiled"), samples)
    assert read_header(path).parts[0].tiled
    read = read_channels(path, 0, ["R", "G", "B"])
    assert all(same_bits(read[name], np.ascontiguousarray(samples[..., i])) for i, name in enumerate("RGB"))


def test_of_a_mip_mapped_file_the_full_size_is_read(fresh):
    picture = OpenImageIO.ImageBuf(OpenImageIO.ImageSpec(64, 32, 3, "half"))
    OpenImageIO.ImageBufAlgo.noise(picture, "gaussian", 0.5, 0.1)
    path = fresh("mip")
    mode = OpenImageIO.MakeTextureMode.MakeTxTexture
    assert OpenImageIO.ImageBufAlgo.make_texture(mode, picture, str(path), OpenImageIO.ImageSpec())
    read = read_channels(path, 0, ["R"])["R"]
    assert same_bits(read, np.ascontiguousarray(picture.get_pixels("half")[..., 0]))


@pytest.mark.parametrize("compression", ["none", "zips", "zip", "piz", "dwab"])
def test_stripes_put_together_are_the_whole(write_exr, grey, compression):
    stored = {name: grey((600, 11)) for name in ("R", "G", "x.y")}
    path = write_exr(stored, compression=compression, at=(4, -333))
    whole = read_channels(path, 0, list(stored))
    stripes = list(read_stripes(path, 0))
    assert len(stripes) == 3
    for name in stored:
        assert same_bits(np.concatenate([stripe[name] for stripe in stripes]), whole[name])


def test_a_tiled_file_comes_as_one_stripe(fresh, any_bits):
    samples = any_bits(np.float16, (300, 20, 3))
    write_tiled(path := fresh("tiled"), samples)
    (stripe,) = read_stripes(path, 0)
    assert same_bits(stripe["G"], np.ascontiguousarray(samples[..., 1]))


def test_an_unknown_channel_is_refused_with_those_that_are_there(write_exr, grey):
    with pytest.raises(InvalidInput, match=r"no channel Q.*it has A, R"):
        read_channels(write_exr({"R": grey(), "A": grey()}), 0, ["R", "Q"])


def test_an_unknown_part_is_refused(write_exr, grey):
    with pytest.raises(InvalidInput, match="no part 1"):
        read_channels(write_exr({"R": grey()}), 1, ["R"])


def test_deep_samples_are_unsupported_and_the_way_out_is_named(fresh):
    deep = OpenImageIO.DeepData()
    spec = OpenImageIO.ImageSpec(4, 4, 2, "half")
    spec.deep, spec.channelnames = True, ("A", "Z")
    spec.attribute("compression", "zips")
    deep.init(spec)
    output = OpenImageIO.ImageOutput.create("exr")
    path = fresh("deep")
    assert output.open(str(path), spec) and output.write_deep_image(deep) and output.close()
    with pytest.raises(Unsupported, match="DeepToImage"):
        read_channels(path, 0, ["A"])


def test_subsampled_channels_are_unsupported_and_named(fresh, write_exr, grey):
    path = write_exr({"RY": grey(), "Y": grey()})
    data = path.read_bytes()
    plain, halved = (
        b"RY\0" + bytes.fromhex("01000000 00000000 01000000 01000000"),
        b"RY\0" + bytes.fromhex("01000000 00000000 02000000 02000000"),
    )
    assert plain in data
    path.write_bytes(data.replace(plain, halved))
    with pytest.raises(Unsupported, match="subsampled channels: RY"):
        read_channels(path, 0, ["Y"])


@pytest.mark.parametrize("compression", ["none", "zips", "zip", "piz", "dwaa"])
@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
def test_a_truncated_file_is_data_loss_and_named(write_exr, any_bits, compression, kept):
    path = write_exr({"R": any_bits(np.float16, (200, 100))}, compression=compression)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(DataLoss, match=path.name):
        read_channels(path, 0, ["R"])


def test_a_flipped_bit_in_a_zip_file_is_noticed(write_exr, grey):
    path = write_exr({"R": grey((64, 64))}, compression="zips")
    data = bytearray(path.read_bytes())
    data[-20] ^= 4
    path.write_bytes(bytes(data))
    with pytest.raises(DataLoss, match=path.name):
        read_channels(path, 0, ["R"])


def test_limits_hold_before_pixels_are_read(write_exr, grey):
    with pytest.raises(LimitExceeded, match="max_pixels is 79"):
        read_channels(write_exr({"R": grey((8, 10))}), 0, ["R"], EXRLimits(max_pixels=79))


def test_a_tiled_part_among_several_is_seen_as_tiled(fresh, any_bits):
    samples = any_bits(np.float16, (300, 40, 3))
    specs = []
    for name in ("beauty", "second"):
        spec = OpenImageIO.ImageSpec(40, 300, 3, "half")
        spec.tile_width = spec.tile_height = 32
        spec.attribute("oiio:subimagename", name)
        specs.append(spec)
    output, path = OpenImageIO.ImageOutput.create("exr"), fresh("tiled")
    assert output.open(str(path), tuple(specs)) and output.write_image(samples)
    assert (
        output.open(str(path), specs[1], "AppendSubimage") and output.write_image(samples) and output.close()
    )
    assert [part.tiled for part in read_header(path).parts] == [True, True]
    (stripe,) = read_stripes(path, 1)
    assert same_bits(stripe["B"], np.ascontiguousarray(samples[..., 2]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_signs_are_told_by_bits_as_by_values(dtype):
    every = np.arange(2**16, dtype=np.uint16).view(np.float16).astype(dtype)
    assert (above_zero(every) == (every > 0)).all()
    assert (is_zero(every) == (every == 0)).all()
