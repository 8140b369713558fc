# SPDX-License-Identifier: Apache-2.0
"""A reasoner that asks a model, through a real server and worker, against a server on loopback that answers for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.pipeline.test_mask_job import regions
from tests.pipeline.test_segmenter import sidecar
from tests.reasoners.vlm.samples import GOOD
from tests.reasoners.vlm.stand_in import Says, StandIn, serving
from tests.server.calls import recorded_units, spec_of
from void_server.errors import PreconditionFailed
from void_server.pipeline.model_question import put
from void_server.reasoners.vlm.site import VlmSite

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED


def says(answer: object) -> Says:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": json.dumps(answer)},
        "finish_reason": "stop",
    }
    return Says(json.dumps({"object": "chat.completion", "choices": [choice]}).encode())


def answer(shot) -> dict:
    """A shadow in one row of cells, and a strap that belongs to the subject, on every frame of the shot."""
    cells = {"frame": shot.first, "cells": [{"row": 6, "column": 2}, {"row": 6, "column": 3}]}
    shadow = dict(GOOD["affected_objects"][0])
    shadow |= {"first_appears_frame": shot.first, "cells_by_frame": [cells]}
    strap = {
        "noun": "strap",
        "why": "Worn.",
        "cells_by_frame": [{"frame": shot.first, "cells": [{"row": 0, "column": 0}]}],
    }
    return GOOD | {"affected_objects": [shadow], "integral_belongings": [strap]}


@contextmanager
def running(
    folder: Path, shot, *answers: Says, local: bool = True
) -> Iterator[tuple[RunningServer, StandIn]]:
    """A server that may ask a stand-in, which counts as the site's own or not."""
    with serving(*answers) as model:
        site = folder / "vlm.toml"
        listed = 'local_endpoints = ["127.0.0.1"]\n' if local else ""
        limits = "timeout_seconds = 5.0\nattempts = 1\n"
        site.write_text(f'{listed}[openai]\nendpoint = "{model.url}/v1"\nmodel = "a-model"\n{limits}')
        server = RunningServer(folder / "store", vlm=site)
        for name in ("plate", "roto"):
            server.caller.upload_files(shot.files(name).values())
        try:
            yield server, model
        finally:
            server.stop()


def wish(shot, name: str, **options: str) -> jobs_pb2.JobSpec:
    spec = spec_of(shot, f"/{name}")
    spec.kind = jobs_pb2.JOB_KIND_QUADMASK
    spec.shot.ClearField("affected")
    spec.settings.reasoner = "openai"
    spec.settings.options.update(options)
    return spec


def test_what_the_model_points_at_is_affected_and_what_belongs_to_the_subject_goes_with_it(tmp_path, shot):
    with running(tmp_path, shot, says(answer(shot))) as (server, model):
        spec = wish(shot, "asked")
        spec.shot.instruction = "Remove the square and its shadow."
        done = server.caller.run(spec)
        assert done.state == DONE, done
        matte = regions(server, done, shot.last, tmp_path)
        said = sidecar(server, done)
    height, width = matte.shape[:2]
    row = matte[int(6.5 * height / 8)]
    assert row[int(width * 2.5 / 14), 1] == 1 and row[-1, 1] == 0, "the shadow's cells, and nothing else"
    assert matte[2, 2, 0] == 1, "the strap's cell"
    text = json.dumps(model.requests[0].body)
    assert "Remove the square and its shadow." in text
    told = said["model"]
    assert told["sent"]["local"] and len(told["sent"]["sent"]) == 1 + len(shot.files("plate")) + 1
    assert said["reasoner"] == "openai" and told["scene"] == GOOD["scene_description"]


def test_an_answer_is_asked_for_once(tmp_path, shot):
    with running(tmp_path, shot, says(answer(shot))) as (server, model):
        server.caller.run(wish(shot, "one"))
        server.caller.run(wish(shot, "two", grow="4"))
        assert len(model.requests) == 1


