# SPDX-License-Identifier: Apache-2.0
"""All files of a shot are looked for at once, before anything is read or sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from void_client.errors import BadInput
from void_client.inputs import gather
from void_client.sequence import FrameRange


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("plate", "roto"):
        for frame in (1, 2, 3):
            (tmp_path / f"{name}.{frame:04d}.exr").touch()
    (tmp_path / "still.exr").touch()
    return tmp_path


def test_without_a_range_all_frames_of_the_plate_are_taken_and_said(folder: Path) -> None:
    found = gather({"plate": f"{folder}/plate.####.exr"}, None)
    assert found.range == FrameRange(1, 3)
    assert "1-3" in found.notes[0]


def test_a_stepped_range_takes_only_its_frames(folder: Path) -> None:
    found = gather({"plate": f"{folder}/plate.####.exr"}, FrameRange(1, 3, 2))
    assert [f.frame for f in found.plate.files] == [1, 3]


def test_the_missing_frames_of_all_inputs_are_reported_together_with_those_that_exist(folder: Path) -> None:
    patterns = {"plate": f"{folder}/plate.####.exr", "remove": f"{folder}/roto.####.exr:red"}
    problems = gather(patterns, FrameRange(2, 5)).problems
    assert [(p.code, p.input, list(p.frames)) for p in problems] == [
        ("missing_frames", "plate", [4, 5]),
        ("missing_frames", "remove", [4, 5]),
    ]
    assert "1-3" in problems[0].message
    assert problems[0].file.endswith("plate.0004.exr")


def test_the_files_that_are_there_are_found_although_others_are_missing(folder: Path) -> None:
    found = gather({"plate": f"{folder}/plate.####.exr"}, FrameRange(2, 5))
    assert [f.frame for f in found.plate.files] == [2, 3]


def test_a_plate_that_is_nowhere_is_named(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"plait\.####\.exr"):
        gather({"plate": f"{folder}/plait.####.exr"}, None)


def test_the_channel_is_split_off_mattes_only(folder: Path) -> None:
    patterns = {"plate": f"{folder}/plate.####.exr", "remove": f"{folder}/roto.####.exr:red"}
    found = gather(patterns, None)
    assert (found.by_role["remove"].channel, found.plate.channel) == ("red", "")


def test_names_stay_as_the_user_wrote_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert gather({"plate": "./plate.####.exr"}, None).plate.files[0].name == "./plate.0001.exr"


def test_a_file_without_a_number_is_one_frame(folder: Path) -> None:
    found = gather({"plate": f"{folder}/still.exr", "remove": f"{folder}/roto.0001.exr"}, None)
    assert len(found.plate.files) == len(found.by_role["remove"].files) == 1


def test_a_file_without_a_number_does_not_serve_several_frames(folder: Path) -> None:
    patterns = {"plate": f"{folder}/plate.####.exr", "remove": f"{folder}/still.exr"}
    assert "--remove" in gather(patterns, None).problems[0].fix


def test_a_sparse_matte_needs_some_frames_only_and_says_which(folder: Path) -> None:
    patterns = {"plate": f"{folder}/plate.####.exr", "remove": f"{folder}/roto.####.exr"}
    (folder / "roto.0002.exr").unlink()
    assert [p.code for p in gather(patterns, None).problems] == ["missing_frames"]
    found = gather(patterns, None, sparse={"remove"})
    assert [f.frame for f in found.by_role["remove"].files] == [1, 3] and not found.problems
    assert any("--remove has 2 of 3 frames: 1, 3" in note for note in found.notes)


def test_a_sparse_matte_of_which_nothing_is_there_is_a_problem(folder: Path) -> None:
    patterns = {"plate": f"{folder}/plate.####.exr", "remove": f"{folder}/none.####.exr"}
    assert [p.code for p in gather(patterns, None, sparse={"remove"}).problems] == ["missing_frames"]


def test_a_clean_plate_may_be_there_for_some_frames_only(folder: Path) -> None:
    (folder / "clean.0002.exr").touch()
    patterns = {"plate": f"{folder}/plate.####.exr", "clean_plate": f"{folder}/clean.####.exr"}
    assert [f.frame for f in gather(patterns, None).by_role["clean_plate"].files] == [2]


def clean(folder: Path, written: str = "clean.####.exr") -> dict[str, str]:
    return {"plate": f"{folder}/plate.####.exr", "clean_plate": f"{folder}/{written}"}


def test_which_clean_plates_were_found_and_which_are_not_used_is_said(folder: Path) -> None:
    for frame in (2, 3, 8, 9):
        (folder / f"clean.{frame:04d}.exr").touch()
    found = gather(clean(folder), FrameRange(1, 3))
    assert [f.frame for f in found.by_role["clean_plate"].files] == [2, 3]
    assert found.notes == (
        "Clean plates are there for 2 of 3 frames: 2-3.",
        "Clean plates of frames 8-9 lie outside the range and are not used.",
    )


def test_a_clean_plate_between_the_steps_of_a_range_is_not_used(folder: Path) -> None:
    for frame in (2, 3):
        (folder / f"clean.{frame:04d}.exr").touch()
    assert [f.frame for f in gather(clean(folder), FrameRange(1, 3, 2)).by_role["clean_plate"].files] == [3]


@pytest.mark.parametrize("there", [(), (7,)])
def test_a_clean_plate_that_has_no_frame_of_the_range_is_an_error(
    folder: Path, there: tuple[int, ...]
) -> None:
    for frame in there:
        (folder / f"clean.{frame:04d}.exr").touch()
    (problem,) = gather(clean(folder), None).problems
    assert (problem.code, problem.input) == ("missing_frames", "clean_plate")
    assert "1-3" in problem.message and ("on disk are 7" if there else "none of it") in problem.message


def test_one_clean_plate_named_as_a_file_is_that_of_the_frame_in_its_name(folder: Path) -> None:
    (folder / "clean.0002.exr").touch()
    assert [f.frame for f in gather(clean(folder, "clean.0002.exr"), None).by_role["clean_plate"].files] == [
        2
    ]
    (folder / "clean.0007.exr").touch()
    assert gather(clean(folder, "clean.0007.exr"), None).problems[0].input == "clean_plate"


def test_a_version_in_a_clean_plates_name_is_no_frame(folder: Path) -> None:
    (folder / "clean_v002.exr").touch()
    (problem,) = gather(clean(folder, "clean_v002.exr"), None).problems
    assert "no place for the frame number" in problem.message and "--cleanplate" in problem.fix
    assert [f.frame for f in gather(clean(folder, "clean_v002.exr"), FrameRange(3, 3)).files()] == [3, 3]


def test_what_the_artist_made_and_the_first_plate_frame_are_checked_before_the_plates(folder: Path) -> None:
    (folder / "clean.0002.exr").touch()
    patterns = {**clean(folder), "remove": f"{folder}/roto.####.exr"}
    names = [f.path.name for f in gather(patterns, None).checked_before_plates()]
    assert names == [f"roto.000{i}.exr" for i in (1, 2, 3)] + ["clean.0002.exr", "plate.0001.exr"]
