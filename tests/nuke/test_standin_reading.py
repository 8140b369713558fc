# SPDX-License-Identifier: Apache-2.0
"""Rules of what a Read shows, of groups that are rendered and of text of nodes, by their ids in `standin.rules`."""

from __future__ import annotations

import numpy as np
import OpenEXR
import pytest


@pytest.fixture
def files(tmp_path):
    """Writes files of numbers, each with its number as value; returns their pattern."""

    def write(*numbers):
        for number in numbers:
            pixels = np.full((4, 4), number, np.float16)
            header = {"compression": OpenEXR.NO_COMPRESSION, "type": OpenEXR.scanlineimage}
            OpenEXR.File(header, {"R": pixels, "A": pixels}).write(str(tmp_path / f"a.{number:04d}.exr"))
        return str(tmp_path / "a.%04d.exr")

    return write


def read_of(nuke, pattern, first, last):
    read = nuke.nodes.Read()
    read["file"].fromUserText(f"{pattern} {first}-{last}")
    return read


def write_of(nuke, source, pattern, channels="rgba"):
    write = nuke.nodes.Write(file_type="exr", channels=channels, create_directories=True, file=str(pattern))
    write.setInput(0, source)
    return write


MODES = [
    ("expression", "", 3, 3),
    ("expression", "frame-10", 13, 3),
    ("start at", "101", 102, 2),
    ("offset", "-100", 103, 3),
]


@pytest.mark.parametrize(("mode", "text", "frame", "number"), MODES)
def test_n70_which_file_a_read_shows(nuke_session, files, tmp_path, mode, text, frame, number):
    nuke = nuke_session().nuke
    read = read_of(nuke, files(1, 2, 3), 1, 3)
    read["frame_mode"].setValue(mode)
    read["frame"].setValue(text)
    assert read.metadata("input/filename", frame).endswith(f"a.{number:04d}.exr")
    nuke.execute(write_of(nuke, read, tmp_path / "out" / "b.%04d.exr"), frame, frame)
    made = OpenEXR.File(str(tmp_path / "out" / f"b.{frame:04d}.exr"), separate_channels=True)
    assert made.channels()["R"].pixels[0, 0] == number


def test_n71_the_file_in_the_metadata(nuke_session, files):
    nuke = nuke_session().nuke
    pattern = files(1)
    read = read_of(nuke, pattern, 1, 2)
    assert read.metadata("input/filename", 1) == pattern % 1
    assert read.metadata("input/filename", 2) is None


def test_n72_a_group_renders_its_writes_but_the_disabled(nuke_session, files, tmp_path):
    nuke = nuke_session().nuke
    group = nuke.nodes.Group()
    with group:
        read = read_of(nuke, files(1), 1, 1)
        write_of(nuke, read, tmp_path / "on" / "b.%04d.exr")
        write_of(nuke, read, tmp_path / "off" / "b.%04d.exr")["disable"].setValue(True)
    nuke.execute(group, 1, 1)
    assert (tmp_path / "on").is_dir() and not (tmp_path / "off").exists()


def test_n73_a_label_speaks_of_its_own_node(nuke_session):
    nuke = nuke_session().nuke
    node = nuke.nodes.NoOp(label="[value name] at [value note_font_size]")
    assert node["label"].value() == "[value name] at [value note_font_size]"
    assert node["label"].evaluate() == "NoOp1 at 11"


def test_n74_write_knobs_has_a_line_for_each_changed_knob(nuke_session):
    nuke = nuke_session().nuke
    node = nuke.nodes.Blur()
    flags = nuke.WRITE_NON_DEFAULT_ONLY | nuke.TO_SCRIPT
    assert node.writeKnobs(flags).splitlines() == ["name Blur1"]
    node["filter"].setValue("box")
    assert "filter box" in node.writeKnobs(flags).splitlines()


def test_n75_the_view_in_a_file_s_name(nuke_session, files, tmp_path):
    nuke = nuke_session().nuke
    nuke.addView("left")
    write = write_of(nuke, read_of(nuke, files(1), 1, 1), tmp_path / "%V" / "b.%04d.exr")
    nuke.execute(write, 1, 1, 1, ["left"])
    assert (tmp_path / "left" / "b.0001.exr").is_file() and not (tmp_path / "main").exists()


def test_n76_a_path_from_the_root(nuke_session):
    nuke = nuke_session().nuke
    group, outer = nuke.nodes.Group(), nuke.nodes.NoOp()
    with group:
        inner = nuke.nodes.NoOp()
        assert nuke.toNode("root.NoOp1") is outer
        assert nuke.toNode("root.Group1.NoOp1") is inner and nuke.toNode("root.None1") is None


def test_a_switch_of_the_user_is_a_boolean_knob_and_join_views_has_an_input_a_view(nuke_session):
    session = nuke_session()
    session.nuke.addView("right")
    node, join = session.read(
        "NoOp {\n inputs 0\n addUserKnob {20 User}\n addUserKnob {6 on l on}\n}\nJoinViews {\n inputs 0\n}\n"
    )
    assert node["on"].Class() == "Boolean_Knob" and join.maxInputs() == 2
