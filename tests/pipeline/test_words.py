# SPDX-License-Identifier: Apache-2.0
"""An instruction alone starts a job: what it names is found, boxed, segmented, told, and can be corrected.

Through a real server and worker, with a model's answers from a server on loopback, and a tiny SAM2 and a tiny Grounding
DINO of random values: their mattes and boxes mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
from void.v1 import jobs_pb2, server_pb2

from tests.conftest import RunningServer
from tests.finders.tiny_grounding import write_tiny_grounding
from tests.pipeline.test_mask_job import regions
from tests.pipeline.test_segmenter import sidecar
from tests.pipeline.test_vlm_reasoner import answer, says
from tests.reasoners.vlm.stand_in import Says, StandIn, serving
from tests.segmenters.sam2_models import tiny_model
from tests.server.calls import recorded_units, spec_of
from void_client.specification import parse_boxes
from void_server.finders import FoundBox
from void_server.pipeline.find import on_display
from void_server.pipeline.masks import with_boxes
from void_server.plates.window import Window

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED
INSTRUCTION = "Remove the red square and correct the light on the wall."


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A weights folder with SAM2 alone."""
    folder = tmp_path_factory.mktemp("weights")
    tiny_model().save_pretrained(folder / "sam2" / "sam2.1-hiera-tiny")
    return folder


@pytest.fixture(scope="module")
def grounding(tmp_path_factory) -> Path:
    """A weights folder with SAM2 and a text-grounding model."""
    folder = tmp_path_factory.mktemp("grounding")
    tiny_model().save_pretrained(folder / "sam2" / "sam2.1-hiera-tiny")
    write_tiny_grounding(folder / "grounding")
    return folder


@contextmanager
def running(
    folder: Path, shot, weights: Path, *answers: Says, local: bool = True
) -> Iterator[tuple[RunningServer, StandIn]]:
    """A server that may ask a stand-in, which counts as the site's own or not; without answers, none at all."""
    with pytest.MonkeyPatch.context() as patch, serving(*(answers or [Says()])) as model:
        patch.setenv("VOID_WEIGHTS", str(weights))
        site = folder / "vlm.toml"
        listed = 'local_endpoints = ["127.0.0.1"]\n' if local else ""
        limits = "timeout_seconds = 5.0\nattempts = 1\n"
        site.write_text(f'{listed}[openai]\nendpoint = "{model.url}/v1"\nmodel = "a-model"\n{limits}')
        server = RunningServer(folder / "store", vlm=site if answers else None)
        server.caller.upload_files(shot.files("plate").values())
        try:
            yield server, model
        finally:
            server.stop()


def wish(shot, name: str, **options: str) -> jobs_pb2.JobSpec:
    """An order for mattes in which an instruction is all that says what to remove."""
    spec = spec_of(shot, f"/{name}")
    spec.kind = jobs_pb2.JOB_KIND_QUADMASK
    for given in ("remove", "affected"):
        spec.shot.ClearField(given)
    spec.shot.instruction = INSTRUCTION
    spec.settings.reasoner = ""
    spec.settings.options.update(options)
    return spec


def square(shot) -> dict:
    """The square of the small shot, as a model would box it on its first and its last frame."""
    first = {"frame": shot.first, "x0": 250, "y0": 333, "x1": 417, "y1": 583}
    last = {"frame": shot.last, "x0": 500, "y0": 333, "x1": 667, "y1": 583}
    return {"objects": [{"name": "red square", "boxes": [first, last]}]}


def heard_of(server: RunningServer, spec: jobs_pb2.JobSpec) -> tuple[jobs_pb2.Job, list[str]]:
    """An order run to its end, and what it told on the way."""
    job = server.caller.submit(spec).job
    heard = [e.event.message for e in server.caller.watch(job.id) if e.HasField("event")]
    return server.caller.finish(job.id), heard


def refusal(server: RunningServer, spec: jobs_pb2.JobSpec) -> str:
    with pytest.raises(grpc.RpcError) as refused:
        server.caller.run(spec)
    return refused.value.details()


def kinds(server: RunningServer) -> list[str]:
    return [kind for kind, _ in recorded_units(server.store).values()]


def test_a_model_boxes_the_object_the_segmenter_makes_mattes_and_the_model_tells_the_effects(
    tmp_path, shot, weights
):
    with running(tmp_path, shot, weights, says(square(shot)), says(answer(shot))) as (server, model):
        done, heard = heard_of(server, wish(shot, "words"))
        assert done.state == DONE, done
        said = sidecar(server, done)
        mattes = [regions(server, done, frame, tmp_path) for frame in shot.files("plate")]
    assert len(model.requests) == 2, "where it is, and what it does to the scene"
    assert all(matte[..., 0].any() for matte in mattes)
    assert said["segmenter"] == "sam2" and said["reasoner"] == "openai" and said["model"]["scene"]
    found = said["found"]
    assert found["finder"] == "openai" and found["sent"]["requests"] == 1
    assert found["boxes"] == f"{shot.first}:24,24,40,42,0; {shot.last}:48,24,64,42,0"
    assert f"Found: red square on frames {shot.first}, {shot.last}." in heard
    assert any("pictures" in message and "went to 127.0.0.1" in message for message in heard)


