# SPDX-License-Identifier: Apache-2.0
"""Service Jobs, from Submit to the published files."""

from __future__ import annotations

import contextlib
import json
import time

import grpc
import numpy as np
import OpenImageIO as oiio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from void.v1 import jobs_pb2, masks_pb2, server_pb2, types_pb2

from tests.server.calls import error_info, recorded_units, set_sequence, sha256, spec_of
from tests.small_shot import write_exr
from void_server.configuration import Limits
from void_server.jobs.canonical import request_id

DONE, FAILED, CANCELLED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED, jobs_pb2.JOB_STATE_CANCELLED


def upload(server, shot, *names):
    for name in names or ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())


@pytest.fixture(scope="module")
def done(server, shot):
    upload(server, shot)
    return server.caller.run(spec_of(shot, "/finished"))


def outputs(job, kind):
    return {o.frame: o.blob for o in job.outputs if o.kind == kind}


def layers(server, blob, tmp_path):
    path = tmp_path / f"{blob.digest[:8]}.exr"
    path.write_bytes(server.caller.download(blob.digest))
    image = oiio.ImageBuf(str(path))
    assert image.nsubimages == 1
    pixels = np.asarray(image.get_pixels(image.spec().format))
    return {n: pixels[..., i] for i, n in enumerate(image.spec().channelnames)}


def test_a_finished_job_has_published_every_frame_its_matte_and_the_shot_s_papers(done, shot):
    frames = list(range(shot.first, shot.last + 1))
    assert done.state == DONE, done.problems
    assert sorted(outputs(done, jobs_pb2.OUTPUT_KIND_RESULT)) == frames
    assert sorted(outputs(done, jobs_pb2.OUTPUT_KIND_MATTE)) == frames
    for kind in ("SIDECAR", "CONTACT_SHEET", "QC_PLOT"):
        assert list(outputs(done, jobs_pb2.OutputKind.Value(f"OUTPUT_KIND_{kind}"))) == [0]


def test_each_region_is_a_grey_file_of_its_own_where_that_is_asked_for(server, shot, tmp_path):
    upload(server, shot)
    spec = spec_of(shot, "/keys")
    spec.settings.options["matte_files"] = "keys"
    job = server.caller.run(spec)
    assert job.state == DONE, job.problems
    frame = shot.first + 2
    matte = layers(server, outputs(job, jobs_pb2.OUTPUT_KIND_MATTE)[frame], tmp_path)
    for kind, channel in {"REMOVE": "R", "AFFECTED": "G", "OVERLAP": "B", "BLEND": "A"}.items():
        files = outputs(job, jobs_pb2.OutputKind.Value(f"OUTPUT_KIND_MATTE_{kind}"))
        assert sorted(files) == list(range(shot.first, shot.last + 1))
        grey = layers(server, files[frame], tmp_path)
        assert sorted(grey) == ["B", "G", "R"]
        assert {values.dtype for values in grey.values()} == {np.dtype(np.float16)}
        assert all(np.array_equal(values, matte[channel].astype(np.float16)) for values in grey.values())


def test_outside_the_blend_matte_each_sample_has_the_source_s_bits(server, done, shot, tmp_path):
    for frame, blob in outputs(done, jobs_pb2.OUTPUT_KIND_RESULT).items():
        result = layers(server, blob, tmp_path)
        plate = oiio.ImageBuf(str(shot.files("plate")[frame])).get_pixels(oiio.HALF)
        untouched = result["void_mask.A"] == 0 if "void_mask.A" in result else result["void_mask.alpha"] == 0
        assert untouched.any() and not untouched.all()
        for index, name in enumerate("RGB"):
            same = result[name].view(np.uint16) == np.asarray(plate)[..., index].view(np.uint16)
            assert same[untouched].all()


