# SPDX-License-Identifier: Apache-2.0
"""Preflight finds every problem at once, before any work, through a real server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from void.v1 import jobs_pb2, types_pb2

from tests.server.calls import recorded_units, set_sequence, spec_of
from tests.small_shot import write_exr
from void_server.pipeline.findings import frame_list

ERROR, WARNING = types_pb2.SEVERITY_ERROR, types_pb2.SEVERITY_WARNING


@pytest.fixture
def order(server, shot):
    """A good order whose files are uploaded; tests spoil it."""
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    return spec_of(shot, "/preflight")


def replace(server, spec, role: str, files: dict[int, Path], channel: str = "") -> None:
    server.caller.upload_files(files.values())
    set_sequence(spec, role, files, channel)


def matte(path: Path, values: np.ndarray | float, size: tuple[int, int] = (72, 96), **attributes) -> Path:
    pixels = np.broadcast_to(np.float16(values), size)[..., None].astype(np.float16)
    return write_exr(path, pixels, "A", **attributes)


def problems(server, spec) -> dict[tuple[str, str], types_pb2.Problem]:
    return {(p.input, p.code): p for p in server.caller.preflight(spec).problems}


def test_a_good_order_has_no_problems_and_says_which_colour_space_it_takes(server, order):
    report = server.caller.preflight(order)
    assert not report.problems and report.unseen_files == 0
    assert any("scene-linear Rec.709" in note for note in report.notes)


def test_an_empty_matte_over_the_whole_range_is_an_error_and_on_some_frames_a_warning(
    server, order, shot, tmp_path
):
    empty = matte(tmp_path / "empty.exr", 0)
    replace(server, order, "remove", {**shot.files("roto"), shot.first: empty, shot.last: empty})
    some = problems(server, order)["remove", "matte_empty"]
    assert some.severity == WARNING and list(some.frames) == [shot.first, shot.last]
    replace(server, order, "remove", dict.fromkeys(shot.files("roto"), empty))
    every = problems(server, order)["remove", "matte_empty"]
    assert every.severity == ERROR and "PATTERN:channel" in every.fix


def test_a_full_matte_over_the_whole_range_is_an_error(server, order, shot, tmp_path):
    full = matte(tmp_path / "full.exr", 1)
    replace(server, order, "remove", dict.fromkeys(shot.files("roto"), full))
    assert problems(server, order)["remove", "matte_full"].severity == ERROR


@pytest.mark.parametrize("role", ["affected", "keep"])
def test_an_affected_or_keep_matte_that_covers_everything_is_an_error(server, order, shot, tmp_path, role):
    full = matte(tmp_path / "full.exr", 1)
    replace(server, order, role, dict.fromkeys(shot.files("roto"), full))
    assert problems(server, order)[role, "matte_full"].severity == ERROR


def test_an_affected_matte_that_is_empty_everywhere_is_a_warning(server, order, shot, tmp_path):
    empty = matte(tmp_path / "empty.exr", 0)
    replace(server, order, "affected", dict.fromkeys(shot.files("roto"), empty))
    assert problems(server, order)["affected", "matte_empty"].severity == WARNING
    replace(server, order, "affected", {**shot.files("affected"), shot.first: empty})
    assert not problems(server, order)


def test_pixel_aspects_that_hosts_round_differently_are_the_same_picture(server, order, shot, tmp_path):
    values = np.zeros((72, 96), np.float16)
    values[4:9, 4:9] = 1
    near = matte(tmp_path / "near.exr", values, PixelAspectRatio=1.00004)
    replace(server, order, "remove", dict.fromkeys(shot.files("roto"), near))
    assert not problems(server, order)


def test_an_alpha_of_1_beside_a_varying_channel_names_the_channel_to_give(server, order, shot, tmp_path):
    pixels = np.zeros((72, 96, 4), np.float16)
    pixels[20:30, 20:30, 0] = 1
    pixels[..., 3] = 1
    path = write_exr(tmp_path / "rgba.exr", pixels, "RGBA")
    replace(server, order, "remove", dict.fromkeys(shot.files("roto"), path))
    found = problems(server, order)["remove", "invalid_input"]
    assert "remove.####.exr:red" in found.message + found.fix
    replace(server, order, "remove", dict.fromkeys(shot.files("roto"), path), channel="red")
    assert not problems(server, order)


def test_missing_frames_are_listed(server, order, shot):
    for role, name in (("plate", "plate"), ("remove", "roto")):
        files = shot.files(name)
        del files[shot.first + 1], files[shot.first + 2]
        set_sequence(order, role, files)
    found = problems(server, order)
    for role in ("plate", "remove"):
        problem = found[role, "missing_frames"]
        assert list(problem.frames) == [shot.first + 1, shot.first + 2]
        assert "1002-1003" in problem.message and problem.fix


def test_a_matte_of_other_frames_than_the_range_does_not_overlap(server, order, shot):
    set_sequence(order, "remove", {f + 500: p for f, p in shot.files("roto").items()})
    problem = problems(server, order)["remove", "no_overlap"]
    assert "1501-1505" in problem.message and "1001-1005" in problem.message


@pytest.mark.parametrize(
    ("size", "attributes", "said"),
    [((36, 48), {}, "48x36"), ((72, 96), {"PixelAspectRatio": 2.0}, "pixel aspect 2")],
)
def test_a_matte_of_another_picture_is_refused_with_both_named(
    server, order, shot, tmp_path, size, attributes, said
):
    values = np.zeros(size, np.float16)
    values[4:9, 4:9] = 1
    other = matte(tmp_path / "other.exr", values, size, **attributes)
    replace(server, order, "remove", dict.fromkeys(shot.files("roto"), other))
    problem = problems(server, order)["remove", "other_picture"]
    assert problem.severity == ERROR and said in problem.message and "96x72" in problem.message


def test_plates_of_mixed_size_or_type_are_refused_with_the_odd_ones_named(server, order, shot, tmp_path):
    small = write_exr(tmp_path / "small.exr", np.ones((36, 48, 3), np.float16), "RGB")
    wide = write_exr(tmp_path / "float.exr", np.ones((72, 96, 3), np.float32), "RGB")
    replace(server, order, "plate", {**shot.files("plate"), shot.first: small, shot.last: wide})
    found = [p for p in server.caller.preflight(order).problems if p.code == "mixed_plates"]
    said = " ".join(p.message for p in found)
    assert "48x36" in said and "sample type float" in said
    assert {tuple(p.frames) for p in found} == {(shot.first,), (shot.last,)}


def test_unreadable_files_are_named_with_frame_and_what_to_do(server, order, shot, tmp_path):
    whole = shot.files("plate")[shot.first].read_bytes()
    broken = {shot.first: b"", shot.first + 1: b"no picture at all", shot.first + 2: whole[: len(whole) // 2]}
    files = shot.files("plate")
    for frame, data in broken.items():
        files[frame] = tmp_path / f"broken.{frame}.exr"
        files[frame].write_bytes(data)
    replace(server, order, "plate", files)
    found = [p for p in server.caller.preflight(order).problems if p.input == "plate"]
    assert {tuple(p.frames) for p in found} == {(f,) for f in broken}
    for problem in found:
        assert problem.severity == ERROR and problem.fix
        assert problem.file == f"broken.{problem.frames[0]}.exr" and problem.file in problem.message
        assert str(server.store) not in problem.message + problem.fix


def test_what_is_wrong_with_many_files_in_the_same_way_is_told_once(server, order, shot):
    set_sequence(order, "remove", shot.files("roto"), channel="red")
    found = problems(server, order)["remove", "invalid_input"]
    assert (
        list(found.frames) == list(shot.files("roto")) and "remove.####.exr has no channel" in found.message
    )


def test_matte_samples_that_are_no_numbers_or_out_of_range_are_a_warning(server, order, shot, tmp_path):
    values = np.zeros((72, 96), np.float16)
    values[10:20, 10:20] = 1
    values[0, 0], values[0, 1] = np.nan, 1.5
    odd = matte(tmp_path / "odd.exr", values)
    replace(server, order, "remove", {**shot.files("roto"), shot.first: odd})
    found = [p for p in server.caller.preflight(order).problems if p.code == "unclean_matte"]
    assert len(found) == 2 and all(p.severity == WARNING and list(p.frames) == [shot.first] for p in found)


def test_a_colour_space_that_the_config_lacks_offers_near_ones(server, order):
    order.shot.colour.name = "ACEScgg"
    problem = problems(server, order)["plate", "invalid_input"]
    assert "ACEScgg" in problem.message and "ACEScg" in problem.fix


def test_all_problems_are_found_at_once(server, order, shot, tmp_path):
    empty = matte(tmp_path / "empty.exr", 0)
    other = matte(tmp_path / "other.exr", 0.5, (10, 10))
    plates = shot.files("plate")
    del plates[shot.first]
    replace(server, order, "plate", plates)
    replace(server, order, "remove", dict.fromkeys(shot.files("roto"), empty))
    replace(server, order, "affected", dict.fromkeys(shot.files("roto"), other))
    assert set(problems(server, order)) == {
        ("plate", "missing_frames"),
        ("remove", "matte_empty"),
        ("affected", "other_picture"),
    }


def test_mattes_are_checked_before_plates_are_uploaded(start_server, shot, tmp_path):
    server = start_server()
    empty = matte(tmp_path / "empty.exr", 0)
    spec = spec_of(shot)
    replace(server, spec, "remove", dict.fromkeys(shot.files("roto"), empty))
    server.caller.upload_files(shot.files("affected").values())
    report = server.caller.preflight(spec)
    assert [p.code for p in report.problems] == ["matte_empty"]
    assert report.unseen_files == len(shot.files("plate"))


def test_a_job_with_problems_fails_before_any_work_and_names_all_of_them(start_server, shot, tmp_path):
    server = start_server()
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    empty = matte(tmp_path / "empty.exr", 0)
    spec = spec_of(shot)
    replace(server, spec, "remove", dict.fromkeys(shot.files("roto"), empty))
    job = server.caller.run(spec)
    assert job.state == jobs_pb2.JOB_STATE_FAILED
    assert [p.code for p in job.problems] == ["matte_empty"]
    assert {kind for kind, _ in recorded_units(server.store).values()} == {"ingest"}


@given(frames=st.sets(st.integers(-50, 2000), min_size=1, max_size=40))
def test_a_frame_list_names_each_run_of_frames_once(frames):
    text = frame_list(frames)
    shown, _, more = text.partition(" and ")
    named: set[int] = set()
    for word in shown.split(", "):
        first, dash, last = word[1:].partition("-") if word.startswith("-") else word.partition("-")
        start = -int(first) if word.startswith("-") else int(first)
        named |= set(range(start, int(last) + 1)) if dash else {start}
    assert named <= frames
    assert bool(more) or named == frames