def test_the_model_is_shown_frames_without_any_mark_and_told_the_instruction(tmp_path, shot, weights):
    with running(tmp_path, shot, weights, says(square(shot)), says(answer(shot))) as (server, model):
        assert server.caller.run(wish(shot, "shown")).state == DONE
    parts = model.requests[0].body["messages"][0]["content"]
    labels = [part["text"] for part in parts if part["type"] == "text"]
    assert labels[0] == f"Picture 1: frame {shot.first}" and len(labels) == len(shot.files("plate")) + 1
    assert INSTRUCTION in labels[-1]


def test_what_was_found_is_told_as_boxes_that_given_back_make_the_same_mattes(tmp_path, shot, weights):
    with running(tmp_path, shot, weights, says(square(shot)), says(answer(shot))) as (server, model):
        _done, heard = heard_of(server, wish(shot, "words"))
        told = next(message for message in heard if "--boxes" in message)
        assert "--reasoner openai" in told
        spec = wish(shot, "boxes")
        spec.shot.boxes.extend(parse_boxes(told.split("'")[1]))
        spec.settings.reasoner = "openai"
        before = recorded_units(server.store).keys()
        again = server.caller.run(spec)
        fresh = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in before]
        assert again.state == DONE and not {"find", "segment", "ask"} & set(fresh)
        assert len(model.requests) == 2


def test_an_object_is_looked_for_once(tmp_path, shot, weights):
    with running(tmp_path, shot, weights, says(square(shot)), says(answer(shot))) as (server, model):
        server.caller.run(wish(shot, "one"))
        assert server.caller.run(wish(shot, "two", grow="4")).state == DONE
        assert len(model.requests) == 2


def test_other_words_are_looked_for_anew(tmp_path, shot, weights):
    replies = [says(square(shot)), says(answer(shot)), says(square(shot)), says(answer(shot))]
    with running(tmp_path, shot, weights, *replies) as (server, model):
        server.caller.run(wish(shot, "one"))
        other = wish(shot, "two")
        other.shot.instruction = "Remove the square."
        assert server.caller.run(other).state == DONE
        assert kinds(server).count("find") == 2 and len(model.requests) == 4


def test_where_nothing_is_found_the_job_says_what_was_wanted_and_what_to_give_instead(
    tmp_path, shot, weights
):
    with running(tmp_path, shot, weights, says({"objects": []})) as (server, _):
        done, heard = heard_of(server, wish(shot, "nothing"))
    assert done.state == FAILED
    (problem,) = done.problems
    assert problem.code == "nothing_found" and INSTRUCTION in problem.message
    assert "points, a box or a roto" in problem.fix
    assert any("went to 127.0.0.1" in message for message in heard)


def test_without_consent_nothing_leaves_to_find_an_object_either(tmp_path, shot, weights):
    with running(tmp_path, shot, weights, says(square(shot)), local=False) as (server, model):
        done = server.caller.run(wish(shot, "no consent", fall_back="motion"))
        assert done.state == FAILED and model.connections == 0
        assert any("leave the building" in p.message for p in done.problems)


def test_a_model_that_does_not_answer_fails_the_search_whatever_may_fall_back(tmp_path, shot, weights):
    with running(tmp_path, shot, weights, Says(status=500)) as (server, _):
        done = server.caller.run(wish(shot, "down", fall_back="motion"))
    assert done.state == FAILED and any("had gone to 127.0.0.1" in p.message for p in done.problems)


def test_the_mattes_of_words_go_through_a_removal(tmp_path, shot, weights):
    with running(tmp_path, shot, weights, says(square(shot)), says(answer(shot))) as (server, _):
        spec = wish(shot, "removal")
        spec.kind, spec.settings.engine = jobs_pb2.JOB_KIND_REMOVE, "cleanplate"
        done = server.caller.run(spec)
        assert done.state == DONE, done
        assert np.all([f["quality"]["outside_difference"] == 0 for f in sidecar(server, done)["frames"]])


def test_the_local_model_comes_first_and_nothing_leaves(tmp_path, shot, grounding):
    with running(tmp_path, shot, grounding, says(square(shot))) as (server, model):
        done, heard = heard_of(server, wish(shot, "local", find_score="0"))
        assert done.state == DONE, done
        said = sidecar(server, done)
    assert model.connections == 0 and said["reasoner"] == "motion"
    found = said["found"]
    assert found["finder"] == "grounding" and [o["name"] for o in found["objects"]] == ["red square"]
    assert [b["frame"] for b in found["objects"][0]["boxes"]] == list(shot.files("plate"))
    assert "grounding/model.safetensors" in found["weights"]
    assert parse_boxes(found["boxes"]) and any("without --instruction" in message for message in heard)