def test_the_object_is_gone(server, done, shot, tmp_path):
    blob = outputs(done, jobs_pb2.OUTPUT_KIND_RESULT)[shot.first + 2]
    result = layers(server, blob, tmp_path)
    roto = np.asarray(oiio.ImageBuf(str(shot.files("roto")[shot.first + 2])).get_pixels(oiio.FLOAT))[..., 0]
    assert result["R"][roto > 0].max() < 1.0


def test_the_matte_file_carries_the_quadmask_as_rgba(server, done, shot, tmp_path):
    frame = shot.first
    result = layers(server, outputs(done, jobs_pb2.OUTPUT_KIND_RESULT)[frame], tmp_path)
    matte = layers(server, outputs(done, jobs_pb2.OUTPUT_KIND_MATTE)[frame], tmp_path)
    assert list(matte) == ["R", "G", "B", "A"]
    names = {n.split(".")[1].lower()[0]: v for n, v in result.items() if n.startswith("void_mask.")}
    for letter in "RGBA":
        assert (matte[letter] == names[letter.lower()]).all()


def test_the_sidecar_says_how_each_frame_was_made(server, done, shot):
    (blob,) = outputs(done, jobs_pb2.OUTPUT_KIND_SIDECAR).values()
    sidecar = json.loads(server.caller.download(blob.digest))
    assert sidecar["engine"]["name"] == "cleanplate" and sidecar["numerics"]["packages"]["numpy"]
    assert sidecar["colour"]["space"] and sidecar["colour"]["config"].startswith("ocio://")
    assert sidecar["options"]["grain"] == "on" and sidecar["seed"] == 0
    assert set(sidecar["seconds"]) >= {"ingest", "prepare", "motion", "fill", "publish"}
    results = outputs(done, jobs_pb2.OUTPUT_KIND_RESULT)
    for frame, path in zip(sidecar["frames"], shot.files("plate").values(), strict=True):
        quality = frame["quality"]
        assert frame["plate"]["sha256"] == sha256(path.read_bytes())
        assert frame["result"] == results[frame["frame"]].digest
        assert quality["outside_difference"] == 0 and quality["outside_samples_checked"] > 0
        assert 0 < quality["changed_percent"] < 100 and 0 <= quality["confidence"] <= 1
        assert quality["clipped"] == 0
    assert sidecar["frames"][0]["quality"]["change_over_time"] is None
    assert all(f["quality"]["change_over_time"] > 0 for f in sidecar["frames"][1:])


def test_sheet_and_plot_are_pictures(server, done):
    for kind in (jobs_pb2.OUTPUT_KIND_CONTACT_SHEET, jobs_pb2.OUTPUT_KIND_QC_PLOT):
        (blob,) = outputs(done, kind).values()
        assert server.caller.download(blob.digest).startswith(b"\x89PNG\r\n")


def test_the_same_order_again_is_the_same_job(server, shot):
    upload(server, shot)
    first = server.caller.run(spec_of(shot, "/twice"))
    answer = server.caller.submit(spec_of(shot, "/twice"))
    assert not answer.created and answer.job.id == first.id


def test_another_place_is_another_job_that_computes_no_frame_again(server, done, shot):
    before = {b.digest for b in outputs(done, jobs_pb2.OUTPUT_KIND_RESULT).values()}
    job = server.caller.run(spec_of(shot, "/elsewhere"))
    assert job.id != done.id
    assert {b.digest for b in outputs(job, jobs_pb2.OUTPUT_KIND_RESULT).values()} == before
    seconds = job.finished.ToSeconds() - job.started.ToSeconds()
    assert seconds <= done.finished.ToSeconds() - done.started.ToSeconds() + 1


def test_computed_anew_the_same_order_gives_the_same_bits(server, done, shot):
    answer = server.caller.submit(spec_of(shot, "/finished"), again=True)
    assert answer.created and answer.job.attempt == 2
    job = server.caller.finish(answer.job.id)
    assert outputs(job, jobs_pb2.OUTPUT_KIND_RESULT) == outputs(done, jobs_pb2.OUTPUT_KIND_RESULT)


