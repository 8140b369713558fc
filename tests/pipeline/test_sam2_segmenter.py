# SPDX-License-Identifier: Apache-2.0
"""Clicks and boxes through a real server and worker, with a tiny SAM2 of random values: its mattes mean nothing."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import OpenImageIO as oiio
import pytest
from google.protobuf.json_format import MessageToDict
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.pipeline.servers import server_with
from tests.pipeline.test_segmenter import removed, sidecar
from tests.segmenters.sam2_models import tiny_model
from tests.server.calls import recorded_units, spec_of
from void_server.pipeline.order import parse_order
from void_server.pipeline.preflight_prompts import unusable_prompts

DONE = jobs_pb2.JOB_STATE_DONE


@pytest.fixture(scope="module")
def server(tmp_path_factory, shot) -> Iterator[RunningServer]:
    weights = tmp_path_factory.mktemp("weights")
    tiny_model().save_pretrained(weights / "sam2" / "sam2.1-hiera-tiny")
    with server_with(tmp_path_factory, shot, weights=weights) as running:
        yield running


def clicked(shot, *points: tuple[int, float, float], name: str = "clicked") -> jobs_pb2.JobSpec:
    """An order whose object is shown by clicks alone."""
    spec = spec_of(shot, f"/{name}")
    spec.settings.engine, spec.settings.reasoner = "cleanplate", "none"
    spec.shot.ClearField("remove")
    spec.shot.ClearField("affected")
    for frame, x, y in points:
        spec.shot.points.add(frame=frame, x=x, y=y, positive=True)
    return spec


@pytest.fixture(scope="module")
def job(server, shot):
    done = server.caller.run(clicked(shot, (shot.first + 2, 10, 10)))
    assert done.state == DONE, done
    return done


def test_a_click_on_one_frame_gives_every_frame_a_matte(server, shot, job):
    said = sidecar(server, job)
    assert said["segmenter"] == "sam2"
    assert [f["segmented"] is not None for f in said["frames"]] == [True] * len(shot.files("plate"))


def test_it_is_made_once(server, shot, job):
    before = recorded_units(server.store)
    spec = clicked(shot, (shot.first + 2, 10, 10), name="again")
    spec.settings.options["grow"] = "3"
    assert server.caller.run(spec).state == DONE
    assert "segment" not in [
        kind for key, (kind, _) in recorded_units(server.store).items() if key not in before
    ]


def test_a_box_and_drawn_frames_are_taken_too(server, shot, tmp_path):
    spec = clicked(shot, name="boxed")
    spec.shot.boxes.add(frame=shot.last, left=5, top=5, right=30, bottom=25)
    spec.shot.remove.CopyFrom(spec_of(shot, "/roto").shot.remove)
    del spec.shot.remove.files[1:]
    done = server.caller.run(spec)
    assert done.state == DONE, done
    drawn = oiio.ImageBuf(str(shot.files("roto")[shot.first])).get_pixels(oiio.FLOAT)[..., 0] >= 0.5
    assert sidecar(server, done)["frames"][0]["segmented"] is not None, "the object in the box is on it, too"
    assert removed(server, done, shot.first, tmp_path)[drawn].all()


def problems(server, spec: jobs_pb2.JobSpec) -> dict[str, str]:
    done = server.caller.run(spec)
    assert done.state == jobs_pb2.JOB_STATE_FAILED
    return {p.code: p.message for p in done.problems}


def test_a_click_beside_the_picture_is_named_with_its_frame(server, shot):
    found = problems(server, clicked(shot, (shot.first + 1, 5000, 10), name="beside"))
    assert f"on frame {shot.first + 1}" in found["prompts_unusable"] and "5000" in found["prompts_unusable"]


def test_a_click_on_a_frame_that_is_not_worked_on_is_named(server, shot):
    found = problems(server, clicked(shot, (shot.first, 9, 9), (shot.last + 7, 9, 9), name="later"))
    assert str(shot.last + 7) in found["prompt_outside_range"]


def test_clicks_against_each_other_are_refused_before_any_work(server, shot):
    spec = clicked(shot, (shot.first, 9, 9), name="contradiction")
    spec.shot.points.add(frame=shot.first, x=9, y=9, positive=False)
    assert "a positive and a negative point" in problems(server, spec)["prompts_unusable"]


def test_clicks_with_a_segmenter_that_does_not_read_them_are_refused(server, shot):
    spec = clicked(shot, (shot.first, 9, 9), name="flow")
    spec.settings.segmenter = "flow"
    with pytest.raises(grpc.RpcError) as refused:
        server.caller.run(spec)
    assert "reads no points" in refused.value.details()


def test_without_a_checkpoint_the_order_is_refused_with_what_to_do(shot, start_server, tmp_path, monkeypatch):
    monkeypatch.setenv("VOID_WEIGHTS", str(tmp_path / "none"))
    running = start_server()
    running.caller.upload_files(shot.files("plate").values())
    with pytest.raises(grpc.RpcError) as refused:
        running.caller.run(clicked(shot, (shot.first, 9, 9)))
    assert "void-server weights fetch sam2" in refused.value.details()
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_while_plates_are_still_on_their_way_no_click_is_said_to_lie_where_there_are_no_samples(shot):
    order = parse_order(MessageToDict(clicked(shot, (shot.last, 40, 30)), preserving_proto_field_name=True))
    window = {"x": 0, "y": 0, "width": 48, "height": 36}
    small = {"display_window": window, "data_window": window | {"width": 20, "height": 20}}
    assert list(unusable_prompts(order, {shot.first: small})) == []
    told = list(unusable_prompts(order, dict.fromkeys(order.frames, small)))
    assert [p.code for p in told] == ["prompts_unusable"] and f"on frame {shot.last}" in told[0].message
