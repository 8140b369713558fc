# SPDX-License-Identifier: Apache-2.0
"""Tracks carry positions through a shot; sources are the frames that are worth reading."""

from __future__ import annotations

from dataclasses import replace

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


def made_up(target_frame: int, offset: int, pixels: np.ndarray, error: float = 0.0) -> Candidate:
    """A candidate that shows everything, without motion."""
    count = len(pixels)
    everywhere, errors = np.ones(count, bool), np.full(count, error, np.float32)
    return Candidate(target_frame + offset, offset, pixels.astype(np.float32), everywhere, errors)


def weights_of(made: Scene, given: list[tuple[int, float]], settings: CleanplateSettings) -> dict[int, float]:
    """The mean weight by offset that made-up candidates (offset, error) get at frame 5."""
    reader = made.reader(settings)
    proxy = reader.proxy(5)
    rows, columns = np.nonzero(proxy.regions & (HOLE | RING))
    pixels = np.stack([columns, rows], axis=1).astype(np.int32)
    bits = proxy.regions[rows, columns]
    in_hole, on_ring = (bits & HOLE) > 0, (bits & RING) > 0
    found = [made_up(5, offset, pixels, error) for offset, error in given]
    sources = choose(found, proxy, pixels, in_hole, on_ring, reader, settings)
    return {source.frame - 5: float(source.weight[in_hole].mean()) for source in sources}


def test_a_nearer_frame_weighs_more():
    weights = weights_of(scene(), [(-3, 0.0), (4, 0.0)], CleanplateSettings())
    assert weights[-3] == pytest.approx(weights[4] * np.exp(1 / 12), rel=1e-5)


def test_a_surer_track_weighs_more():
    made = scene()
    unit = made.reader(CleanplateSettings()).proxy(5).unit
    weights = weights_of(made, [(-3, 0.0), (3, 4 * unit)], CleanplateSettings())
    assert weights[-3] == pytest.approx(weights[3] * np.e, rel=1e-5)


def test_the_second_source_is_preferred_from_the_other_side():
    given = [(-3, 0.0), (-4, 0.0), (6, 0.0)]
    assert set(weights_of(scene(), given, CleanplateSettings(sources=2))) == {-3, 6}


def test_a_frame_that_disagrees_three_times_as_much_as_is_usual_gets_no_weight_even_alone():
    made = scene()
    noise = np.random.default_rng(5)
    made.plates[8][:] = noise.uniform(0.05, 0.8, made.plates[8].shape)
    assert set(weights_of(made, [(-3, 0.0), (-4, 0.0), (3, 0.0)], CleanplateSettings())) == {-3, -4}


def lenders_at_the_right_edge(made: Scene) -> dict[str, set[int]]:
    """Offsets that lend to the right edge of frame 5's hole. -3 and -4 show only its upper half, 3 shows all."""
    reader = made.reader(CleanplateSettings())
    proxy = reader.proxy(5)
    rows, columns = np.nonzero(proxy.regions & (HOLE | RING))
    pixels = np.stack([columns, rows], axis=1).astype(np.int32)
    bits = proxy.regions[rows, columns]
    in_hole, on_ring = (bits & HOLE) > 0, (bits & RING) > 0
    upper, edge = rows < rows[in_hole].mean(), in_hole & (columns == columns[in_hole].max())
    edge &= abs(rows - rows[in_hole].mean()) < 10
    found = [replace(made_up(5, offset, pixels), visible=upper | on_ring) for offset in (-3, -4)]
    found.append(made_up(5, 3, pixels))
    sources = choose(found, proxy, pixels, in_hole, on_ring, reader, CleanplateSettings())
    halves = {"upper": edge & upper, "lower": edge & ~upper}
    return {
        name: {s.frame - 5 for s in sources if (s.weight[half] > 0).any()} for name, half in halves.items()
    }


def darkened_beside_the_hole(factor: float) -> Scene:
    """Frame 8, at offset 3, shows a darker strip right of frame 5's hole."""
    made = scene()
    rows, columns = np.nonzero(made.remove[5])
    made.plates[8][rows.min() : rows.max(), columns.max() + 1 : columns.max() + 6] *= factor
    return made


def test_where_a_frame_disagrees_a_little_it_lends_only_what_no_other_shows():
    assert lenders_at_the_right_edge(darkened_beside_the_hole(0.7)) == {"upper": {-3, -4}, "lower": {3}}


def test_where_a_frame_shows_another_thing_it_lends_not_even_what_no_other_shows():
    assert lenders_at_the_right_edge(darkened_beside_the_hole(0.1)) == {"upper": {-3, -4}, "lower": set()}


def test_a_frame_that_disagrees_as_a_whole_lends_not_even_what_no_other_shows():
    made = scene()
    made.plates[8][:] = np.random.default_rng(5).uniform(0.05, 0.8, made.plates[8].shape)
    assert lenders_at_the_right_edge(made) == {"upper": {-3, -4}, "lower": set()}


def test_a_track_that_breaks_is_not_taken_up_again():
    made = scene(pan=(0.0, 2.0), speed=(0.0, 4.0))
    reader = made.reader(CleanplateSettings())
    motion = reader.motion(6)
    valid = motion.forward.valid.copy()
    valid[:75] = False
    reader.motions[6] = replace(motion, forward=replace(motion.forward, valid=valid))
    points = np.array([[100.0, 20.0], [120.0, 130.0]], np.float32)
    found = follow(5, points, np.ones(2, bool), reader, CleanplateSettings())
    seen = {candidate.offset: tuple(candidate.visible) for candidate in found if candidate.offset > 0}
    assert seen == {1: (True, True)} | {offset: (False, True) for offset in seen if offset > 1}
    assert len(seen) > 2


def test_a_direction_ends_when_every_pixel_has_a_choice_of_sources():
    made = scene(30)
    reader = made.reader(CleanplateSettings(sources=1))
    follow(5, np.array([[200.0, 20.0]], np.float32), np.ones(1, bool), reader, CleanplateSettings(sources=1))
    assert max(reader.motions) == 7