def test_a_changed_edge_reuses_the_engine_s_work(server, done, shot):
    def analysed():
        units = recorded_units(server.store).items()
        return {key: unit for key, unit in units if unit[0] in ("ingest", "prepare", "motion", "fill")}

    before = analysed()
    spec = spec_of(shot, "/edge")
    spec.settings.options["feather"] = "9"
    job = server.caller.run(spec)
    assert before and analysed() == before
    (blob,) = outputs(job, jobs_pb2.OUTPUT_KIND_SIDECAR).values()
    (old,) = outputs(done, jobs_pb2.OUTPUT_KIND_SIDECAR).values()
    now, then = (json.loads(server.caller.download(b.digest))["frames"][0] for b in (blob, old))
    assert now["quality"]["blend_percent"] > then["quality"]["blend_percent"]


def test_the_widest_edge_is_filled_and_blended(server, shot):
    upload(server, shot)
    spec = spec_of(shot, "/wide")
    spec.settings.options["grow"] = spec.settings.options["feather"] = "200"
    assert server.caller.run(spec).state == DONE


def test_a_result_that_went_bad_on_disk_is_mended_by_computing_it_again(start_server, shot):
    server = start_server()
    upload(server, shot)
    job = server.caller.run(spec_of(shot))
    blob = outputs(job, jobs_pb2.OUTPUT_KIND_RESULT)[shot.first]
    path = server.store / "blobs" / blob.digest[:2] / blob.digest
    good = path.read_bytes()
    path.write_bytes(good[:-4] + bytes(4))
    again = server.caller.submit(spec_of(shot), again=True)
    assert server.caller.finish(again.job.id).state == DONE
    assert path.read_bytes() == good


def test_a_recorded_unit_whose_blob_is_gone_or_cut_is_computed_again(start_server, shot):
    server = start_server()
    upload(server, shot)
    job = server.caller.run(spec_of(shot, "/one"))
    digests = [b.digest for b in outputs(job, jobs_pb2.OUTPUT_KIND_RESULT).values()]
    paths = [server.store / "blobs" / d[:2] / d for d in digests]
    paths[0].unlink()
    paths[1].write_bytes(b"cut")
    other = server.caller.run(spec_of(shot, "/two"))
    assert other.state == DONE
    again = [b.digest for b in outputs(other, jobs_pb2.OUTPUT_KIND_RESULT).values()]
    assert all(sha256(server.caller.download(d)) == d for d in again)
    # The frames that were made again name the order that they were made for.
    assert [d in digests for d in again] == [False, False, True, True, True]


def test_a_repainted_matte_runs_again_only_what_read_it(server, done, shot, tmp_path):
    """`reach` 1: a fill reads its neighbours' plates only; the motion around it is settled from all of them, and
    fills are steadied by their neighbours.
    """
    spec = spec_of(shot, "/before")
    spec.settings.options["reach"] = "1"
    server.caller.run(spec)
    before = recorded_units(server.store)
    painted = np.zeros((72, 96, 1), np.float16)
    painted[10:50, 20:60] = 1
    path = write_exr(tmp_path / "painted.exr", painted, "A")
    server.caller.upload_files([path])
    set_sequence(spec, "remove", {**shot.files("roto"), shot.first: path})
    assert server.caller.run(spec).state == DONE
    fresh = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in before]
    counts = {kind: fresh.count(kind) for kind in set(fresh)}
    assert counts == {
        "ingest": 1,
        "prepare": 1,
        "motion": 1,
        "anchor": 1,
        "settle": 4,
        "fill": 4,
        "complete": 1,
        "steady": 5,
        "differ": 5,
        "publish": 5,
        "review": 4,
        "report": 1,
        "still": 5,
    }


