# SPDX-License-Identifier: Apache-2.0
"""What a second order of the same shot computes, decodes and encodes; its files are what a first would give."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import set_sequence, spec_of
from tests.small_shot import write_exr, write_small_shot
from void_server.frames.blobs import BlobFolder, digest_of_file
from void_server.frames.blocks import BLOCK_BYTES
from void_server.frames.roots import Roots
from void_server.pipeline.decoded import store_mattes
from void_server.pipeline.manifest import ColourRef, FrameRef, MatteRef, ShotManifest
from void_server.pipeline.shot import ByteCache, StoredShot
from void_server.pipeline.sources import Sources
from void_server.plates.colour import ColourSpace
from void_server.plates.matte import read_matte
from void_server.plates.window import Window

LINES = 192
"""Height of the shot: enough that most lines are far from the object."""
FRAMES = 4


@pytest.fixture(scope="module")
def tall(tmp_path_factory):
    return write_small_shot(tmp_path_factory.mktemp("tall"), frames=FRAMES, size=(LINES, 96))


class Watched:
    """A server, and what the units were that an order made it compute."""

    def __init__(self, server, shot) -> None:
        self._server = server
        for name in ("plate", "roto", "affected"):
            server.caller.upload_files(shot.files(name).values())
        self.units: list[tuple[str, dict]] = []

    def run(self, spec: jobs_pb2.JobSpec, *, again: bool = False) -> jobs_pb2.Job:
        seen = self._numbers()
        job = self._server.caller.finish(self._server.caller.submit(spec, again=again).job.id)
        assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
        with contextlib.closing(sqlite3.connect(self._server.store / "void.sqlite3")) as db:
            rows = db.execute("SELECT kind, info FROM unit_result WHERE number > ?", (seen,)).fetchall()
        self.units = [(kind, json.loads(info)) for kind, info in rows if not kind.startswith("last ")]
        return job

    @property
    def kinds(self) -> Counter[str]:
        return Counter(kind for kind, _ in self.units)

    def encoded_lines(self) -> list[int]:
        return [info["encoded_lines"] for kind, info in self.units if kind == "publish"]

    def delivered(self) -> list[str]:
        """What the sidecar says of the samples of each published frame, in no order."""
        return sorted(json.dumps(info["made"]["delivered"]) for kind, info in self.units if kind == "publish")

    def _numbers(self) -> int:
        with contextlib.closing(sqlite3.connect(self._server.store / "void.sqlite3")) as db:
            return db.execute("SELECT COALESCE(MAX(number), 0) FROM unit_result").fetchone()[0]


@pytest.fixture(scope="module")
def watched(server, tall):
    return Watched(server, tall)


def files_of(job: jobs_pb2.Job) -> dict[tuple[int, int], str]:
    return {(o.kind, o.frame): o.blob.digest for o in job.outputs if o.kind in (1, 2)}


def with_repainted(spec, tall, frames: list[int], folder: Path):
    files = dict(tall.files("roto"))
    for frame in frames:
        matte = np.zeros((LINES, 96, 1), np.float16)
        x = 96 // 4 + 6 * (frame - tall.first)
        matte[LINES // 3 : LINES // 3 + 20, x - 2 : x + 17] = 1
        files[frame] = write_exr(folder / f"roto.{frame}.exr", matte, "A")
    set_sequence(spec, "remove", files)
    return [files[frame] for frame in frames]


def test_another_edge_publishes_alone_and_encodes_few_lines(watched, tall):
    spec = spec_of(tall, "/edge")
    spec.settings.options["passes"] = "all"
    first = watched.run(spec)
    assert watched.encoded_lines() == [LINES] * FRAMES
    spec.settings.options["grow"], spec.settings.options["feather"] = "2", "5"
    second = watched.run(spec)
    assert (
        set(watched.kinds) == {"publish", "review", "report", "still"} and watched.kinds["publish"] == FRAMES
    )
    assert 0 < max(watched.encoded_lines()) < LINES * 0.6
    assert files_of(second) != files_of(first)
    said = watched.delivered()
    # Computed from nothing, the files are the same, and so is what is said of them.
    assert files_of(watched.run(spec, again=True)) == files_of(second)
    assert watched.delivered() == said and len(set(said)) == FRAMES
    assert watched.encoded_lines() == [LINES] * FRAMES


def test_the_same_pixels_in_other_bytes_are_written_onto_the_earlier_result(watched, tall, server, tmp_path):
    spec = spec_of(tall, "/rendered_again")
    watched.run(spec)
    rendered = {}
    for frame, path in tall.files("plate").items():
        pixels = np.asarray(OpenImageIO.ImageBuf(str(path)).get_pixels(OpenImageIO.HALF))
        rendered[frame] = write_exr(tmp_path / path.name, pixels, "RGB", comments="rendered on another day")
    server.caller.upload_files(rendered.values())
    set_sequence(spec, "plate", rendered)
    spec.settings.options["grow"], spec.settings.options["feather"] = "2", "6"
    watched.run(spec)
    assert watched.kinds["publish"] == FRAMES and 0 < max(watched.encoded_lines()) < LINES * 0.6


def test_what_stands_in_the_header_alone_encodes_nothing(watched, tall):
    spec = spec_of(tall, "/seed")
    spec.settings.seed = 4
    watched.run(spec)
    spec.settings.seed = 5
    watched.run(spec)
    assert watched.kinds["publish"] == FRAMES and watched.encoded_lines() == [0] * FRAMES


def test_a_repainted_matte_is_decoded_once_and_only_flows_that_touch_it_are_measured(
    watched, tall, server, tmp_path
):
    spec = spec_of(tall, "/repaint")
    before = files_of(watched.run(spec))
    server.caller.upload_files(with_repainted(spec, tall, [1002], tmp_path))
    job = watched.run(spec)
    assert watched.kinds["ingest"] == 1 and watched.kinds["prepare"] == 1
    assert watched.kinds["motion"] == 2
    after = files_of(job)
    same = [key for key, digest in after.items() if before[key] == digest]
    changed = {frame for _, frame in after.keys() - set(same)}
    assert 1002 in changed
    assert watched.kinds["publish"] >= len(changed)
    # A frame that was published again with the same bits was not compressed.
    assert sum(lines > 0 for lines in watched.encoded_lines()) <= len(changed)
    assert max(watched.encoded_lines()) < LINES * 0.6
    assert files_of(watched.run(spec, again=True)) == after


def test_of_sixteen_mattes_two_repainted_ones_alone_are_opened(server, tmp_path):
    """Over 10 s on a busy machine: an anchor spans twelve pairs, and with fewer frames all pairs would be near."""
    long = write_small_shot(tmp_path, frames=16, size=(40, 160))
    watched = Watched(server, long)
    spec = spec_of(long, "/sixteen")
    watched.run(spec)
    assert watched.kinds["motion"] == 15 and watched.kinds["ingest"] == 48
    files = dict(long.files("roto"))
    blobs = BlobFolder(server.store)
    for frame in (1006, 1014):
        buffer = OpenImageIO.ImageBuf(str(files[frame]))
        matte = np.asarray(buffer.get_pixels(OpenImageIO.HALF)).copy()
        matte[2:5] = 1
        files[frame] = write_exr(tmp_path / f"painted.{frame}.exr", matte, "A")
    server.caller.upload_files([files[1006], files[1014]])
    # Whoever opens another one finds no EXR.
    for frame in long.files("roto").keys() - {1006, 1014}:
        for name in ("roto", "affected"):
            path = blobs.path(digest_of_file(long.files(name)[frame]))
            path.write_bytes(bytes(path.stat().st_size))
    set_sequence(spec, "remove", files)
    watched.run(spec)
    assert watched.kinds["ingest"] == 2 and watched.kinds["prepare"] == 2 and watched.kinds["motion"] == 4


def test_a_matte_far_from_all_others_leaves_their_files_alone(watched, tall, server, tmp_path):
    """`keep` is read by the blend alone, and by the frame's own analysis."""
    keeps = {
        f: write_exr(tmp_path / f"keep.{f}.exr", np.zeros((LINES, 96, 1), np.float16), "A")
        for f in tall.files("plate")
    }
    server.caller.upload_files(keeps.values())
    spec = spec_of(tall, "/keep")
    set_sequence(spec, "keep", keeps)
    before = files_of(watched.run(spec))
    matte = np.zeros((LINES, 96, 1), np.float16)
    matte[:4] = 1
    keeps[1004] = write_exr(tmp_path / "keep.new.exr", matte, "A")
    server.caller.upload_files([keeps[1004]])
    set_sequence(spec, "keep", keeps)
    after = files_of(watched.run(spec))
    assert {frame for (kind, frame), d in after.items() if before[kind, frame] != d} == {1004}
    assert watched.kinds["publish"] == 1 and watched.encoded_lines() == [0]


