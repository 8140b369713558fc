# SPDX-License-Identifier: Apache-2.0
"""Quadmasks combined."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.conform.blend import blend_matte
from void_server.quadmask import algebra
from void_server.quadmask.regions import Quadmask

mattes = arrays.arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32))
quadmasks = st.builds(Quadmask, mattes, mattes)
hard = arrays.arrays(np.float32, (4, 5), elements=st.sampled_from([0.0, 1.0]))


def same(one, two):
    return np.array_equal(one.remove, two.remove) and np.array_equal(one.affected, two.affected)


@given(quadmasks, quadmasks)
def test_union_holds_both_and_intersection_is_held_by_both(one, two):
    more, less = algebra.united(one, two), algebra.intersected(one, two)
    for part in (one, two):
        assert np.all(more.remove >= part.remove) and np.all(more.affected >= part.affected)
        assert np.all(less.remove <= part.remove) and np.all(less.affected <= part.affected)


@given(quadmasks, quadmasks)
def test_union_and_intersection_do_not_ask_for_an_order(one, two):
    assert same(algebra.united(one, two), algebra.united(two, one))
    assert same(algebra.intersected(one, two), algebra.intersected(two, one))


@given(hard, hard)
def test_the_difference_of_hard_mattes_is_what_only_the_first_has(one, two):
    assert np.array_equal(algebra.difference(one, two) == 1, (one == 1) & (two == 0))


@given(quadmasks)
def test_nothing_less_is_the_quadmask_itself(quadmask):
    nothing = Quadmask(np.zeros((4, 5), np.float32), np.zeros((4, 5), np.float32))
    assert same(algebra.subtracted(quadmask, nothing), quadmask)


@given(quadmasks, quadmasks)
def test_overlap_of_a_union_is_in_both_of_its_mattes(one, two):
    both = algebra.united(one, two)
    assert np.array_equal(both.overlap, np.minimum(both.remove, both.affected))


@given(quadmasks, hard)
def test_what_is_kept_is_never_in_the_region_or_the_blend(quadmask, keep):
    free = algebra.protected(quadmask, keep)
    assert not free.region[keep == 1].any()
    blend = blend_matte(free.region, keep, grow=1, feather=2, dtype=np.float32)
    assert not blend[keep == 1].any()


@given(quadmasks, mattes)
def test_protection_only_takes_away(quadmask, keep):
    free = algebra.protected(quadmask, keep)
    assert np.all(free.remove <= quadmask.remove) and np.all(free.affected <= quadmask.affected)


@given(st.lists(quadmasks, max_size=3))
def test_the_first_frame_has_no_affected_region_beyond_what_is_removed(clip):
    held = algebra.first_unaffected(clip)
    assert [same(a, b) for a, b in zip(held[1:], clip[1:], strict=True)] == [True] * len(clip[1:])
    for first, was in zip(held[:1], clip[:1], strict=True):
        assert np.array_equal(first.affected, was.overlap) and np.array_equal(first.remove, was.remove)


def test_on_the_first_frame_127_becomes_background_and_63_stays():
    first = Quadmask.from_codes(np.array([[0, 63, 127, 255]], np.uint8))
    assert algebra.first_unaffected([first])[0].codes.tolist() == [[0, 63, 255, 255]]


def test_a_clip_that_begins_in_the_middle_of_the_action_keeps_its_first_affected_region():
    first = Quadmask.from_codes(np.array([[0, 63, 127, 255]], np.uint8))
    assert algebra.first_unaffected([first], applies=False)[0].codes.tolist() == [[0, 63, 127, 255]]


def test_both_mattes_grow_and_feather_apart():
    dot = np.zeros((1, 7), np.float32)
    dot[0, 3] = 1
    quadmask = algebra.grown(Quadmask(dot, dot), remove=1, affected=2)
    assert quadmask.remove[0].tolist() == [0, 0, 1, 1, 1, 0, 0]
    assert quadmask.affected[0].tolist() == [0, 1, 1, 1, 1, 1, 0]
    soft = algebra.feathered(Quadmask(dot, dot), affected=2)
    assert np.array_equal(soft.remove, dot) and soft.affected[0].tolist() == [0, 0, 0.5, 1, 0.5, 0, 0]
