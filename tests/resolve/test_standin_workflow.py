# SPDX-License-Identifier: Apache-2.0
"""A whole render by a small script of the tests' own: whatever call fails or is cancelled, all is as it was.

The script is no part of the plugin. It shows that what the model asks for can be done in every version and
language, and how tests of the plugin use the model.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from tests.resolve.standin.renderer import read_picture

FRAMES = range(1011, 1031)
FAULTS_THAT_END_IT = (
    *("codec_reads_back", "codec_refused", "no_codecs", "clip_filtering", "job_refused", "stuck_at_zero"),
    *("stops_at_37", "render_error", "missing_frame", "first_append_none", "null_item", "source_unknown"),
)


class Refused(Exception):
    """The script found that a step did not do what it should."""


def need(value):
    if not value:
        raise Refused
    return value


def surely(action):
    """What restores is tried again when it fails."""
    return any(action() for _ in range(2))


def render_clean_plate(session, folder):
    """Render the clip under the playhead without its grade, through an own timeline; gives the files."""

    def step(value):
        if session.cancelled():
            raise Refused
        return need(value)

    resolve = session.resolve
    project = step(step(resolve.GetProjectManager()).GetCurrentProject())
    pool = step(project.GetMediaPool())
    timeline = step(project.GetCurrentTimeline())
    item = step(timeline.GetCurrentVideoItem())
    clip = step(item.GetMediaPoolItem())
    first, last = step(item.GetSourceStartFrame()), step(item.GetSourceEndFrame())
    page = step(resolve.GetCurrentPage())
    with ExitStack() as restore:
        need(project.SaveAsNewRenderPreset("VOID"))
        restore.callback(surely, lambda: project.DeleteRenderPreset("VOID"))
        restore.callback(surely, lambda: project.LoadRenderPreset("VOID"))
        own = need(pool.CreateEmptyTimeline("VOID"))
        restore.callback(surely, lambda: pool.DeleteTimelines([own]))
        restore.callback(surely, lambda: project.SetCurrentTimeline(timeline))
        step(project.SetCurrentTimeline(own))
        step(own.SetSetting("useCustomSettings", "1"))
        step(own.SetSetting("timelineResolutionWidth", "40"))
        step(own.SetSetting("timelineResolutionHeight", "24"))
        step(own.SetStartTimecode("00:00:42:03"))
        step(pool.AppendToTimeline([{"mediaPoolItem": clip, "startFrame": first, "endFrame": last + 1}]))
        placed = step(own.GetItemListInTrack("video", 1))
        step(placed[0].GetDuration() == last + 1 - first)
        restore.callback(surely, lambda: resolve.OpenPage(page))
        step(resolve.OpenPage("deliver"))
        codec = "RGBHalfZIP"
        step(codec in step(project.GetRenderCodecs("EXR")).values())
        step(project.SetCurrentRenderFormatAndCodec("exr", codec))
        step(step(project.GetCurrentRenderFormatAndCodec())["codec"] == codec)
        step(project.SetCurrentRenderMode(1))
        wanted = {"MarkIn": first, "MarkOut": last, "TargetDir": str(folder), "CustomName": "plate."}
        wanted |= {"FormatWidth": 40, "FormatHeight": 24, "SelectAllFrames": False}
        step(project.SetRenderSettings(wanted))
        job = need(project.AddRenderJob())
        restore.callback(surely, lambda: project.DeleteRenderJob(job))
        need(project.StartRendering([job], False))
        while project.IsRenderingInProgress() or project.IsRenderingInProgress():
            if session.cancelled():
                project.StopRendering()
                raise Refused
            session.sleep(0.5)
        status = step(project.GetRenderJobStatus(job))
        step(status["CompletionPercentage"] == 100 and not status.get("Error"))
        session.sleep(2)
        files = sorted(folder.rglob("*.exr"))
        step([int(path.stem[-8:]) for path in files] == list(range(first, last + 1)))
        return files


@pytest.mark.parametrize("language", ["en", "pt", "ja"])
@pytest.mark.parametrize("version", ["19.1", "20.3.2", "21.0.4", "21.1"])
def test_the_plate_comes_back_frame_by_frame_and_all_is_as_it_was(
    resolve_session, tmp_path, version, language
):
    session = resolve_session(version=version, language=language)
    files = render_clean_plate(session, tmp_path)
    assert [read_picture(path)[3, 5].tolist() for path in files] == [[frame, 5, 3] for frame in FRAMES]
    session.assert_restored()


@pytest.mark.parametrize("fault", ["late_file", "nested_folder", "new_timeline_is_current", "headless"])
def test_some_faults_are_borne(resolve_session, tmp_path, fault):
    session = resolve_session(fault=fault)
    assert len(render_clean_plate(session, tmp_path)) == 20
    session.assert_restored()


@pytest.mark.parametrize("fault", FAULTS_THAT_END_IT)
def test_other_faults_end_it_and_all_is_as_it_was(resolve_session, tmp_path, fault):
    session = resolve_session(fault=fault)
    with pytest.raises(Refused):
        render_clean_plate(session, tmp_path)
    session.assert_restored()


def number_of_calls(session, folder):
    render_clean_plate(session, folder)
    return len(session.calls)


def test_whichever_call_fails_all_is_as_it_was(resolve_session, tmp_path):
    ended = 0
    for number in range(1, number_of_calls(resolve_session(), tmp_path) + 1):
        session = resolve_session()
        session.fail_at(number)
        try:
            render_clean_plate(session, tmp_path)
        except Refused:
            ended += 1
        session.assert_restored()
    assert ended > 25


def test_whichever_call_is_cancelled_all_is_as_it_was(resolve_session, tmp_path):
    ended = 0
    for number in range(1, number_of_calls(resolve_session(), tmp_path) + 1):
        session = resolve_session()
        session.cancel_at(number)
        try:
            render_clean_plate(session, tmp_path)
        except Refused:
            ended += 1
        session.assert_restored(stopped=bool(session.called("StopRendering")))
    assert ended > 25
