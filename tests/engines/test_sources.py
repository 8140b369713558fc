# SPDX-License-Identifier: Apache-2.0
"""Tracks carry positions through a shot; sources are the frames that are worth reading."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.scenes import Reader, Scene, scene
from void_server.engines.cleanplate import CleanplateSettings
from void_server.engines.cleanplate.proxy import HOLE, RING
from void_server.engines.cleanplate.sources import Source, choose
from void_server.engines.cleanplate.tracks import Candidate, follow, offsets, sample


def candidates(
    made: Scene, target: int, settings: CleanplateSettings
) -> tuple[list[Candidate], np.ndarray, Reader]:
    reader = made.reader(settings)
    regions = reader.proxy(target).regions
    rows, columns = np.nonzero(regions & (HOLE | RING))
    pixels = np.stack([columns, rows], axis=1).astype(np.int32)
    wanted = (regions[rows, columns] & HOLE) > 0
    return follow(target, pixels.astype(np.float32), wanted, reader, settings), pixels, reader


def chosen(
    made: Scene, target: int, settings: CleanplateSettings | None = None
) -> tuple[list[Source], np.ndarray]:
    settings = settings or CleanplateSettings()
    found, pixels, reader = candidates(made, target, settings)
    proxy = reader.proxy(target)
    bits = proxy.regions[pixels[:, 1], pixels[:, 0]]
    in_hole, on_ring = (bits & HOLE) > 0, (bits & RING) > 0
    return choose(found, proxy, pixels, in_hole, on_ring, reader, settings), in_hole


def test_a_track_over_many_frames_lands_within_a_third_of_a_pixel():
    found, pixels, _ = candidates(scene(pan=(0.6, 2.3), speed=(0.0, 4.0)), 2, CleanplateSettings())
    last = max(found, key=lambda candidate: candidate.offset)
    assert last.offset >= 4
    moved = last.points - pixels + last.offset * np.array([2.3, 0.6])
    assert np.abs(moved[last.visible]).max() < 0.33


def test_a_point_is_visible_only_where_the_other_frame_shows_background():
    made = scene(speed=(0.0, 5.0))
    found, pixels, _ = candidates(made, 5, CleanplateSettings())
    following = next(candidate for candidate in found if candidate.offset == 1)
    still_hidden = made.remove[6][pixels[:, 1], pixels[:, 0]] > 0
    assert still_hidden.any()
    assert not following.visible[still_hidden].any()


def test_candidates_come_nearest_first():
    found, _, _ = candidates(scene(), 5, CleanplateSettings())
    assert [abs(candidate.offset) for candidate in found] == sorted(
        abs(candidate.offset) for candidate in found
    )


@given(st.integers(1, 500))
def test_frames_are_looked_at_densely_nearby_and_ever_more_sparsely(reach):
    distances = offsets(reach)
    assert distances[0] == 1
    assert distances[-1] <= reach
    steps = np.diff(distances)
    assert (steps >= 1).all()
    assert all(step <= max(1, 0.15 * at + 1) for at, step in zip(distances, steps, strict=False))


@given(st.integers(1, 3000))
def test_a_list_of_any_length_is_sampled(count):
    picture = np.arange(12, dtype=np.float32).reshape(3, 4)
    points = np.stack([np.arange(count) % 4, np.arange(count) % 3], axis=1).astype(np.float32)
    got = sample(picture, points)
    np.testing.assert_array_equal(got, picture[np.arange(count) % 3, np.arange(count) % 4])


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_pixel_has_more_sources_than_asked_for(most):
    sources, in_hole = chosen(scene(), 5, CleanplateSettings(sources=most))
    held = np.sum([source.weight > 0 for source in sources], axis=0)
    assert held.max() == most
    assert (held[in_hole] == most).mean() > 0.9


def test_sources_lie_on_both_sides_where_both_show_the_background():
    sources, _ = chosen(scene(), 5)
    assert min(source.frame for source in sources) < 5 < max(source.frame for source in sources)


def test_only_visible_pixels_have_weight():
    for source in chosen(scene(speed=(0.0, 6.0)), 5)[0]:
        assert not (source.weight > 0)[~source.visible].any()


def test_a_frame_that_disagrees_around_the_hole_is_passed_over():
    made = scene()
    noise = np.random.default_rng(5)
    for odd in (3, 7):
        made.plates[odd][:] = noise.uniform(0.05, 0.8, made.plates[odd].shape)
    assert not {3, 7} & {source.frame for source in chosen(made, 5)[0]}


def test_a_frame_of_another_exposure_is_as_good_as_any():
    made = scene(grain=0.03, exposure=[1, 1, 1, 0.6, 1, 1, 1, 0.6, 1, 1, 1, 1])
    assert {source.frame for source in chosen(made, 5)[0]} >= {3, 7}


def test_nothing_is_chosen_when_nothing_is_ever_shown():
    assert chosen(scene(4, speed=(0.0, 0.0)), 1)[0] == []
