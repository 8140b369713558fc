# SPDX-License-Identifier: Apache-2.0
"""The key of the Color page as matte: what is rendered, how it is looked at, and what it goes with."""

from __future__ import annotations

import numpy as np
import pytest

from tests.resolve.standin.renderer import read_picture
from tests.resolve.standin.stage import RECORD

KEY = {"matte": "key", "points": ()}
GAIN = 0.5
MANAGED = 0.5


def rendered(here):
    """The ranges of the jobs that were started, and whether alpha was asked for."""
    jobs = {call.result: call.number for call in here.session.called("AddRenderJob") if call.result}
    settings = [call for call in here.session.called("SetRenderSettings") if "MarkIn" in call.arguments[0]]
    found = []
    for number in jobs.values():
        values = [call.arguments[0] for call in settings if call.number < number][-1]
        found.append((values["MarkIn"], values["MarkOut"], values["ExportAlpha"]))
    return found


def test_plate_and_matte_have_the_same_frames_size_and_timeline(seat):
    here = seat()
    here.done(**KEY)
    plate, matte = here.files(), here.files("remove")
    assert list(plate) == list(matte) == list(range(1013, 1023))
    assert here.order["inputs"]["remove"]["channel"] == "A"
    assert {read_picture(p).shape[:2] for p in [*plate.values(), *matte.values()]} == {(24, 32)}
    alpha = read_picture(matte[1013])[..., 3]
    assert alpha[12, 16] == 1
    assert alpha[0, 0] == 0


def test_one_frame_is_looked_at_before_all_are_rendered(seat):
    here = seat()
    here.done(**KEY)
    first, last = RECORD + 2, RECORD + 11
    assert rendered(here) == [(first, first, True), (first, last, True), (first, last, False)]


def test_the_matte_is_straight_so_that_its_colour_is_whole(seat):
    here = seat()
    here.done(**KEY)
    assert read_picture(here.files("remove")[1013])[0, 0, 0] > 0


def test_the_plate_has_no_grade_and_the_grade_is_as_it_was(seat):
    here = seat()
    here.done(**KEY)
    assert read_picture(here.files()[1013])[4, 9, 0] == 1013 * MANAGED
    assert read_picture(here.files("remove")[1013])[4, 9, 0] == 1013 * MANAGED * GAIN
    assert list(here.stage.item.versions) == ["Version 1"]


@pytest.mark.parametrize("fault", ["version_starts_blank", "late_file", "nested_folder", "headless"])
def test_it_bears(seat, fault):
    here = seat(fault=fault)
    here.done(**KEY)
    assert read_picture(here.files()[1013])[4, 9, 0] == 1013 * MANAGED


def test_nothing_above_or_below_the_clip_is_rendered(seat):
    here = seat()
    here.stage.timeline.marks = {"video": (RECORD + 14, RECORD + 17)}
    here.session.remember()
    here.done(**KEY)
    # A title lies above from frame 15 of the clip on.
    assert read_picture(here.files()[1027])[4, 9, 0] == 1027 * MANAGED


def test_as_graded_the_plate_has_grade_and_sizing(seat):
    here = seat()
    here.done(**KEY, look="graded")
    picture = read_picture(here.files()[1013])
    assert picture[4, 9, 0] == 1013 * MANAGED * GAIN
    assert here.result.grade.gain() == 1


def test_no_key_on_the_alpha_output_is_told_with_the_clicks_after_one_frame(seat):
    here = seat()
    here.stage.item.versions["Version 1"].key = None
    here.session.remember()
    said = here.refused(**KEY)
    assert "no key on an Alpha Output" in said
    assert "Add Alpha Output" in said
    assert len(rendered(here)) == 1


def test_an_alpha_that_is_the_same_everywhere_is_no_key(seat):
    here = seat(fault="constant_alpha")
    said = here.refused(**KEY)
    assert "same everywhere" in said
    # The first frame, and the one under the playhead.
    assert [job[0] for job in rendered(here)] == [RECORD + 2, RECORD + 5]


def test_a_codec_that_cannot_be_looked_into_is_said(seat, monkeypatch):
    monkeypatch.setattr("tests.resolve.standin.queue.CODECS", ("RGBHalfPIZ", "RGBHalfDWAA"))
    said = seat().refused(**KEY)
    assert "PIZ cannot be read" in said
    assert "pick it as an EXR sequence" in said


def test_a_codec_that_loses_something_is_never_taken(seat, monkeypatch):
    monkeypatch.setattr("tests.resolve.standin.queue.CODECS", ("RGBHalfDWAA", "RGBHalfDWAB"))
    assert "keeps all of the picture" in seat().refused(**KEY)


def test_the_grade_goes_onto_the_result_and_the_sizing_does_not(seat):
    here = seat()
    outcome = here.done(**KEY)
    assert here.result.grade.gain() == GAIN
    assert here.result.properties["Pan"] == 0
    assert any("Alpha Output" in click for click in outcome.clicks)


def test_a_matte_track_is_rendered_alone(seat):
    here = seat()
    track = here.stage.timeline.tracks["video"][3]
    track.name = "VOID MATTE"
    here.session.remember()
    here.done(matte="track", matte_track="void matte", points=())
    matte = read_picture(here.files("remove")[1013])
    assert here.order["inputs"]["remove"]["channel"] == "R"
    # Frame 3 of the background, in its own size of 8 x 6.
    assert np.unique(matte[..., 0]).tolist() == [3 * MANAGED]


def test_a_matte_track_with_gaps_or_another_name_is_refused(seat):
    here = seat()
    assert "there are Background, VFX, Titles, Temp" in here.refused(
        matte="track", matte_track="x", points=()
    )
    assert "no matte on frame" in here.refused(matte="track", matte_track="Titles", points=())
