# SPDX-License-Identifier: Apache-2.0
"""What goes to the server: files of a Read as they are or rendered ones, in which colour space, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from void_nuke.frames import describe

from tests.nuke.standin import Source

RGBA = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")
SENDS = ("SendPlate", "SendRemove", "SendAffected", "SendKeep", "SendQuadmask")


def rendered_plate(seat, shot, **more):
    """A plate that no file has: values of a float, with metadata."""
    made = seat.nuke.nodes.NoOp()
    noise = np.random.default_rng(1).random((72, 96), dtype=np.float32)
    seat.session.source(
        made,
        Source(
            lambda frame, view: dict.fromkeys(RGBA, noise),
            frames=(shot.first, shot.last),
            size=(96, 72),
            **more,
        ),
    )
    return made


def with_rendered(seat, shot, **more):
    roto = seat.read(f"{shot.folder}/roto/roto.%04d.exr", shot.first, shot.last)
    return seat.add_node(rendered_plate(seat, shot, **more), roto)


def inputs(seat, version=1):
    return seat.folder / "void" / str(seat.node.name()) / f"v{version:03d}" / "inputs"


def state_of_writes(node):
    return {(name, k): node.node(name)[k].toScript() for name in SENDS for k in node.node(name).knobs()}


# Files as they are.


@pytest.mark.parametrize(
    ("mode", "text", "first"), [("start at", "1", 1), ("offset", "1000", 1), ("expression", "frame+1000", 1)]
)
def test_frames_of_the_script_are_paired_with_the_files_that_the_read_shows(seat, shot, mode, text, first):
    node = seat.with_shot(shot)
    read = node.input(0)
    read["frame_mode"].setValue(mode)
    read["frame"].setValue(text)
    node.input(1)["frame_mode"].setValue(mode)
    node.input(1)["frame"].setValue(text)
    for knob, value in (("void_range", "custom"), ("void_first", 1), ("void_last", 4)):
        node[knob].setValue(value)
    order = seat.sent(really=True)
    assert order["inputs"]["plate"]["files"] == [[f, str(p)] for f, p in shot.files("plate").items()]
    assert [frame for frame, _ in order["inputs"]["remove"]["files"]] == [1001, 1002, 1003, 1004]
    assert order["inputs"]["remove"]["files"][0][1].endswith("/inputs/remove.0001.exr")
    assert seat.wait() == "done", seat.status
    mattes = node.node("Mattes")
    shown = mattes.metadata("input/filename", first)
    assert shown and Path(shown) == seat.results(1, "matte")[0]


def test_dots_before_the_node_change_nothing(seat, shot):
    node = seat.with_shot(shot)
    dots = [seat.nuke.nodes.Dot(), seat.nuke.nodes.Dot()]
    dots[0].setInput(0, node.input(0))
    dots[1].setInput(0, dots[0])
    node.setInput(0, dots[1])
    order = seat.sent()
    assert order["inputs"]["plate"]["files"][0] == [1001, str(shot.files("plate")[1001])]


def test_the_views_files_are_sent(seat, shot, tmp_path):
    for view, role in (("left", "plate"), ("right", "plate")):
        for frame, path in shot.files(role).items():
            target = tmp_path / view / f"p_{view[0]}.{frame}.exr"
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(path.read_bytes())
    seat.nuke.root()["views"].setValue("left\nright")
    node = seat.with_shot(shot)
    node.setInput(0, seat.read(f"{tmp_path}/%V/p_%v.%04d.exr", shot.first, shot.last))
    node["void_view"].setValue("right")
    order = seat.sent()
    assert order["inputs"]["plate"]["files"][0] == [1001, f"{tmp_path}/right/p_r.1001.exr"]
    assert order["view"] == "right"


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"frame": "frame*2"}, "only Nuke can tell"),
        ({"file": "plate/plate.%04d.exr"}, "no whole path"),
        ({"file": "[value root.name].%04d.exr"}, "expression"),
        ({"file": "/a/plate.%04d.dpx"}, "no EXR"),
        ({"file": "/a/plate.exr"}, "single file"),
        ({"disable": True}, "disabled"),
        ({"last": 1003}, "holds or loops on frame 1004"),
        ({"file": "/gone/plate.%04d.exr"}, "frames 1001-1004 are not there"),
    ],
)
def test_what_is_no_plain_sequence_is_rendered_and_the_log_says_why(seat, shot, knobs, reason):
    from void_nuke.source import source_of

    read = seat.with_shot(shot).input(0)
    for name, value in knobs.items():
        read[name].setValue(value)
    source = source_of(read, (1001, 1002, 1003, 1004), "main", False)
    assert source.files is None and reason in source.reason


def test_in_proxy_mode_the_plate_is_rendered_at_full_size_and_proxy_mode_is_back(seat, shot):
    node = seat.with_shot(shot)
    seat.nuke.root()["proxy"].setValue(True)
    seat.sent()
    assert seat.nuke.root()["proxy"].value() is True
    window = OpenEXR.File(str(inputs(seat) / "plate.1001.exr")).header()["dataWindow"]
    assert tuple(window[1] - window[0] + 1) == (96, 72)
    assert "proxy mode" in seat.log()
    assert node["void_version"].value() == 1


# Colour.


def in_aces(seat, name="ACES - ACES2065-1", raw=False):
    root = seat.nuke.root()
    root["colorManagement"].setValue("OCIO")
    root["OCIO_config"].setValue("custom")
    root["customOCIOConfigPath"].setValue(str(seat.folder / "config.ocio"))
    root["workingSpaceLUT"].setValue("ACES - ACEScg")
    (seat.folder / "config.ocio").write_text(CONFIG)
    return name, raw


CONFIG = """\
ocio_profile_version: 1
roles: {scene_linear: ACES - ACEScg, default: ACES - ACEScg, data: Utility - Raw}
displays: {sRGB: [!<View> {name: Raw, colorspace: Utility - Raw}]}
active_displays: [sRGB]
active_views: [Raw]
colorspaces:
  - !<ColorSpace> {name: ACES - ACES2065-1, family: ACES, bitdepth: 32f, isdata: false}
  - !<ColorSpace>
    name: ACES - ACEScg
    family: ACES
    bitdepth: 32f
    isdata: false
    to_reference: !<MatrixTransform> {matrix: [0.6954522414, 0.1406786965, 0.1638690622, 0, 0.0447945634,
      0.8596711185, 0.0955343182, 0, -0.0055258826, 0.0040252103, 1.0015006723, 0, 0, 0, 0, 1]}
  - !<ColorSpace> {name: Utility - Raw, family: Utility, bitdepth: 32f, isdata: true}
