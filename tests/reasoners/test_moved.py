# SPDX-License-Identifier: Apache-2.0
"""Which moving things the reasoner ties to the object, and what it proposes of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from safetensors.numpy import load, save

from tests.engines.scenes import Reader, Scene, scene, texture
from void_server.engines.cleanplate import CleanplateSettings
from void_server.reasoners.motion import AGREEING_FRAMES, Movers, Proposal, agree, propose_frame, sort_movers
from void_server.reasoners.motion.moved import independent_left_out
from void_server.reasoners.motion.movers import Contact

SURVEY = CleanplateSettings(quality="preview", margin=0)
SIZE, FRAMES, HIT, BLOCK = (180, 320), 26, 12, 40


def decode(encoded: np.ndarray) -> np.ndarray:
    """The inverse of the scenes' own `encode8`, whose values are taken as 0..1."""
    return np.exp2(encoded * 10 - 10) - 2**-10


def block_at(
    made: Scene, frame: int, row: float, column: float, seed: int = 7, side: int = BLOCK
) -> np.ndarray:
    """Puts a textured block behind the object; (h, w) bool where it is."""
    patch = texture(side, side, seed)[..., ::-1] * (1.6, 0.5, 0.3)
    matrix = np.array([[1, 0, column], [0, 1, row]], np.float64)
    size = (SIZE[1], SIZE[0])
    placed = cv2.warpAffine(patch.astype(np.float32), matrix, size)
    mask = cv2.warpAffine(np.ones((side, side), np.float32), matrix, size) > 0.99
    made.plates[frame][mask & (made.remove[frame] == 0)] = placed[mask & (made.remove[frame] == 0)]
    return mask


def ball() -> Scene:
    """The object rolls in from the left and stops at column 130, frame 12."""
    made = scene(frames=FRAMES, size=SIZE, square=26, start=(80.0, 10.0), speed=(0.0, 0.0))
    for i in range(FRAMES):
        made.plates[i] = made.clean[i].copy()
        left = 10 + 10 * min(i, HIT)
        made.remove[i][:] = 0
        made.remove[i][80:106, left : left + 26] = 1
        made.plates[i][80:106, left : left + 26] = (0.9, 0.1, 0.1)
    return made


def resting_at(frame: int) -> float:
    """Column of the block that is hit: it slides for ten frames and stays there."""
    return 158.0 + 5.0 * min(max(0, frame - HIT), 10)


def survey_of(made: Scene) -> Reader:
    return Reader(replace(made, affected=made.keep), SURVEY)


@cache
def hit() -> tuple[Scene, list[np.ndarray], Reader, Movers]:
    made = ball()
    places = [block_at(made, i, 56, resting_at(i), side=70) for i in range(FRAMES)]
    survey = survey_of(made)
    return made, places, survey, sort_movers(survey, decode)


def proposed(survey: Reader, movers: Movers, frame: int) -> np.ndarray:
    """What the frames around agree on too, as the job asks them."""
    around = range(max(0, frame - AGREEING_FRAMES), min(FRAMES, frame + AGREEING_FRAMES + 1))
    found = {i: propose_frame(i, survey, decode, movers) for i in around}
    return agree(found[frame], [found[i] for i in around if i != frame])


def test_what_the_object_hits_is_tied_to_it_from_the_contact_on():
    _, _, _, movers = hit()
    assert [HIT - 1 <= c.frame <= HIT + 2 for c in movers.contacts] == [True]
    assert movers.first_moved == movers.contacts[0].frame
    assert not movers.independent


@pytest.mark.parametrize("frame", [HIT + 5, FRAMES - 2], ids=["moving", "at rest again"])
def test_both_where_it_was_and_where_it_is_are_proposed(frame):
    made, places, survey, movers = hit()
    found = propose_frame(frame, survey, decode, movers)
    assert found.moved is not None
    region = agree(found, [])
    beside = made.remove[frame] == 0
    for place in (places[0], places[frame]):
        shown = place & beside
        assert (region & shown).sum() > 0.85 * shown.sum()
    truth = (places[0] | places[frame]) & beside
    assert (region & beside & truth).sum() > 0.6 * (region & beside | truth).sum()


def test_before_the_contact_nothing_is_moved():
    _, _, survey, movers = hit()
    for frame in (0, HIT - 2):
        assert propose_frame(frame, survey, decode, movers).moved is None


