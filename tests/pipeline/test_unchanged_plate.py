# SPDX-License-Identifier: Apache-2.0
"""An affected region that is drawn too large: the clean-plate engine's job keeps the plate's bits where it would only
have put other grain; the shadow goes all the same.

Takes over 10 seconds on a busy machine: a whole job on five frames of some size.
"""

from __future__ import annotations

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest

from tests.pipeline.test_void_engine import DONE, picture, sidecar
from tests.server.calls import recorded_units, spec_of
from tests.small_shot import SmallShot, write_exr, write_small_shot

LOOSE = 61
"""Pixels across the disc by which the shadow's matte is drawn too large."""


@pytest.fixture(scope="module")
def loose(tmp_path_factory) -> SmallShot:
    """The small shot with grain."""
    folder = tmp_path_factory.mktemp("loose")
    shot = write_small_shot(folder, frames=5, size=(144, 216))
    random = np.random.default_rng(2)
    for path in shot.files("plate").values():
        plate = np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))[..., :3]
        grain = 0.004 * random.standard_normal(plate.shape, np.float32)
        write_exr(path, (plate + grain).astype(np.float16), "RGB")
    for path in shot.files("affected").values():
        drawn = np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))[..., 0]
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (LOOSE, LOOSE))
        write_exr(path, cv2.dilate(drawn, disc)[..., None].astype(np.float16), "A")
    return shot


def order(shot: SmallShot, name: str, **options: str):
    spec = spec_of(shot, f"/{name}")
    spec.settings.engine = "cleanplate"
    spec.settings.options.update(options)
    return spec


@pytest.fixture(scope="module")
def job(server, loose):
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(loose.files(name).values())
    done = server.caller.run(order(loose, "changed"))
    assert done.state == DONE, done
    return done


def test_much_of_what_is_drawn_too_large_keeps_the_plate_s_bits(server, loose, job, tmp_path):
    assert all(f["quality"]["kept_percent"] > 18 for f in sidecar(server, job)["frames"])
    frame = loose.first + 2
    plate = np.asarray(oiio.ImageBuf(str(loose.files("plate")[frame])).get_pixels(oiio.HALF))[..., :3]
    colour, masks = picture(server, job, frame, tmp_path)
    green = np.asarray(oiio.ImageBuf(str(loose.files("affected")[frame])).get_pixels(oiio.FLOAT))[..., 0]
    kept = (masks.min(axis=-1) == 0) & (green > 0.5) & (colour == plate).all(axis=-1)
    assert kept.sum() > 0.1 * (green > 0.5).sum()


def test_the_shadow_is_gone_all_the_same(server, loose, job, tmp_path):
    small = write_small_shot(tmp_path / "exact", frames=5, size=(144, 216))
    for frame in loose.files("plate"):
        shadow = np.asarray(oiio.ImageBuf(str(small.files("affected")[frame])).get_pixels(oiio.FLOAT))[..., 0]
        plate = np.asarray(oiio.ImageBuf(str(loose.files("plate")[frame])).get_pixels(oiio.FLOAT))[..., :3]
        colour = picture(server, job, frame, tmp_path)[0].astype(np.float32)
        inside = shadow > 0.5
        assert np.median(colour[inside] / plate[inside]) == pytest.approx(1 / 0.6, rel=0.03)


def test_all_of_it_is_replaced_on_request_and_nothing_before_is_made_again(server, loose, job):
    before = recorded_units(server.store)
    done = server.caller.run(order(loose, "region", replace="region"))
    assert done.state == DONE
    assert all(f["quality"]["kept_percent"] < 1 for f in sidecar(server, done)["frames"])
    fresh = {kind for key, (kind, _) in recorded_units(server.store).items() if key not in before}
    assert fresh == {"publish", "review", "report", "still"}
