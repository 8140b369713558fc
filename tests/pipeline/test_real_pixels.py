# SPDX-License-Identifier: Apache-2.0
"""A small answer of a model joined with what the clean-plate engine rebuilt, on a scene made in code."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.engines.scenes import Reader, Scene, scene
from void_server.conform.detail import agreement
from void_server.engines.cleanplate import CleanplateSettings, FrameFill, fill_frame
from void_server.engines.void.plate_size import at_plate_size, codes, reduced
from void_server.pipeline.real_pixels import Compared, Seen, compare, join, over_time, real_fill, seen_of
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.quadmask.regions import CODE_BACKGROUND

SETTINGS = CleanplateSettings(trace=True)
MARGIN, MODEL, AT = SETTINGS.margin, (48, 64), 5
CROP = 40, 20, 200, 140
"""Two and a half plate pixels for one of the model's."""


@pytest.fixture(scope="module")
def made() -> Scene:
    return scene(size=(160, 240), pan=(0, 2), start=(56, 30), speed=(0, 10), square=24, shadow=True)


@pytest.fixture(scope="module")
def reader(made) -> Reader:
    return made.reader(SETTINGS)


@pytest.fixture(scope="module")
def fills(made, reader) -> dict[int, FrameFill]:
    return {i: fill_frame(i, reader, SETTINGS) for i in (AT - 1, AT, AT + 1)}


@pytest.fixture(scope="module")
def encoding(made) -> ShotEncoding:
    return ShotEncoding.from_statistics(FrameStatistics.of(p) for p in made.plates)


def seen_at(made: Scene, encoding: ShotEncoding, fill: FrameFill | None, at: int = AT) -> Seen:
    region = (made.remove[at] > 0) | (made.affected[at] > 0)
    return seen_of(made.plates[at], encoding, fill, region, CROP, MARGIN)


def told_at(made: Scene, at: int = AT) -> np.ndarray:
    x0, y0, x1, y1 = CROP
    cut = (m[at][y0:y1, x0:x1] for m in (made.remove, made.affected, made.keep))
    return codes(*cut, *MODEL) < CODE_BACKGROUND


def answer(made: Scene, encoding: ShotEncoding, at: int = AT, seed: int = 1) -> np.ndarray:
    """The truth at the model's size, softer, tinted and noisy."""
    x0, y0, x1, y1 = CROP
    small = reduced(encoding.encode(made.clean[at][y0:y1, x0:x1]), *MODEL)
    noise = 0.004 * np.random.default_rng(seed).standard_normal(small.shape)
    return (1.03 * cv2.GaussianBlur(small, (0, 0), 0.8) - 0.01 + noise).astype(np.float32)


def with_thing(small: np.ndarray, at: tuple[int, int] = (32, 24)) -> np.ndarray:
    return cv2.circle(small.copy(), at, 4, (0.95, 0.05, 0.5), -1)


def test_an_answer_that_agrees_gives_the_real_pixels_their_own_bits(made, encoding, fills):
    what, told = seen_at(made, encoding, fills[AT]), told_at(made)
    small = answer(made, encoding)
    picture, share = join(small, told, what, compare(small, told, what).comparison, "plate")
    assert (share[what.region] == 1).mean() > 0.9
    assert (picture[share == 1] == what.real[share == 1]).all()


def test_the_joined_picture_is_nearer_to_the_truth_than_the_enlarged_one(made, encoding, fills):
    what, told, small = seen_at(made, encoding, fills[AT]), told_at(made), answer(made, encoding)
    found = compare(small, told, what).comparison
    x0, y0, x1, y1 = CROP
    truth = encoding.encode(made.clean[AT][y0:y1, x0:x1])[what.region]

    def error(picture: np.ndarray) -> float:
        return float(np.square(picture[what.region] - truth).mean())

    plain = error(at_plate_size(small, what.plate, what.region, told))
    assert error(join(small, told, what, found, "plate")[0]) < plain / 2
    assert error(join(small, told, what, found, "guided")[0]) < plain / 2


def test_what_only_the_model_shows_is_kept_and_the_rest_is_real(made, encoding, fills):
    what, told = seen_at(made, encoding, fills[AT]), told_at(made)
    rows, columns = np.nonzero(told)
    at = int(columns.mean()), int(rows.mean())
    small = with_thing(answer(made, encoding), at)
    picture, share = join(small, told, what, compare(small, told, what).comparison, "plate")
    thing = cv2.resize(with_thing(np.zeros_like(small), at), what.seen.shape[::-1]).max(axis=2) > 0.9
    assert share[thing & what.region].max() == 0
    assert np.abs(picture - cv2.resize(small, what.seen.shape[::-1]))[thing].mean() < 0.05


def test_guided_takes_no_real_pixel_as_it_is(made, encoding, fills):
    what, told, small = seen_at(made, encoding, fills[AT]), told_at(made), answer(made, encoding)
    assert join(small, told, what, compare(small, told, what).comparison, "guided")[1].max() == 0


def test_without_a_rebuilt_frame_all_of_the_region_is_the_model_s(made, encoding):
    what, told, small = seen_at(made, encoding, None), told_at(made), answer(made, encoding)
    picture, share = join(small, told, what, compare(small, told, what).comparison, "plate")
    assert what.seen[what.region].max() == 0 and share[what.region].max() == 0
    assert np.isfinite(picture).all()


