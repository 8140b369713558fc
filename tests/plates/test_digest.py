# SPDX-License-Identifier: Apache-2.0
"""The content digest follows pixels, windows, colour and time, and nothing that hosts change on their own."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import OpenEXR
import OpenImageIO
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from void_server.plates.delivered import MASK, delivered, result_stripes
from void_server.plates.digest import content_digest, description
from void_server.plates.header import read_header

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)


def picture(any_bits, seed=0, dtype=np.float16, shape=(19, 23)):
    return {name: any_bits(dtype, shape, seed + i) for i, name in enumerate(["R", "G", "B", "m.x"])}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), compression=st.sampled_from(["none", "rle", "zip", "piz"]))
def test_another_compression_is_the_same_content(write_exr, any_bits, seed, compression):
    channels = picture(any_bits, seed)
    plain, packed = write_exr(channels, compression="zips"), write_exr(channels, compression=compression)
    assert content_digest(plain) == content_digest(packed)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_another_content(write_exr, any_bits, data):
    dtype = data.draw(st.sampled_from([np.float16, np.float32, np.uint32]))
    channels = picture(any_bits, dtype=dtype)
    before = content_digest(write_exr(channels))
    name = data.draw(st.sampled_from(sorted(channels)))
    raw = channels[name].view(np.uint8).reshape(-1)
    raw[data.draw(st.integers(0, raw.size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert content_digest(write_exr(channels)) != before


def test_the_canonical_bytes_are_as_documented(write_exr):
    red, depth = np.array([[1, 2]], np.float16), np.array([[3, 4]], np.float32)
    path = write_exr(
        {"R": red, "Z": depth}, at=(-1, 2), display=(0, 0, 5, 6), pixelAspectRatio=2.0, colorInteropID="lin"
    )

    def text(value):
        return struct.pack("<I", len(value)) + value

    expected = (
        b"VOID content 1\n"
        + struct.pack("<I", 1)
        + text(b"")  # part name
        + text(b"")  # view
        + struct.pack("<8i", -1, 2, 0, 2, 0, 0, 4, 5)
        + struct.pack("<f", 2.0)
        + struct.pack("<I", 1)
        + text(b"colorInteropID")
        + text(b"string")
        + text(b"lin")
        + struct.pack("<I", 2)
        + text(b"R")
        + text(b"half")
        + text(b"Z")
        + text(b"float")
        + red.tobytes()
        + depth.tobytes()
    )
    assert content_digest(path) == hashlib.sha256(expected).hexdigest()


@pytest.mark.parametrize(
    "attributes",
    [
        {"capDate": "2026:01:01 00:00:00"},
        {"software": "a host"},
        {"nuke/node_hash": "b7"},
        {"comments": "take two"},
    ],
)
def test_what_hosts_write_into_headers_is_not_content(write_exr, any_bits, attributes):
    channels = picture(any_bits)
    assert content_digest(write_exr(channels)) == content_digest(write_exr(channels, **attributes))


@pytest.mark.parametrize(
    "change",
    [
        {"at": (1, 0)},
        {"display": (0, 0, 24, 19)},
        {"pixelAspectRatio": 2.0},
        {"chromaticities": REC709},
        {"colorInteropID": "lin_ap1_scene"},
        {"timeCode": OpenEXR.TimeCode(1, 2, 3, 4, *[0] * 14)},
        {"multiView": ["left", "right"]},
    ],
)
def test_windows_colour_views_and_time_are_content(write_exr, any_bits, change):
    channels = picture(any_bits)
    plain = {"display": (0, 0, 23, 19)}
    assert content_digest(write_exr(channels, **plain)) != content_digest(
        write_exr(channels, **{**plain, **change})
    )


def test_a_channels_name_and_type_are_content(write_exr, grey):
    digests = {
        content_digest(write_exr({name: grey(dtype=dtype)}))
        for name in ("R", "G")
        for dtype in (np.float16, np.float32)
    }
    assert len(digests) == 4


def test_of_several_parts_names_and_views_are_content(write_parts, grey):
    """Names say which part is the picture: swapped names are another picture of the same samples."""

    def digest(first, second, view="left"):
        return content_digest(
            write_parts((first, {"R": grey()}, {"view": view}), (second, {"R": grey(scale=2)}, {}))
        )

    assert digest("beauty", "diffuse") != digest("diffuse", "beauty")
    assert digest("beauty", "diffuse", "left") != digest("beauty", "diffuse", "right")


def test_tiling_is_not_content(write_exr, fresh, any_bits):
    samples = any_bits(np.float16, (300, 40, 3))
    spec = OpenImageIO.ImageSpec(40, 300, 3, "half")
    spec.tile_width = spec.tile_height = 32
    output = OpenImageIO.ImageOutput.create("exr")
    tiled = fresh("tiled")
    assert output.open(str(tiled), spec) and output.write_image(samples) and output.close()
    lines = write_exr(
        {name: np.ascontiguousarray(samples[..., i]) for i, name in enumerate("RGB")}, compression="zip"
    )
    assert content_digest(tiled) == content_digest(lines)


@pytest.fixture
def result(any_bits) -> dict[str, np.ndarray]:
    """Two stripes and a part of one; a blend with lines that are wholly inside, wholly outside, and both."""
    names = ("R", "G", "B", "A", "void_mask.red", "void_mask.green", "void_mask.blue")
    channels = {name: any_bits(np.float16, (40, 10), i) for i, name in enumerate(names)}
    blend = np.zeros((40, 10), np.float16)
    blend[3:9], blend[20, 4:], blend[39] = 1, 0.5, 1
    return channels | {"void_mask.alpha": blend}


def test_digests_are_of_stripes_of_sixteen_lines(write_exr, result):
    path = write_exr(result)
    found = delivered(path).digests
    picture = ("R", "G", "B", "A")
    blend = result["void_mask.alpha"]

    def striped(of) -> bytes:
        return b"".join(hashlib.sha256(of(slice(top, top + 16))).digest() for top in (0, 16, 32))

    def side(inside: bool):
        return lambda rows: b"".join(
            result[name][rows][(blend[rows] > 0) == inside].tobytes() for name in picture
        )

    def lines(names):
        return lambda rows: b"".join(
            line.tobytes() for y in range(40)[rows] for line in (result[name][y] for name in names)
        )

    assert found.inside == hashlib.sha256(striped(side(True))).hexdigest()
    assert found.outside == hashlib.sha256(striped(side(False))).hexdigest()
    assert found.mattes == hashlib.sha256(striped(lines(MASK))).hexdigest()
    # What stands before the samples is as in the content digest.
    whole = b"VOID content 1\n" + description(read_header(path)) + lines(sorted(result))(slice(0, 40))
    assert hashlib.sha256(whole).hexdigest() == content_digest(path)
    head = b"VOID delivered 2\n" + description(read_header(path))
    assert found.content == hashlib.sha256(head + striped(lines(sorted(result)))).hexdigest()


def test_digests_of_older_sidecars_know_no_stripes(write_exr, result):
    path = write_exr(result)
    found = delivered(path, form=1).digests
    blend = result["void_mask.alpha"]
    picture = [result[name] for name in ("R", "G", "B", "A")]
    for part, chosen in ((found.inside, blend > 0), (found.outside, blend == 0)):
        plain = hashlib.sha256(b"".join(values[chosen].tobytes() for values in picture))
        assert part == plain.hexdigest()
    assert found.content == content_digest(path)


def test_stripes_of_some_lines_are_those_of_the_whole(result):
    whole = result_stripes(result, ["R", "G", "B", "A"])
    some = result_stripes({name: values[16:40] for name, values in result.items()}, ["R", "G", "B", "A"])
    assert whole.shape == (3, 4, 32) and (whole[1:] == some).all() and (whole[0] != whole[1]).any()
