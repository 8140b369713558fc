# SPDX-License-Identifier: Apache-2.0
"""Clean plates that the artist gives: found wrong before any work, told in the papers, read on the shot's window."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2, types_pb2

from tests.server.calls import by_path, recorded_units, set_sequence, sha256, spec_of
from tests.small_shot import write_exr, write_small_shot
from void_server.frames.blobs import BlobFolder
from void_server.frames.roots import Roots
from void_server.pipeline.manifest import CleanPlateRef, ColourRef, FrameRef, ShotManifest, load_manifest
from void_server.pipeline.shot import ByteCache, StoredShot
from void_server.pipeline.sources import Sources
from void_server.plates.colour import DEFAULT_CONFIG, ColourSpace

DONE, ERROR = jobs_pb2.JOB_STATE_DONE, types_pb2.SEVERITY_ERROR
SIZE = (72, 96)


def painted(path: Path, value: float = 0.3, size: tuple[int, int] = SIZE, **attributes: object) -> Path:
    return write_exr(path, np.full((*size, 3), value, np.float16), "RGB", **attributes)


def give(server, spec, files: dict[int, Path]) -> None:
    server.caller.upload_files(files.values())
    set_sequence(spec, "clean_plate", files)


def problems(server, spec) -> dict[str, types_pb2.Problem]:
    return {p.code: p for p in server.caller.preflight(spec).problems}


@pytest.fixture
def order(server, shot):
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    return spec_of(shot, "/clean")


def test_some_frames_suffice_and_the_papers_name_them(server, order, tmp_path):
    path = painted(tmp_path / "clean.1003.exr")
    give(server, order, {1003: path})
    assert not server.caller.preflight(order).problems
    job = server.caller.run(order)
    assert job.state == DONE, job.problems
    (blob,) = [o.blob for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_SIDECAR]
    said = json.loads(server.caller.download(blob.digest))
    assert said["inputs"]["clean_plate"] == "clean_plate.####.exr"
    given = {f["frame"]: f["clean_plate"] for f in said["frames"]}
    assert given.pop(1003)["sha256"] == sha256(path.read_bytes())
    assert set(given.values()) == {None}
    headers = {
        o.frame: attribute(server, o.blob.digest, tmp_path)
        for o in job.outputs
        if o.kind == jobs_pb2.OUTPUT_KIND_RESULT
    }
    assert headers.pop(1003) and not any(headers.values())


def attribute(server, digest: str, folder: Path) -> str:
    path = folder / f"{digest}.exr"
    path.write_bytes(server.caller.download(digest))
    return str(oiio.ImageBuf(str(path)).spec().getattribute("void/clean_plate") or "")


def test_a_painted_clean_plate_runs_again_only_the_fills_that_may_read_it(start_server, shot, tmp_path):
    """`reach` 1: frames 1001 and 1005 read nothing of frame 1003."""
    server = start_server()
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    spec = spec_of(shot)
    spec.settings.options["reach"] = "1"
    assert server.caller.run(spec).state == DONE

    def fresh(value: float) -> dict[str, int]:
        before = recorded_units(server.store)
        give(server, spec, {1003: painted(tmp_path / f"{value}.exr", value)})
        assert server.caller.run(spec).state == DONE
        kinds = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in before]
        return {kind: kinds.count(kind) for kind in ("ingest", "prepare", "motion", "fill")}

    for value in (0.3, 0.4):
        assert fresh(value) == {"ingest": 1, "prepare": 0, "motion": 0, "fill": 3}


def test_frames_outside_the_range_are_not_used_and_told(server, order, tmp_path):
    path = painted(tmp_path / "clean.exr")
    small = painted(tmp_path / "small.exr", size=(9, 9))
    give(server, order, {990: small, 1002: path, 1010: small})
    report = server.caller.preflight(order)
    assert not report.problems
    assert any("990, 1010 lie outside the range" in note for note in report.notes)


def test_a_clean_plate_that_has_no_frame_of_the_range_does_not_overlap(server, order, tmp_path):
    give(server, order, {990: painted(tmp_path / "clean.exr")})
    found = problems(server, order)["no_overlap"]
    assert (found.severity, found.input) == (ERROR, "clean_plate") and "990" in found.message


def test_all_that_is_wrong_is_told_at_once_with_the_frames(server, order, shot, tmp_path):
    grey = write_exr(tmp_path / "grey.exr", np.ones((*SIZE, 1), np.float16), "R")
    matte = write_exr(tmp_path / "matte.exr", np.ones((*SIZE, 1), np.float16), "A")
    give(
        server,
        order,
        {
            1001: painted(tmp_path / "small.exr", size=(36, 48)),
            1002: painted(tmp_path / "wide.exr", PixelAspectRatio=2.0),
            1003: grey,
            1004: matte,
            1005: shot.files("plate")[1005],
        },
    )
    found = {(p.code, tuple(p.frames)): p for p in server.caller.preflight(order).problems}
    assert set(found) == {
        ("other_picture", (1001,)),
        ("other_picture", (1002,)),
        ("other_channels", (1003,)),
        ("invalid_input", (1004,)),
        ("clean_plate_is_plate", (1005,)),
    }
    assert all(p.severity == ERROR and p.input == "clean_plate" and p.fix for p in found.values())
    assert "36" in found["other_picture", (1001,)].message
    assert "pixel aspect 2" in found["other_picture", (1002,)].message
    assert found["invalid_input", (1004,)].file == "matte.exr"


def test_a_file_that_names_another_colour_space_is_refused_unless_the_job_says_which_holds(
    server, order, tmp_path
):
    path, values = tmp_path / "ap1.exr", np.full((*SIZE, 3), 0.3, np.float16)
    OpenEXR.File({"colorInteropID": "lin_ap1_scene"}, {"RGB": values}).write(str(path))
    give(server, order, {1002: path})
    found = problems(server, order)["other_colour"]
    assert list(found.frames) == [1002] and "ACEScg" in found.message and "--colorspace" in found.fix
    order.shot.colour.name = "lin_rec709_scene"
    assert not problems(server, order)


def test_a_cropped_clean_plate_of_another_type_is_the_same_picture(server, order, tmp_path):
    patch = np.ones((10, 12, 3), np.float32)
    give(server, order, {1002: write_exr(tmp_path / "p.exr", patch, "RGB", origin=(30, 20), display=SIZE)})
    assert not problems(server, order)


def test_where_nothing_is_removed_the_plate_is_its_own_clean_plate(server, order, shot, tmp_path):
    empty = write_exr(tmp_path / "empty.exr", np.zeros((*SIZE, 1), np.float16), "A")
    server.caller.upload_files([empty])
    for role, name in (("remove", "roto"), ("affected", "affected")):
        set_sequence(order, role, {**shot.files(name), 1002: empty})
    give(server, order, {1002: shot.files("plate")[1002]})
    assert "clean_plate_is_plate" not in problems(server, order)


def test_it_may_lie_on_shared_storage(start_server, tmp_path):
    shot = write_small_shot(tmp_path / "proj" / "shot", frames=3, size=(48, 64))
    server = start_server(roots={"proj": tmp_path / "proj"})
    spec = spec_of(shot)
    path = painted(shot.folder / "clean_plate" / "clean.1002.exr", size=(48, 64))
    set_sequence(spec, "clean_plate", {1002: path})
    job = server.caller.run(by_path(spec, shot))
    assert job.state == DONE, job.problems
    (blob,) = [o.blob for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_SIDECAR]
    frames = json.loads(server.caller.download(blob.digest))["frames"]
    assert frames[1]["clean_plate"]["sha256"] == sha256(path.read_bytes())


def stored(
    folder: Path, path: Path | None, colour: ColourRef, window: tuple[int, int, int, int]
) -> StoredShot:
    """A shot of one frame that was stored and read back, with this clean plate."""
    blobs = BlobFolder(folder)
    ref = CleanPlateRef(blobs.add_bytes(path.read_bytes()).digest, "", path.name) if path else None
    frame = FrameRef(1001, "", "", "plate.exr", {}, True, clean_plate=ref)
    manifest = load_manifest(
        blobs.path(ShotManifest("", window, colour, {}, {}, (frame,)).store(blobs).digest)
    )
    assert manifest.frames == (frame,)
    space = ColourSpace(colour.name, DEFAULT_CONFIG, "", colour.linear)
    return StoredShot(manifest, Sources(blobs, Roots()), space, ByteCache())


LINEAR = ColourRef("lin_rec709", "", "", linear=True)


def test_the_engine_reads_it_on_the_shots_window_and_nan_where_it_has_no_samples(tmp_path):
    values = np.arange(4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3) / 7 - 1
    path = write_exr(tmp_path / "clean.exr", values, "RGB", origin=(-2, 3), display=(8, 8))
    read = stored(tmp_path / "blobs", path, LINEAR, (0, 1, 8, 5)).clean_plate(0)
    assert read is not None and read.dtype == np.float32 and read.shape == (5, 8, 3)
    np.testing.assert_array_equal(read[2:5, 0:4], values[0:3, 2:6])
    assert np.isnan(read).sum() == read.size - 3 * 4 * 3


def test_it_is_read_in_the_plates_colour_space(tmp_path):
    path = write_exr(tmp_path / "log.exr", np.full((4, 4, 3), 0.4135884, np.float32), "RGB")
    log = ColourRef("ACEScct", "", "", linear=False)
    read = stored(tmp_path / "blobs", path, log, (0, 0, 4, 4)).clean_plate(0)
    assert read == pytest.approx(np.full((4, 4, 3), 0.18, np.float32), rel=1e-3), "ACEScct of a grey card"


def test_none_was_given_is_none(tmp_path):
    assert stored(tmp_path / "blobs", None, LINEAR, (0, 0, 4, 4)).clean_plate(0) is None


def test_a_manifest_without_clean_plates_is_still_read(tmp_path):
    """A job accepted before they were known goes on."""
    shot = stored(tmp_path / "blobs", None, LINEAR, (0, 0, 4, 4))
    path = tmp_path / "old.json"
    blob = shot.manifest.store(BlobFolder(tmp_path / "blobs"))
    tree = json.loads(BlobFolder(tmp_path / "blobs").path(blob.digest).read_bytes())
    del tree["frames"][0]["clean_plate"]
    path.write_text(json.dumps(tree))
    assert load_manifest(path).frames == shot.manifest.frames


def test_a_shot_of_luminance_takes_a_clean_plate_of_luminance(server, order, shot, tmp_path):
    def grey(name: str, value: float) -> Path:
        return write_exr(tmp_path / f"{name}.exr", np.full((*SIZE, 1), value, np.float16), "Y")

    plates = {f: grey(f"y{f}", 0.2) for f in shot.files("plate")}
    server.caller.upload_files(plates.values())
    set_sequence(order, "plate", plates)
    give(server, order, {1002: grey("clean", 0.3)})
    assert not problems(server, order)
