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
    clean = str(own_shot.folder / "plate" / "plate.####.exr")
    ran = void(*wish(own_shot, "--json", "--set", "foo=1", "--cleanplate", clean))
    found = ran.named("preflight")[-1]["problems"]
    assert codes(ran)[-1] == "matte_empty"
    assert any("Clean-plate" in p["message"] for p in found)


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
