# SPDX-License-Identifier: Apache-2.0
"""The model's render queue: settings that stick, jobs of other people, and files that really are there."""

from __future__ import annotations

import OpenEXR
import pytest

from tests.resolve.standin.calls import Hang, ResolveGone
from tests.resolve.standin.renderer import read_picture, size_of
from tests.resolve.standin.stage import RECORD


class Deliver:
    """The handles and the steps of a render."""

    def __init__(self, session, folder):
        self.session = session
        self.folder = folder
        self.folder.mkdir()
        self.project = session.resolve.GetProjectManager().GetCurrentProject()
        self.foreign = [job["JobId"] for job in self.project.GetRenderJobList()]
        session.resolve.OpenPage("deliver")

    def set(self, **settings):
        return self.project.SetRenderSettings(settings)

    def add(self, first=RECORD, last=RECORD + 4, codec="RGBHalfZIP", **settings):
        assert self.project.SetCurrentRenderFormatAndCodec("exr", codec)
        assert self.project.SetCurrentRenderMode(1)
        wanted = {"CustomName": "plate.", "FormatWidth": 32, "FormatHeight": 24, "ExportAlpha": True}
        wanted |= {"AlphaMode": 1, "TargetDir": str(self.folder), "SelectAllFrames": False}
        assert self.set(**{**wanted, "MarkIn": first, "MarkOut": last, **settings})
        return self.project.AddRenderJob()

    def status(self, job):
        return self.project.GetRenderJobStatus(job)

    def render(self, **options):
        job = self.add(**options)
        assert self.project.StartRendering([job], False)
        while self.project.IsRenderingInProgress():
            pass
        return job

    def files(self):
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*.exr"))

    def picture(self, frame=RECORD):
        return read_picture(self.folder / f"plate.{frame:08d}.exr")


@pytest.fixture
def deliver(resolve_session, tmp_path):
    return lambda **options: Deliver(resolve_session(**options), tmp_path / "out")


def test_r04a_codecs_are_descriptions_with_ids(deliver):
    codecs = deliver().project.GetRenderCodecs("EXR")
    assert len(codecs) == 12
    assert codecs["RGB half (ZIP)"] == "RGBHalfZIP"


def test_r04b_the_description_of_a_codec_cannot_be_set(deliver):
    project = deliver().project
    assert project.SetCurrentRenderFormatAndCodec("exr", "RGB half (ZIP)") is False
    assert project.SetCurrentRenderFormatAndCodec("EXR", "RGBHalfZIP") is True
    assert project.GetCurrentRenderFormatAndCodec() == {"format": "exr", "codec": "RGBHalfZIP"}


@pytest.mark.parametrize("fault", ["no_codecs", "codec_refused"])
def test_r04c_a_codec_may_be_missing_or_listed_and_refused(deliver, fault):
    project = deliver(fault=fault).project
    assert bool(project.GetRenderCodecs("EXR")) == (fault == "codec_refused")
    assert project.SetCurrentRenderFormatAndCodec("exr", "RGBHalfZIP") is False


@pytest.mark.parametrize(
    ("version", "text"),
    [("19.1", "RGB half (ZIP Compression)"), ("20.3.2", "RGB half (ZIP)"), ("21.1", "RGB Half ZIP")],
)
def test_r04d_the_description_changes_with_the_version_and_the_id_does_not(deliver, version, text):
    assert deliver(version=version).project.GetRenderCodecs("EXR")[text] == "RGBHalfZIP"


def test_r04e_a_codec_may_read_back_as_another(deliver):
    project = deliver(fault="codec_reads_back").project
    assert project.SetCurrentRenderFormatAndCodec("exr", "RGBHalfZIP") is True
    assert project.GetCurrentRenderFormatAndCodec()["codec"] == "RGBHalf"


