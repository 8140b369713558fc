# SPDX-License-Identifier: Apache-2.0
"""The segmenter sam2 around its model: which frames are looked at, in which order, and what comes of the answers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.segmenters.sam2_models import RedDisc, Stand
from tests.segmenters.scenes import likeness
from void_server.errors import InvalidInput
from void_server.segmenters.sam2 import Drawn, Point, segment_sam2
from void_server.segmenters.sam2.predictor import Seen
from void_server.segmenters.sam2.prompts import gathered
from void_server.segmenters.sam2.sweeps import Progress, prompted_positions, steps, swept

SIZE = (96, 160)


def segmented(scene, prompts, stand=None, told=None):
    return list(segment_sam2(scene.frames, scene.picture, prompts, stand or Stand(), told))


@pytest.mark.parametrize("position", [0, 3, 6])
def test_every_frame_gets_a_matte_also_before_the_first_prompt(position):
    scene = RedDisc()
    found = segmented(scene, [Point(position, 50 + 8 * position, 48)])
    assert [f.position for f in found] == list(range(7))
    assert all(likeness(f.matte, scene.matte(f.position)) > 0.9 for f in found)
    assert all(f.matte.dtype == np.float32 and f.matte.shape == SIZE for f in found)


def test_a_shot_of_one_frame_is_segmented():
    assert len(segmented(RedDisc(frames=1), [Point(0, 50, 48)])) == 1


def test_an_object_is_followed_both_ways_from_its_prompt():
    stand = Stand()
    segmented(RedDisc(frames=5), [Point(2, 66, 48)], stand)
    assert stand.asked == [
        ("condition", 1, 2),
        ("behind", 1, 1),
        ("behind", 1, 0),
        ("forget",),
        ("ahead", 1, 3),
        ("ahead", 1, 4),
    ]


def test_between_two_prompts_an_object_is_followed_from_both():
    stand = Stand()
    segmented(RedDisc(frames=4), [Point(0, 50, 48), Point(3, 74, 48)], stand)
    assert {a for a in stand.asked if a[0] != "condition"} == {
        ("behind", 1, 2),
        ("behind", 1, 1),
        ("forget",),
        ("ahead", 1, 1),
        ("ahead", 1, 2),
    }


def test_no_object_is_followed_to_where_nothing_is_known_of_it():
    stand = Stand()
    segmented(RedDisc(frames=4), [Point(0, 50, 48), Point(3, 74, 48, object=2)], stand)
    of_one, of_two = ([a[0] for a in stand.asked if a[1:2] == (name,)] for name in (1, 2))
    assert of_one == ["condition", "ahead", "ahead", "ahead"]
    assert of_two == ["condition", "behind", "behind", "behind"]


class Directions:
    """An opened shot that is sure of opposite things forward and backward."""

    embedding = None

    def condition(self, given, remember=True):
        return Seen(np.full((2, 2), 20, np.float32), 20.0)

    def step(self, name, position, reverse):
        return Seen(np.full((2, 2), -1024 if reverse else 4, np.float32), -5.0 if reverse else 5.0)

    def forget(self):
        pass


def test_between_two_prompts_the_nearer_one_counts_more():
    given = gathered([Point(0, 1, 1), Point(4, 1, 1)], 5, (10, 10))
    found = [seen[1] for seen in swept(Directions(), 5, given, Progress(None, 0))]
    assert [float(seen.logits[0, 0]) for seen in found] == [20, 0.5, -3, -6.5, 20]
    assert [seen.score for seen in found] == [20, 2.5, 0, -2.5, 20]


def test_a_drawn_matte_comes_back_as_it_was_drawn():
    scene = RedDisc()
    drawn = (scene.matte(3) * 0.7 + 0.1).astype(np.float32)
    found = segmented(scene, [Drawn(3, drawn)])[3]
    assert np.array_equal(found.matte, drawn) and found.confidence == 1


def test_an_empty_matte_says_that_the_object_is_not_there():
    scene = RedDisc()
    found = segmented(scene, [Point(0, 50, 48), Drawn(5, np.zeros(SIZE, np.float32))])
    assert not found[5].matte.any() and found[4].matte.any()


def test_the_matte_is_what_all_objects_cover():
    scene = RedDisc(frames=2)
    beside = np.zeros(SIZE, np.float32)
    beside[:10, :10] = 0.6
    shown = Drawn(1, np.ones(SIZE, np.float32), object=2)
    found = segmented(
        scene, [Point(0, 50, 48), Drawn(0, beside, object=2), Drawn(1, beside, object=3), shown]
    )
    alone = segmented(scene, [Point(0, 50, 48)])
    assert np.array_equal(found[0].matte[20:], alone[0].matte[20:])


def test_confidence_is_the_least_probability_that_an_object_is_seen():
    scene = RedDisc(frames=3)
    found = segmented(scene, [Point(0, 50, 48)], Stand(absent=(2,)))
    assert found[1].confidence == pytest.approx(1 / (1 + np.exp(-3)))
    assert found[2].confidence == pytest.approx(1 / (1 + np.exp(5)))
    assert not found[2].matte.any()


def test_progress_counts_up_to_all_steps():
    told = []
    scene = RedDisc()
    prompts = [Point(2, 66, 48), Point(5, 90, 48), Point(3, 74, 48, object=2)]
    segmented(scene, prompts, told=lambda done, total: told.append((done, total)))
    assert sorted({done for done, _ in told}) == list(range(1, told[-1][1] + 1))
    assert {total for _, total in told} == {7 + steps(7, prompted_positions(gathered(prompts, 7, SIZE)))}


def test_what_progress_raises_ends_the_work_at_once():
    scene = RedDisc()

    def cancel(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segmented(scene, [Point(0, 50, 48)], told=cancel)
    assert len(scene.asked) <= 2


def test_work_ends_also_within_the_refinement_of_a_frame():
    scene = RedDisc(frames=1, size=(96, 600))
    told = []
    segmented(scene, [Point(0, 50, 48)], told=lambda done, total: told.append(done))
    assert told.count(1) > 1


def test_frames_of_another_size_are_refused():
    scene = RedDisc(frames=2)
    sizes = {0: scene.picture(0), 1: np.zeros((9, 9, 3), np.float32)}
    with pytest.raises(InvalidInput, match="position 1 is 9x9, others are 160x96"):
        list(segment_sam2(2, sizes.__getitem__, [Point(0, 50, 48)], Stand()))


def test_a_shot_without_prompts_is_refused():
    with pytest.raises(InvalidInput, match="no prompt"):
        segmented(RedDisc(), [])
