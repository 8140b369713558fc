# SPDX-License-Identifier: Apache-2.0
"""Returned files: the plate's bits, windows and attributes, our layers beside them, whole or not at all."""

from __future__ import annotations

import os
import struct
from fractions import Fraction

import numpy as np
import OpenEXR
import OpenImageIO
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from void_server.errors import Internal, InvalidInput
from void_server.plates import encode
from void_server.plates.digest import content_digest
from void_server.plates.exr import bit_view, read_channels, read_header
from void_server.plates.plate import read_plate
from void_server.plates.result import as_published, matte_as_published, write_quadmask, write_result

MASK = ("void_mask.red", "void_mask.green", "void_mask.blue", "void_mask.alpha")

EVERY_ATTRIBUTE = {
    "adoptedNeutral": np.array([0.3, 0.3], np.float32),
    "box": (np.array([1, 2], np.int32), np.array([3, 4], np.int32)),
    "boxf": (np.array([1, 2], np.float32), np.array([3, 4], np.float32)),
    "capDate": "2020:01:01 00:00:00",
    "owner": "a studio",
    "comments": "umlauts: äöü",
    "colorInteropID": "lin_ap1_scene",
    "oiio:ColorSpace": "ACEScg",
    "chromaticities": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
    "double": np.array([3.141592653589793]),
    "floats": np.arange(5, dtype=np.float32),
    "framesPerSecond": Fraction(24000, 1001),
    "keyCode": OpenEXR.KeyCode(1, 2, 3, 4, 5, 4, 64),
    "m33f": np.arange(9, dtype=np.float32).reshape(3, 3),
    "m33d": np.arange(9, dtype=np.float64).reshape(3, 3),
    "m44f": np.arange(16, dtype=np.float32).reshape(4, 4),
    "nuke/node_hash": "deadbeef",
    "an attribute name that is longer than thirty-one bytes": "long",
    "screenWindowCenter": np.array([0.5, -0.25], np.float32),
    "screenWindowWidth": 2.0,
    "software": "a host",
    "strings": ["a", "", "ccc"],
    "timeCode": OpenEXR.TimeCode(1, 2, 3, 4, *[0] * 14),
    "v2i": np.array([1, 2], np.int32),
    "v3i": np.array([1, 2, 3], np.int32),
}


@pytest.fixture(scope="module")
def plate_file(write_exr, any_bits):
    """A plate of any bits with a window and every kind of attribute."""

    def make(names=("R", "G", "B"), dtype=np.float16, shape=(19, 23), **options):
        options = {"at": (-3, 5), "display": (0, 0, 40, 30), "pixelAspectRatio": 2.0} | options
        return write_exr({name: any_bits(dtype, shape, i) for i, name in enumerate(names)}, **options)

    return make


def mask(plate, value=0.25):
    return {name: np.full(plate.data_window.shape, value, np.float32) for name in MASK}


def written(fresh, plate, layers=None, **options):
    path = fresh("result")
    write_result(path, plate, plate.colour, mask(plate) if layers is None else layers, **options)
    return path


