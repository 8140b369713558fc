# SPDX-License-Identifier: Apache-2.0
"""All that is wrong with an order is told in one go, whoever finds it: nobody mends, waits and meets the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.client.conftest import Command, Ran
from tests.client.test_remove import wish
from tests.small_shot import SmallShot, write_exr, write_small_shot


@pytest.fixture
def own_shot(tmp_path: Path) -> SmallShot:
    return write_small_shot(tmp_path / "shot", frames=3, seed=41)


def empty(shot: SmallShot, name: str, *frames: int) -> None:
    for frame in frames:
        write_exr(shot.files(name)[frame], np.zeros((72, 96, 1), np.float16), "A")


def codes(ran: Ran) -> list[str]:
    assert ran.code == 2
    assert ran.named("job") == []
    return [p["code"] for p in ran.named("preflight")[-1]["problems"]]


def test_a_missing_frame_and_a_wrong_option(void: Command, own_shot: SmallShot) -> None:
    own_shot.files("roto")[1002].unlink()
    assert codes(void(*wish(own_shot, "--json", "--set", "foo=1"))) == ["missing_frames", "unsupported"]


def test_a_wrong_option_and_a_matte_that_is_empty_everywhere(void: Command, own_shot: SmallShot) -> None:
    empty(own_shot, "roto", 1001, 1002, 1003)
    ran = void(*wish(own_shot, "--json", "--set", "foo=1", "--engine", "voit", "--reasoner", "openai"))
    assert codes(ran) == ["unsupported"] * 3 + ["matte_empty"]
    assert ran.named("error")[0]["message"].startswith("4 problems")


def test_a_missing_frame_and_a_matte_of_another_size(void: Command, own_shot: SmallShot) -> None:
    own_shot.files("roto")[1002].unlink()
    write_exr(own_shot.files("affected")[1003], np.zeros((10, 10, 1), np.float16), "A")
    assert codes(void(*wish(own_shot, "--json"))) == ["missing_frames", "other_picture"]


def test_an_unreadable_matte_and_an_empty_one(void: Command, own_shot: SmallShot) -> None:
    empty(own_shot, "roto", 1001, 1002, 1003)
    own_shot.files("affected")[1002].write_bytes(b"")
    assert codes(void(*wish(own_shot, "--json"))) == ["unreadable", "matte_empty"]


def test_a_wrong_name_a_wrong_config_and_a_wrong_option(void: Command, own_shot: SmallShot) -> None:
    ran = void(*wish(own_shot, "--json", "--name", "a/b", "--ocio", "no.ocio", "--set", "foo=1"))
    assert sorted(codes(ran)) == ["invalid_input", "invalid_input", "unsupported"]


def test_a_plate_that_is_nowhere_and_a_wrong_option(void: Command, own_shot: SmallShot) -> None:
    ran = void(*wish(own_shot, "--json", "--plate", "no.####.exr", "--set", "foo=1"))
    assert codes(ran) == ["invalid_input", "unsupported"]


def test_what_the_server_refuses_as_a_whole_does_not_hide_what_is_wrong_with_the_mattes(
    void: Command, own_shot: SmallShot
) -> None:
    empty(own_shot, "roto", 1001, 1002, 1003)
    ran = void(*wish(own_shot, "--json", "--set", "foo=1", "--instruction", "the box"))
    found = ran.named("preflight")[-1]["problems"]
    assert codes(ran)[-1] == "matte_empty"
    assert any("An instruction is for the model" in p["message"] for p in found)


def test_a_wrong_option_and_clean_plates_of_another_size_and_of_the_plate_itself(
    void: Command, own_shot: SmallShot
) -> None:
    folder = own_shot.folder / "clean"
    folder.mkdir()
    (folder / "clean.1001.exr").write_bytes(own_shot.files("plate")[1001].read_bytes())
    write_exr(folder / "clean.1003.exr", np.ones((36, 48, 3), np.float16), "RGB")
    ran = void(*wish(own_shot, "--json", "--set", "foo=1", "--cleanplate", f"{folder}/clean.####.exr"))
    found = ran.named("preflight")[-1]["problems"]
    assert codes(ran) == ["unsupported", "other_picture", "clean_plate_is_plate"]
    assert [p["frames"] for p in found[1:]] == [[1003], [1001]]
    assert {p["input"] for p in found[1:]} == {"clean_plate"}
    assert "1 of 3" not in ran.out and "2 of 3 frames: 1001, 1003" in ran.out


def test_clean_plates_of_other_frames_only_and_an_unreadable_one(void: Command, own_shot: SmallShot) -> None:
    write_exr(own_shot.folder / "clean.0999.exr", np.ones((72, 96, 3), np.float16), "RGB")
    ran = void(*wish(own_shot, "--json", "--cleanplate", f"{own_shot.folder}/clean.####.exr"))
    assert ran.code == 2
    assert "No frame of the range 1001-1003" in ran.out and "999" in ran.out
    (own_shot.folder / "clean.1002.exr").write_bytes(b"no picture at all")
    ran = void(*wish(own_shot, "--json", "--cleanplate", f"{own_shot.folder}/clean.####.exr"))
    (found,) = ran.named("preflight")[-1]["problems"]
    assert (found["input"], found["frames"], found["file"].endswith("clean.1002.exr")) == (
        "clean_plate",
        [1002],
        True,
    )


def test_the_plates_are_neither_read_nor_sent_for_an_order_that_cannot_be(
    void: Command, own_shot: SmallShot
) -> None:
    ran = void(*wish(own_shot, "--json", "--set", "foo=1"))
    assert {e["files_total"] for e in ran.named("hashing")} == {7}
    assert ran.named("preflight")[-1]["unseen_files"] == 2


def test_one_problem_alone_is_told_as_itself(void: Command, own_shot: SmallShot) -> None:
    ran = void(*wish(own_shot, "--json", "--name", "a/b"))
    assert ran.code == 2
    assert ran.named("preflight") == []
    assert "a/b" in ran.named("error")[0]["message"]
