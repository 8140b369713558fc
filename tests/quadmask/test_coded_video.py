# SPDX-License-Identifier: Apache-2.0
"""Coded clips through ffmpeg."""

from __future__ import annotations

import shutil
import stat
import time

import numpy as np
import pytest

from void_server.errors import DataLoss, InvalidInput, LimitExceeded, Unsupported
from void_server.quadmask.coded_video import (
    VideoLimits,
    cannot_write,
    count_pictures,
    read_video,
    write_video,
)

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None,
    reason="there is no ffmpeg here: reading and writing of coded mp4 clips was not checked",
)


def pictures(count=5, size=(37, 51)):
    random = np.random.default_rng(1)
    return [random.choice([0, 63, 127, 255], size=size).astype(np.uint8) for _ in range(count)]


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "quadmask_0.mp4"
    write_video(path, pictures())
    return path


@pytest.fixture
def hanging(tmp_path):
    """A command that never ends."""
    path = tmp_path / "hangs"
    path.write_text("#!/bin/sh\nexec sleep 60\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@needs_ffmpeg
def test_codes_come_back_exactly(clip):
    for got, want in zip(read_video(clip), pictures(), strict=True):
        assert np.array_equal(got, want)


@needs_ffmpeg
def test_any_speed_keeps_every_picture(tmp_path):
    for fps in (1, 23.976, 60):
        assert write_video(tmp_path / "a.mp4", pictures(), fps=fps) == 5
        assert len(list(read_video(tmp_path / "a.mp4"))) == 5


@needs_ffmpeg
@pytest.mark.parametrize("size", [(37, 51), (1, 1), (2, 64)])
def test_pictures_are_counted_as_they_are_read(tmp_path, size):
    write_video(tmp_path / "a.mp4", pictures(7, size))
    assert count_pictures(tmp_path / "a.mp4") == 7 == len(list(read_video(tmp_path / "a.mp4")))


@needs_ffmpeg
def test_what_cannot_be_read_is_not_counted(tmp_path):
    with pytest.raises(InvalidInput, match="is no file"):
        count_pictures(tmp_path / "a.mp4")


@needs_ffmpeg
def test_a_name_is_never_taken_for_an_option_or_a_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-y.mp4", "concat:a.mp4", "100%d.mp4"):
        write_video(type(tmp_path)(name), pictures(2))
        assert len(list(read_video(type(tmp_path)(name)))) == 2


@needs_ffmpeg
def test_what_is_no_video_is_refused(tmp_path):
    path = tmp_path / "quadmask_0.mp4"
    path.write_text("no video")
    with pytest.raises(InvalidInput, match="cannot be read as a video"):
        list(read_video(path))


@needs_ffmpeg
def test_a_list_of_other_files_is_no_video(tmp_path, clip):
    path = tmp_path / "quadmask_1.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{clip.name}'\n")
    with pytest.raises(InvalidInput, match="cannot be read as a video"):
        list(read_video(path))


@needs_ffmpeg
def test_a_clip_that_breaks_off_is_told(tmp_path):
    whole, part = tmp_path / "whole.mkv", tmp_path / "part.mp4"
    write_video(whole, pictures(12, (96, 128)))
    data = bytearray(whole.read_bytes())
    middle = data.index(b"mdat") + 40_000
    data[middle : middle + 20_000] = b"\xff" * 20_000
    part.write_bytes(data)
    with pytest.raises(DataLoss, match="damaged after picture"):
        list(read_video(part))


@needs_ffmpeg
def test_too_many_pictures_are_refused(clip):
    with pytest.raises(LimitExceeded, match="max_frames"):
        list(read_video(clip, VideoLimits(max_frames=4)))


@needs_ffmpeg
def test_too_large_pictures_are_refused(clip):
    with pytest.raises(LimitExceeded, match="max_pixels"):
        list(read_video(clip, VideoLimits(max_pixels=1000)))


@needs_ffmpeg
def test_too_large_pictures_are_refused_before_they_are_decoded(clip):
    """Only a corner of each is taken when they are counted, so it is the decoder that was told."""
    with pytest.raises(LimitExceeded, match="max_pixels"):
        count_pictures(clip, VideoLimits(max_pixels=1000))


@needs_ffmpeg
def test_a_clip_that_cannot_be_made_leaves_the_old_one(clip, tmp_path):
    before = clip.read_bytes()
    with pytest.raises(InvalidInput, match="Picture 2"):
        write_video(clip, [np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)])
    assert clip.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [clip.name]


@needs_ffmpeg
def test_a_reader_that_stops_early_leaves_no_process(clip):
    reader = read_video(clip)
    next(reader)
    reader.close()


def test_a_clip_without_pictures_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="at least one picture"):
        write_video(tmp_path / "a.mp4", [])


def test_a_missing_file_is_told_before_anything_runs(tmp_path):
    with pytest.raises(InvalidInput, match="is no file"):
        list(read_video(tmp_path / "none.mp4"))


def test_a_missing_ffmpeg_is_told_with_what_to_do(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    for call in (
        lambda: list(read_video(path, ffmpeg="no-such")),
        lambda: write_video(path, pictures(1), ffmpeg="no-such"),
    ):
        with pytest.raises(Unsupported, match="Install ffmpeg"):
            call()


def test_a_hanging_ffmpeg_is_ended(tmp_path, hanging):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    start = time.monotonic()
    with pytest.raises(LimitExceeded, match="max_seconds"):
        list(read_video(path, VideoLimits(max_seconds=0.3), ffmpeg=hanging))
    with pytest.raises(LimitExceeded, match="max_seconds"):
        write_video(tmp_path / "b.mp4", pictures(), limits=VideoLimits(max_seconds=0.3), ffmpeg=hanging)
    assert time.monotonic() - start < 20 and not (tmp_path / "b.mp4").exists()


def test_an_older_ffmpeg_is_asked_in_its_own_words(tmp_path):
    old = tmp_path / "old"
    old.write_text(
        '#!/bin/sh\ncase "$*" in *fps_mode*) echo "Unrecognized option \'fps_mode\'." >&2; exit 1;; esac\n'
        "printf 'P6\\n1 1\\n255\\nabc'\n"
    )
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    assert [p.tolist() for p in read_video(path, ffmpeg=str(old))] == [[[ord("a")]]]


@needs_ffmpeg
def test_where_clips_can_be_written_nothing_keeps_them_from_it():
    assert cannot_write() == ""


def test_what_keeps_clips_from_being_written_is_told(tmp_path):
    assert "not on this machine" in cannot_write(str(tmp_path / "none"))
    refusing = tmp_path / "refuses"
    refusing.write_text("#!/bin/sh\necho \"Unknown encoder 'libx264'\" >&2\nexit 8\n")
    refusing.chmod(refusing.stat().st_mode | stat.S_IXUSR)
    assert "no libx264" in cannot_write(str(refusing))
