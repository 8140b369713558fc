# SPDX-License-Identifier: Apache-2.0
"""The engine `void` through a real server and worker, with a tiny checkpoint of random values. Its pictures mean
nothing; what is promised of every result holds for them too.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import OpenImageIO as oiio
import pytest
from google.protobuf.json_format import MessageToDict
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.pipeline.servers import server_with
from tests.server.calls import recorded_units, spec_of
from void_server.errors import InvalidInput
from void_server.pipeline.checkpoints import EVERY
from void_server.pipeline.order import parse_order
from void_server.plates.header import read_header

TINY = Path(__file__).parents[1] / "engines" / "void" / "golden" / "tiny"
DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED
SMALL = {"window": "13", "model_percent": "15", "steps": "2"}
"""A picture of 96 x 64 pixels, two windows' worth of nothing: seconds instead of minutes on a processor."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """The tiny checkpoint with the overlay of pass 1 for pass 2 as well."""
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    shutil.copy(folder / "void_pass1.safetensors", folder / "void_pass2.safetensors")
    other = folder / "sets" / "tiny"
    shutil.copytree(TINY, other)
    overlay = load_file(other / "void_pass1.safetensors")
    save_file({name: value * 1.1 for name, value in overlay.items()}, other / "void_pass1.safetensors")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory, weights, shot) -> Iterator[RunningServer]:
    with server_with(tmp_path_factory, shot, weights=weights) as running:
        yield running


def wish(shot, name: str, **options: str) -> jobs_pb2.JobSpec:
    spec = spec_of(shot, f"/{name}")
    spec.settings.engine = "void"
    spec.shot.prompt = "A wall."
    spec.settings.options.update(SMALL | options)
    return spec


