# SPDX-License-Identifier: Apache-2.0
"""Headers: what is read from them, and how hostile or damaged ones are refused before anything is allocated."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from void_server.errors import DataLoss, InvalidInput, LimitExceeded, Unsupported, VoidError
from void_server.plates.header import EXRLimits, read_header
from void_server.plates.window import Window


def attribute(name, type_name, value):
    return name + b"\0" + type_name + b"\0" + struct.pack("<i", len(value)) + value


def raw_header(
    *, data=(0, 0, 3, 3), display=(0, 0, 3, 3), channels=(b"R",), code=1, extra=b"", version=2, aspect=1.0
):
    chlist = b"".join(name + b"\0" + struct.pack("<iIii", code, 0, 1, 1) for name in channels) + b"\0"
    return (
        b"\x76\x2f\x31\x01"
        + struct.pack("<I", version)
        + attribute(b"channels", b"chlist", chlist)
        + attribute(b"compression", b"compression", b"\x03")
        + attribute(b"dataWindow", b"box2i", struct.pack("<4i", *data))
        + attribute(b"displayWindow", b"box2i", struct.pack("<4i", *display))
        + attribute(b"pixelAspectRatio", b"float", struct.pack("<f", aspect))
        + extra
        + b"\0"
    )


@pytest.fixture
def hostile(fresh):
    def write(data):
        path = fresh("hostile")
        path.write_bytes(data)
        return path

    return write


def test_a_header_says_where_its_samples_are_and_what_they_mean(write_exr, grey):
    path = write_exr(
        {"R": grey(), "id.x": np.zeros((8, 10), np.uint32), "Z": grey(dtype=np.float32)},
        at=(-3, 5),
        display=(0, 0, 40, 20),
        compression="piz",
        pixelAspectRatio=2.0,
        framesPerSecond=Fraction(24000, 1001),
        timeCode=OpenEXR.TimeCode(1, 2, 3, 4, *[0] * 14),
    )
    (part,) = read_header(path).parts
    assert part.data_window == Window(-3, 5, 10, 8)
    assert part.display_window == Window(0, 0, 40, 20)
    assert part.pixel_aspect == 2.0
    assert [(c.name, c.type) for c in part.channels] == [("R", "half"), ("Z", "float"), ("id.x", "uint")]
    assert (part.compression, part.tiled, part.deep) == ("piz", False, False)
    assert part.frames_per_second == Fraction(24000, 1001)
    assert part.timecode is not None and part.timecode[0] == 0x01020304


def test_parts_keep_their_names_and_views(write_parts, grey):
    path = write_parts(("rgba.left", {"R": grey()}, {"view": "left"}), ("depth", {"Z": grey()}, {}))
    header = read_header(path)
    assert header.multipart
    assert [(part.name, part.view) for part in header.parts] == [("rgba.left", "left"), ("depth", "")]


def test_an_attribute_keeps_its_raw_bytes(write_exr, grey):
    path = write_exr({"R": grey()}, box=(np.array([1, 2], np.int32), np.array([3, 4], np.int32)))
    kept = read_header(path).parts[0].attributes["box"]
    assert (kept.type, kept.value) == ("box2i", struct.pack("<4i", 1, 2, 3, 4))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"gone\.exr cannot be read"):
        read_header(tmp_path / "gone.exr")


def test_an_empty_file_is_named(hostile):
    path = hostile(b"")
    with pytest.raises(InvalidInput, match=f"{path.name} is empty"):
        read_header(path)


def test_a_file_of_another_kind_is_named(hostile):
    path = hostile(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(InvalidInput, match=f"{path.name} is not an OpenEXR file"):
        read_header(path)


@pytest.mark.parametrize("kept", [5, 8, 40, 120])
def test_a_file_that_ends_inside_its_header_is_data_loss(hostile, kept):
    with pytest.raises(DataLoss, match="ends inside its header"):
        read_header(hostile(raw_header()[:kept]))


def test_an_unknown_version_is_unsupported(hostile):
    with pytest.raises(Unsupported, match="version"):
        read_header(hostile(raw_header(version=3)))


@pytest.mark.parametrize(
    ("made", "limit"),
    [
        ({"data": (0, 0, 10**6, 10**6)}, "max_pixels"),
        ({"display": (0, 0, 10**6, 10**6)}, "max_pixels"),
        ({"channels": tuple(b"c%04d" % i for i in range(1025))}, "max_channels"),
        (
            {
                "data": (0, 0, 9999, 9999),
                "display": (0, 0, 3, 3),
                "channels": tuple(b"c%d" % i for i in range(30)),
            },
            "max_bytes",
        ),
        ({"extra": attribute(b"junk", b"string", bytes(17 * 1024**2))}, "max_header_bytes"),
        ({"extra": b"".join(attribute(b"a%d" % i, b"int", bytes(4)) for i in range(4097))}, "max_attributes"),
    ],
)
def test_a_limit_that_is_passed_is_named_with_its_value_and_the_file(hostile, made, limit):
    path = hostile(raw_header(**made))
    with pytest.raises(LimitExceeded) as caught:
        read_header(path)
    message = str(caught.value)
    assert limit in message and str(getattr(EXRLimits(), limit)) in message and path.name in message


def test_an_attribute_that_claims_gigabytes_is_refused_without_reading_them(hostile):
    claim = b"junk\0string\0" + struct.pack("<i", 2**31 - 1)
    with pytest.raises(LimitExceeded, match="max_header_bytes"):
        read_header(hostile(raw_header()[:-1] + claim))


def test_parts_without_end_are_refused(hostile):
    single = raw_header()
    with pytest.raises(LimitExceeded, match="max_parts"):
        read_header(hostile(single[:4] + struct.pack("<I", 2 | 0x1000) + single[8:] * 300))


@pytest.mark.parametrize(
    ("made", "what"),
    [
        ({"data": (3, 0, 0, 3)}, "dataWindow"),
        ({"display": (0, 0, 2**31 - 1, 3)}, "displayWindow"),
        ({"aspect": 0.0}, "pixel aspect"),
        ({"aspect": float("nan")}, "pixel aspect"),
        ({"channels": ()}, "without channels"),
        ({"channels": (b"R", b"R")}, "damaged channel"),
        ({"code": 7}, "damaged channel"),
        ({"extra": attribute(b"channels", b"chlist", b"\0")}, "twice"),
        ({"extra": attribute(b"n" * 300, b"int", bytes(4))}, "name of more than"),
        ({"extra": b"bad\0int\0" + struct.pack("<i", -5)}, "damaged attribute"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused_with_the_reason(hostile, made, what):
    with pytest.raises(InvalidInput, match=what):
        read_header(hostile(raw_header(**made)))


def test_a_header_without_a_window_is_refused(hostile):
    with pytest.raises(InvalidInput, match="no valid dataWindow"):
        read_header(hostile(raw_header().replace(b"dataWindow", b"dataWindov")))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_damage_to_a_header_gives_anything_but_a_header_or_a_typed_error(fresh_path, data):
    damaged = bytearray(raw_header(channels=(b"R", b"G", b"B")))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(8, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    fresh_path.write_bytes(bytes(damaged[: data.draw(st.integers(8, len(damaged)))]))
    try:
        read_header(fresh_path)
    except VoidError as error:
        assert fresh_path.name in str(error)


@pytest.fixture(scope="session")
def fresh_path(fresh):
    return fresh("damaged")