def test_a_frame_with_empty_mattes_comes_back_untouched(server, shot, tmp_path):
    upload(server, shot)
    middle = shot.first + 2
    empty = write_exr(tmp_path / "empty.exr", np.zeros((72, 96, 1), np.float16), "A")
    server.caller.upload_files([empty])
    spec = spec_of(shot, "/gap")
    for role, name in (("remove", "roto"), ("affected", "affected")):
        set_sequence(spec, role, {**shot.files(name), middle: empty})
    job = server.caller.run(spec)
    assert job.state == DONE
    warning = next(p for p in job.problems if p.code == "matte_empty")
    assert list(warning.frames) == [middle] and warning.severity == types_pb2.SEVERITY_WARNING
    result = layers(server, outputs(job, jobs_pb2.OUTPUT_KIND_RESULT)[middle], tmp_path)
    plate = np.asarray(oiio.ImageBuf(str(shot.files("plate")[middle])).get_pixels(oiio.HALF))
    for index, name in enumerate("RGB"):
        assert (result[name].view(np.uint16) == plate[..., index].view(np.uint16)).all()


def test_where_keep_is_1_nothing_is_touched(server, shot, tmp_path):
    upload(server, shot)
    keep = np.zeros((72, 96, 1), np.float16)
    keep[:, :40] = 1
    path = write_exr(tmp_path / "keep.exr", keep, "A")
    server.caller.upload_files([path])
    spec = spec_of(shot, "/keep")
    set_sequence(spec, "keep", dict.fromkeys(shot.files("plate"), path))
    job = server.caller.run(spec)
    for frame, blob in outputs(job, jobs_pb2.OUTPUT_KIND_RESULT).items():
        result = layers(server, blob, tmp_path)
        plate = np.asarray(oiio.ImageBuf(str(shot.files("plate")[frame])).get_pixels(oiio.HALF))
        assert (result["R"].view(np.uint16) == plate[..., 0].view(np.uint16))[:, :40].all()


def test_a_painted_quadmask_gives_the_same_as_the_mattes_it_was_painted_from(server, done, shot, tmp_path):
    painted = {}
    for frame, blob in outputs(done, jobs_pb2.OUTPUT_KIND_MATTE).items():
        painted[frame] = tmp_path / f"painted.{frame}.exr"
        painted[frame].write_bytes(server.caller.download(blob.digest))
    server.caller.upload_files(painted.values())
    job = server.caller.run(spec_of(shot, "/painted", quadmask=painted))
    assert job.state == DONE, job.problems
    for frame, blob in outputs(job, jobs_pb2.OUTPUT_KIND_RESULT).items():
        mine = layers(server, blob, tmp_path)
        theirs = layers(server, outputs(done, jobs_pb2.OUTPUT_KIND_RESULT)[frame], tmp_path)
        assert all((mine[n] == theirs[n]).all() for n in mine)


def test_watch_replays_every_event_from_any_number_and_ends_with_the_job(server, done):
    events = [r.event for r in server.caller.watch(done.id) if r.HasField("event")]
    assert [e.sequence for e in events] == list(range(1, done.last_event + 1))
    assert events[-1].state == DONE
    later = [r.event.sequence for r in server.caller.watch(done.id, 5) if r.HasField("event")]
    assert later == list(range(5, done.last_event + 1))


def test_progress_counts_units_with_a_stage_number(start_server, shot):
    server = start_server()
    upload(server, shot)
    seen = []
    for response in server.caller.watch(server.caller.submit(spec_of(shot)).job.id):
        if response.HasField("progress"):
            seen.append(response.progress)
    assert {p.stage for p in seen} >= {"ingest", "fill", "publish"}
    assert all(0 <= p.done <= p.total and 1 <= p.stage_number <= p.stage_count for p in seen)


def test_listing_leaves_files_and_outputs_out(server, done):
    jobs = server.caller.jobs.List(jobs_pb2.ListRequest(), metadata=server.caller.metadata).jobs
    mine = next(j for j in jobs if j.id == done.id)
    assert not mine.outputs and not mine.spec.shot.plate.files and mine.spec.shot.plate.pattern