def picture(server, job, frame: int, tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    """(h, w, 3) half, and (h, w, 4) of `void_mask`."""
    wanted = (o for o in job.outputs if o.frame == frame and o.kind == jobs_pb2.OUTPUT_KIND_RESULT)
    path = tmp_path / f"{frame}.exr"
    path.write_bytes(server.caller.download(next(wanted).blob.digest))
    image = oiio.ImageBuf(str(path))
    pixels = dict(
        zip(image.spec().channelnames, np.moveaxis(image.get_pixels(oiio.HALF), -1, 0), strict=True)
    )
    masks = [v for name, v in pixels.items() if name.startswith("void_mask.")]
    return np.stack([pixels[c] for c in "RGB"], -1), np.stack(masks, -1)


def sidecar(server, job) -> dict:
    kind = jobs_pb2.OUTPUT_KIND_SIDECAR
    return json.load(
        io.BytesIO(server.caller.download(next(o.blob.digest for o in job.outputs if o.kind == kind)))
    )


@pytest.fixture(scope="module")
def job(server, shot):
    found = server.caller.run(wish(shot, "first"))
    assert found.state == DONE, found
    return found


def test_where_nothing_is_to_change_the_plate_comes_back_bit_by_bit(server, shot, job, tmp_path):
    for frame, file in shot.files("plate").items():
        plate = np.asarray(oiio.ImageBuf(str(file)).get_pixels(oiio.HALF))[..., :3]
        colour, masks = picture(server, job, frame, tmp_path)
        kept = masks.max(axis=-1) == 0
        assert kept.any() and (colour.view(np.uint16) == plate.view(np.uint16))[kept].all()


def test_the_region_is_made_up_and_finite(server, shot, job, tmp_path):
    frame, file = next(iter(shot.files("plate").items()))
    plate = np.asarray(oiio.ImageBuf(str(file)).get_pixels(oiio.HALF))[..., :3]
    colour, masks = picture(server, job, frame, tmp_path)
    gone = masks.min(axis=-1) == 1 if masks.shape[-1] == 1 else masks.max(axis=-1) == 1
    assert np.isfinite(colour).all() and (colour[gone] != plate[gone]).any(axis=-1).mean() > 0.9


def test_the_papers_say_what_it_was_made_with(server, job):
    said = sidecar(server, job)
    assert said["engine"]["name"] == "void" and said["engine"]["model"]["size"] == [96, 64]
    assert said["options"]["profile"] == "production" and said["prompt"] == "A wall."
    assert all(f["quality"]["outside_difference"] == 0 for f in said["frames"])


def test_each_frame_names_the_weights_and_the_sidecar_lists_them(server, job, tmp_path):
    said = sidecar(server, job)["engine"]
    text = json.dumps(said["model"]["weights"], sort_keys=True, separators=(",", ":"))
    assert (
        said["model"]["weights"] and said["weights"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    )
    for output in job.outputs:
        if output.kind in (jobs_pb2.OUTPUT_KIND_RESULT, jobs_pb2.OUTPUT_KIND_MATTE):
            path = tmp_path / "frame.exr"
            path.write_bytes(server.caller.download(output.blob.digest))
            attributes = read_header(path).parts[0].attributes
            assert attributes["void/weights"].text() == said["weights"]
            assert attributes["void/job"].text() == job.request_id


def test_it_is_computed_once(server, shot, job):
    before = recorded_units(server.store)
    spec = wish(shot, "other edge", grow="3")
    assert server.caller.run(spec).state == DONE
    fresh = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in before]
    assert "publish" in fresh and "generate" not in fresh and "conform" not in fresh


def test_all_of_the_region_is_replaced_on_request_without_asking_the_model_again(server, shot, job, tmp_path):
    before = recorded_units(server.store)
    other = server.caller.run(wish(shot, "all of it", replace="region"))
    fresh = {kind for key, (kind, _) in recorded_units(server.store).items() if key not in before}
    assert other.state == DONE and fresh <= {"publish", "review", "report", "still"}
    for frame in (shot.first, shot.last):
        only, whole = (picture(server, j, frame, tmp_path)[1][..., -1] for j in (job, other))
        assert (only <= whole).all() and (whole > 0).any()
    assert all(f["quality"]["kept_percent"] == 0 for f in sidecar(server, other)["frames"])


def test_the_light_that_the_model_saw_and_the_edge_are_in_the_papers(server, job):
    said = sidecar(server, job)
    assert said["options"]["replace"] == "changed"
    assert said["colour"]["model"]["exposure"] > 0 and "Rec.709" in said["colour"]["model"]["stated"]
    for frame in said["frames"]:
        assert frame["quality"]["seam"] > 0 and 0 <= frame["quality"]["kept_percent"] < 100
        assert {"gain", "offset"} <= set(frame["fill"]["colour_shift"][0])


def test_another_seed_is_another_picture(server, shot, job, tmp_path):
    spec = wish(shot, "seed")
    spec.settings.seed = 7
    other = server.caller.run(spec)
    frame = shot.first
    assert other.state == DONE
    assert (picture(server, other, frame, tmp_path)[0] != picture(server, job, frame, tmp_path)[0]).any()


def fresh_units(server, before) -> list[str]:
    """Kinds of the units that were computed since."""
    return sorted(kind for key, (kind, _) in recorded_units(server.store).items() if key not in before)


def test_while_the_clip_s_noise_is_held_another_seed_encodes_nothing_again(server, shot):
    first, second = (wish(shot, f"held {seed}", clip_seed="5") for seed in (1, 2))
    first.settings.seed, second.settings.seed = 1, 2
    assert server.caller.run(first).state == DONE
    before = recorded_units(server.store)
    assert server.caller.run(second).state == DONE
    fresh = fresh_units(server, before)
    assert "generate" in fresh and "encode" not in fresh


def test_with_another_seed_or_prompt_the_mask_is_not_encoded_again(server, shot, job):
    before = recorded_units(server.store)
    spec = wish(shot, "seed and prompt")
    spec.settings.seed, spec.shot.prompt = 11, "A floor."
    assert server.caller.run(spec).state == DONE
    assert fresh_units(server, before).count("encode") == 1, "the plate, which has other noise"


def test_both_passes_of_the_trained_levels_read_one_quadmask(server, shot, job):
    before = recorded_units(server.store)
    assert server.caller.run(wish(shot, "two of one", void_passes="2")).state == DONE
    assert "encode" not in fresh_units(server, before)


@pytest.mark.parametrize("memory", ["offload", "group-offload", "sequential"])
def test_the_way_of_working_does_not_change_the_result(server, shot, job, tmp_path, memory):
    other = server.caller.run(wish(shot, memory, memory=memory))
    assert other.state == DONE and sidecar(server, other)["engine"]["model"]["memory"] == memory
    for one, two in zip(*(picture(server, j, shot.first, tmp_path) for j in (job, other)), strict=True):
        assert (one.view(np.uint16) == two.view(np.uint16)).all()


def test_eight_bits_and_step_caching_come_back_and_are_told(server, shot):
    done = server.caller.run(wish(shot, "quick", memory="fp8", step_cache="0.9", steps="6"))
    said = sidecar(server, done)
    assert done.state == DONE and said["engine"]["model"]["memory"] == "fp8"
    assert said["options"]["step_cache"] == 0.9
    assert all(f["quality"]["outside_difference"] == 0 for f in said["frames"])


def test_other_weights_of_the_server_are_taken_by_name(server, shot, job, tmp_path):
    other = server.caller.run(wish(shot, "other weights", weights="tiny", profile="official"))
    plain = server.caller.run(wish(shot, "same weights", profile="official"))
    assert (other.state, plain.state) == (DONE, DONE)
    assert sidecar(server, other)["options"]["weights"] == "tiny"
    colours = [picture(server, j, shot.first, tmp_path)[0] for j in (other, plain)]
    assert (colours[0] != colours[1]).any()


@pytest.mark.parametrize("name", ["none", "../sets/tiny", "/"])
def test_weights_that_the_server_does_not_offer_are_refused(server, shot, name):
    with pytest.raises(grpc.RpcError) as refused:
        server.caller.run(wish(shot, "no weights", weights=name))
    assert "default, tiny" in refused.value.details()


def test_raft_without_its_package_fails_the_job_and_says_what_to_do(server, shot):
    job = server.caller.run(wish(shot, "raft", void_passes="2", noise_flow="raft"))
    assert job.state == FAILED
    assert any("RAFT" in p.message and "DIS" in p.fix for p in job.problems)


def test_how_memory_will_be_used_is_told_before_the_steps_begin(server, shot):
    job = server.caller.submit(wish(shot, "told", memory="offload")).job
    said = [e.event.message for e in server.caller.watch(job.id) if e.HasField("event")]
    assert any("Memory: offload; about" in message for message in said)


@pytest.mark.parametrize("options", [{"profile": "official"}, {"void_passes": "2"}])
def test_the_official_profile_and_two_passes_come_back(server, shot, options):
    done = server.caller.run(wish(shot, f"with {options}", **options))
    assert done.state == DONE, done
    assert all(f["quality"]["outside_difference"] == 0 for f in sidecar(server, done)["frames"])


def steps_of(server, job_id: str, of: str = "generate") -> Iterator[jobs_pb2.Progress]:
    """The model's steps, as they are told."""
    for event in server.caller.watch(job_id):
        if event.HasField("progress") and event.progress.stage == of and event.progress.total > 1:
            yield event.progress


def test_a_cancel_is_honoured_within_a_step_and_progress_counts_steps(server, shot):
    job = server.caller.submit(wish(shot, "cancelled", steps="1000", model_percent="20")).job
    told = next(p for p in steps_of(server, job.id) if p.done >= 2)
    asked = time.monotonic()
    server.caller.jobs.Cancel(jobs_pb2.CancelRequest(id=job.id), metadata=server.caller.metadata)
    assert server.caller.finish(job.id).state == jobs_pb2.JOB_STATE_CANCELLED
    assert time.monotonic() - asked < 5
    assert told.total == 1000 and told.eta_seconds > 0


def saved_steps(folder: Path, ended: threading.Event) -> set[int]:
    """Which steps were found saved, looked at until `ended`."""
    found = set()
    while not ended.wait(0.01):
        for path in folder.glob("*.safetensors"):
            # It is gone once the pass is done.
            with contextlib.suppress(OSError), safe_open(path, framework="pt") as file:
                found.add(int(file.metadata()["done"]))
    return found


def test_a_preview_overtakes_the_denoising_between_two_steps_and_no_step_is_lost(server, shot):
    """Takes 15 seconds: 40 steps twice, and a whole preview between two of them."""
    spec = wish(shot, "overtaken", steps="40")
    spec.settings.seed = 5
    preview = spec_of(shot, "/overtakes")
    preview.settings.preview = True
    ended = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        job = server.caller.submit(spec).job
        progress = steps_of(server, job.id)
        next(p for p in progress if p.done >= 2)
        seen = threads.submit(lambda: [p.done for p in progress])
        saved = threads.submit(saved_steps, server.store / "checkpoints", ended)
        try:
            assert server.caller.run(preview).state == DONE
            assert not server.caller.get(job.id).HasField("finished"), "the preview waited for the whole pass"
        finally:
            ended.set()
        done = server.caller.finish(job.id)
        assert done.state == DONE and seen.result() == sorted(seen.result())
        assert any(step % EVERY for step in saved.result()), "nothing was saved out of turn"
    assert sidecar(server, done)["engine"]["model"]["resumed_from"] in saved.result()
    undisturbed = server.caller.finish(server.caller.submit(spec, again=True).job.id)
    assert undisturbed.attempt == 2 and sidecar(server, undisturbed)["engine"]["model"]["resumed_from"] == 0
    assert results_of(undisturbed) == results_of(done)


def results_of(job: jobs_pb2.Job) -> dict[int, str]:
    """Digests of the result frames."""
    return {o.frame: o.blob.digest for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_RESULT}


def test_a_job_whose_worker_was_killed_goes_on_from_the_saved_step(server, shot):
    """Takes 20 seconds: long enough a job to be killed in its middle."""
    folder = server.store / "checkpoints"
    of_others = set(folder.glob("*"))
    job = server.caller.submit(wish(shot, "killed", steps="300")).job
    while not set(folder.glob("*.safetensors")) - of_others:
        time.sleep(0.01)
    pids = server.application.worker_pids()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    while server.application.worker_pids() in ([], pids):
        time.sleep(0.01)
    done = server.caller.finish(job.id)
    assert done.state == DONE and set(folder.glob("*")) == of_others
    assert sidecar(server, done)["engine"]["model"]["resumed_from"] >= 5


@pytest.mark.parametrize(
    ("options", "frames", "said"),
    [
        ({"window": "20"}, 5, "8k + 5"),
        ({"profile": "official"}, 198, "takes 197 frames at most"),
        ({"compile": "on", "step_cache": "0.1"}, 5, "cannot leave out blocks"),
    ],
)
def test_what_the_model_cannot_be_given_is_told_before_any_work(shot, options, frames, said):
    spec = wish(shot, "wrong", **options)
    spec.shot.range.last = spec.shot.range.first + frames - 1
    with pytest.raises(InvalidInput, match=re.escape(said)):
        parse_order(MessageToDict(spec, preserving_proto_field_name=True))


def test_without_weights_the_order_is_refused_with_what_to_do(tmp_path, shot, start_server, monkeypatch):
    monkeypatch.setenv("VOID_WEIGHTS", str(tmp_path / "none"))
    running = start_server()
    for name in ("plate", "roto", "affected"):
        running.caller.upload_files(shot.files(name).values())
    with pytest.raises(grpc.RpcError) as refused:
        running.caller.run(wish(shot, "none"))
    assert "void-server weights fetch" in refused.value.details()
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_an_overlay_that_is_cut_after_the_start_fails_the_job_and_says_so(
    tmp_path, weights, shot, start_server, monkeypatch
):
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    monkeypatch.setenv("VOID_WEIGHTS", str(folder))
    running = start_server()
    for name in ("plate", "roto", "affected"):
        running.caller.upload_files(shot.files(name).values())
    overlay = folder / "void_pass1.safetensors"
    overlay.write_bytes(overlay.read_bytes()[:100_000])
    job = running.caller.run(wish(shot, "cut"))
    assert job.state == FAILED
    assert any("void_pass1.safetensors" in p.message and "weights fetch" in p.fix for p in job.problems)