def damaged(server, files: dict[tuple[int, int], str]) -> list[Path]:
    """The results, each with another byte near its end."""
    store = BlobFolder(server.store)
    paths = [store.path(d) for (kind, _), d in files.items() if kind == jobs_pb2.OUTPUT_KIND_RESULT]
    for path in paths:
        data = bytearray(path.read_bytes())
        data[-9] ^= 1
        path.write_bytes(data)
    return paths


def test_an_earlier_file_that_is_damaged_is_not_built_upon(watched, tall, server):
    spec = spec_of(tall, "/damaged")
    spec.settings.options["grow"] = "3"
    damaged(server, files_of(watched.run(spec)))
    spec.settings.options["grow"] = "5"
    watched.run(spec)
    assert watched.encoded_lines() == [LINES] * FRAMES


def test_damage_that_is_only_found_while_the_earlier_file_is_copied_is_not_built_upon(server, tmp_path):
    large = write_small_shot(tmp_path / "large", frames=2, size=(1000, 160))
    watched, spec = Watched(server, large), spec_of(large, "/damaged late")
    spec.settings.options["grow"] = "3"
    paths = damaged(server, files_of(watched.run(spec)))
    assert all(path.stat().st_size > 2 * BLOCK_BYTES for path in paths)
    spec.settings.options["grow"] = "5"
    after = files_of(watched.run(spec))
    assert watched.encoded_lines() == [1000] * 2
    assert files_of(watched.run(spec, again=True)) == after


