# SPDX-License-Identifier: Apache-2.0
"""The option `replace` with the clean-plate engine. Takes 14 seconds: two jobs, the first of them from nothing."""

from __future__ import annotations

import json

import numpy as np
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import recorded_units, spec_of
from tests.small_shot import SmallShot, write_exr, write_small_shot

EMPTY = np.s_[4:20, 60:92]
"""Where a matte says affected and nothing is."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> SmallShot:
    shot = write_small_shot(tmp_path_factory.mktemp("wide"), size=(96, 128))
    for file in shot.files("affected").values():
        drawn = np.array(oiio.ImageBuf(str(file)).get_pixels(oiio.HALF))
        drawn[EMPTY] = 1
        write_exr(file, drawn.reshape(96, 128, 1), "A")
    return shot


def job(server, shot: SmallShot, **options: str) -> jobs_pb2.Job:
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    spec = spec_of(shot, f"/{options}")
    spec.settings.options.update(options)
    done = server.caller.run(spec)
    assert done.state == jobs_pb2.JOB_STATE_DONE, done
    return done


def outputs(server, done: jobs_pb2.Job, kind: int) -> list[bytes]:
    return [server.caller.download(o.blob.digest) for o in done.outputs if o.kind == kind]


def test_a_narrowed_matte_fills_what_is_removed_and_is_made_by_publish_alone(server, wide, tmp_path):
    narrow = job(server, wide)
    before = recorded_units(server.store)
    whole = job(server, wide, replace="region")
    fresh = {kind for key, (kind, _) in recorded_units(server.store).items() if key not in before}
    assert fresh <= {"publish", "review", "report", "still"}
    alphas = []
    for done in (narrow, whole):
        path = tmp_path / "matte.exr"
        path.write_bytes(outputs(server, done, jobs_pb2.OUTPUT_KIND_MATTE)[2])
        masks = oiio.ImageBuf(str(path)).get_pixels(oiio.HALF)
        alphas.append(masks[..., 3])
        assert (masks[..., 3][masks[..., 0] > 0.02] == 1).all(), "what is to be removed is always filled"
    assert (alphas[0] <= alphas[1]).all()
    kinds = jobs_pb2.OUTPUT_KIND_SIDECAR
    said = [json.loads(outputs(server, d, kinds)[0])["frames"] for d in (narrow, whole)]
    assert all(f["quality"]["outside_differing"] == 0 for f in said[0] + said[1])
    assert all(f["quality"]["kept_percent"] == 0 for f in said[1])
    assert (alphas[1] == 1)[EMPTY].all()
