# SPDX-License-Identifier: Apache-2.0
"""The same wish is always the same spec; what the server cannot do is said before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from void.v1 import jobs_pb2, server_pb2, types_pb2

from void_client.abilities import check_capabilities
from void_client.content import hash_files
from void_client.errors import BadInput
from void_client.inputs import gather
from void_client.specification import (
    RemoveOptions,
    build_spec,
    check_name,
    output_place,
    parse_pairs,
    parse_points,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("plate", "roto"):
        for frame in (1, 2):
            (tmp_path / f"{name}.{frame:05d}.exr").write_bytes(f"{name}{frame}".encode())
    return tmp_path


def spec_of(folder: Path, **changes: Any) -> jobs_pb2.JobSpec:
    patterns = {"plate": f"{folder}/plate.#####.exr", "remove": f"{folder}/roto.#####.exr"}
    options = RemoveOptions(**{"patterns": patterns, "out": folder / "out", **changes})
    inputs = gather(dict(options.patterns), None, options.view)
    contents, _ = hash_files(((f.path, f.name) for f in inputs.files()), lambda event: None)
    return build_spec(options, inputs, contents, output_place(options, inputs))


def test_the_same_wish_makes_the_same_bytes(folder: Path) -> None:
    options = {"options": {"b": "2", "a": "1"}}
    same = {"options": {"a": "1", "b": "2"}}
    assert spec_of(folder, **options).SerializeToString(deterministic=True) == spec_of(
        folder, **same
    ).SerializeToString(deterministic=True)


def test_changed_pixels_make_another_spec(folder: Path) -> None:
    before = spec_of(folder)
    (folder / "roto.00002.exr").write_bytes(b"painted")
    assert spec_of(folder) != before


def test_the_spec_names_frames_digests_and_place(folder: Path) -> None:
    spec = spec_of(folder)
    assert [f.frame for f in spec.shot.plate.files] == [1, 2]
    assert spec.shot.remove.files[0].blob.bytes == len("roto1")
    assert (spec.output.directory, spec.output.name, spec.output.padding) == (
        str(folder / "out"),
        "plate_void",
        5,
    )


def test_the_place_is_absolute_and_without_detours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert spec_of(folder, out=Path("sub/../out")).output.directory == str(folder / "out")


def test_short_padding_is_widened_to_four(tmp_path: Path) -> None:
    (tmp_path / "p.7.exr").write_bytes(b"x")
    patterns = {"plate": f"{tmp_path}/p.#.exr", "remove": f"{tmp_path}/p.#.exr"}
    assert spec_of(tmp_path, patterns=patterns).output.padding == 4


def test_a_view_keeps_the_results_of_both_eyes_apart(folder: Path) -> None:
    assert spec_of(folder, view="left").output.name == "plate_left_void"


def test_a_wish_that_says_nothing_of_what_to_remove_is_taught() -> None:
    with pytest.raises(BadInput, match="--remove"):
        RemoveOptions(patterns={"plate": "p.####.exr"}, out=Path("o"))


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_beyond_64_bits_is_refused(seed: int) -> None:
    with pytest.raises(BadInput, match="seed"):
        RemoveOptions(patterns={"plate": "p", "remove": "r"}, out=Path("o"), seed=seed)


@pytest.mark.parametrize(
    "name", ["", ".hidden", "a/b", "a\\b", "a:b", "a####", "%d", " a", "a" * 201, "a\nb"]
)
def test_a_name_that_some_system_refuses_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="--name"):
        check_name(name)


SERVER = server_pb2.GetCapabilitiesResponse(
    engines=[
        server_pb2.Plug(name="cleanplate", available=True, max_frames=100),
        server_pb2.Plug(name="void", unavailable_reason="not available yet."),
    ],
    segmenters=[server_pb2.Plug(name="sam2", unavailable_reason="not available yet")],
    reasoners=[
        server_pb2.Plug(name="artist", available=True),
        server_pb2.Plug(name="gemini", unavailable_reason="not available yet"),
    ],
    finders=[
        server_pb2.Plug(name="grounding", unavailable_reason="not ready: no folder"),
        server_pb2.Plug(name="openai", unavailable_reason="not set up"),
    ],
    options=[
        server_pb2.Option(name="grain", type="switch", default_value="on"),
        server_pb2.Option(name="compression", type="choice", choices=["zips", "none"]),
        server_pb2.Option(name="sources", type="integer", minimum=1, maximum=3),
        server_pb2.Option(name="grow", type="number", minimum=0, maximum=20),
    ],
)


def refusals(frames: int = 10, **changes: Any) -> list[str]:
    base: dict[str, Any] = {"patterns": {"plate": "p", "remove": "r"}, "out": Path("o")}
    found = check_capabilities(RemoveOptions(**{**base, **changes}), frames, SERVER)
    return [f"{u.problem.message} {u.problem.fix}" for u in found]


def test_what_the_server_offers_is_accepted() -> None:
    options = {"grain": "off", "compression": "none", "sources": "3", "grow": "2.5"}
    assert refusals(engine="cleanplate", reasoner="artist", options=options) == []


def test_an_engine_that_comes_later_answers_with_the_servers_reason() -> None:
    assert "not available yet. " in refusals(engine="void")[0]


def test_clicks_answer_with_the_segmenters_reason() -> None:
    assert "not available yet" in refusals(points=parse_points("1:2,3"), patterns={"plate": "p"})[0]


def words(finder: str = "", sam2: bool = True, **changes: Any) -> list[str]:
    """What is said of an instruction alone by a server with one finder, or none."""
    server = server_pb2.GetCapabilitiesResponse()
    server.CopyFrom(SERVER)
    for plug in server.finders:
        plug.available = plug.name == finder
    server.segmenters[0].available = sam2
    server.options.add(name="finder", type="choice", choices=["auto", "grounding", "model"])
    server.reasoners.add(name="openai", available=True)
    base: dict[str, Any] = {"patterns": {"plate": "p"}, "out": Path("o"), "instruction": "remove the ball"}
    found = check_capabilities(RemoveOptions(**{**base, **changes}), 10, server)
    return [f"{u.setting}: {u.problem.message} {u.problem.fix}" for u in found]


def test_an_instruction_alone_wants_the_segmenter_of_boxes() -> None:
    assert RemoveOptions({"plate": "p"}, Path("o"), instruction="the ball").wanted_segmenter == "sam2"
    assert RemoveOptions({"plate": "p", "remove": "r"}, Path("o"), instruction="x").wanted_segmenter == ""


def test_blanks_are_no_instruction() -> None:
    with pytest.raises(BadInput, match="Nothing says"):
        RemoveOptions({"plate": "p"}, Path("o"), instruction=" ")


@pytest.mark.parametrize("finder", ["grounding", "openai"])
def test_an_instruction_alone_is_enough_where_the_server_finds_objects(finder: str) -> None:
    assert words(finder) == []


def test_without_a_finder_one_problem_names_all_that_would_do() -> None:
    (said,) = words()
    assert "grounding: not ready: no folder" in said and "openai: not set up" in said
    for way in ("--points", "--boxes", "--remove", "--vlm", "grounding model"):
        assert way in said
    assert "sam2:" not in said


def test_without_the_segmenter_the_same_problem_says_so() -> None:
    (said,) = words("openai", sam2=False)
    assert "sam2: not available yet" in said and "openai:" not in said


def test_another_reasoner_leaves_only_the_local_model() -> None:
    assert words("grounding", reasoner="artist") == []
    (said,) = words("openai", reasoner="artist")
    assert "grounding: not ready" in said and "openai could look, but not with this --reasoner" in said


def test_a_finder_that_is_asked_for_is_the_only_one_that_counts() -> None:
    assert words("openai", options={"finder": "model"}) == []
    assert len(words("openai", options={"finder": "grounding"})) == 1
    assert len(words("grounding", options={"finder": "model"})) == 1


def test_a_segmenter_that_reads_no_boxes_is_refused_for_words() -> None:
    assert any("cannot be told in words" in said for said in words("openai", segmenter="flow"))


def test_a_server_of_an_earlier_release_finds_nothing() -> None:
    server = server_pb2.GetCapabilitiesResponse(segmenters=[server_pb2.Plug(name="sam2", available=True)])
    wish = RemoveOptions({"plate": "p"}, Path("o"), engine="", instruction="the ball")
    (found,) = check_capabilities(wish, 1, server)
    assert "nothing on it finds objects" in found.problem.fix


def test_an_option_of_words_takes_any() -> None:
    option = server_pb2.Option(name="find", type="text")
    server = server_pb2.GetCapabilitiesResponse(options=[option])
    wish = RemoveOptions({"plate": "p", "remove": "r"}, Path("o"), engine="", options={"find": "a cup; b"})
    assert check_capabilities(wish, 1, server) == []


def test_an_unknown_option_is_answered_with_near_ones() -> None:
    assert "grain" in refusals(options={"grian": "off"})[0]


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [
        ("grain", "maybe", "on or off"),
        ("compression", "dwaa", "zips or none"),
        ("sources", "2.5", "whole number from 1 to 3"),
        ("sources", "4", "from 1 to 3"),
        ("grow", "nan", "from 0 to 20"),
        ("grow", "wide", "from 0 to 20"),
    ],
)
def test_a_value_out_of_range_is_answered_with_the_range(option: str, value: str, hint: str) -> None:
    assert hint in refusals(options={option: value})[0]


def test_a_range_beyond_the_engines_limit_is_refused_with_both_numbers() -> None:
    assert "100 frames; the range has 101" in refusals(frames=101, engine="cleanplate")[0]


def test_all_refusals_come_at_once() -> None:
    assert len(refusals(engine="void", reasoner="gemini", options={"x": "1"})) == 3


def test_pairs_are_read() -> None:
    assert parse_pairs(["grain=off", "prompt = a = b"]) == {"grain": "off", "prompt": "a = b"}


@pytest.mark.parametrize("pairs", [["grain"], ["=off"], ["grain=on", "grain=off"]])
def test_unusable_pairs_are_refused(pairs: list[str]) -> None:
    with pytest.raises(BadInput):
        parse_pairs(pairs)


def test_points_are_read() -> None:
    found = parse_points("1001:640,360; 1001:10.5,3,-,2")
    assert found == (
        types_pb2.PointPrompt(frame=1001, x=640, y=360, positive=True),
        types_pb2.PointPrompt(frame=1001, x=10.5, y=3, positive=False, object=2),
    )


@given(st.text(st.sampled_from("0123456789:,.;+- "), max_size=30))
def test_points_are_read_or_refused_but_never_break(text: str) -> None:
    try:
        assert len(parse_points(text)) <= text.count(";") + 1
    except BadInput as error:
        assert "--points" in error.fix