@pytest.mark.parametrize(
    "bad",
    [
        {"FormatHeight": "24"},
        {"Handles": 10},
        {"UseFullExtents": True},
        {"MarkIn": RECORD + 4, "MarkOut": RECORD},
        {"AlphaMode": 1, "ExportAlpha": False},
        {"TargetDir": "/no/such/folder"},
    ],
)
def test_r05a_one_bad_value_and_none_is_set(deliver, bad):
    on = deliver(version="20.3.2")
    before = dict(on.session.stage.project.render_settings)
    assert on.set(FormatWidth=99, **bad) is False
    assert on.session.stage.project.render_settings == before


def test_r05b_settings_stay_for_the_next_job(deliver):
    on = deliver()
    on.add()
    assert on.set(CustomName="other.")
    settings = on.session.stage.project.render_settings
    assert (settings["CustomName"], settings["FormatWidth"], settings["ExportAlpha"]) == ("other.", 32, True)


@pytest.mark.parametrize(("full", "first"), [(False, RECORD - 3), (True, RECORD)])
def test_r05c_handles_are_ignored_with_full_extents(deliver, full, first):
    on = deliver(version="21.0.4")
    on.add(AddFrameHandles=3, UseFullExtents=full)
    assert on.project.GetRenderJobList()[-1]["MarkIn"] == first


def test_r05d_no_version_tells_the_settings(deliver):
    assert deliver(version="21.1").project.GetRenderSettings is None


def test_r05e_video_comes_back_in_a_call_of_its_own_only(deliver):
    on = deliver(fault="video_off")
    on.render(ExportVideo=True)
    assert on.files() == []
    assert on.set(ExportVideo=True)
    on.render()
    assert len(on.files()) == 5


def test_r05f_the_range_of_a_render_is_the_mark_of_the_timeline(deliver):
    on = deliver()
    on.add(RECORD, RECORD + 4)
    marks = on.project.GetCurrentTimeline().GetMarkInOut()["video"]
    assert marks == {"in": 30, "out": 34}


@pytest.mark.parametrize("fault", ["job_refused", "not_on_deliver", "no_folder"])
def test_r06a_a_job_that_cannot_be_added_is_an_empty_text(deliver, fault):
    on = deliver(fault="job_refused" if fault == "job_refused" else ())
    if fault == "not_on_deliver":
        on.session.resolve.OpenPage("edit")
    if fault == "no_folder":
        assert on.project.AddRenderJob() == ""
    else:
        assert on.add() == ""


def test_r06b_other_peoples_jobs_wait_in_the_queue(deliver):
    on = deliver()
    words = [on.status(job)["JobStatus"] for job in on.foreign]
    assert words == ["Complete", "Ready", "Ready"]


def test_r06c_without_ids_everybodys_jobs_start_and_the_test_fails(deliver):
    on = deliver()
    on.add()
    assert on.project.StartRendering()
    with pytest.raises(AssertionError, match="without ids"):
        on.session.assert_restored()
    assert on.session.forgive() == [
        "StartRendering without ids",
        *["StartRendering of somebody else's job"] * 2,
    ]


@pytest.mark.parametrize("harm", ["StartRendering", "DeleteRenderJob", "DeleteAllRenderJobs"])
def test_r06d_who_touches_another_job_fails_the_test(deliver, harm):
    on = deliver()
    method = getattr(on.project, harm)
    assert method() if harm == "DeleteAllRenderJobs" else method(on.foreign[1])
    assert len(on.session.forgive()) == 1
    with pytest.raises(AssertionError, match="jobs"):
        on.session.assert_restored()


def test_r06e_our_job_alone_is_started_and_deleted(deliver):
    on = deliver()
    job = on.render()
    assert on.project.DeleteRenderJob(job) is True
    assert [each["JobId"] for each in on.project.GetRenderJobList()] == on.foreign


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Ready", "Complete"]),
        ("pt", ["Pronto", "Concluido"]),
        ("es", ["Listo", "Finalizado"]),
        ("ja", ["準備完了", "完了"]),
    ],
)
def test_r07a_the_status_is_in_the_language_of_the_user_interface(deliver, language, words):
    on = deliver(language=language)
    job = on.add()
    said = [on.status(job)["JobStatus"]]
    on.project.StartRendering([job], False)
    while on.project.IsRenderingInProgress():
        pass
    assert [*said, on.status(job)["JobStatus"]] == words


