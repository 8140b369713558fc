# SPDX-License-Identifier: Apache-2.0
"""Inputs given file by file, for hosts whose file numbers are not frame numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.conftest import FAST, ServerProcess
from tests.client.test_remove import tree
from tests.small_shot import SmallShot
from void_client.connection import Connection
from void_client.draft import draft_order, place_order
from void_client.errors import BadInput, SpecRefused
from void_client.follow import follow
from void_client.inputs import Inputs, Pairs, gather
from void_client.order import capabilities
from void_client.sequence import FrameRange
from void_client.specification import RemoveOptions, output_place

RANGE = FrameRange(1001, 1003)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.exr").touch()
    return tmp_path


def paired(folder: Path, **names: int) -> Pairs:
    return Pairs(tuple((frame, f"{folder}/{name}.exr") for name, frame in names.items()))


def gathered(role: str, given: Pairs, folder: Path, **more) -> Inputs:
    plate = paired(folder, a=1001, b=1002, c=1003)
    return gather({}, RANGE, pairs={"plate": plate, role: given}, **more)


def test_each_frame_has_the_file_that_it_is_paired_with(folder: Path) -> None:
    found = gather({}, RANGE, pairs={"plate": paired(folder, c=1001, a=1002, b=1003)})
    assert [(f.frame, f.path.name) for f in found.plate.files] == [
        (1001, "c.exr"),
        (1002, "a.exr"),
        (1003, "b.exr"),
    ]
    assert found.problems == ()


def test_frames_beyond_the_range_are_left_out(folder: Path) -> None:
    found = gather({}, FrameRange(1002, 1002), pairs={"plate": paired(folder, a=1001, b=1002, c=1003)})
    assert [f.frame for f in found.plate.files] == [1002]


def test_one_file_may_stand_for_several_frames(folder: Path) -> None:
    held = Pairs(tuple((frame, f"{folder}/a.exr") for frame in RANGE.frames()))
    assert {f.path.name for f in gathered("remove", held, folder).by_role["remove"].files} == {"a.exr"}


def test_a_file_that_is_missing_is_the_same_finding_as_with_patterns(folder: Path) -> None:
    problem = gathered("remove", paired(folder, a=1001, gone=1002, c=1003), folder).problems[0]
    assert (problem.code, problem.input, list(problem.frames)) == ("missing_frames", "remove", [1002])
    assert problem.file == f"{folder}/gone.exr"
    assert "frame 1002" in problem.message and problem.file in problem.message


def test_a_frame_without_a_file_is_missing(folder: Path) -> None:
    problem = gathered("remove", paired(folder, a=1001, c=1003), folder).problems[0]
    assert list(problem.frames) == [1002]
    assert "frame 1002 has no file" in problem.message


def test_a_sparse_matte_needs_files_for_some_frames_and_says_which(folder: Path) -> None:
    found = gathered("remove", paired(folder, b=1002), folder, sparse={"remove"})
    assert found.problems == ()
    assert "remove has 1 of 3 frames: 1002." in found.notes


def test_a_key_that_is_paired_and_not_there_is_missing_in_a_sparse_matte_too(folder: Path) -> None:
    found = gathered("remove", paired(folder, b=1002, gone=1003), folder, sparse={"remove"})
    assert [list(p.frames) for p in found.problems] == [[1003]]


def test_a_sparse_matte_without_any_frame_of_the_range_is_missing(folder: Path) -> None:
    found = gathered("remove", paired(folder, b=7), folder, sparse={"remove"})
    assert [p.code for p in found.problems] == ["missing_frames"]


def test_clean_plates_may_be_there_for_some_frames(folder: Path) -> None:
    found = gathered("clean_plate", paired(folder, b=1002), folder)
    assert ([f.frame for f in found.by_role["clean_plate"].files], found.problems) == ([1002], ())


def test_the_range_must_be_given(folder: Path) -> None:
    with pytest.raises(BadInput, match="without a range"):
        gather({}, None, pairs={"plate": paired(folder, a=1001)})


def test_roles_come_in_their_own_order_however_they_are_given(folder: Path) -> None:
    plate, matte = paired(folder, a=1001, b=1002, c=1003), f"{folder}/#.exr"
    assert list(gather({"remove": matte}, RANGE, pairs={"plate": plate}).by_role) == ["plate", "remove"]


def test_results_are_named_after_the_first_file(tmp_path: Path) -> None:
    (tmp_path / "sh010_bg.0007.exr").touch()
    options = order(tmp_path, plate=Pairs(((1001, f"{tmp_path}/sh010_bg.0007.exr"),)))
    inputs = gather({}, FrameRange(1001, 1001), pairs={"plate": options.pairs["plate"]})
    assert output_place(options, inputs).name == "sh010_bg_void"


def order(folder: Path, **pairs: Pairs) -> RemoveOptions:
    return RemoveOptions({}, folder / "out", instruction="the ball", pairs=pairs)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (Pairs(()), "No file of plate"),
        (Pairs(((1, "/a"), (1, "/b"))), "Frame 1 of plate has two files"),
        (Pairs(((1, "/a"),), "red"), "which is read whole"),
        (Pairs(((1, "/a\udcff"),)), "not UTF-8"),
    ],
)
def test_pairs_that_cannot_be_an_input_are_refused(tmp_path: Path, pairs: Pairs, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        order(tmp_path, plate=pairs)


def test_a_role_has_a_pattern_or_files_and_not_both(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="by a pattern and file by file"):
        RemoveOptions(
            {"plate": "p.#.exr", "remove": "r.#.exr"}, tmp_path, pairs={"plate": Pairs(((1, "/a"),))}
        )


def test_mattes_given_file_by_file_say_what_to_remove(tmp_path: Path) -> None:
    plate = Pairs(((1, "/a"),))
    assert RemoveOptions({}, tmp_path, pairs={"plate": plate, "remove": plate}).drawn


def shifted(shot: SmallShot, name: str, channel: str = "") -> Pairs:
    """The frames of a sequence as frames 1 to 3, under the file numbers 1001 to 1003."""
    return Pairs(tuple((f - 1000, str(p)) for f, p in shot.files(name).items()), channel)


def test_a_shot_with_other_file_numbers_is_removed_under_its_frame_numbers(
    server: ServerProcess, shot: SmallShot, tmp_path: Path
) -> None:
    pairs = {"plate": shifted(shot, "plate"), "remove": shifted(shot, "roto", "A")}
    options = RemoveOptions({}, tmp_path / "out", name="shot", masks_only=True, reasoner="none", pairs=pairs)
    draft = draft_order(options, FrameRange(1, 3), lambda: None)
    with Connection(lambda: server.target, FAST) as connection:
        job, _ = place_order(connection, capabilities(connection), draft, (), False, lambda _: None)
        ended = follow(connection, job.id, lambda _: None)
    assert sorted({o.frame for o in ended.outputs}) == [0, 1, 2, 3]
    assert tree(tmp_path) == []


def test_one_matte_for_all_frames_is_taken(server: ServerProcess, shot: SmallShot, tmp_path: Path) -> None:
    held = Pairs(tuple((f, str(shot.files("roto")[1002])) for f in RANGE.frames()))
    plate = Pairs(tuple((f, str(p)) for f, p in shot.files("plate").items()))
    options = RemoveOptions({}, tmp_path, pairs={"plate": plate, "remove": held}, reasoner="none")
    draft = draft_order(options, RANGE, lambda: None)
    with Connection(lambda: server.target, FAST) as connection:
        job, _ = place_order(connection, capabilities(connection), draft, (), False, lambda _: None)
    assert len(job.spec.shot.remove.files) == 3


def test_all_that_is_missing_is_told_at_once(server: ServerProcess, shot: SmallShot, tmp_path: Path) -> None:
    pairs = {
        "plate": Pairs(tuple((f, f"/gone/{f}.exr") for f in RANGE.frames())),
        "remove": Pairs(((1001, "/gone/matte.exr"),)),
    }
    draft = draft_order(RemoveOptions({}, tmp_path, pairs=pairs), RANGE, lambda: None)
    with Connection(lambda: server.target, FAST) as connection, pytest.raises(SpecRefused) as raised:
        place_order(connection, capabilities(connection), draft, (), False, lambda _: None)
    assert [(p.input, list(p.frames)) for p in raised.value.problems] == [
        ("plate", [1001, 1002, 1003]),
        ("remove", [1001, 1002, 1003]),
    ]
