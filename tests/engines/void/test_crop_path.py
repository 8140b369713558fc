# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import given as given_in_time
from hypothesis import strategies as st

from void_server.engines.void.crop_path import (
    REACH,
    hann,
    moving_length,
    smooth_path,
    still_length,
    still_path,
)

LIMITS = (40, 1000)


_ENOUGH = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])


def given(*what: st.SearchStrategy):
    """Enough of them, however slow the machine is."""
    return lambda test: _ENOUGH(given_in_time(*what)(test))


spans = st.lists(
    st.one_of(
        st.none(),
        st.tuples(st.integers(*LIMITS), st.integers(*LIMITS))
        .filter(lambda ends: ends[0] != ends[1])
        .map(lambda ends: (min(ends), max(ends))),
    ),
    min_size=1,
    max_size=60,
)
BEND = float(np.abs(np.diff(hann(REACH), 2, prepend=[0, 0], append=[0, 0])).sum())
"""How far a path of corners that lie within one pixel can be bent from frame to frame, in pixels a frame a frame."""


def bends(path: list[int]) -> np.ndarray:
    return np.abs(np.diff(path, 2))


KINDS = {still_path: still_length, smooth_path: moving_length}
kinds = st.sampled_from(list(KINDS))
ROOM = LIMITS[1] - LIMITS[0]


def found(path, spans) -> tuple[list[int], int]:
    """The path, and the length of the shortest crop that may take it."""
    length = max(1, KINDS[path](spans))
    assume(length <= ROOM)
    return path(spans, length, LIMITS), length


@given(spans, kinds, st.integers(0, 300))
def test_every_span_is_within_the_crop_and_the_crop_within_its_limits(spans, kind, more):
    length = min(ROOM, max(1, KINDS[kind](spans)) + more)
    assume(length >= KINDS[kind](spans))
    path = kind(spans, length, LIMITS)
    assert len(path) == len(spans)
    assert all(LIMITS[0] <= corner and corner + length <= LIMITS[1] for corner in path)
    held = [(corner, span) for corner, span in zip(path, spans, strict=True) if span]
    assert all(corner <= span[0] and span[1] <= corner + length for corner, span in held)


@given(spans, kinds)
def test_the_same_spans_give_the_same_path(spans, kind):
    assert found(kind, spans) == found(kind, list(spans))


@given(spans)
def test_a_crop_at_rest_is_at_rest(spans):
    assert len(set(found(still_path, spans)[0])) == 1


@given(spans)
def test_a_path_bends_no_more_than_its_window_lets_it_and_its_rounding_or_stops_at_a_limit(spans):
    path, length = found(smooth_path, spans)
    # Continued beyond both ends, the middles reach three times as far.
    free = [
        t for t in range(1, len(path) - 1) if not {LIMITS[0], LIMITS[1] - length} & set(path[t - 1 : t + 2])
    ]
    assert all(bends(path)[t - 1] <= BEND * 3 * ROOM + 2 for t in free if len(path) > REACH)


@given(st.lists(st.integers(-6, 6), min_size=60, max_size=60))
def test_a_trembling_object_that_moves_is_followed_without_its_trembling(trembling):
    spans = [(100 + 10 * t + shake, 200 + 10 * t + shake) for t, shake in enumerate(trembling)]
    path = smooth_path(spans, moving_length(spans), (0, 2000))
    assert moving_length(spans) <= 100 + 2 * 24
    assert bends(path).max() <= BEND * 36 + 2
    assert np.abs(np.diff(path) - 10).max() <= 2 * hann(REACH).max() * 36 + 1


def test_what_moves_evenly_needs_hardly_more_than_its_own_length():
    spans = [(100 + 7 * t, 180 + 7 * t) for t in range(60)]
    assert moving_length(spans) == 81 and still_length(spans) == 80 + 59 * 7
    assert set(np.diff(smooth_path(spans, 81, LIMITS))) == {7}


def test_a_path_slows_down_before_its_limit():
    spans = [(10 + 9 * t, 50 + 9 * t) for t in range(90)]
    path = smooth_path(spans, 300, (0, 870))
    assert path[0] == 0 and path[-1] == 570 and bends(path).max() <= 3


def test_an_object_that_stands_still_has_a_crop_that_does_so_around_its_middle():
    assert set(smooth_path([(500, 540)] * 30, 100, LIMITS)) == {470}


def test_where_nothing_is_to_be_held_the_path_leads_evenly_on():
    spans = [(100, 140)] * 20 + [None] * 100 + [(800, 840)] * 20
    steps = np.diff(smooth_path(spans, 100, LIMITS))
    assert (steps >= 0).all() and steps[50:90].min() >= 6 and steps[50:90].max() <= 8


@pytest.mark.parametrize("kind", KINDS)
def test_without_anything_to_hold_the_crop_stands_in_the_middle(kind):
    assert kind([None] * 3, 100, LIMITS) == [470] * 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("length", "limits"), [(30, LIMITS), (200, (40, 180))])
def test_a_crop_that_is_too_short_or_too_long_is_refused(kind, length, limits):
    with pytest.raises(ValueError, match="cannot hold"):
        kind([(100, 140)], length, limits)