"""


def test_files_of_a_read_in_another_space_than_the_script_are_named_in_theirs(seat, shot):
    in_aces(seat)
    node = seat.with_shot(shot)
    read = node.input(0)
    read["colorspace"].setValue("ACES - ACES2065-1")
    read["premultiplied"].setValue(True)
    order = seat.sent("void_remove_button", really=True)
    assert (order["colour_space"], order["ocio"]) == ("ACES - ACES2065-1", str(seat.folder / "config.ocio"))
    assert seat.wait() == "done", seat.status
    assert "Colour space ACES - ACES2065-1, config" in seat.log()
    result = node.node("Result")
    shown = [result[k].value() for k in ("colorspace", "raw", "premultiplied", "frame_mode", "frame")]
    assert shown == ["ACES - ACES2065-1", False, True, "expression", ""]
    # Mattes are no colours.
    assert node.node("ResultLayers")["raw"].value() is True
    assert node.node("ResultLayers")["premultiplied"].value() is False


def test_a_raw_read_is_in_the_working_space(seat, shot):
    in_aces(seat)
    node = seat.with_shot(shot)
    node.input(0)["colorspace"].setValue("ACES - ACES2065-1")
    node.input(0)["raw"].setValue(True)
    assert seat.sent()["colour_space"] == "ACES - ACEScg"
    assert seat.record()["read"]["raw"] is True


def test_a_read_in_a_space_of_nukes_own_is_rendered_in_the_working_space(seat, shot):
    node = seat.with_shot(shot)
    node.input(0)["colorspace"].setValue("sRGB")
    order = seat.sent(really=True)
    assert order["colour_space"] == "Linear Rec.709 (sRGB)"
    assert (inputs(seat) / "plate.1001.exr").is_file()
    assert "its colour space 'sRGB' is Nuke's own" in seat.log()
    assert seat.wait() == "done", seat.status
    assert node.node("Result")["raw"].value() is True


def test_a_config_that_is_not_there_is_told_before_anything_is_done(seat, shot):
    in_aces(seat)
    (seat.folder / "config.ocio").unlink()
    seat.with_shot(shot)
    seat.press("void_remove_button")
    assert "does not exist" in seat.messages[-1]
    assert not seat.session.execution.rendered and not (seat.folder / "void").exists()


# Rendered files.


def test_a_rendered_plate_is_raw_rgba_in_one_part_with_its_metadata(seat, shot):
    code = {"input/timecode": "01:00:00:05", "exr/camera": "A", "exr/nuke/input/timecode": "x"}
    with_rendered(seat, shot, metadata=code, aspect=2.0)
    # The roto has to have the plate's pixel aspect.
    seat.session.source(seat.node.input(1), Source(**as_plate(shot), aspect=2.0))
    seat.sent()
    assert not seat.messages
    file = OpenEXR.File(str(inputs(seat) / "plate.1001.exr"), separate_channels=True)
    header = file.header()
    assert len(file.parts) == 1 and sorted(file.channels()) == ["A", "B", "G", "R"]
    assert header["camera"] == "A" and header["pixelAspectRatio"] == 2.0
    assert (header["timeCode"].hours, header["timeCode"].frame) == (1, 5)
    assert str(file.channels()["R"].type()) == "PixelType.FLOAT"
    noise = np.random.default_rng(1).random((72, 96), dtype=np.float32)
    assert (file.channels()["R"].pixels == noise).all()


def as_plate(shot):
    return {
        "pixels": lambda frame, view: dict.fromkeys(RGBA, np.eye(72, 96, dtype=np.float32)),
        "frames": (shot.first, shot.last),
        "size": (96, 72),
    }


@pytest.mark.parametrize(
    ("told", "datatype"),
    [
        ("16-bit half float", "16 bit half"),
        ("32-bit float", "32 bit float"),
        ("16-bit fixed", "32 bit float"),
        ("", "32 bit float"),
    ],
)
def test_a_plate_is_rendered_as_half_only_where_it_is_of_half(seat, shot, told, datatype):
    from void_nuke.rendering import datatype_of

    plate = rendered_plate(seat, shot, metadata={"input/bitsperchannel": told})
    assert datatype_of(plate) == datatype


def test_a_plate_of_half_and_float_is_rendered_as_float(seat, shot):
    from void_nuke.rendering import datatype_of

    copy = seat.nuke.nodes.Copy()
    for number, bits in enumerate(("16-bit half float", "32-bit float")):
        copy.setInput(number, rendered_plate(seat, shot, metadata={"input/bitsperchannel": bits}))
    assert datatype_of(copy) == "32 bit float"


def test_a_matte_is_one_channel_of_half_whichever_channel_it_is(seat, shot):
    node = seat.with_shot(shot)
    roto = seat.nuke.nodes.NoOp()
    red = {
        **dict.fromkeys(RGBA, np.zeros((72, 96), np.float32)),
        "rgba.red": np.eye(72, 96, dtype=np.float32),
    }
    seat.session.source(roto, Source(lambda frame, view: red, frames=(shot.first, shot.last), size=(96, 72)))
    node.setInput(1, roto)
    node["void_remove_channel"].setValue("rgba.red")
    seat.sent()
    channels = OpenEXR.File(str(inputs(seat) / "remove.1001.exr"), separate_channels=True).channels()
    assert list(channels) == ["A"] and str(channels["A"].type()) == "PixelType.HALF"
    assert channels["A"].pixels.sum() == 72


def test_only_key_frames_of_a_carried_matte_are_rendered(seat, shot):
    node = seat.with_shot(shot)
    node["void_segmenter"].setValue("flow")
    node["void_key_frames"].setValue("1001 1003-1004")
    order = seat.sent()
    assert [f for f, _ in order["inputs"]["remove"]["files"]] == [1001, 1003, 1004]
    assert [f for _, f, _, _ in seat.session.execution.rendered] == [1001, 1003, 1004]


def test_one_view_is_rendered(seat, shot):
    seat.nuke.root()["views"].setValue("left\nright")
    seat.with_shot(shot)["void_view"].setValue("left")
    seat.sent()
    assert {view for _, _, view, _ in seat.session.execution.rendered} == {"left"}


def test_a_write_that_was_meddled_with_still_renders_and_is_left_as_it_was(seat, shot):
    node = seat.with_shot(shot)
    write = node.node("SendRemove")
    meddled = {
        "reading": True,
        "use_limit": True,
        "first": 1,
        "last": 2,
        "create_directories": False,
        "autocrop": True,
        "metadata": "no metadata",
        "views": "right",
        "interleave": "channels",
        "on_error": "black",
        "raw": False,
    }
    for name, value in meddled.items():
        write[name].setValue(value)
    before = state_of_writes(node)
    seat.sent()
    assert not seat.messages
    assert state_of_writes(node) == before
    assert len(list(inputs(seat).glob("remove.*"))) == 4


def test_what_is_rendered_is_not_converted(seat, shot):
    write = seat.with_shot(shot).node("SendRemove")
    write["raw"].setValue(False)
    seen = set()
    seat.session.execution.before_frame = lambda frame: seen.add(write["raw"].value())
    seat.sent()
    assert seen == {True} and write["raw"].value() is False


# What is the same is not sent again.


def test_unchanged_frames_are_not_sent_again(seat, shot):
    node = seat.with_shot(shot)
    node["void_upload"].setValue(True)
    moved = []
    take = seat.follow.take_event

    def spy(shown, record, event, nodes):
        if event.get("event") == "uploading":
            moved.append((record["version"], event["files_total"]))
        take(shown, record, event, nodes)

    seat.follow.take_event = spy
    for grow in (3, 5):
        node["void_grow"].setValue(grow)
        seat.press("void_masks_button")
        assert seat.wait() == "done", seat.status
    assert {version for version, files in moved if files} <= {1}


# What is refused before a frame is rendered.


def refused(seat, knob="void_remove_button"):
    seat.press(knob)
    assert not seat.session.execution.rendered and not (seat.folder / "void").exists()
    return seat.messages[-1]


def test_without_a_plate(seat, shot):
    seat.with_shot(shot).setInput(0, None)
    assert 'nothing is connected to the input "plate"' in refused(seat).replace("&quot;", '"')


def test_without_anything_that_says_what_to_remove(seat, shot):
    seat.with_shot(shot).setInput(1, None)
    assert "nothing says what to remove" in refused(seat)


def test_a_range_beyond_the_plates_frames_is_named(seat, shot):
    node = seat.with_shot(shot)
    for knob, value in (("void_range", "custom"), ("void_first", 1000), ("void_last", 1006)):
        node[knob].setValue(value)
    assert describe([1000, 1005, 1006]) in refused(seat)


def test_a_range_that_ends_before_it_begins(seat, shot):
    node = seat.with_shot(shot)
    for knob, value in (("void_range", "custom"), ("void_first", 1004), ("void_last", 1001)):
        node[knob].setValue(value)
    assert "1004 to 1001 is no range" in refused(seat)


def test_a_matte_that_is_empty_on_the_frame_in_view(seat, shot):
    node = seat.with_shot(shot)
    seat.nuke.frame(1002)
    seat.session.source(node.input(1), Source(**as_plate(shot), window=(0, 0, -1, -1)))
    assert "frame 1002 of the input" in refused(seat)


@pytest.mark.parametrize(
    ("more", "said"), [({"size": (48, 36)}, "48 x 36"), ({"aspect": 2.0}, "pixel aspect 2, the plate 1")]
)
def test_a_matte_of_another_format(seat, shot, more, said):
    node = seat.with_shot(shot)
    seat.session.source(node.input(1), Source(**{**as_plate(shot), **more}))
    assert said in refused(seat)


def test_a_matte_without_the_channel_that_was_chosen(seat, shot):
    seat.with_shot(shot)["void_remove_channel"].setValue("rgba.red")
    assert "no channel rgba.red" in refused(seat)


def test_repainted_masks_without_their_layer(seat, shot):
    seat.with_shot(shot)
    assert "no channel void_mask.red" in refused(seat, "void_rerun_button")


def test_a_click_beside_the_range_is_found_before_rendering(seat, shot):
    node = seat.with_shot(shot)
    node["void_segmenter"].setValue("sam2")
    node["void_point1_use"].setValue("object")
    assert "a point or box is on frame 1, which is not worked on" in refused(seat)


@pytest.mark.parametrize("place", [(-1.0, 20.0), (10.0, 72.5), (96.5, 20.0), (10.0, 0.0)])
def test_a_click_beside_the_picture_is_found_before_rendering(seat, shot, place):
    node = seat.with_shot(shot)
    node["void_segmenter"].setValue("sam2")
    node["void_point1_use"].setValue("object")
    node["void_point1_frame"].setValue(shot.first)
    node["void_point1"].setValue(place)
    assert "beside the picture of 96 x 72" in refused(seat)


def test_clicks_do_not_go_with_a_repainted_quadmask(seat, shot):
    from void_nuke.order import build_order
    from void_nuke.values import read_values

    node = seat.with_shot(shot)
    node["void_segmenter"].setValue("sam2")
    node["void_point1_use"].setValue("object")
    files = {"plate": [(1001, "/a.exr")], "quadmask": [(1001, "/q.exr")]}
    from void_nuke.colour import Colour

    order = build_order(read_values(node, "rerun"), files, {}, {1001: 1001}, Colour("", ""), "/out", "rerun")
    assert (order["points"], order["segmenter"]) == ([], "")


@pytest.mark.parametrize(("edition", "name"), [("indie", "Indie"), ("nc", "Non-commercial")])
def test_editions_that_reach_too_few_nodes_are_explained(new_seat, shot, edition, name):
    seat = new_seat()
    seat.with_shot(shot)
    seat.session.app.env[edition] = True
    assert f"Nuke {name} lets Python reach only a few nodes" in refused(seat)


# Whatever ends it, all is as before.


@pytest.fixture
def before(seat, shot):
    """A node in proxy mode whose inputs have to be rendered, and what it was like."""
    node = with_rendered(seat, shot)
    seat.nuke.root()["proxy"].setValue(True)
    return node, state_of_writes(node), {k: node[k].toScript() for k in node.knobs()}


def as_it_was(seat, before):
    node, writes, knobs = before
    assert seat.nuke.root()["proxy"].value() is True
    assert state_of_writes(node) == writes
    told = ("void_status", "void_state", "tile_color")
    assert {k: node[k].toScript() for k in knobs if k not in told} == {
        k: v for k, v in knobs.items() if k not in told
    }
    versions = seat.folder / "void" / str(node.name())
    assert not versions.exists() or not list(versions.iterdir())
    return node["void_state"].value()


def test_a_render_that_fails_on_a_frame(seat, before):
    seat.session.execution.fail_at[1003] = "Grade1: bad value on frame 1003"
    seat.press("void_remove_button")
    assert "Grade1: bad value on frame 1003" in seat.messages[-1]
    assert as_it_was(seat, before) == "idle"


def test_a_failure_whose_path_says_cancelled_is_no_cancel(seat, before):
    seat.session.execution.fail_at[1003] = "Read1: /shots/cancelled/a.exr: No such file"
    seat.press("void_remove_button")
    assert "/shots/cancelled/a.exr" in seat.messages[-1]
    assert as_it_was(seat, before) == "idle"


def test_a_render_that_the_artist_cancels(seat, before):
    seat.session.execution.cancel_at = 1002
    seat.press("void_remove_button")
    assert not seat.messages
    assert as_it_was(seat, before) == "cancelled"
    assert "rendering was cancelled" in seat.status


def test_a_disk_that_is_full(seat, before):
    import resource
    import signal

    # A file of the plate is larger than what may be written: the library fails as it does on a full disk.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        seat.press("void_remove_button")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "could not render the input plate" in seat.messages[-1]
    assert as_it_was(seat, before) == "idle"


def test_a_folder_that_cannot_be_made(seat, before):
    (seat.folder / "void").write_text("a file stands here")
    seat.press("void_remove_button")
    assert "cannot be made" in seat.messages[-1]
    (seat.folder / "void").unlink()
    assert as_it_was(seat, before) == "idle"


def test_a_folder_that_loses_its_leave_to_be_written_to_while_frames_are_rendered(seat, before, monkeypatch):
    def full(*where, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("void_nuke.folders.tempfile.mkstemp", full)
    seat.press("void_remove_button")
    assert "cannot be written to: No space left on device" in seat.messages[-1]
    assert as_it_was(seat, before) == "idle"


def test_a_defect_of_ours(seat, before, monkeypatch):
    def broken(*arguments):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("void_nuke.work.build_order", broken)
    seat.press("void_remove_button")
    assert "remove failed inside of the plugin: a defect" in seat.messages[-1]
    assert as_it_was(seat, before) == "idle"


def test_a_helper_that_cannot_be_started_again_for_the_order(seat, before, monkeypatch):
    from void_line.errors import HelperGone

    def gone(*arguments):
        raise HelperGone("The helper of VOID is not installed.", "Run `void install`.")

    monkeypatch.setattr(seat.plugin, "_send", gone)
    seat.press("void_remove_button")
    assert "not installed" in seat.messages[-1]
    assert as_it_was(seat, before) == "idle"


def test_the_record_in_the_script_has_no_servers_address(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_masks_button")
    assert seat.wait() == "done", seat.status
    assert "server" not in json.loads(node["void_job"].value())
    assert "server" in seat.record()