@pytest.mark.parametrize(
    ("fault", "percent", "error"),
    [((), 100, False), ("stuck_at_zero", 0, False), ("stops_at_37", 37, False), ("render_error", 0, True)],
)
def test_r07b_not_rendering_says_no_more_than_stopped(deliver, fault, percent, error):
    on = deliver(fault=fault, language="ja")
    job = on.render()
    status = on.status(job)
    assert status["CompletionPercentage"] == percent
    assert bool(status.get("Error")) is error


def test_r07c_files_grow_in_number_while_it_renders(deliver):
    on = deliver()
    job = on.add()
    on.project.StartRendering([job], False)
    assert (on.project.IsRenderingInProgress(), len(on.files())) == (True, 1)
    assert on.status(job)["CompletionPercentage"] == 37
    assert (on.project.IsRenderingInProgress(), len(on.files())) == (False, 5)


def test_r07d_stopping_cancels_everybodys_jobs(deliver):
    on = deliver()
    job = on.add()
    on.project.StartRendering([job], False)
    assert on.project.StopRendering() is None
    assert on.project.IsRenderingInProgress() is False
    assert [on.status(each)["JobStatus"] for each in [*on.foreign, job]] == ["Complete", *["Cancelled"] * 3]


def test_r08a_files_are_real_half_exr_with_zip(deliver):
    on = deliver()
    on.render()
    file = OpenEXR.File(str(on.folder / f"plate.{RECORD:08d}.exr"), separate_channels=True)
    assert file.header()["compression"] == OpenEXR.ZIP_COMPRESSION
    assert {name: str(channel.pixels.dtype) for name, channel in file.channels().items()} == dict.fromkeys(
        "RGBA", "float16"
    )


def test_r08b_files_may_lie_in_a_folder_of_their_own(deliver):
    on = deliver(fault="nested_folder")
    on.render()
    assert on.files()[0] == f"Reel 1/plate.{RECORD:08d}.exr"


def test_r08c_numbers_have_eight_digits_and_begin_at_the_mark(deliver):
    on = deliver()
    on.render(first=RECORD, last=RECORD + 1)
    assert on.files() == ["plate.00086430.exr", "plate.00086431.exr"]


def test_r08d_the_last_frame_is_rendered(deliver):
    on = deliver()
    on.render(first=RECORD, last=RECORD + 19)
    assert on.files()[-1] == f"plate.{RECORD + 19:08d}.exr"
    assert len(on.files()) == 20


def test_r08e_a_name_that_ends_in_a_digit_gets_an_underscore(deliver):
    on = deliver()
    on.render(CustomName="v2")
    assert on.files()[0] == f"v2_{RECORD:08d}.exr"


def test_r08f_a_frame_may_be_missing_although_all_is_complete(deliver):
    on = deliver(fault="missing_frame")
    job = on.render()
    assert on.status(job)["CompletionPercentage"] == 100
    assert len(on.files()) == 4


def test_r08g_the_last_file_may_be_late(deliver):
    on = deliver(fault="late_file")
    on.render()
    assert len(on.files()) == 4
    on.session.sleep(1)
    assert len(on.files()) == 5


@pytest.mark.parametrize(("fault", "channels"), [("no_alpha", 3), ("constant_alpha", 4), ((), 4)])
def test_r08h_the_alpha_may_be_missing_or_constant(deliver, fault, channels):
    on = deliver(fault=fault)
    on.render()
    picture = on.picture()
    assert picture.shape[2] == channels
    assert picture[..., -1].min() == (1 if fault == "constant_alpha" else 0)


