# SPDX-License-Identifier: Apache-2.0
"""Files that arrive: when they are read again, in which view's folder, and that an artist has nothing to undo of it."""

from __future__ import annotations

import pytest

READS = ("Result", "ResultLayers", "Mattes")


class Clock:
    """A clock that the test winds."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def strftime(self, form):
        return "00:00:00"


@pytest.fixture
def arriving(seat, shot, monkeypatch):
    """A node whose job runs, a call that lets a file arrive, and the clock."""
    node = seat.with_shot(shot)
    clock = Clock()
    monkeypatch.setattr(seat.follow, "time", clock)
    order = seat.sent("void_remove_button")
    record = seat.record()
    shown = seat.follow.Shown()

    def arrive(frame, padding=4):
        path = f"{order['out']}/VOID1.{frame:0{padding}d}.exr"
        event = {"event": "written", "output": "result", "frame": frame, "path": path, "fetched": True}
        seat.follow.take_event(shown, record, event, [node])
        seat.follow.show(shown, record, [node], False)

    def end(state="done"):
        reply = {"job": "j", "state": state, "files": 4, "problem": None, "directory": order["out"]}
        seat.follow.finished(shown, record, reply, [node])

    return node, arrive, end, clock


def reloads(node):
    return {int(node.node(name)["version"].value()) for name in READS}


def test_the_first_file_is_shown_at_once_and_a_burst_is_one_reload_in_ten_seconds(arriving):
    node, arrive, _end, clock = arriving
    before = reloads(node).pop()
    for frame in range(50):
        arrive(1001 + frame)
        clock.now += 0.15
    assert reloads(node) == {before + 1}
    for frame in range(50):
        arrive(1051 + frame)
        clock.now += 0.15
    assert reloads(node) == {before + 2}


def test_files_of_the_last_seconds_are_shown_at_the_end(arriving):
    node, arrive, end, _clock = arriving
    before = reloads(node).pop()
    arrive(1001)
    arrive(1002)
    end()
    assert reloads(node) == {before + 2}


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_came_of_a_job_that_did_not_end_well_is_shown_too(arriving, state):
    node, arrive, end, _clock = arriving
    before = reloads(node).pop()
    arrive(1001)
    arrive(1002)
    end(state)
    assert reloads(node) == {before + 2}
    assert node["void_state"].value() == state


def test_an_end_after_which_nothing_is_new_reloads_nothing(arriving):
    node, arrive, end, _clock = arriving
    arrive(1001)
    before = reloads(node)
    end()
    assert reloads(node) == before


def test_a_version_that_the_artist_looks_at_meanwhile_stays(arriving):
    node, arrive, end, _clock = arriving
    node["void_version"].setValue(7)
    before = reloads(node)
    arrive(1001)
    end()
    assert reloads(node) == before and not node["void_has_result"].value()


def test_the_reads_take_on_the_digits_of_the_files(arriving):
    node, arrive, _end, _clock = arriving
    arrive(1001, padding=7)
    assert node.node("Result")["file"].value().endswith("/v001/VOID1.%07d.exr")


def test_a_missing_frame_is_black_in_the_reads_so_that_the_plate_is_seen(seat, shot):
    node = seat.with_shot(shot)
    for name in READS:
        read = node.node(name)
        assert [read[k].value() for k in ("on_error", "before", "after")] == ["black"] * 3


def test_arriving_files_are_nothing_to_undo(seat, shot):
    seat.with_shot(shot)
    steps = len(seat.session.undo.blocks)
    seat.press("void_masks_button")
    loose = len(seat.session.undo.loose)
    assert [name for name, _ in seat.session.undo.blocks[steps:]] == ["VOID1: Masks only"]
    assert seat.wait() == "done", seat.status
    assert len(seat.session.undo.loose) == loose and len(seat.session.undo.blocks) == steps + 1


def test_a_press_leaves_nothing_to_undo_besides_its_step(seat, shot):
    seat.with_shot(shot)
    loose = len(seat.session.undo.loose)
    seat.press("void_masks_button")
    assert len(seat.session.undo.loose) == loose
    assert seat.wait() == "done", seat.status


# Views.


@pytest.fixture
def stereo(seat, shot):
    """A node in a script with a left and a right view."""
    seat.nuke.root()["views"].setValue("left\nright")
    return seat.with_shot(shot)


def folder(seat, view):
    return seat.folder / "void" / "VOID1" / view


def test_each_view_has_its_own_folder_and_the_right_keeps_the_lefts_version(seat, stereo):
    for view in ("left", "right"):
        stereo["void_view"].setValue(view)
        seat.press("void_masks_button")
        assert seat.wait() == "done", seat.status
        assert stereo["void_version"].value() == 1
    lefts, rights = (
        sorted(p.name for p in folder(seat, v).glob("v001/matte/*.exr")) for v in ("left", "right")
    )
    assert lefts == rights and len(lefts) == 4
    assert [p.name for p in folder(seat, "left").iterdir()] == ["v001"]
    text = stereo.node("Mattes")["file"].value()
    assert "/%V/v001/matte/" in text
    for view in ("left", "right"):
        assert (
            stereo.node("Mattes").metadata("input/filename", 1001, view).startswith(str(folder(seat, view)))
        )


def test_the_first_version_of_views_is_one(seat, stereo):
    seat.sent()
    assert stereo["void_version"].value() == 1


def test_a_second_version_of_a_view_overwrites_nothing(seat, stereo):
    stereo["void_view"].setValue("left")
    for version in (1, 2):
        seat.sent()
        assert stereo["void_version"].value() == version
    stereo["void_view"].setValue("right")
    seat.sent()
    assert [p.name for p in folder(seat, "right").iterdir()] == [f"v{stereo['void_version'].value():03d}"]


def test_a_view_that_the_script_lacks_is_named(seat, stereo):
    stereo["void_view"].setValue("middle")
    seat.press("void_remove_button")
    assert "no view" in seat.messages[-1] and "left, right" in seat.messages[-1]
