# SPDX-License-Identifier: Apache-2.0
"""The order, its way to its end, its record, and its being taken up again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from void_resolve import order, work

from tests.resolve.fake_helper import JOB, error_of
from tests.resolve.standin.renderer import write_picture


def reattach(here, record):
    return work.reattach(
        here.host, record, here.helper, here.progress.append, here.session.cancelled, here.session.sleep
    )


def record_of(outcome):
    return json.loads((Path(outcome.folder) / "job.json").read_text())


def sequence(folder, first, last, size=(40, 24)):
    for number in range(first, last + 1):
        folder.mkdir(exist_ok=True)
        write_picture(folder / f"m.{number:04d}.exr", np.ones((size[1], size[0], 3)))
    return str(folder / "m.%04d.exr")


def test_the_words_of_the_request_are_those_of_the_order(seat):
    here = seat()
    here.done(
        quality="preview",
        engine="auto",
        reasoner="artist",
        prompt="a wall",
        instruction="the man",
        seed="7",
        cloud_consent=True,
    )
    told = {
        key: here.order[key] for key in ("preview", "engine", "reasoner", "prompt", "instruction", "seed")
    }
    assert told == {
        "preview": True,
        "engine": "",
        "reasoner": "artist",
        "prompt": "a wall",
        "instruction": "the man",
        "seed": "7",
    }
    assert here.order["cloud_consent"]


def test_a_point_on_the_timeline_becomes_one_of_the_clip(seat):
    here = seat()
    here.done()
    assert here.order["segmenter"] == "sam2"
    [point] = here.order["points"]
    assert point == {"frame": 1016, "x": 20.0, "y": 12.0, "positive": True, "object": 0}


@pytest.mark.parametrize("point", [(5, 1, 1, True), (1016, 40, 1, True), (1016, 1, -1, True)])
def test_a_point_beside_what_is_sent_is_refused(seat, point):
    here = seat()
    assert "point" in here.refused(points=(point,))
    assert not here.session.called("AddRenderJob")


@pytest.mark.parametrize(
    ("clip", "name"),
    [
        ("shot.[1001-1040].exr", "shot_VOID"),
        ("A001_C002.mov", "A001_C002_VOID"),
        ("sh 010/x.mxf", "sh_010_x_VOID"),
        ("…", "clip_VOID"),
    ],
)
def test_results_are_named_after_the_clip_and_never_end_in_digits(clip, name):
    assert order.result_name(clip) == name


def test_each_time_is_a_new_version(seat):
    here = seat()
    first = here.done()
    here.stage.timeline.tracks["video"][2].enabled = False
    here.session.remember()
    second = here.done()
    assert [Path(each.folder).name for each in (first, second)] == ["v001", "v002"]


def test_picked_files_are_sent_as_they_are(seat, tmp_path):
    here = seat()
    pattern = sequence(tmp_path / "m", 1001, 1040)
    here.done(matte="files", matte_pattern=pattern, affected_pattern=pattern, points=())
    assert here.files("remove")[1013].name == here.files("affected")[1013].name == "m.1013.exr"
    assert here.order["segmenter"] == "roto"


@pytest.mark.parametrize("first", [1, 0, 86430])
def test_files_that_are_numbered_otherwise_count_in_order(seat, tmp_path, first):
    here = seat()
    pattern = sequence(tmp_path / "m", first, first + 39)
    here.done(matte="files", matte_pattern=pattern, points=())
    assert here.files("remove")[1013].name == f"m.{first + 12:04d}.exr"


@pytest.mark.parametrize("name", ["m.1001.exr", "m.####.exr", "m.[1001-1040].exr", "m.%04d.exr"])
def test_a_sequence_may_be_named_in_each_usual_way(seat, tmp_path, name):
    here = seat()
    sequence(tmp_path / "m", 1001, 1040)
    here.done(matte="files", matte_pattern=str(tmp_path / "m" / name), points=())


@pytest.mark.parametrize(
    ("frames", "size", "said"),
    [
        ((1014, 1040), (40, 24), "has no frame 1013"),
        ((1001, 1040), (32, 24), "is 32 x 24, and the plate 40 x 24"),
    ],
)
def test_files_of_other_frames_or_another_size_are_refused_before_anything_is_rendered(
    seat, tmp_path, frames, size, said
):
    here = seat()
    pattern = sequence(tmp_path / "m", *frames, size)
    assert said in here.refused(matte="files", matte_pattern=pattern, points=())
    assert not here.session.called("AddRenderJob")


@pytest.mark.parametrize("folder", ["show#1", "take [1-2]", "100%d"])
def test_what_looks_like_a_counter_in_a_folder_s_name_is_none(seat, tmp_path, folder):
    here = seat()
    sequence(tmp_path / folder, 1001, 1040)
    here.done(matte="files", matte_pattern=str(tmp_path / folder / "m.1001.exr"), points=())
    assert here.files("remove")[1013].name == "m.1013.exr"


def test_a_matte_of_some_frames_is_taken_with_a_segmenter_that_carries_it(seat, tmp_path):
    here = seat()
    pattern = sequence(tmp_path / "m", 1001, 1040)
    for number in (*range(1001, 1015), *range(1016, 1041)):
        (tmp_path / "m" / f"m.{number}.exr").unlink()
    here.done(matte="files", matte_pattern=pattern, points=(), segmenter="flow")
    assert list(here.files("remove")) == [1015]
    assert here.order["segmenter"] == "flow"


def test_a_matte_of_some_frames_alone_is_refused_with_the_frame_and_the_way_out(seat, tmp_path):
    here = seat()
    pattern = sequence(tmp_path / "m", 1001, 1040)
    (tmp_path / "m" / "m.1016.exr").unlink()
    said = here.refused(matte="files", matte_pattern=pattern, points=())
    assert "has no frame 1016; it has frames 1001 to 1040, 39 of 40" in said
    assert "segmenter flow" in said


def test_the_clip_s_own_external_matte_is_taken_for_a_plate_from_the_source(seat):
    here = seat()
    here.stage.source.mattes.append(here.stage.source.media)
    here.session.remember()
    here.done(matte="external", points=())
    assert here.files("remove")[1013].name == "shot.1013.exr"
    assert "framing of the source" in here.remove(matte="external", look="graded", points=()).text


def test_without_one_or_with_several_it_says_so(seat):
    here = seat()
    assert "no such external matte" in here.refused(matte="external", points=())
    here.stage.source.mattes += [here.stage.source.media, here.stage.background.media]
    here.session.remember()
    assert "has 2 external mattes" in here.refused(matte="external", points=())
    here.done(matte="external", matte_pattern=here.stage.source.media.shown(), points=())


@pytest.mark.parametrize(
    "changes",
    [
        {"matte": "files", "points": ()},
        {"matte": "track", "points": ()},
        {"points": ()},
        {"matte": "else"},
        {"look": "else"},
        {"quality": "else"},
        {"out": "relative"},
        {"matte": "files", "matte_pattern": "/no/such.%04d.exr", "points": ()},
        {"matte": "files", "matte_pattern": "/no/movie.mov", "points": ()},
    ],
)
def test_what_is_missing_or_does_not_go_together_is_refused(seat, changes):
    here = seat()
    assert len(here.refused(**changes).split()) > 5
    assert not here.session.called("OpenPage")


def test_a_refused_order_is_told_with_its_findings_and_leaves_no_files(seat):
    here = seat()
    finding = {
        "severity": "error",
        "code": "x",
        "input": "plate",
        "frames": [1013],
        "file": "",
        "message": "It is black.",
        "fix": "Look.",
    }
    here.helper.refuses = error_of("invalid_input", "Nothing was sent.", finding)
    said = here.refused()
    assert "Nothing was sent. frame 1013: It is black. Look." in said
    assert not [path for path in here.folder.rglob("*") if path.is_file()]


def test_a_job_that_fails_is_told_in_its_own_words(seat):
    here = seat()
    here.helper.ends = "failed"
    assert here.refused() == "It broke. Mend it."


def cancel_when(here, word):
    pause = here.session.sleep

    def watchful(seconds):
        here.session.gate.cancelled = word in here.helper.asked
        pause(seconds)

    here.session.sleep = watchful


@pytest.mark.parametrize(("word", "asked"), [("submit", "stop"), ("watch", "cancel")])
def test_a_cancel_reaches_the_helper(seat, word, asked):
    here = seat()
    here.helper.silent = word == "submit"
    here.helper.endless = True
    cancel_when(here, word)
    assert here.remove().state == "cancelled"
    assert asked in here.helper.asked
    here.session.assert_restored()


def test_a_job_that_ends_while_it_is_cancelled_is_not_brought_back(seat):
    here = seat()
    here.helper.endless = True
    here.helper._cancel = lambda number, fields, event, end: (
        end({"job": JOB, "state": "cancelling"}),
        here.helper._watching(here.helper._watch_end("done")),
    )
    cancel_when(here, "watch")
    assert here.remove().state == "cancelled"
    here.session.assert_restored()


def test_progress_tells_stage_frames_and_time(seat):
    here = seat()
    here.done()
    assert work.Progress("fill", 1, 2, 3.0, "stage 2 of 3") in here.progress
    assert any(each.stage == "rendering the plate" and each.total == 10 for each in here.progress)


def test_the_record_is_there_as_soon_as_the_job_is_accepted(seat):
    here = seat()
    here.helper.ends = "failed"
    outcome = here.remove()
    record = record_of(outcome)
    assert (record["job"], record["folder"], record["clip"]) == (JOB, outcome.folder, "shot.[1001-1040].exr")
    assert record["frames"] == [1013, 1022]


def test_a_job_is_taken_up_again_after_a_restart(seat):
    here = seat()
    here.helper.ends = "failed"
    record = record_of(here.remove())
    here.helper.ends = "done"
    outcome = reattach(here, record)
    assert outcome.state == "done"
    assert (here.result.start, here.result.duration) == (here.stage.item.start + 2, 10)
    here.session.assert_restored(result=True)


def test_a_result_can_be_brought_back_once_more_after_it_was_taken_out(seat):
    here = seat()
    record = record_of(here.done())
    assert work.take_back(here.host)
    assert reattach(here, record).state == "done"


@pytest.mark.parametrize("record", [{}, {"job": "x"}, {"job": "", "returned": {}}])
def test_a_record_that_is_none_is_refused(seat, record):
    assert "not one of Resolve" in reattach(seat(), record).text


def test_no_secret_is_in_the_record(seat):
    here = seat()
    server = {"address": "render:7443", "token_file": "/secret/token", "ca": ""}
    text = json.dumps(record_of(here.done(server=server))["request"])
    assert "/secret/token" not in text


@pytest.mark.parametrize("number", range(3, 400, 40))
@pytest.mark.parametrize("how", ["raise"])
def test_resolve_quits_at_any_call_and_the_script_ends(seat, number, how):
    here = seat()
    here.session.quit_at(number - here.calls_before, how)
    assert here.remove().state in ("failed", "done")


def test_a_single_frame_is_a_sequence_too(seat):
    here = seat()
    mark = here.stage.item.start + 4
    here.stage.timeline.marks = {"video": (mark, mark)}
    here.session.remember()
    here.done(points=((mark, 1, 1, True),))
    assert (here.result.start, here.result.duration) == (mark, 1)
