# SPDX-License-Identifier: Apache-2.0
"""The stills of a job: which frames have them, and what they show."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.server.calls import spec_of
from tests.small_shot import SmallShot, write_small_shot
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.stills import MAX_PICTURE_BYTES, MOST_STILLS, _jpeg, still, still_positions

NOTHING_SAID: dict[str, object] = {"confidence": None}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("large"), frames=2, size=(120, 1200))


@pytest.fixture(scope="module")
def job(server: RunningServer, large: SmallShot) -> jobs_pb2.Job:
    """A finished job."""
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(large.files(name).values())
    job = server.caller.run(spec_of(large))
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    return job


@pytest.fixture(scope="module")
def pictures(server: RunningServer, job: jobs_pb2.Job) -> dict[tuple[str, int], Image.Image]:
    """The stills of the job by kind and frame."""
    found = {}
    for output in job.outputs:
        name = jobs_pb2.OutputKind.Name(output.kind).removeprefix("OUTPUT_KIND_STILL_").lower()
        if not name.startswith("output_kind"):
            found[name, output.frame] = Image.open(io.BytesIO(server.caller.download(output.blob.digest)))
    return found


def test_a_short_shot_has_stills_of_every_frame_and_one_thumbnail(pictures, large):
    frames = [large.first, large.last]
    expected = {(kind, f) for kind in ("before", "after", "regions") for f in frames}
    assert set(pictures) == expected | {("thumb", large.last)}


def test_stills_have_the_plate_s_shape_and_at_most_960_pixels_a_side(pictures):
    sizes = {kind: picture.size for (kind, _), picture in pictures.items()}
    assert sizes == {"before": (960, 96), "after": (960, 96), "regions": (960, 96), "thumb": (192, 19)}


def test_before_shows_the_object_and_after_does_not(pictures, large):
    before = np.asarray(pictures["before", large.first]).astype(int)
    after = np.asarray(pictures["after", large.first]).astype(int)
    regions = np.asarray(pictures["regions", large.first])
    removed = (regions[..., 3] == 255) & (regions[..., 0] > regions[..., 1])
    assert removed.any()
    redness = before[..., 0] - before[..., 1]
    assert redness[removed].mean() > 100
    assert (after[..., 0] - after[..., 1])[removed].mean() < 40


def test_outside_the_regions_the_overlay_is_clear_and_before_and_after_agree(pictures, large):
    before = np.asarray(pictures["before", large.first]).astype(int)
    after = np.asarray(pictures["after", large.first]).astype(int)
    clear = np.asarray(pictures["regions", large.first])[..., 3] == 0
    far = clear.copy()
    far[:, : clear.shape[1] // 2 + 100] = False
    assert clear.any() and far.any()
    assert np.abs(before - after)[far].max() <= 2


def test_stills_and_sheet_of_another_edge_are_those_that_a_first_order_would_make(server, large, job):
    spec = spec_of(large)
    spec.settings.options["grow"] = "5"

    def stills(*, again: bool) -> dict[tuple[int, int], str]:
        edged = server.caller.finish(server.caller.submit(spec, again=again).job.id)
        names = ((o, jobs_pb2.OutputKind.Name(o.kind)) for o in edged.outputs)
        return {(o.kind, o.frame): o.blob.digest for o, name in names if "STILL" in name or "SHEET" in name}

    before = {(o.kind, o.frame): o.blob.digest for o in job.outputs}
    found = stills(again=False)
    # Another attempt uses nothing of what was recorded before it.
    assert found == stills(again=True)
    changed = {
        jobs_pb2.OutputKind.Name(kind) for (kind, _), digest in found.items() if before[kind, _] != digest
    }
    assert changed == {
        "OUTPUT_KIND_STILL_AFTER",
        "OUTPUT_KIND_STILL_THUMB",
        "OUTPUT_KIND_CONTACT_SHEET",
    }


class NoPlate:
    """A shot whose plate cannot be read."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name} was asked for")


def test_a_still_takes_from_an_earlier_one_what_has_not_changed(tmp_path):
    blobs = BlobFolder(tmp_path)
    picture = np.random.default_rng(1).integers(0, 256, (54, 96, 3), dtype=np.uint8)
    stored = {
        "plate": store_arrays(blobs, {"picture": picture}),
        "still_before": blobs.add_bytes(b"a plate"),
        "still_regions": blobs.add_bytes(b"regions"),
    }
    args = {"position": 0, "result": "", "lines": None, "thumb": True, "mattes": "key"}
    earlier = {
        "blobs": {name: blob.digest for name, blob in stored.items()},
        "info": {"mattes": "key"},
    }
    found, info = still(NoPlate(), args | {"earlier": earlier}, blobs)
    assert {name: found[name] for name in stored} == stored and info == earlier["info"]
    thumb = np.asarray(Image.open(io.BytesIO(b"".join(blobs.read(found["still_thumb"].digest)))))
    assert thumb.shape == (54, 96, 3)
    # Other mattes, and a picture that was damaged, are no ground to build on.
    with pytest.raises(AssertionError):
        still(NoPlate(), args | {"mattes": "another", "earlier": earlier}, blobs)
    blobs.path(stored["plate"].digest).write_bytes(b"damaged")
    with pytest.raises(AssertionError):
        still(NoPlate(), args | {"earlier": earlier}, blobs)


def test_a_long_shot_has_twelve_at_most_with_both_ends_and_the_worst_frames():
    quality = [{"confidence": 0.9, "change_over_time": 0.1, "unfilled": 0} for _ in range(500)]
    quality[0]["change_over_time"] = None
    quality[77]["confidence"] = 0.2
    quality[201]["change_over_time"] = 3.0
    quality[333]["unfilled"] = 12
    positions = still_positions([True] * 500, quality)
    assert len(positions) <= MOST_STILLS and positions == sorted(set(positions))
    assert {0, 77, 201, 333, 499} <= set(positions)


def test_frames_without_anything_to_fill_have_stills_only_where_no_frame_has():
    active = [False] * 20 + [True] * 5 + [False] * 20
    assert still_positions(active, [NOTHING_SAID] * 45) == [20, 21, 22, 23, 24]
    assert len(still_positions([False] * 45, [NOTHING_SAID] * 45)) == MOST_STILLS - 3


def test_noise_too_is_held_below_the_limit_of_a_picture():
    noise = np.random.default_rng(1).integers(0, 256, (540, 960, 3), dtype=np.uint8)
    assert len(_jpeg(noise)) <= MAX_PICTURE_BYTES