def test_what_the_other_engine_made_up_is_not_real(made, encoding, fills):
    made_up = replace(fills[AT], synthesised=np.ones_like(fills[AT].synthesised))
    what, told, small = seen_at(made, encoding, made_up), told_at(made), answer(made, encoding)
    assert join(small, told, what, compare(small, told, what).comparison, "plate")[1][what.region].max() == 0


def test_samples_that_are_not_finite_are_no_real_ones(made, encoding, fills):
    spoilt = made.plates[AT].copy()
    spoilt[22:26, 60:64] = np.nan
    region = (made.remove[AT] > 0) | (made.affected[AT] > 0)
    what = seen_of(spoilt, encoding, fills[AT], region, CROP, MARGIN)
    small, told = answer(made, encoding), told_at(made)
    picture, share = join(small, told, what, compare(small, told, what).comparison, "plate")
    assert share[2:6, 20:24].max() == 0 and np.isfinite(picture[what.region]).all()


def test_one_frame_s_slip_is_outvoted_along_the_motion(made, encoding, fills, reader):
    """The same place agrees on the frames beside it, so what differs once by a little changes less."""
    near = {
        at: compare(answer(made, encoding, at), told_at(made, at), seen_at(made, encoding, fills[at], at))
        for at in fills
    }
    slipped = replace(
        near[AT], comparison=replace(near[AT].comparison, apart=near[AT].comparison.apart + 1.2)
    )
    alone = over_time(AT, {AT: slipped}, reader)
    among = over_time(AT, near | {AT: slipped}, reader)
    inside = near[AT].inside > 0
    assert (alone.apart == slipped.comparison.apart).all()
    assert among.apart[inside].mean() < alone.apart[inside].mean() - 0.3
    shares = [agreement(found.apart, found.shown)[inside].mean() for found in (alone, among)]
    assert shares[1] > shares[0]


def test_what_all_frames_say_stays_what_they_say(made, encoding, fills, reader):
    found = {
        at: compare(answer(made, encoding, at), told_at(made, at), seen_at(made, encoding, fills[at], at))
        for at in fills
    }
    alike = {
        at: replace(one, comparison=replace(one.comparison, apart=np.full(MODEL, 0.7, np.float32)))
        for at, one in found.items()
    }
    assert over_time(AT, alike, reader).apart == pytest.approx(0.7, abs=1e-5)


def test_a_single_pixel_that_was_never_seen_is_made_up_between_real_ones(made, encoding, fills):
    """One of a hundred that a pixel of the model stands for."""
    what = seen_at(made, encoding, fills[AT])
    x0, y0, x1, y1 = CROP
    small = reduced(encoding.encode(made.clean[AT][y0:y1, x0:x1]), 12, 16)
    seen = np.ones_like(what.seen)
    seen[60, 80] = 0
    what = replace(what, seen=seen, real=encoding.encode(made.clean[AT][y0:y1, x0:x1]))
    nothing = np.zeros((12, 16), bool)
    share = join(small, nothing, what, compare(small, nothing, what).comparison, "plate")[1]
    assert share[60, 80] == 0 and share[60, 82] == 1


def test_a_comparison_is_stored_and_read_for_each_run(made, encoding, fills):
    found = compare(answer(made, encoding), told_at(made), seen_at(made, encoding, fills[AT]))
    arrays = found.to_arrays(1)
    assert Compared.from_arrays(arrays, 0) is None
    again = Compared.from_arrays(arrays, 1)
    assert again is not None and again.crop == CROP and again.comparison.sigma == found.comparison.sigma
    assert np.abs(again.comparison.apart - found.comparison.apart).max() < 0.02
    assert (again.inside == found.inside).all()


def test_the_planes_of_real_pixels_are_the_other_engine_s_and_of_made_up_ones_say_so(fills):
    fill = fills[AT]
    x0, y0, x1, y1 = fill.box
    box = x0 - 4, y0 - 4, x1 + 4, y1 + 4
    shape = box[3] - box[1], box[2] - box[0]
    filled, share = np.zeros(shape, bool), np.zeros(shape, np.float32)
    filled[4:-4, 4:-4] = True
    half = shape[1] // 2
    share[4:-4, 4:half] = 1
    colour = np.full((*shape, 3), 0.5, np.float32)
    found = real_fill(box, colour, filled, share, fill)
    real, rest = np.s_[4:-4, 4:half], np.s_[4:-4, half:-4]
    of = np.s_[:, : half - 4]
    for ours, theirs in (
        (found.colour, fill.colour),
        (found.borrowed, fill.borrowed),
        (found.confidence, fill.confidence),
        (found.synthesised, fill.synthesised),
        (found.trace, fill.trace),
    ):
        assert ours is not None and theirs is not None and (ours[real] == theirs[of]).all()
    assert (found.synthesised[rest] == 1).all() and (found.confidence[rest] == 0).all()
    assert (found.borrowed[rest] == 0).all() and (found.colour[rest] == 0.5).all()
    assert found.trace is not None and (found.trace[rest][..., 2] == -1).all()
    assert (found.confidence[:4] == 1).all() and (found.synthesised[:4] == 0).all()


def test_without_another_engine_the_fill_is_all_made_up_and_its_colour_as_it_was():
    filled = np.zeros((6, 8), bool)
    filled[2:4, 2:5] = True
    colour = np.random.default_rng(1).random((6, 8, 3), dtype=np.float32)
    found = real_fill((0, 0, 8, 6), colour, filled, np.ones((6, 8), np.float32), None)
    assert (found.colour == colour).all() and (found.synthesised == filled).all()
    assert (found.confidence == ~filled).all() and not found.borrowed.any() and found.trace is None