def reference(path):
    """What the OpenEXR library itself sees in the file."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return dict(file.header()), {name: channel.pixels for name, channel in file.channels().items()}


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("compression", ["zips", "zip", "none"])
def test_every_bit_of_the_plate_is_in_the_result(plate_file, fresh, dtype, compression):
    source = plate_file(("R", "G", "B", "A"), dtype, (37, 23))
    _, channels = reference(written(fresh, read_plate(source), compression=compression))
    _, original = reference(source)
    for name in "RGBA":
        assert channels[name].dtype == dtype
        assert np.array_equal(bit_view(channels[name]), bit_view(original[name]))


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 9),
    at=st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    compression=st.sampled_from(["zips", "zip", "none"]),
)
def test_any_size_and_place_comes_back_as_it_was(plate_file, fresh, height, width, at, compression):
    source = plate_file(("R", "G", "B", "A"), shape=(height, width), at=at)
    plate = read_plate(source)
    path = written(
        fresh, plate, {"void_source.red": np.full((height, width), 1001, np.float32)}, compression=compression
    )
    _, channels = reference(path)
    assert np.array_equal(bit_view(channels["B"]), bit_view(plate.colour[..., 2]))
    assert np.all(channels["void_source.red"] == 1001)
    assert read_plate(path).data_window == plate.data_window


def test_the_file_is_one_part_of_scan_lines_in_zips(plate_file, fresh):
    header = read_header(written(fresh, read_plate(plate_file(compression="piz"))))
    assert not header.multipart
    assert (header.parts[0].compression, header.parts[0].tiled) == ("zips", False)


def test_windows_and_pixel_aspect_are_the_plates(plate_file, fresh):
    plate = read_plate(plate_file())
    result = read_plate(written(fresh, plate))
    assert result.data_window == plate.data_window
    assert result.display_window == plate.display_window
    assert result.pixel_aspect == plate.pixel_aspect


def test_layers_are_named_as_nuke_writes_them(plate_file, fresh):
    part = read_header(written(fresh, read_plate(plate_file()))).parts[0]
    assert set(part.channel_names) == {"R", "G", "B", *MASK}


def test_alpha_comes_back_only_if_the_plate_had_it(plate_file, fresh):
    for names in (("R", "G", "B"), ("R", "G", "B", "A")):
        part = read_header(written(fresh, read_plate(plate_file(names)))).parts[0]
        assert ("A" in part.channel_names) == ("A" in names)


@pytest.mark.parametrize(
    ("names", "expected"), [(("Y",), {"Y"}), (("rgba.red", "rgba.green", "rgba.blue"), {"R", "G", "B"})]
)
def test_colour_is_written_under_its_plain_names(plate_file, fresh, names, expected):
    part = read_header(written(fresh, read_plate(plate_file(names)), {})).parts[0]
    assert set(part.channel_names) == expected


@pytest.mark.parametrize(("dtype", "expected"), [(np.float16, "half"), (np.float32, "float")])
def test_layers_have_the_plates_type_but_coordinates_are_always_float(plate_file, fresh, dtype, expected):
    plate = read_plate(plate_file(dtype=dtype))
    coordinates = np.full(plate.data_window.shape, 1 / 3, np.float32)
    path = written(fresh, plate, {"void_mask.red": coordinates, "void_source.red": coordinates})
    part = read_header(path).parts[0]
    assert part.channel("void_mask.red").type == expected
    assert part.channel("void_source.red").type == "float"
    assert np.all(read_channels(path, 0, ["void_source.red"])["void_source.red"] == np.float32(1 / 3))


def test_every_attribute_of_the_source_comes_back_byte_for_byte(plate_file, fresh):
    source = plate_file(**EVERY_ATTRIBUTE)
    before = read_header(source).parts[0].attributes
    after = read_header(written(fresh, read_plate(source))).parts[0].attributes
    own_to_the_file = {"channels", "compression", "type"}
    assert set(EVERY_ATTRIBUTE) <= set(before)
    assert {name: a for name, a in after.items() if name not in own_to_the_file} == {
        name: a for name, a in before.items() if name not in own_to_the_file
    }


def test_an_attribute_of_a_type_nobody_knows_comes_back(plate_file, fresh):
    source = plate_file(comments="x" * 12)
    data = source.read_bytes().replace(b"comments\0string\0", b"comments\0studio\0")
    source.write_bytes(data)
    after = read_header(written(fresh, read_plate(source))).parts[0].attributes["comments"]
    assert (after.type, after.value) == ("studio", b"x" * 12)


def test_layout_and_previews_of_the_source_do_not_come_back(write_parts, any_bits, fresh):
    parts = [(name, {c: any_bits(np.float16) for c in "RGB"}, {"view": name}) for name in ("left", "right")]
    path = written(fresh, read_plate(write_parts(*parts), "right"))
    attributes = read_header(path).parts[0].attributes
    assert not {"name", "type", "chunkCount", "tiles"} & set(attributes)
    assert attributes["view"].text() == "right"


def test_a_preview_of_the_source_does_not_come_back(plate_file, fresh):
    source = plate_file(thumbs="x" * 12)
    picture = struct.pack("<II", 1, 1) + b"rgba"
    as_text, as_preview = b"thumbs\0string\0", b"thumb\0preview\0"
    data = source.read_bytes().replace(as_text, as_preview).replace(b"x" * 12, picture)
    source.write_bytes(data)
    assert read_header(source).parts[0].attributes["thumb"].type == "preview"
    assert "thumb" not in read_header(written(fresh, read_plate(source))).parts[0].attributes


def test_one_view_of_many_says_which_it_is(write_exr, any_bits, fresh):
    names = ["R", "G", "B", "right.R", "right.G", "right.B"]
    source = write_exr(
        {n: any_bits(np.float16, seed=i) for i, n in enumerate(names)}, multiView=["left", "right"]
    )
    attributes = read_header(written(fresh, read_plate(source, "right"))).parts[0].attributes
    assert attributes["view"].text() == "right" and "multiView" not in attributes


def test_our_attributes_stand_under_void(plate_file, fresh):
    ours = {"void/engine": "cleanplate", "void/seed": 7, "void/confidence": 0.1}
    path = written(fresh, read_plate(plate_file()), attributes=ours)
    header, _ = reference(path)
    assert header["void/engine"] == "cleanplate" and header["void/seed"] == 7
    assert header["void/confidence"] == 0.1


def test_an_attribute_of_ours_elsewhere_is_refused(plate_file, fresh):
    with pytest.raises(ValueError, match="void/"):
        written(fresh, read_plate(plate_file()), attributes={"engine": "cleanplate"})


def test_no_date_and_no_software_is_added(plate_file, fresh):
    before = read_header(source := plate_file()).parts[0].attributes
    after = read_header(written(fresh, read_plate(source))).parts[0].attributes
    assert not {"capDate", "software", "Software", "DateTime", "oiio:ColorSpace", "colorInteropID"} & set(
        after
    )
    assert set(after) <= set(before)


def test_equal_input_gives_equal_bytes(plate_file, fresh):
    plate = read_plate(plate_file(**EVERY_ATTRIBUTE))
    first, second = (written(fresh, plate).read_bytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("compression", ["dwaa", "b44", "piz", "lzma"])
def test_a_compression_that_could_damage_mattes_is_refused_with_the_choice(plate_file, fresh, compression):
    with pytest.raises(InvalidInput, match="Choose one of none, zips, zip"):
        written(fresh, read_plate(plate_file()), compression=compression)


def test_a_result_can_be_the_plate_of_another_run(plate_file, fresh):
    first = written(fresh, read_plate(plate_file(**EVERY_ATTRIBUTE)))
    plate = read_plate(first)
    assert plate.channels.colour == ("R", "G", "B")
    assert content_digest(written(fresh, plate)) == content_digest(first)


def test_a_failed_write_leaves_what_was_there_and_nothing_beside_it(plate_file, tmp_path, monkeypatch):
    plate = read_plate(plate_file())
    path = tmp_path / "result.0001.exr"
    path.write_bytes(b"before")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(encode, "packed_chunks", full)
    with pytest.raises(Internal, match="No space left"):
        write_result(path, plate, plate.colour, mask(plate))
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.0001.exr"]


@pytest.mark.parametrize("at", [3, -1])
def test_a_disk_that_keeps_another_byte_is_found_when_the_file_is_read_again(
    plate_file, tmp_path, monkeypatch, at
):
    plate, read_again = read_plate(plate_file()), encode.read_again

    def of_a_bad_disk(path, told):
        kept = bytearray(path.read_bytes())
        kept[at] ^= 1
        path.write_bytes(kept)
        read_again(path, told)

    monkeypatch.setattr(encode, "read_again", of_a_bad_disk)
    with pytest.raises(Internal, match="does not hold the bytes"):
        write_result(tmp_path / "result.exr", plate, plate.colour, mask(plate))
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_synced_before_it_gets_its_name_and_its_folder_after(plate_file, tmp_path, monkeypatch):
    path = tmp_path / "result.exr"
    synced, sync = [], os.fsync

    def record(descriptor):
        synced.append((os.fstat(descriptor).st_ino, path.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    plate = read_plate(plate_file())
    write_result(path, plate, plate.colour, {})
    assert synced == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_a_folder_that_is_not_there_is_named(plate_file, tmp_path):
    plate = read_plate(plate_file())
    with pytest.raises(Internal, match=r"gone.*could not be written"):
        write_result(tmp_path / "gone" / "a.exr", plate, plate.colour, {})


@pytest.mark.parametrize(
    ("colour", "layers"),
    [
        (np.zeros((19, 23, 3), np.float32), {}),
        (np.zeros((19, 22, 3), np.float16), {}),
        (np.zeros((19, 23, 3), np.float16), {"void_mask.red": np.zeros((3, 3), np.float32)}),
        (np.zeros((19, 23, 3), np.float16), {"matte": np.zeros((19, 23), np.float32)}),
    ],
)
def test_arrays_that_do_not_fit_the_plate_are_refused(plate_file, tmp_path, colour, layers):
    with pytest.raises(ValueError, match=r"colour is|channel void_mask\.red|layer\.channel"):
        write_result(tmp_path / "a.exr", read_plate(plate_file()), colour, layers)
    assert not list(tmp_path.iterdir())


def test_the_quadmask_alone_is_rgba_with_the_plates_window_and_time(plate_file, fresh):
    plate = read_plate(plate_file(**EVERY_ATTRIBUTE))
    values = {
        name: np.full(plate.data_window.shape, i / 4, np.float32)
        for i, name in enumerate(["red", "green", "blue", "alpha"])
    }
    path = fresh("matte")
    write_quadmask(path, plate, values)
    part = read_header(path).parts[0]
    assert part.channel_names == ("A", "B", "G", "R")
    assert part.data_window == plate.data_window and part.timecode == plate.channels.part.timecode
    read = read_channels(path, 0, ["R", "G", "B", "A"])
    assert [float(read[name][0, 0]) for name in "RGBA"] == [0, 0.25, 0.5, 0.75]


def test_a_quadmask_lacks_no_channel(plate_file, tmp_path):
    with pytest.raises(ValueError, match="red, green, blue and alpha"):
        write_quadmask(tmp_path / "m.exr", read_plate(plate_file()), {"red": np.zeros((19, 23), np.float32)})


def test_values_beyond_half_become_the_greatest_half_and_what_is_not_finite_stays():
    published = as_published(np.array([1e9, -1e9, np.inf, np.nan, 0.5], np.float32), np.dtype(np.float16))
    assert (
        published[:3].tolist() == [65504, -65504, np.inf] and np.isnan(published[3]) and published[4] == 0.5
    )


def test_other_readers_see_the_same_file(plate_file, fresh):
    plate = read_plate(plate_file(("R", "G", "B", "A"), **EVERY_ATTRIBUTE))
    image = OpenImageIO.ImageInput.open(str(written(fresh, plate)))
    spec = image.spec()
    assert spec.channelnames[:4] == ("R", "G", "B", "A")
    assert spec.getattribute("smpte:TimeCode") is not None
    pixels = image.read_image(0, 0, 0, 3, "half")
    assert np.array_equal(bit_view(pixels), bit_view(plate.colour))


def test_attributes_stand_in_the_order_of_their_names(plate_file, fresh):
    path = written(fresh, read_plate(plate_file(**EVERY_ATTRIBUTE)), attributes={"void/engine": "cleanplate"})
    names = list(read_header(path).parts[0].attributes)
    assert names == sorted(names)


@pytest.mark.parametrize("name", ["", "void_mask_with_quite_a_long_layer_name.red"])
def test_long_names_are_announced_in_the_version_field(plate_file, fresh, name):
    plate = read_plate(plate_file())
    layers = {name: np.zeros(plate.data_window.shape, np.float32)} if name else {}
    (word,) = struct.unpack("<I", written(fresh, plate, layers).read_bytes()[4:8])
    assert bool(word & 0x400) == bool(name)


def test_a_tiled_source_comes_back_as_scan_lines(fresh, any_bits):
    samples = any_bits(np.float16, (50, 70, 3))
    spec = OpenImageIO.ImageSpec(70, 50, 3, "half")
    spec.tile_width = spec.tile_height = 16
    output, source = OpenImageIO.ImageOutput.create("exr"), fresh("tiled")
    assert output.open(str(source), spec) and output.write_image(samples) and output.close()
    plate = read_plate(source)
    path = written(fresh, plate)
    part = read_header(path).parts[0]
    assert not part.tiled and "tiles" not in part.attributes
    assert np.array_equal(bit_view(read_plate(path).colour), bit_view(samples))


@pytest.mark.parametrize("columns", [(0, 0), (3, 4), (0, 9), (7, 9)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_matte_of_few_columns_is_published_as_any_values_are(columns, dtype):
    matte = np.zeros((5, 9), np.float32)
    matte[1:4, slice(*columns)] = np.random.default_rng(0).random((3, columns[1] - columns[0]), np.float32)
    published = matte_as_published(matte, np.dtype(dtype))
    assert published.dtype == dtype and published.tobytes() == as_published(matte, np.dtype(dtype)).tobytes()
