# SPDX-License-Identifier: Apache-2.0
"""The VOID node from a press to files in the comp: a modelled Nuke, and a real helper, server and EXR files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

FRAMES = 4


def pixels(path: Path) -> dict[str, np.ndarray]:
    image = oiio.ImageInput.open(str(path))
    spec, samples = image.spec(), image.read_image(0, 0, 0, image.spec().nchannels, oiio.HALF)
    return {name: samples[..., at] for at, name in enumerate(spec.channelnames)}


def test_remove_brings_every_frame_into_a_version_and_the_node_shows_it(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    assert len(seat.results()) == FRAMES
    assert node["void_version"].value() == 1
    read = node.node("Result")
    assert node["void_has_result"].value()
    assert [int(read[k].value()) for k in ("first", "last")] == [shot.first, shot.last]
    assert Path(read["file"].evaluate(shot.first)) == seat.results()[0]
    assert not seat.messages


def test_the_files_of_a_read_are_sent_as_they_are_and_only_mattes_are_rendered(seat, shot):
    seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    inputs = seat.folder / "void" / str(seat.node.name()) / "v001" / "inputs"
    assert sorted({p.name.split(".")[0] for p in inputs.iterdir()}) == ["remove"]


def test_outside_the_blend_matte_the_result_is_the_plate_bit_for_bit(seat, shot):
    seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    for frame, path in zip(range(shot.first, shot.last + 1), seat.results()):
        result, plate = pixels(path), pixels(shot.files("plate")[frame])
        outside = result["void_mask.alpha"] == 0
        assert outside.any() and not outside.all()
        for name in "RGB":
            assert (result[name][outside] == plate[name][outside]).all()


def test_a_plate_with_a_node_before_it_is_rendered(seat, shot):
    plate = seat.read(f"{shot.folder}/plate/plate.%04d.exr", shot.first, shot.last)
    seat.nuke.root()["first_frame"].setValue(shot.first)
    copy = seat.nuke.nodes.Copy()
    copy.setInput(0, plate)
    copy.setInput(1, plate)
    roto = seat.read(f"{shot.folder}/roto/roto.%04d.exr", shot.first, shot.last)
    seat.add_node(copy, roto)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    inputs = seat.folder / "void" / str(seat.node.name()) / "v001" / "inputs"
    assert len(list(inputs.glob("plate.*.exr"))) == FRAMES
    assert len(seat.results()) == FRAMES


def test_each_press_makes_a_version_and_overwrites_nothing(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    before = {p: p.stat().st_mtime_ns for p in seat.results(1)}
    node["void_feather"].setValue(9)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    assert node["void_version"].value() == 2
    assert len(seat.results(2)) == FRAMES
    assert {p: p.stat().st_mtime_ns for p in seat.results(1)} == before


def test_a_press_is_one_step_and_arriving_frames_are_none(seat, shot):
    seat.with_shot(shot)
    steps = len(seat.session.undo.blocks)
    seat.press("void_remove_button")
    pressed = len(seat.session.undo.blocks)
    assert pressed == steps + 1
    assert seat.wait() == "done", seat.status
    assert len(seat.session.undo.blocks) == pressed


def test_a_preview_lands_beside_and_is_shown(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_preview_button")
    assert seat.wait() == "done", seat.status
    assert len(seat.results(1, "preview")) == FRAMES
    assert "/preview/" in node.node("Result")["file"].evaluate(shot.first)


def test_the_quality_preview_is_the_button_preview(seat, shot):
    node = seat.with_shot(shot)
    node["void_quality"].setValue("preview")
    order = seat.sent("void_remove_button")
    assert order["preview"] is True and "void_passes" not in order["options"]
    assert seat.record()["kind"] == "preview"


def test_handles_are_looked_at_as_far_as_the_plate_has_them_and_do_not_come_back(seat, shot):
    node = seat.with_shot(shot)
    for knob, value in (
        ("void_range", "custom"),
        ("void_first", 1002),
        ("void_last", 1003),
        ("void_handles", 8),
    ):
        node[knob].setValue(value)
    order = seat.sent("void_remove_button", really=True)
    assert order["range"] == f"{shot.first}-{shot.last}"
    assert [frame for frame, _ in order["inputs"]["remove"]["files"]] == [1001, 1002, 1003, 1004]
    assert seat.wait() == "done", seat.status
    assert [path.name for path in seat.results()] == ["VOID1.1002.exr", "VOID1.1003.exr"]
    assert (node.node("Result")["first"].value(), node.node("Result")["last"].value()) == (1002, 1003)


def test_a_read_that_is_a_matte_limits_the_handles(seat, shot):
    node = seat.with_shot(shot)
    node.setInput(1, seat.read(f"{shot.folder}/roto/roto.%04d.exr", 1002, 1004))
    for knob, value in (
        ("void_range", "custom"),
        ("void_first", 1002),
        ("void_last", 1002),
        ("void_handles", 8),
    ):
        node[knob].setValue(value)
    order = seat.sent("void_remove_button")
    assert order["range"] == "1002-1004"
    assert [order["options"].get(f"handles_{end}") for end in ("before", "after")] == [None, "2"]


def test_masks_have_no_handles(seat, shot):
    node = seat.with_shot(shot)
    for name, value in (
        ("void_range", "custom"),
        ("void_first", 1002),
        ("void_last", 1003),
        ("void_handles", 8),
    ):
        node[name].setValue(value)
    order = seat.sent("void_masks_button")
    assert (order["range"], "handles_before" in order["options"]) == ("1002-1003", False)


def test_masks_only_shows_mattes_and_changes_no_pixel(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_masks_button")
    assert seat.wait() == "done", seat.status
    assert len(seat.results(1, "matte")) == FRAMES
    assert node["void_kind"].value() == 1
    assert Path(node.node("Mattes")["file"].evaluate(shot.first)).is_file()


def test_painted_masks_go_back_as_the_quadmask(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    painted = seat.read(str(seat.results()[0]).replace(str(shot.first), "%04d"), shot.first, shot.last)
    node.setInput(1, painted)
    seat.press("void_rerun_button")
    assert seat.wait() == "done", seat.status
    for one, two in zip(seat.results(1), seat.results(2)):
        assert (pixels(one)["void_mask.red"] == pixels(two)["void_mask.red"]).all()


def test_cancel_ends_the_job(seat, shot):
    seat.with_shot(shot)
    seat.press("void_remove_button")
    seat.press("void_cancel_button")
    assert seat.wait() == "cancelled", seat.status


def test_a_pressed_node_refuses_a_second_press(seat, shot):
    seat.with_shot(shot)
    seat.press("void_remove_button")
    seat.press("void_remove_button")
    assert "is at work" in seat.messages[-1]
    assert seat.wait() == "done", seat.status


def test_two_nodes_work_side_by_side_over_one_helper(seat, shot):
    first = seat.with_shot(shot)
    second = seat.with_shot(shot)
    assert first.name() != second.name()
    seat.press("void_remove_button", first)
    seat.press("void_remove_button", second)
    assert seat.wait(node=first) == "done"
    assert seat.wait(node=second) == "done"
    assert seat.plugin.helper() is seat.plugin.helper()


def test_changed_settings_make_a_result_stale_and_back_they_make_it_fresh(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    seat.session.user_sets(node, "void_grow", 7.0)
    assert node["void_state"].value() == "stale"
    seat.session.user_sets(node, "void_grow", 2.0)
    assert node["void_state"].value() == "done"


def test_versions_on_disk_can_be_walked_through(seat, shot):
    node = seat.with_shot(shot)
    for _ in range(2):
        node["void_grow"].setValue(node["void_grow"].value() + 1)
        seat.press("void_remove_button")
        assert seat.wait() == "done", seat.status
    seat.press("void_version_down")
    assert node["void_version"].value() == 1
    assert "v001" in node.node("Result")["file"].evaluate(shot.first)
    seat.press("void_version_latest")
    assert node["void_version"].value() == 2
    seat.press("void_version_up")
    assert "no other version" in seat.messages[-1]


def test_an_unsaved_script_is_told_to_be_saved_before_anything_is_done(seat, shot):
    seat.nuke.root()["name"].setValue("")
    seat.with_shot(shot)
    seat.press("void_remove_button")
    assert "not saved" in seat.messages[-1]
    assert not (seat.folder / "void").exists()


def test_a_refusal_of_the_server_reaches_the_artist_with_the_frame(seat, shot, tmp_path):
    roto = tmp_path / "empty"
    roto.mkdir()
    for frame, path in shot.files("roto").items():
        (roto / f"roto.{frame}.exr").write_bytes(path.read_bytes())
    node = seat.with_shot(shot)
    seat.session.user_sets(node, "void_options", "sources=99 detail=<b>")
    seat.press("void_remove_button")
    assert seat.wait() == "failed"
    assert "sources=99" in seat.messages[-1] and "<b>" not in seat.messages[-1]
    seat.press("void_job_log")
    assert "sources=99" in seat.messages[-1]


def test_words_alone_are_sent_and_a_server_without_a_model_says_in_the_nodes_words_what_it_needs(seat, shot):
    node = seat.with_shot(shot)
    node.setInput(1, None)
    node["void_instruction"].setValue("remove the ball")
    seat.press("void_remove_button")
    assert seat.wait() == "failed"
    assert "Words alone cannot say what to remove on this server" in seat.messages[-1]
    assert "points on the tab Masks" in seat.messages[-1]
    assert "--points" not in seat.messages[-1]


def test_the_record_beside_the_results_names_the_job_and_no_secret(seat, shot):
    seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait() == "done", seat.status
    record = json.loads((seat.folder / "void" / str(seat.node.name()) / "v001" / "job.json").read_text())
    assert record["job"] and record["node"] == seat.node.name()
    assert "token" not in json.dumps(record)
