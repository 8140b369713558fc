# SPDX-License-Identifier: Apache-2.0
"""Key mattes carried through a shot."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.segmenters.scenes import Scene, likeness
from void_server.errors import InvalidInput
from void_server.segmenters.flow import segment_flow


def segmented(scene, positions, **more):
    keys = {position: scene.matte(position) for position in positions}
    return list(segment_flow(scene.frames, scene.picture, keys, **more))


def test_every_frame_gets_a_matte_in_order():
    found = segmented(Scene(), [3])
    assert [f.position for f in found] == list(range(7))
    assert all(f.matte.dtype == np.float32 and f.matte.shape == (120, 200) for f in found)
    assert all(f.matte.min() >= 0 and f.matte.max() <= 1 for f in found)


def test_a_key_frame_comes_back_as_it_was_drawn():
    scene = Scene()
    assert np.array_equal(segmented(scene, [3])[3].matte, scene.matte(3))


@pytest.mark.parametrize("keys", [[0], [3], [6], [0, 6]])
def test_the_object_is_followed_both_ways(keys):
    scene = Scene()
    for frame in segmented(scene, keys):
        assert likeness(frame.matte, scene.matte(frame.position)) > 0.9


def test_a_fast_object_is_followed():
    scene = Scene(frames=5, size=(120, 320), speed=(25.0, 0.0))
    for frame in segmented(scene, [0]):
        assert likeness(frame.matte, scene.matte(frame.position)) > 0.85


def test_the_edge_is_soft():
    edge = segmented(Scene(), [3])[5].matte
    assert np.any((edge > 0.1) & (edge < 0.9))


def test_confidence_is_one_on_key_frames_and_falls_away_from_them():
    confidence = [f.confidence for f in segmented(Scene(), [0])]
    assert confidence[0] == 1 and all(a > b for a, b in pairwise(confidence))


def test_an_object_that_leaves_the_picture_has_an_empty_matte():
    scene = Scene(frames=10, start=(150.0, 60.0), speed=(12.0, 0.0))
    found = segmented(scene, [0])
    assert found[2].matte.any() and not found[9].matte.any()


def test_an_empty_key_says_that_the_object_is_not_there_and_stops_the_carrying():
    scene = Scene()
    keys = {0: scene.matte(0), 3: np.zeros((120, 200), np.float32)}
    found = list(segment_flow(scene.frames, scene.picture, keys))
    assert found[2].matte.any()
    assert not any(f.matte.any() for f in found[3:])


def behind_a_post():
    return Scene(frames=12, post=(90, 40), start=(50.0, 60.0), speed=(8.0, 0.0), radius=14.0)


def test_an_object_that_goes_behind_a_post_shrinks_and_is_gone_with_less_confidence():
    scene = behind_a_post()
    found = segmented(scene, [0])
    assert found[3].matte.sum() > found[5].matte.sum() > found[6].matte.sum()
    assert not found[7].matte.any() and found[7].confidence < 0.6


def test_what_stands_before_the_object_is_never_removed():
    assert all(f.matte[:, 92:128].mean() < 0.02 for f in segmented(behind_a_post(), [0, 11]))


def test_a_lost_object_is_back_at_its_next_key():
    scene = behind_a_post()
    found = segmented(scene, [0, 11])
    assert np.array_equal(found[11].matte, scene.matte(11)) and found[11].confidence == 1
    assert likeness(found[10].matte, scene.matte(10)) > 0.5


def test_without_any_object_nothing_is_found():
    scene = Scene()
    empty = {2: np.zeros((120, 200), np.float32)}
    assert not any(f.matte.any() for f in segment_flow(7, scene.picture, empty))


def test_progress_counts_up_to_all_steps():
    told = []
    segmented(Scene(), [0, 6], told=lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == list(range(1, told[-1][1] + 1))


def test_what_progress_raises_ends_the_work():
    scene = Scene()

    def cancel(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segmented(scene, [0], told=cancel)
    assert len(scene.asked) <= 2


def test_no_picture_is_asked_for_more_than_three_times():
    scene = Scene()
    segmented(scene, [0, 6])
    assert max(scene.asked.count(p) for p in range(7)) <= 3


def test_the_same_keys_give_the_same_bits():
    one, two = segmented(Scene(), [3]), segmented(Scene(), [3])
    assert all(np.array_equal(a.matte, b.matte) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "no key matte"),
        ({9: (120, 200)}, "positions"),
        ({0: (120, 200), 1: (60, 100)}, "differ in size"),
        ({0: (60, 100)}, "200x120"),
    ],
)
def test_keys_that_do_not_fit_are_refused(keys, said):
    mattes = {position: np.ones(size, np.float32) for position, size in keys.items()}
    with pytest.raises(InvalidInput, match=said):
        list(segment_flow(7, Scene().picture, mattes))
