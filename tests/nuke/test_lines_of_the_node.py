# SPDX-License-Identifier: Apache-2.0
"""What the node says to the helper, line by line, held against the protocol's schema; the helper here only listens."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.nuke.seat import Seat
from tests.small_shot import SmallShot, write_small_shot

SCHEMA = json.loads((files("void_client.helper") / "messages.schema.json").read_text(encoding="utf-8"))

LISTENER = """
import json, sys
log = open(sys.argv[1], "a")
for line in sys.stdin:
    log.write(line)
    log.flush()
    asked = json.loads(line)
    job = {"job": "0123456789ab", "request_id": "0" * 64, "attempt": 1, "created": True, "state": "queued"}
    if asked["do"] == "submit":
        job["directory"] = asked["order"]["out"]
        print(json.dumps({"id": asked["id"], "reply": job}), flush=True)
"""


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("shot"), frames=3)


@pytest.fixture
def seat(nuke_session: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seat]:
    listener = tmp_path / "listener.py"
    listener.write_text(LISTENER)
    monkeypatch.setenv("VOID_HELPER", f"'{sys.executable}' '{listener}' '{tmp_path / 'lines'}'")
    monkeypatch.setenv("VOID_LOG_DIR", str(tmp_path / "log"))
    monkeypatch.delenv("OCIO", raising=False)
    seat = Seat(nuke_session(version="17.0v1"), tmp_path)
    yield seat
    seat.leave()


def lines(seat: Seat, do: str) -> dict[str, Any]:
    """The first line of a kind, once it was said."""
    log = seat.folder / "lines"

    def said() -> list[dict[str, Any]]:
        whole = log.read_text().splitlines() if log.exists() else []
        return [message for message in map(json.loads, whole) if message["do"] == do]

    seat.session.process_events(lambda: bool(said()), 20)
    return said()[0]


def with_node(seat: Seat, shot: SmallShot) -> Any:
    plate = seat.read(f"{shot.folder}/plate/plate.%04d.exr", shot.first, shot.last)
    roto = seat.read(f"{shot.folder}/roto/roto.%04d.exr", shot.first, shot.last)
    return seat.add_node(plate, roto)


def assert_in_schema(message: dict[str, Any]) -> None:
    errors = [f"{list(e.path)}: {e.message}" for e in Draft202012Validator(SCHEMA).iter_errors(message)]
    assert not errors


@pytest.mark.parametrize("do", ["hello", "submit", "watch"])
def test_a_removal_speaks_as_the_protocol_says(seat, shot, do):
    with_node(seat, shot)
    seat.press("void_remove_button")
    assert_in_schema(lines(seat, do))


def test_every_knob_reaches_the_order(seat, shot):
    node = with_node(seat, shot)
    for name, value in {
        "void_engine": "void",
        "void_quality": "final + pass 2",
        "void_seed": "18446744073709551615",
        "void_prompt": "an empty table",
        "void_instruction": "remove the cup",
        "void_segmenter": "sam2",
        "void_key_frames": str(shot.first),
        "void_reasoner": "motion",
        "void_point1_use": "object",
        "void_point2_use": "not object",
        "void_box_use": True,
        "void_grow": 3.5,
        "void_grain": False,
        "void_grain_amount": 0.5,
        "void_unseen": "smooth",
        "void_detail": "guided",
        "void_region": "whole",
        "void_first_unaffected": False,
        "void_passes": "qc",
        "void_compression": "zip",
        "void_options": "reach=12 sources=4",
        "void_upload": True,
    }.items():
        node[name].setValue(value)
    node["void_point1"].setValue([10.0, 20.0])
    node["void_point2"].setValue([50.0, 60.0])
    node["void_box"].setValue([1.0, 2.0, 30.0, 40.0])
    for name in ("void_point1_frame", "void_point2_frame", "void_box_frame"):
        node[name].setValue(shot.first + 1)
    seat.press("void_remove_button")
    assert not seat.messages
    message = lines(seat, "submit")
    assert_in_schema(message)
    order, height = message["order"], 72
    assert order["engine"] == "void" and order["reasoner"] == "motion" and order["segmenter"] == "sam2"
    assert order["seed"] == "18446744073709551615"
    assert (order["prompt"], order["instruction"]) == ("an empty table", "remove the cup")
    assert order["points"][0] == {
        "frame": shot.first + 1,
        "x": 10.0,
        "y": height - 20.0,
        "positive": True,
        "object": 0,
    }
    assert order["points"][1]["positive"] is False
    assert order["boxes"] == [
        {
            "frame": shot.first + 1,
            "left": 1.0,
            "top": height - 40.0,
            "right": 30.0,
            "bottom": height - 2.0,
            "object": 0,
        }
    ]
    assert order["options"] == {
        "void_passes": "2",
        "grow": "3.5",
        "feather": "4",
        "grain": "off",
        "grain_amount": "0.5",
        "unseen": "smooth",
        "detail": "guided",
        "region": "whole",
        "first_unaffected": "off",
        "passes": "qc",
        "compression": "zip",
        "reach": "12",
        "sources": "4",
    }
    assert order["upload"] is True
    assert [frame for frame, _ in order["inputs"]["remove"]["files"]] == [shot.first]


def test_a_click_beside_the_range_is_refused_before_anything_is_rendered(seat, shot):
    node = with_node(seat, shot)
    node["void_segmenter"].setValue("sam2")
    node["void_point1_use"].setValue("object")
    node["void_point1_frame"].setValue(5)
    seat.press("void_remove_button")
    assert "frame 5" in seat.messages[-1]
    assert not seat.session.execution.rendered


def test_test_connection_asks_the_doctor(seat, shot):
    with_node(seat, shot)
    seat.press("void_test")
    assert_in_schema(lines(seat, "doctor"))


def test_cancel_of_a_job_names_it(seat, shot):
    with_node(seat, shot)
    seat.press("void_remove_button")
    lines(seat, "watch")
    seat.press("void_cancel_button")
    message = lines(seat, "cancel")
    assert_in_schema(message)
    assert message["job"] == "0123456789ab"


def test_cancel_while_sending_stops_the_submission(seat, shot):
    with_node(seat, shot)
    seat.press("void_remove_button")
    seat.press("void_cancel_button")
    assert_in_schema(lines(seat, "stop"))