def test_cancel_ends_a_job_between_two_units_and_a_new_submit_goes_on(start_server, shot):
    server = start_server()
    upload(server, shot)
    job_id = server.caller.submit(spec_of(shot)).job.id
    for response in server.caller.watch(job_id):
        if response.HasField("event") and response.event.stage.stage == "motion":
            server.caller.jobs.Cancel(jobs_pb2.CancelRequest(id=job_id), metadata=server.caller.metadata)
    assert server.caller.get(job_id).state == CANCELLED
    again = server.caller.submit(spec_of(shot))
    assert again.created and again.job.attempt == 2
    assert server.caller.finish(again.job.id).state == DONE


def test_delete_forgets_an_ended_job_only(start_server, shot):
    server = start_server()
    upload(server, shot)
    job_id = server.caller.submit(spec_of(shot)).job.id
    request = jobs_pb2.DeleteRequest(id=job_id)
    with pytest.raises(grpc.RpcError) as error:
        server.caller.jobs.Delete(request, metadata=server.caller.metadata)
    assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    server.caller.finish(job_id)
    server.caller.jobs.Delete(request, metadata=server.caller.metadata)
    with pytest.raises(grpc.RpcError) as error:
        server.caller.get(job_id)
    assert error.value.code() is grpc.StatusCode.NOT_FOUND


def test_submit_with_a_frame_that_is_not_uploaded_names_it(start_server, shot):
    server = start_server()
    upload(server, shot, "roto", "affected")
    with pytest.raises(grpc.RpcError) as error:
        server.caller.submit(spec_of(shot))
    assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    info = error_info(error.value)
    assert info.metadata["file"] == f"plate.{shot.first}.exr" and info.metadata["frame"] == str(shot.first)


def _no_plate(spec):
    spec.shot.plate.Clear()


def _no_matte(spec):
    spec.shot.remove.Clear()


def _empty_range(spec):
    spec.shot.range.last = spec.shot.range.first - 1


def _twice(spec):
    spec.shot.plate.files.append(spec.shot.plate.files[0])


def _unknown_engine(spec):
    spec.settings.engine = "cleanplat"


def _unknown_option(spec):
    spec.settings.options["feathr"] = "1"


def _bad_value(spec):
    spec.settings.options["grain"] = "yes"


def _out_of_range(spec):
    spec.settings.options["sources"] = "9"


def _not_a_number(spec):
    spec.settings.options["grow"] = "two"


def _name_of_another_folder(spec):
    spec.output.name = "../../evil"


def _no_name(spec):
    spec.output.name = ""


def _artist_without_matte(spec):
    spec.settings.reasoner = "artist"
    spec.shot.affected.Clear()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_plate, "--plate"),
        (_no_matte, "--remove"),
        (_empty_range, "empty"),
        (_twice, "after frame"),
        (_unknown_engine, "Did you mean cleanplate"),
        (_unknown_option, "Did you mean feather"),
        (_bad_value, "on, off"),
        (_out_of_range, "0 to 8"),
        (_not_a_number, "number"),
        (_name_of_another_folder, "output name"),
        (_no_name, "output name"),
        (_artist_without_matte, "--affected"),
    ],
)
def test_a_bad_order_is_refused_with_what_to_do(server, shot, spoil, said):
    upload(server, shot)
    spec = spec_of(shot, "/bad")
    spoil(spec)
    for call in (server.caller.submit, server.caller.preflight):
        with pytest.raises(grpc.RpcError) as error:
            call(spec)
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert said in error.value.details()


def test_what_comes_later_answers_not_available_yet(server, shot):
    spec = spec_of(shot, "/later")
    spec.shot.pixel_aspect = 2.0
    with pytest.raises(grpc.RpcError) as error:
        server.caller.submit(spec)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "not available yet" in error.value.details()


