# SPDX-License-Identifier: Apache-2.0
"""Texture completion continues what is around a hole, with real pixels, and says where each comes from."""

from __future__ import annotations

import numpy as np
import pytest

from void_server.engines.cleanplate import texture as subject
from void_server.engines.cleanplate.complete import fill_unseen
from void_server.engines.cleanplate.harmonise import epsilon
from void_server.engines.cleanplate.membrane import gaussian
from void_server.engines.cleanplate.texture import CompletedTexture, TextureSettings, complete_texture

HEIGHT, WIDTH = 96, 144


def grid() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return y, x


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2).astype(np.float32)


def bricks() -> np.ndarray:
    y, x = grid()
    row = y // 8
    joint = (y % 8 < 2) | ((x + 8 * (row % 2)) % 16 < 2)
    return grey(np.where(joint, 0.5, 0.2)) * np.array([1.2, 0.8, 0.6], np.float32)


def stripes() -> np.ndarray:
    y, x = grid()
    return grey(0.3 + 0.2 * np.sin((x + 0.5 * y) * 2 * np.pi / 14))


def grain() -> np.ndarray:
    noise = np.random.default_rng(3).standard_normal((HEIGHT, WIDTH, 3)).astype(np.float32)
    return (0.2 * np.exp(0.3 * gaussian(noise, 0.7))).astype(np.float32)


def slope() -> np.ndarray:
    y, x = grid()
    return np.stack([0.2 + 0.5 * x / WIDTH, 0.3 + 0.3 * y / HEIGHT, 0.4 + 0.1 * (x + y) / WIDTH], axis=2)


def disc(radius: float = 17.0, x: float = 70.0, y: float = 48.0) -> np.ndarray:
    rows, columns = grid()
    return np.hypot(columns - x, rows - y) < radius


def completed(
    picture: np.ndarray, hole: np.ndarray, known: np.ndarray | None = None, **kw
) -> CompletedTexture:
    known = ~hole if known is None else known
    shown = np.where(known[..., None], picture, 1e4).astype(np.float32)
    settings = TextureSettings(**kw)
    return complete_texture(shown, known, hole, epsilon(picture[known]), np.random.default_rng(7), settings)


def smooth(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    known = ~hole
    fill = fill_unseen(picture, known.astype(np.float32), epsilon(picture[known]), np.zeros(3, np.float32))
    return np.where(hole[..., None], fill, picture)


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean(np.square((a - b)[where])) + 1e-12))


def high_band(picture: np.ndarray, where: np.ndarray) -> float:
    return float((picture - gaussian(picture, 2.0))[where].std())


def seam_ratio(picture: np.ndarray, hole: np.ndarray) -> float:
    """Mean step over the border of the hole against the mean step everywhere outside it."""
    across = np.abs(np.diff(picture, axis=1)).mean(axis=2)
    border = hole[:, 1:] != hole[:, :-1]
    outside = ~hole[:, 1:] & ~hole[:, :-1]
    return float(across[border].mean() / across[outside].mean())


def check_sources(result: CompletedTexture, hole: np.ndarray, known: np.ndarray) -> None:
    x, y = result.source[hole].T
    assert known[y, x].all()
    assert (result.source[~hole] == -1).all()
    assert np.isfinite(result.colour).all()


@pytest.mark.parametrize("texture", [bricks, stripes])
def test_a_regular_texture_is_continued_far_better_than_a_smooth_fill_does(texture):
    picture, hole = texture(), disc()
    result = completed(picture, hole)
    assert psnr(result.colour, picture, hole) > psnr(smooth(picture, hole), picture, hole) + 6
    assert 0.7 < seam_ratio(result.colour, hole) / seam_ratio(picture, hole) < 1.3
    assert result.trust > 0.6
    assert result.cost < 0.2
    check_sources(result, hole, ~hole)


def test_grain_keeps_its_strength():
    picture, hole = grain(), disc()
    result = completed(picture, hole)
    assert 0.85 < high_band(result.colour, hole) / high_band(picture, hole) < 1.15
    # Neighbours in this grain correlate by 0.6; a cut between strangers would show steps 1.6 times as large.
    assert 0.8 < seam_ratio(result.colour, hole) < 1.5
    check_sources(result, hole, ~hole)


def test_a_smooth_slope_is_no_worse_than_a_smooth_fill():
    picture, hole = slope(), disc()
    result = completed(picture, hole)
    assert psnr(result.colour, picture, hole) > psnr(smooth(picture, hole), picture, hole) - 0.1
    assert result.trust < 0.3