def test_a_matte_that_ingest_stored_is_not_read_from_its_file_again(tmp_path):
    matte = np.zeros((20, 30, 1), np.float16)
    matte[4:9, 5:11] = 0.5
    matte[6, 7] = 1
    path = write_exr(tmp_path / "m.exr", matte, "A", origin=(-2, 3), display=(40, 40))
    blobs = BlobFolder(tmp_path / "store")
    decoded = store_mattes(blobs, {"matte": read_matte(path)})
    path.unlink()
    ref = MatteRef("0" * 64, "content", "m.exr", "", None, decoded.digest)
    frame = FrameRef(1, "0" * 64, "plate", "p.exr", {"remove": ref, "keep": ref}, True)
    colour = ColourRef("lin_rec709", "", "", True)
    shot = StoredShot(
        ShotManifest("", (0, 0, 40, 40), colour, {}, {}, (frame,)),
        Sources(blobs, Roots({})),
        ColourSpace("lin_rec709", "", "", True),
        ByteCache(),
    )
    window = Window(0, 0, 40, 40)
    wanted = np.zeros(window.shape, np.float32)
    wanted[7:12, 3:9] = 0.5
    wanted[9, 5] = 1
    assert (shot.quadmask(0, window).remove == wanted).all() and (shot.keep(0, window) == wanted).all()
    assert (shot.keep(0, Window(100, 100, 4, 4)) == 0).all()
    marked = shot.marked(0)
    assert marked == Window(3, 7, 6, 5), "the part of the mattes that is not 0"