def test_a_mask_preview_answers_not_available_yet(server):
    with pytest.raises(grpc.RpcError) as error:
        server.caller.masks.Preview(masks_pb2.PreviewRequest(), metadata=server.caller.metadata)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_too_many_frames_name_the_limit(start_server, shot):
    server = start_server(limits=Limits(max_frames=3))
    with pytest.raises(grpc.RpcError) as error:
        server.caller.submit(spec_of(shot))
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "max_frames = 3" in error.value.details()


def test_watchers_at_the_limit_leave_room_for_other_calls(start_server, shot):
    server = start_server(limits=Limits(max_watches=2))
    upload(server, shot)
    job_id = server.caller.submit(spec_of(shot)).job.id
    watching = [server.caller.watch(job_id) for _ in range(2)]
    for call in watching:
        next(call)
    with pytest.raises(grpc.RpcError) as error:
        next(server.caller.watch(job_id))
    assert (
        error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        and "max_watches = 2" in error.value.details()
    )
    assert server.caller.get(job_id).id == job_id
    for call in watching:
        assert list(call)
    assert list(server.caller.watch(job_id))


def test_watchers_of_health_count_under_the_same_limit_and_leave_room_when_they_end(start_server, shot):
    server = start_server(limits=Limits(max_watches=2))
    upload(server, shot)
    job_id = server.caller.submit(spec_of(shot)).job.id
    health = health_pb2_grpc.HealthStub(server.caller.channel)
    request = health_pb2.HealthCheckRequest()
    watching = [health.Watch(request, metadata=server.caller.metadata) for _ in range(2)]
    for call in watching:
        assert next(call).status == health_pb2.HealthCheckResponse.SERVING
    for one_more in (health.Watch(request, metadata=server.caller.metadata), server.caller.watch(job_id)):
        with pytest.raises(grpc.RpcError) as error:
            next(one_more)
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "max_watches = 2" in error.value.details()
    assert server.caller.get(job_id).id == job_id
    watching[0].cancel()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(grpc.RpcError):
            assert list(server.caller.watch(job_id))
            return
        time.sleep(0.05)
    pytest.fail("the place of a cancelled watch was not given back")


def test_capabilities_list_plugs_options_and_limits(server):
    answer = server.caller.server.GetCapabilities(
        server_pb2.GetCapabilitiesRequest(), metadata=server.caller.metadata
    )
    engines = {p.name: p for p in answer.engines}
    assert engines["cleanplate"].available and not engines["void"].available
    assert engines["void"].unavailable_reason
    grain = next(o for o in answer.options if o.name == "grain")
    assert (grain.type, grain.default_value) == ("switch", "on") and grain.help
    assert {"max_frames", "max_blob_bytes"} <= {limit.name for limit in answer.limits}


def test_the_request_id_does_not_depend_on_how_files_and_patterns_are_spelt(shot):
    spec, other = spec_of(shot), spec_of(shot)
    other.shot.plate.pattern = "/elsewhere/plate.%04d.exr"
    other.shot.plate.files[0].name = "/elsewhere/plate.1001.exr"
    assert request_id(spec) == request_id(other)
    for order in (spec, other):
        order.shot.colour.builtin = "ocio://default"
    assert request_id(spec) != request_id(other)


def _frame_bytes(spec):
    spec.shot.plate.files[0].blob.digest = "0" * 64


def _option(spec):
    spec.settings.options["grow"] = "3"


def _place(spec):
    spec.output.directory = "/other"


def _clean_plate(spec):
    spec.shot.clean_plate.files.add(frame=1002, name="clean.1002.exr", blob=types_pb2.Blob(digest="1" * 64))


@pytest.mark.parametrize("change", [_frame_bytes, _option, _place, _clean_plate])
def test_the_request_id_depends_on_material_settings_and_place(shot, change):
    spec = spec_of(shot)
    before = request_id(spec)
    change(spec)
    assert request_id(spec) != before


def test_a_job_carries_the_request_id_of_its_order(done, shot):
    assert done.request_id == request_id(spec_of(shot, "/finished"))