def test_the_local_model_looks_for_what_find_names_outright(tmp_path, shot, grounding):
    with running(tmp_path, shot, grounding) as (server, _):
        done = server.caller.run(wish(shot, "named", find_score="0", find="the Cup; saucer"))
        assert [o["name"] for o in sidecar(server, done)["found"]["objects"]] == ["cup", "saucer"]


def test_scores_that_are_not_enough_are_told(tmp_path, shot, grounding):
    with running(tmp_path, shot, grounding) as (server, _):
        done = server.caller.run(wish(shot, "unsure", find_score="1"))
    assert done.state == FAILED
    assert re.search(r"The best scores were: red square [01]\.\d\d;", done.problems[0].message)


def test_words_that_name_nothing_are_told_how_to_name_it(tmp_path, shot, grounding):
    with running(tmp_path, shot, grounding) as (server, _):
        spec = wish(shot, "nameless")
        spec.shot.instruction = "Correct the light."
        done = server.caller.run(spec)
    assert done.state == FAILED and "--set find=" in done.problems[0].fix


def test_the_model_can_be_asked_although_the_local_one_is_there(tmp_path, shot, grounding):
    with running(tmp_path, shot, grounding, says(square(shot)), says(answer(shot))) as (server, model):
        done = server.caller.run(wish(shot, "forced", finder="model"))
        assert done.state == DONE and sidecar(server, done)["found"]["finder"] == "openai"
        assert len(model.requests) == 2


def test_a_server_without_any_finder_says_all_that_would_do(shot, tmp_path, weights):
    with running(tmp_path, shot, weights) as (server, _):
        said = refusal(server, wish(shot, "none"))
    for word in ("grounding", "--vlm", "--points", "--boxes", "--remove"):
        assert word in said
    assert "sam2 is" not in said


def test_a_server_without_sam2_says_that_words_need_it(shot, tmp_path):
    with running(tmp_path, shot, tmp_path / "no weights", says(square(shot))) as (server, _):
        said = refusal(server, wish(shot, "no segmenter"))
    assert "the segmenter sam2 is not ready" in said and "grounding" not in said.partition("Give points")[0]


def test_another_reasoner_asks_no_model_to_find_the_object(shot, tmp_path, weights):
    with running(tmp_path, shot, weights, says(square(shot))) as (server, model):
        spec = wish(shot, "motion")
        spec.settings.reasoner = "motion"
        assert "the reasoner motion asks no model" in refusal(server, spec)
        assert model.connections == 0


def test_a_segmenter_of_rotos_is_refused_for_words(shot, tmp_path, weights):
    with running(tmp_path, shot, weights, says(square(shot))) as (server, _):
        spec = wish(shot, "flow")
        spec.settings.segmenter = "flow"
        assert "cannot be told in words" in refusal(server, spec)


def test_the_server_tells_what_finds_objects_from_words(shot, tmp_path, grounding):
    with running(tmp_path, shot, grounding, says(square(shot))) as (server, _):
        answered = server.caller.server.GetCapabilities(
            server_pb2.GetCapabilitiesRequest(), metadata=server.caller.metadata
        )
    assert {p.name: p.available for p in answered.finders} == {
        "grounding": True,
        "openai": True,
        "gemini": False,
    }


@pytest.mark.parametrize(
    ("seen", "place"),
    [
        (Window(0, 0, 100, 50), [10, 10, 90, 40]),
        (Window(-10, -5, 120, 60), [2, 7, 98, 43]),
        (Window(50, 20, 10, 10), [51, 22, 59, 28]),
        (Window(200, 0, 100, 50), []),
    ],
)
def test_a_box_is_told_in_pixels_of_the_display_window_wherever_the_samples_lie(seen, place):
    assert on_display(FoundBox(1, 0.1, 0.2, 0.9, 0.8), seen, Window(0, 0, 100, 50)) == place


def test_a_display_window_that_begins_elsewhere_is_counted_from_its_corner():
    assert on_display(FoundBox(1, 0, 0, 1, 1), Window(20, 30, 8, 4), Window(16, 28, 100, 50)) == [4, 2, 12, 6]


def test_a_box_is_drawn_where_it_lies_on_a_smaller_picture():
    grey = np.full((50, 100, 3), 90, np.uint8)
    drawn = with_boxes(grey, [[20, 40, 60, 80]], Window(7, 9, 200, 100))
    changed = np.argwhere((drawn == 255).all(axis=2))
    assert changed.min(axis=0).tolist() == [20, 10] and changed.max(axis=0).tolist() == [39, 29]
    assert (drawn[21:39, 11:29] == 90).all() and (grey == 90).all()


def test_an_edge_is_told_to_a_tenth_of_a_pixel():
    whole = Window(0, 0, 10, 4)
    assert on_display(FoundBox(1, 0, 0, 0.3333, 1), whole, whole) == [0.0, 0.0, 3.3, 4.0]
