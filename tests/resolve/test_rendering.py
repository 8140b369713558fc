# SPDX-License-Identifier: Apache-2.0
"""A render job of ours: what ends it in every language, whose jobs are left alone, what is on disk afterwards."""

from __future__ import annotations

import pytest

from tests.resolve.standin.renderer import size_of

WAYS = {"source": {}, "key": {"matte": "key", "points": ()}}
REFUSED = {
    "no_codecs": "renders no EXR",
    "clip_filtering": "filter of the clips",
    "job_refused": "did not add the job",
    "stuck_at_zero": "stopped to render at 0 %",
    "stops_at_37": "stopped to render at 37 %",
    "missing_frame": "should have rendered",
    "null_item": "did not put",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("language", ["en", "pt", "es", "ja"])
def test_a_render_ends_in_every_language(seat, way, language):
    seat(language=language).done(**WAYS[way])


@pytest.mark.parametrize("language", ["en", "pt", "es", "ja"])
def test_a_failed_render_is_told_in_resolve_s_own_words(seat, language):
    from tests.resolve.standin.jobs import ERROR

    assert ERROR[language] in seat(language=language, fault="render_error").refused()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", REFUSED)
def test_a_render_that_goes_wrong_is_refused_with_what_it_was(seat, way, fault):
    here = seat(fault=fault)
    if fault == "null_item" and way == "key":
        pytest.skip("nothing is appended before the result is")
    assert REFUSED[fault] in here.refused(**WAYS[way])
    assert not here.helper.asked


def test_the_frame_that_is_missing_is_named(seat):
    here = seat(fault="missing_frame")
    assert "there are 9; 1018 is missing" in here.refused()


def test_files_of_another_size_are_refused(seat):
    here = seat(fault="wrong_size")
    timeline = here.stage.timeline
    here.session.gate.faults = frozenset({"wrong_size"})
    said = "unset"
    project = here.stage.project
    # The model renders in the timeline's size then; a timeline that takes no size of its own has the project's.
    original = type(timeline).SetSetting
    try:
        type(timeline).SetSetting = lambda self, key, value: (
            True if key.startswith("timelineRes") else original(self, key, value)
        )
        said = here.refused()
    finally:
        type(timeline).SetSetting = original
    assert project.settings["timelineResolutionWidth"] == "64"
    assert "64 x 36, and 40 x 24 was asked for" in said


@pytest.mark.parametrize(
    "fault",
    [
        *(
            "codec_refused",
            "codec_reads_back",
            "late_file",
            "nested_folder",
            "video_off",
            "first_append_none",
        ),
        *("new_timeline_is_current", "new_bin_is_current", "wrong_fps", "headless", "lost_on_save"),
    ],
)
def test_what_is_no_reason_to_give_up_is_borne(seat, fault):
    here = seat(fault=fault)
    here.done()
    assert {size_of(path) for path in here.files().values()} == {(40, 24)}


def test_only_our_own_job_is_started_and_none_is_left(seat):
    here = seat()
    jobs = [job.id for job in here.stage.project.jobs]
    here.done(matte="key", points=())
    for call in here.session.called("StartRendering"):
        [ids, interactive] = call.arguments
        assert len(ids) == 1
        assert ids[0] not in jobs
        assert interactive is False
    assert [job.id for job in here.stage.project.jobs] == jobs


def test_where_somebody_renders_already_it_is_not_begun(seat):
    here = seat()
    here.stage.project.running.append(here.stage.project.jobs[1])
    here.session.gate.faults = frozenset()
    said = here.remove().text
    here.stage.project.running.clear()
    assert "Resolve is rendering" in said
    assert not here.session.called("StartRendering")


def cancel_while_rendering(seat, prepare=lambda here: None):
    """The artist cancels while our job is being started."""
    first = seat()
    first.remove()
    number = first.session.called("StartRendering")[0].number
    here = seat()
    prepare(here)
    here.session.remember()
    here.session.cancel_at(number - here.calls_before)
    assert here.remove().state == "cancelled"
    return here


def test_a_cancelled_render_is_not_stopped_while_others_wait_in_the_queue(seat):
    here = cancel_while_rendering(seat)
    assert not here.session.called("StopRendering")
    assert any("would cancel them" in each.text for each in here.progress)
    here.session.assert_restored()


def only_done_jobs(here):
    here.stage.project.jobs = here.stage.project.jobs[:1]


def test_it_is_stopped_where_nobody_waits(seat):
    here = cancel_while_rendering(seat, only_done_jobs)
    assert here.session.called("StopRendering")
    here.session.assert_restored()


def test_of_a_cancelled_job_no_files_of_ours_are_left(seat):
    here = cancel_while_rendering(seat)
    assert not list((here.folder / "shot_VOID").glob("v002*"))


@pytest.mark.parametrize("version", ["21.0.4", "21.1"])
def test_handles_of_the_artist_s_own_settings_are_not_rendered(seat, version):
    here = seat(version=version)
    here.stage.project.render_settings["AddFrameHandles"] = 5
    here.session.remember()
    here.done()
    assert len(here.files()) == 10


def test_resolve_quits_while_it_renders(seat):
    here = seat()
    here.session.quit_while_rendering()
    outcome = here.remove()
    assert outcome.state == "failed"
    assert "does not answer any more" in outcome.text


def test_a_codec_is_read_back_and_another_is_taken_where_it_is_not_the_one(seat):
    here = seat(fault="codec_reads_back")
    here.done()
    tried = [call.arguments[1] for call in here.session.called("SetCurrentRenderFormatAndCodec")]
    assert tried == ["RGBHalfZIP", "RGBHalfPIZ", "RGBFloatZIP", "RGBHalf"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("page", ["deliver", "color", "media"])
def test_from_the_deliver_page_and_others_all_is_as_it_was(seat, way, page):
    here = seat()
    here.session.application.page = page
    here.session.remember()
    here.done(**WAYS[way])
