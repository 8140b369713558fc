# SPDX-License-Identifier: Apache-2.0
"""Rules of rendering, by their ids in `standin.rules`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from tests.nuke.standin import Source

RGBA = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")


def plate(**more):
    """A source whose every value is a hundredth of its frame."""
    return Source(
        lambda frame, view: {name: np.full((6, 8), frame / 100, np.float32) for name in RGBA}, **more
    )


@pytest.fixture
def sent(nuke_session, tmp_path):
    """A session with a plate and a Write, and the folder that it writes to."""

    def start(**more):
        session = nuke_session(**more)
        nuke = session.nuke
        node, write = nuke.nodes.NoOp(), nuke.nodes.Write()
        session.source(
            node, plate(frames=(1, 9), metadata={"input/timecode": "01:02:03:04", "exr/shot": "ä1"})
        )
        write.setInput(0, node)
        write["file_type"].setValue("exr")
        write["channels"].setValue("rgba")
        write["file"].setValue(str(tmp_path / "out" / "a.%04d.exr"))
        (tmp_path / "out").mkdir()
        return session, write, tmp_path / "out"

    return start


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_n30_execute_is_not_re_entrant(sent):
    session, write, folder = sent()
    nuke, said = session.nuke, []

    def again(frame=1):
        with pytest.raises(RuntimeError) as error:
            nuke.execute(write, 1, 1)
        said.append(str(error.value))

    session.execution.before_frame = again
    nuke.execute(write, 1, 1)
    session.execution.before_frame = None
    nuke.addKnobChanged(again)
    session.user_sets(write, "label", "x")
    assert said == ["I'm already executing something else"] * 2
    assert files(folder) == ["a.0001.exr"]


def test_n36_a_folder_must_be_there_and_files_are_whole(sent):
    session, write, folder = sent()
    folder.rmdir()
    with pytest.raises(RuntimeError, match="No such file or directory"):
        session.nuke.execute(write, 1, 2)
    write["create_directories"].setValue(True)

    def dies(node, frame, view, path):
        Path(path).write_bytes(b"half")
        raise RuntimeError("disk full")

    real, session.execution.renderer = session.execution.renderer, dies
    with pytest.raises(RuntimeError, match="disk full"):
        session.nuke.execute(write, 1, 1)
    assert files(folder) == ["a.0001.exr.tmp"]
    session.execution.renderer = real
    session.nuke.execute(write, 1, 5, 2)
    assert files(folder) == ["a.0001.exr", "a.0003.exr", "a.0005.exr"]


def test_n37_a_render_is_at_the_active_scale(sent):
    session, write, folder = sent()
    session.nuke.root()["proxy"].setValue(True)
    session.nuke.execute(write, 1, 1)
    session.nuke.root().setProxy(False)
    session.nuke.execute(write, 2, 2)
    sizes = [
        OpenEXR.File(str(folder / name), header_only=True).header()["displayWindow"][1].tolist()
        for name in files(folder)
    ]
    assert sizes == [[3, 2], [7, 5]]


@pytest.mark.parametrize("knob", ["disable", "reading", "use_limit"])
def test_n38_a_write_that_is_off_writes_nothing_and_is_silent(sent, knob):
    session, write, folder = sent()
    write[knob].setValue(True)
    session.nuke.execute(write, 3, 4)
    assert files(folder) == []


def test_n39_cancel_and_failure(sent):
    session, write, folder = sent()
    session.execution.cancel_at = 2
    with pytest.raises(RuntimeError, match=r"^Cancelled$"):
        session.nuke.execute(write, 1, 3)
    session.execution.cancel_at = None
    session.execution.fail_at[2] = "EXR: Write failed [disk]"
    with pytest.raises(RuntimeError, match="Write failed"):
        session.nuke.execute(write, 1, 3)
    assert files(folder) == ["a.0001.exr"]
    session.nuke.execute(write, 1, 3, 1, ["main"], True)
    assert files(folder) == ["a.0001.exr", "a.0003.exr"]
    assert not session.app.executing


def test_n35_missing_frames(nuke_session, sent, tmp_path):
    session, write, folder = sent()
    nuke = session.nuke
    nuke.execute(write, 1, 1)
    read, again = nuke.nodes.Read(), nuke.nodes.Write()
    read["file"].fromUserText(f"{folder}/a.%04d.exr 1-3")
    again.setInput(0, read)
    again["file_type"].setValue("exr")
    again["file"].setValue(str(tmp_path / "b.%04d.exr"))
    nuke.execute(again, 1, 1)
    with pytest.raises(RuntimeError, match="Read error"):
        nuke.execute(again, 2, 2)
    for mode, value in (("nearest frame", 0.01), ("black", 0.0)):
        read["on_error"].setValue(mode)
        nuke.execute(again, 2, 2)
        pixels = OpenEXR.File(str(tmp_path / "b.0002.exr"), separate_channels=True).channels()["R"].pixels
        assert pixels.max() == np.float16(value)
    with pytest.raises(RuntimeError, match="No channels selected"):
        again["channels"].setValue("depth")
        nuke.execute(again, 1, 1)


@pytest.mark.parametrize(
    ("mode", "text", "frame", "first"),
    [("start at", "1001", 1002, 1001), ("offset", "-10", 13, 12), ("expression", "frame-10", 13, 2)],
)
def test_n70_which_file_a_read_shows(sent, mode, text, frame, first):
    session, write, folder = sent()
    session.nuke.execute(write, 2, 3)
    read = session.nuke.nodes.Read()
    read["file"].fromUserText(f"{folder}/a.%04d.exr 2-3")
    read["frame_mode"].setValue(mode)
    read["frame"].setValue(text)
    assert read.metadata("input/filename", frame) == f"{folder}/a.0003.exr"
    # An expression may say anything, so that Nuke leaves the range as it is.
    assert read.firstFrame() == first
    write.setInput(0, read)
    write["file"].setValue(f"{folder}/b.%04d.exr")
    session.nuke.execute(write, frame, frame)
    pixels = OpenEXR.File(f"{folder}/b.{frame:04d}.exr", separate_channels=True).channels()["R"].pixels
    assert pixels.max() == np.float16(0.03)


def test_views_and_what_a_file_holds(sent):
    session, write, folder = sent()
    nuke = session.nuke
    nuke.root()["views"].setValue("left #ff0000\nright #00ff00")
    write["views"].setValue("left right")
    write["file"].setValue(str(folder / "%V.%04d.exr"))
    write["datatype"].setValue("32 bit float")
    write["metadata"].setValue("default metadata and exr/*")
    nuke.execute(write, 7, 7, 1, ["right"])
    assert files(folder) == ["right.0007.exr"]
    file = OpenEXR.File(str(folder / "right.0007.exr"), separate_channels=True)
    assert sorted(file.channels()) == ["A", "B", "G", "R"]
    assert file.channels()["R"].pixels.dtype == np.float32
    assert file.channels()["R"].pixels[0, 0] == np.float32(0.07)
    assert file.header()["shot"] == "ä1" and file.header()["timeCode"].seconds == 3
    with pytest.raises(RuntimeError):
        nuke.execute(write, 1, 1, 1, ["middle"])


def test_a_matte_goes_through_dot_group_and_copy(sent):
    session, write, folder = sent()
    nuke = session.nuke
    nuke.Layer("void_mask", ["void_mask.red"])
    group, dot = nuke.nodes.Group(), nuke.nodes.Dot(inputs=[write.input(0)])
    with group:
        start = nuke.nodes.Input()
        copy = nuke.nodes.Copy(inputs=[start, start])
        inner = nuke.nodes.Write(inputs=[copy])
        blur = nuke.nodes.Blur(inputs=[copy])
    group.setInput(0, dot)
    copy["from0"].setValue("rgba.red")
    copy["to0"].setValue("void_mask.red")
    assert "void_mask.red" in copy.channels() and inner.lastFrame() == 9
    inner["file_type"].setValue("exr")
    inner["channels"].setValue("void_mask")
    inner["file"].setValue(str(folder / "m.%04d.exr"))
    nuke.execute(inner, 4, 4)
    pixels = OpenEXR.File(str(folder / "m.0004.exr"), separate_channels=True).channels()
    assert list(pixels) == ["void_mask.red"] and pixels["void_mask.red"].pixels.dtype == np.float16
    inner.setInput(0, blur)
    with pytest.raises(NotImplementedError):
        nuke.execute(inner, 4, 4)


def test_areas_count_upwards(nuke_session):
    session = nuke_session()
    node = session.nuke.nodes.NoOp()
    session.source(node, Source(None, (1, 2), (8, 6), (-1, 1, 8, 3), 2.0))
    box = node.bbox()
    assert (box.x(), box.y(), box.w(), box.h()) == (-1, 2, 10, 3)
    assert node.pixelAspect() == 2.0 and node.format().width() == 8
