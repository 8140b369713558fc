# SPDX-License-Identifier: Apache-2.0
"""`--instruction` as a user gives it, without a matte: against a real server, a stand-in for its model, a tiny SAM2."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import OpenImageIO as oiio
import pytest

from tests.client.conftest import Command, ServerProcess
from tests.client.test_remove import tree
from tests.reasoners.vlm.samples import GOOD
from tests.reasoners.vlm.stand_in import Says, StandIn, serving
from tests.segmenters.sam2_models import tiny_model
from tests.small_shot import SmallShot

INSTRUCTION = "remove the red square and correct the light on the wall"


def says(answer: object) -> Says:
    message = {"role": "assistant", "content": json.dumps(answer)}
    return Says(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())


@pytest.fixture
def model(shot: SmallShot) -> Iterator[StandIn]:
    """Boxes the square, then sees no effects."""
    box = {"frame": shot.first, "x0": 250, "y0": 333, "x1": 417, "y1": 583}
    where = {"objects": [{"name": "red square", "boxes": [box]}]}
    with serving(says(where), says(GOOD | {"integral_belongings": [], "affected_objects": []})) as running:
        yield running


@pytest.fixture
def words(
    void: Command,
    model: StandIn,
    start_server: Callable[..., ServerProcess],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """The command, with a server that finds objects from words."""
    tiny_model().save_pretrained(tmp_path / "weights" / "sam2" / "sam2.1-hiera-tiny")
    monkeypatch.setenv("VOID_WEIGHTS", str(tmp_path / "weights"))
    site = tmp_path / "vlm.toml"
    site.write_text(
        f'local_endpoints = ["127.0.0.1"]\n[openai]\nendpoint = "{model.url}/v1"\nmodel = "a-model"\n'
    )
    server = start_server("--vlm", str(site))
    told = {"VOID_SERVER": server.address, "VOID_TOKEN_FILE": str(server.token_file)}
    return replace(void, environment=void.environment | told)


def wish(shot: SmallShot, *command: str) -> tuple[str, ...]:
    plate = f"{shot.folder}/plate/plate.####.exr"
    return (*command, "--plate", plate, "--instruction", INSTRUCTION, "--out", "out", "--name", "shot")


def sidecar(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "shot.json").read_text())
    return told


def test_words_alone_leave_mattes_that_a_removal_takes(
    words: Command, shot: SmallShot, model: StandIn
) -> None:
    made = words(*wish(shot, "mask", "make"))
    assert made.code == 0, made.err
    assert "Found: red square on frames 1001." in made.out + made.err
    assert "--boxes '1001:24,24,40,42,0' and --reasoner openai" in made.out + made.err
    frames = range(shot.first, shot.last + 1)
    for frame in frames:
        matte = oiio.ImageBuf(str(words.folder / f"out/matte/shot_matte.{frame}.exr"))
        assert matte.get_pixels(oiio.FLOAT)[..., matte.spec().channelnames.index("R")].any(), frame
    assert sidecar(words.folder / "out")["found"]["boxes"] == "1001:24,24,40,42,0"
    plate = f"{shot.folder}/plate/plate.####.exr"
    painted = ("--quadmask", "out/matte/shot_matte.####.exr", "--out", "done", "--name", "shot")
    removed = words("remove", "--plate", plate, *painted, "--engine", "cleanplate")
    assert removed.code == 0, removed.err
    assert {f"shot.{frame}.exr" for frame in frames} <= set(tree(words.folder / "done"))
    assert len(model.requests) == 2


def test_words_alone_are_enough_for_a_removal(words: Command, shot: SmallShot) -> None:
    ran = words(*wish(shot, "remove"), "--engine", "cleanplate")
    assert ran.code == 0, ran.err
    assert sidecar(words.folder / "out")["model"]["scene"] == GOOD["scene_description"]


def test_the_boxes_that_were_told_correct_what_was_found(
    words: Command, shot: SmallShot, model: StandIn
) -> None:
    assert words(*wish(shot, "mask", "make")).code == 0
    again = words(*wish(shot, "mask", "make"), "--boxes", "1001:20,20,44,46,0", "--reasoner", "openai")
    assert again.code == 0, again.err
    assert sidecar(words.folder / "out")["found"] is None


def test_a_server_without_a_finder_answers_with_one_problem_that_names_every_way(
    void: Command, shot: SmallShot
) -> None:
    ran = void(*wish(shot, "mask", "make"), "--json")
    assert ran.code == 2
    (problem,) = ran.named("preflight")[-1]["problems"]
    assert "Words alone cannot say what to remove" in problem["message"]
    for way in ("--points", "--boxes", "--remove", "--vlm", "grounding"):
        assert way in problem["fix"]


def test_the_help_teaches_words(void: Command) -> None:
    for command in (("mask", "make"), ("remove",)):
        assert "--instruction 'remove the coffee cup" in void(*command, "--help").out