def test_the_same_seed_gives_the_same_bits():
    first, second = completed(bricks(), disc()), completed(bricks(), disc())
    np.testing.assert_array_equal(first.colour, second.colour)
    np.testing.assert_array_equal(first.source, second.source)
    assert (first.cost, first.trust) == (second.cost, second.trust)


def test_known_pixels_and_kept_pixels_stay_as_they_are():
    picture, hole = bricks(), disc()
    keep = disc(9, x=95)
    known = ~hole & ~keep
    result = completed(picture, hole & ~keep, known)
    np.testing.assert_array_equal(result.colour[known], picture[known])
    assert (result.colour[keep] == 1e4).all()
    check_sources(result, hole & ~keep, known)
    assert result.colour[hole & ~keep].max() <= picture[known].max()


def test_a_lamp_does_not_leave_the_range_of_what_was_recorded():
    picture, hole = grain(), disc()
    picture[30:34, 44:50] = 60_000
    picture[60:64, 90:94] = -0.01
    result = completed(picture, hole)
    assert result.colour[hole].min() >= -0.01
    assert result.colour[hole].max() <= 60_000
    check_sources(result, hole, ~hole)


def test_holes_at_the_edge_several_and_huge():
    picture = bricks()
    y, x = grid()
    corner = (x < 30) & (y < 25)
    several = disc(6, 30, 30) | disc(9, 110, 60) | disc(5, 60, 80)
    huge = (np.abs(x - WIDTH / 2) < 0.33 * WIDTH) & (np.abs(y - HEIGHT / 2) < 0.31 * HEIGHT)
    assert huge.mean() > 0.4
    for hole in (corner, several, huge):
        result = completed(picture, hole, check=False)
        assert psnr(result.colour, picture, hole) > psnr(smooth(picture, hole), picture, hole)
        check_sources(result, hole, ~hole)


def test_one_pixel():
    picture, hole = grain(), np.zeros((HEIGHT, WIDTH), bool)
    hole[40, 50] = True
    result = completed(picture, hole)
    assert 0.05 < result.colour[40, 50].mean() < 0.8
    check_sources(result, hole, ~hole)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 4), (6, 30), (7, 7), (9, 8)])
def test_tiny_pictures(size):
    picture = np.full((*size, 3), 0.25, np.float32)
    hole = np.zeros(size, bool)
    hole[size[0] // 2, size[1] // 2] = True
    known = ~hole
    result = complete_texture(picture, known, hole, 1e-3, np.random.default_rng(0))
    if known.any():
        np.testing.assert_allclose(result.colour, 0.25, rtol=1e-4)
        check_sources(result, hole, known)


def test_nothing_known_is_black_and_costs_infinitely_much():
    picture = np.ones((20, 20, 3), np.float32)
    everywhere = np.ones((20, 20), bool)
    result = complete_texture(picture, ~everywhere, everywhere, 1e-3, np.random.default_rng(0))
    assert (result.colour == 0).all()
    assert (result.source == -1).all()
    assert (result.cost, result.trust) == (np.inf, 0.0)


def test_known_pixels_without_a_whole_patch_give_a_smooth_fill():
    picture = bricks()
    known = (np.indices((HEIGHT, WIDTH)).sum(axis=0) % 5) == 0
    hole = disc() & ~known
    result = completed(picture, hole, known)
    assert (result.cost, result.trust) == (np.inf, 0.0)
    check_sources(result, hole, known)


def test_nothing_to_fill_changes_nothing():
    picture = bricks()
    result = completed(picture, np.zeros((HEIGHT, WIDTH), bool))
    np.testing.assert_array_equal(result.colour, picture)
    assert (result.cost, result.trust) == (0.0, 1.0)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_large_picture_is_solved_small_but_copied_in_full(monkeypatch, factor):
    picture, hole = grain(), disc()
    monkeypatch.setattr(subject, "LONG_SIDE", -(-WIDTH // factor))
    result = completed(picture, hole)
    assert 0.8 < high_band(result.colour, hole) / high_band(picture, hole) < 1.2
    check_sources(result, hole, ~hole)


def test_sources_lie_within_the_reach():
    picture, hole = bricks(), disc(8)
    result = completed(picture, hole, reach=1.0, check=False)
    y, x = grid()
    offset = np.abs(result.source - np.stack([x, y], axis=2))[hole]
    assert offset.max() <= subject.LEAST_REACH + 2