@pytest.mark.parametrize("missing", ["key", "question"])
def test_r08i_without_a_key_or_without_asking_there_is_no_alpha(deliver, missing):
    on = deliver()
    if missing == "key":
        on.session.stage.item.grade.key = None
        on.render()
    else:
        job = on.add()
        on.session.stage.project.jobs[-1].settings["ExportAlpha"] = False
        on.project.StartRendering([job], False)
        on.session.sleep(1)
        on.session.sleep(1)
    assert on.picture().shape[2] == 3


def test_r08j_the_size_may_be_another_than_was_set(deliver):
    on = deliver(fault="wrong_size")
    on.render(FormatWidth=16, FormatHeight=12)
    assert size_of(on.folder / f"plate.{RECORD:08d}.exr") == (32, 24)


def test_the_size_is_the_one_that_was_set(deliver):
    on = deliver()
    on.render(FormatWidth=16, FormatHeight=12)
    assert size_of(on.folder / f"plate.{RECORD:08d}.exr") == (16, 12)


def test_r08k_a_premultiplied_alpha_multiplies_the_colour(deliver):
    on = deliver()
    on.render(AlphaMode=0)
    assert on.picture()[0, 0, 0] == 0
    assert on.picture()[12, 16, 0] == 1011 * 0.5


def test_r18e_a_single_clip_shows_grade_and_sizing_and_what_lies_above(deliver):
    on = deliver()
    on.render(first=RECORD, last=RECORD + 15)
    picture = on.picture()
    assert picture[0, 10, 0] == 1011 * 0.5
    assert picture[0, 3, 1] == 0
    assert picture[0, 4, 1] == 0.5
    assert on.picture(RECORD + 15)[0, 0, 0] == 5.0


def test_r18e_a_timeline_of_ones_own_shows_the_clip_alone(deliver):
    on = deliver()
    pool = on.project.GetMediaPool()
    timeline = pool.CreateEmptyTimeline("plain")
    on.project.SetCurrentTimeline(timeline)
    timeline.SetStartTimecode("00:00:42:03")
    assert timeline.GetStartFrame() == 1011
    clip = on.session.stage.source
    pool.AppendToTimeline([{"mediaPoolItem": clip, "startFrame": 1011, "endFrame": 1031}])
    on.render(first=1011, last=1011, FormatWidth=40, FormatHeight=24)
    assert on.picture(1011)[0, 0, 0] == 1011
    assert on.picture(1011).shape[2] == 3


def test_r18f_clips_of_their_own_have_their_own_numbers_and_no_sizing(deliver):
    on = deliver()
    job = on.add(RECORD, RECORD + 1)
    on.session.stage.project.jobs[-1].mode = 0
    on.project.StartRendering([job], False)
    while on.project.IsRenderingInProgress():
        pass
    name = f"plate.{on.session.stage.item.name}_00001011.exr"
    assert name in on.files()
    assert read_picture(on.folder / name)[0, 4, 1] == 4 * 0.5


def test_r18g_a_managed_project_renders_in_its_output_space(deliver):
    on = deliver()
    on.project.SetSetting("colorScienceMode", "acescct")
    on.render()
    assert on.picture()[0, 10, 0] == 1011 * 0.5 * 0.5


def test_r18h_clips_that_are_filtered_cannot_be_one(deliver):
    assert deliver(fault="clip_filtering").project.SetCurrentRenderMode(1) is False


def test_nothing_is_added_to_tracks_while_it_renders(deliver):
    on = deliver()
    on.project.StartRendering([on.add()], False)
    assert on.project.GetCurrentTimeline().AddTrack("video") is False


@pytest.mark.parametrize(("how", "error"), [("raise", ResolveGone), ("hang", Hang)])
def test_r17c_it_may_quit_while_it_renders(deliver, how, error):
    on = deliver()
    job = on.add()
    on.project.StartRendering([job], False)
    on.session.quit_while_rendering(37, how)
    on.project.IsRenderingInProgress()
    with pytest.raises(error):
        on.project.IsRenderingInProgress()
    assert len(on.files()) == 1