def walking(start: int, first: int, speed: float = 6.0) -> Scene:
    """Somebody walks from column `start` from frame `first` on, above the object's way.

    Flow blurs edges over 16 pixels however small the picture; the object's guard is 21 away from the walker.
    """
    made = ball()
    for i in range(FRAMES):
        block_at(made, i, 2, start + speed * max(0, i - first))
    return made


@pytest.mark.parametrize(
    ("start", "first"), [(40, -1), (230, 10)], ids=["all the time", "begins far from the object"]
)
def test_who_walks_on_his_own_is_not_proposed(start, first):
    made = walking(start, first, 6.0 if start < 100 else 4.0)
    survey = survey_of(made)
    movers = sort_movers(survey, decode)
    assert movers.independent and not movers.contacts
    for frame in (8, 14, 20):
        found = proposed(survey, movers, frame)
        assert np.count_nonzero(found & (made.remove[frame] == 0)) < 100


def test_an_object_that_rests_sets_nothing_in_motion():
    made = ball()
    for i in range(FRAMES):
        made.remove[i][:] = 0
        made.plates[i] = made.clean[i].copy()
        made.remove[i][80:106, 130:156] = 1
        made.plates[i][80:106, 130:156] = (0.9, 0.1, 0.1)
        block_at(made, i, 56, resting_at(i), side=70)
    survey = survey_of(made)
    movers = sort_movers(survey, decode)
    assert not movers.contacts
    assert propose_frame(FRAMES - 4, survey, decode, movers).moved is None


def test_who_walks_by_is_left_out_of_what_was_moved():
    made = ball()
    for i in range(FRAMES):
        block_at(made, i, 56, resting_at(i), side=70)
        walker = block_at(made, i, 8, 270 - 7 * i, seed=9)
    survey = survey_of(made)
    movers = sort_movers(survey, decode)
    assert movers.contacts and movers.independent
    walker = np.zeros(SIZE, bool)
    walker[8 : 8 + BLOCK, 270 - 7 * 18 : 270 - 7 * 18 + BLOCK] = True
    moved = propose_frame(18, survey, decode, movers).moved
    assert moved is not None and (moved & walker).sum() < 0.15 * walker.sum()


def test_without_movers_a_proposal_is_bit_for_bit_what_it_was():
    made = scene(frames=16, size=SIZE, start=(70.0, 20.0), speed=(0.0, 9.0), shadow=True)
    survey = survey_of(made)
    movers = sort_movers(survey, decode)
    assert not movers and movers.to_arrays() == {}
    one, other = propose_frame(8, survey, decode), propose_frame(8, survey, decode, movers)
    assert one.figures == other.figures and set(one.to_arrays()) == set(other.to_arrays())
    np.testing.assert_array_equal(one.affected, other.affected)


def test_what_was_moved_is_proposed_whatever_the_frames_around_say():
    moved = np.eye(4, dtype=bool)
    own = Proposal(np.zeros((4, 4), bool), None, {"abstained": 1.0}, moved=moved)
    again = Proposal.from_arrays(load(save(own.to_arrays())))
    np.testing.assert_array_equal(agree(again, []), moved)


def test_light_that_lies_mostly_on_what_moves_independently_is_left_out():
    region, mover = np.zeros((20, 40), bool), np.zeros((20, 40), bool)
    region[5:15, 2:12] = region[5:15, 25:35] = True
    mover[5:15, 4:14] = True
    left = independent_left_out(region, mover, unit=0.5)
    assert not left[:, :20].any() and left[5:15, 25:35].all()
    assert independent_left_out(region, None, unit=0.5) is region


def test_light_stops_short_of_what_moves_independently():
    region, mover = np.zeros((20, 60), bool), np.zeros((20, 60), bool)
    region[5:15, 2:42] = True
    mover[5:15, 30:50] = True
    left = independent_left_out(region, mover, unit=0.5)
    assert left[5:15, 2:26].all() and not left[:, 28:].any()


def test_movers_survive_storing():
    _, _, survey, movers = hit()
    movers = Movers(movers.contacts, {3: np.eye(7, dtype=bool)})
    again = Movers.from_arrays(load(save(movers.to_arrays())))
    np.testing.assert_array_equal(again.independent[3], np.eye(7, dtype=bool))
    one, other = movers.contacts[0], again.contacts[0]
    assert isinstance(other, Contact) and (one.frame, one.moving) == (other.frame, other.moving)
    np.testing.assert_array_equal(one.swept_in(FRAMES - 1), other.swept_in(FRAMES - 1))
    np.testing.assert_array_equal(one.picture, other.picture)
    assert survey.frames == range(FRAMES)