def test_without_consent_nothing_leaves_for_a_model_that_is_not_the_site_s_own(tmp_path, shot):
    with running(tmp_path, shot, says(answer(shot)), local=False) as (server, model):
        done = server.caller.run(wish(shot, "no consent", fall_back="motion"))
        assert done.state == FAILED and model.connections == 0
        assert any("leave the building" in p.message and "--cloud-consent" in p.fix for p in done.problems)


def test_a_model_that_does_not_answer_fails_the_job_and_says_so(tmp_path, shot):
    with running(tmp_path, shot, Says(status=500)) as (server, _):
        done = server.caller.run(wish(shot, "down"))
        assert done.state == FAILED
        assert any("500" in p.message for p in done.problems)


def test_only_where_it_is_allowed_motion_stands_in_and_the_job_says_so(tmp_path, shot):
    with running(tmp_path, shot, Says(status=500)) as (server, _):
        job = server.caller.submit(wish(shot, "stand in", fall_back="motion")).job
        heard = [e.event.message for e in server.caller.watch(job.id) if e.HasField("event")]
        done = server.caller.finish(job.id)
        kinds = {kind for kind, _ in recorded_units(server.store).values()}
    assert done.state == DONE and "propose" in kinds and "effects" not in kinds
    assert any("motion does it instead" in message for message in heard)


def test_a_model_that_was_down_is_asked_again_by_the_next_job(tmp_path, shot):
    with running(tmp_path, shot, Says(status=500), says(answer(shot))) as (server, model):
        server.caller.run(wish(shot, "down", fall_back="motion"))
        done = server.caller.run(wish(shot, "up again", fall_back="motion"))
        assert len(model.requests) == 2 and sidecar(server, done)["model"]["scene"]


def test_what_had_left_before_a_model_failed_is_told(tmp_path, shot):
    with running(tmp_path, shot, Says(status=500)) as (server, model):
        done = server.caller.run(wish(shot, "left"))
        assert model.requests and any("had gone to 127.0.0.1" in p.message for p in done.problems)


def test_what_went_where_is_told_while_the_job_runs(tmp_path, shot):
    with running(tmp_path, shot, says(answer(shot))) as (server, _):
        job = server.caller.submit(wish(shot, "told")).job
        heard = [e.event.message for e in server.caller.watch(job.id) if e.HasField("event")]
    assert any("went to 127.0.0.1" in message for message in heard)
    assert any("Affected: shadow on the pavement (shadow)" in message for message in heard)


def test_a_job_that_waits_for_a_model_can_be_cancelled(tmp_path, shot):
    slow = Says(says(answer(shot)).body, slow=True)
    with running(tmp_path, shot, slow) as (server, model):
        job = server.caller.submit(wish(shot, "slow")).job
        assert model.heard.wait(60)
        server.caller.jobs.Cancel(jobs_pb2.CancelRequest(id=job.id), metadata=server.caller.metadata)
        assert server.caller.finish(job.id).state == jobs_pb2.JOB_STATE_CANCELLED


def test_without_a_model_the_order_is_refused_with_what_to_do(server, shot):
    with pytest.raises(grpc.RpcError) as refused:
        server.caller.run(wish(shot, "none"))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION and "--vlm" in refused.value.details()


def test_words_without_a_model_to_read_them_are_refused(server, shot):
    spec = wish(shot, "words")
    spec.settings.reasoner = "motion"
    spec.shot.instruction = "Remove the cup."
    with pytest.raises(grpc.RpcError) as refused:
        server.caller.run(spec)
    assert "--reasoner openai" in refused.value.details()


def test_the_affected_region_of_a_model_goes_through_a_removal(tmp_path, shot):
    with running(tmp_path, shot, says(answer(shot))) as (server, _):
        spec = wish(shot, "removal")
        spec.kind, spec.settings.engine = jobs_pb2.JOB_KIND_REMOVE, "cleanplate"
        done = server.caller.run(spec)
        assert done.state == DONE, done
        assert np.all([f["quality"]["outside_difference"] == 0 for f in sidecar(server, done)["frames"]])


def test_a_server_that_has_lost_its_model_says_so_to_an_accepted_job():
    with pytest.raises(PreconditionFailed, match="--vlm"):
        put(None, "openai", VlmSite(), False, lambda _done, _total: None)
