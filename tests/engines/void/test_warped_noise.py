# SPDX-License-Identifier: Apache-2.0
"""Warped noise is standard normal and white in every frame, and moves with the picture."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from void_server.engines.void.warped_noise import (
    NoiseState,
    flow_between,
    moved,
    pooled,
    raft_flow,
    split,
    warped_noise,
    with_unit_variance,
)
from void_server.errors import Unsupported

HEIGHT, WIDTH = 24, 42
PIXELS = 8
"""Pixels of the picture along one side of a latent."""
SAMPLES = 4096


def clip(frames, *, pan=0.0, zoom=1.0, height=HEIGHT, width=WIDTH):
    """A texture, seen by a camera that pans by so many pixels and zooms by such a factor from frame to frame."""
    noise = np.random.default_rng(5).normal(0, 1, (700, 1000, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    texture = np.clip(smooth / smooth.std() * 50 + 128, 0, 255).astype(np.uint8)
    size = np.array([width, height]) * PIXELS
    shots = []
    for index in range(frames):
        matrix = cv2.getRotationMatrix2D((500.0, 350.0), 0, zoom**index)
        matrix[:, 2] += size / 2 - (500, 350) + (pan * index, 0)
        shots.append(
            cv2.warpAffine(texture, matrix, size.tolist(), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
        )
    return np.stack(shots)


def any_flow(seed=2):
    """A flow without sense, of some pixels in all directions."""
    generator = np.random.default_rng(seed)
    return lambda one, two: generator.normal(0, 6, (*one.shape[:2], 2)).astype(np.float32)


def correlation(one, two):
    return float(np.corrcoef(one.ravel(), two.ravel())[0, 1])


def fresh(height, width, channels=SAMPLES, seed=0):
    values = np.random.default_rng(seed).standard_normal((height * width, channels), np.float32)
    return NoiseState(
        (height, width), values, np.ones(len(values), np.float32), np.zeros((len(values), 2), np.float32)
    )


def even(height, width, across, down=0.0):
    return np.broadcast_to(np.array([across, down], np.float32), (height, width, 2))


def test_the_same_seed_gives_the_same_bits():
    frames = clip(5, zoom=1.02)
    one, two = (warped_noise(frames, latents=(2, HEIGHT, WIDTH), seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_another_seed_gives_other_noise():
    frames = clip(5)
    one, two = (warped_noise(frames, latents=(2, HEIGHT, WIDTH), seed=seed) for seed in (3, 4))
    assert abs(correlation(one, two)) < 0.03


def test_flow_is_the_same_for_any_number_of_threads():
    one, two = clip(2, zoom=1.03)
    before = cv2.getNumThreads()
    try:
        flows = []
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            flows.append(flow_between(one, two))
    finally:
        cv2.setNumThreads(before)
    np.testing.assert_array_equal(flows[0], flows[1])
    np.testing.assert_array_equal(flows[0], flows[2])


def test_flow_says_where_a_pixel_went():
    one, two = clip(2, pan=3)
    across, down = np.median(flow_between(one, two).reshape(-1, 2), axis=0)
    assert abs(across - 3) < 0.05
    assert abs(down) < 0.05


@pytest.mark.parametrize("latents", [(1, 6, 8), (1, 1, 1), (3, 5, 9)])
@pytest.mark.parametrize("scale", [1, 3, 8])
def test_noise_has_the_latents_shape_for_any_picture(latents, scale):
    frames = np.random.default_rng(0).integers(0, 255, (4 * latents[0] - 3, 37, 50, 3), np.uint8)
    noise = warped_noise(frames, latents=latents, channels=3, seed=0, scale=scale)
    assert noise.shape == (latents[0], 3, *latents[1:])
    assert noise.dtype == np.float32
    assert np.isfinite(noise).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 60), (9, 40), (12, 300), (60, 3)])
def test_pictures_too_small_for_the_flow_are_measured_all_the_same(size):
    one, two = np.random.default_rng(0).integers(0, 255, (2, *size, 3), np.uint8)
    flow = flow_between(one, two)
    assert flow.shape == (*size, 2)
    assert np.isfinite(flow).all()


@pytest.mark.parametrize(
    ("camera", "flow"),
    [({}, None), ({"pan": 2.7}, None), ({"zoom": 1.03}, None), ({"zoom": 0.97}, None), ({}, any_flow())],
    ids=["static", "pan", "zoom in", "zoom out", "random"],
)
def test_every_motion_leaves_noise_standard_normal_and_white(camera, flow):
    frames = clip(9, height=36, width=60, **camera)
    # So many values that a deviation of 1 % is no chance.
    noise = warped_noise(frames, latents=(3, 36, 60), channels=32, seed=1, scale=6, flow=flow)
    for frame in noise:
        assert abs(frame.mean()) < 0.02
        assert abs(frame.std() - 1) < 0.01
        assert abs(np.mean(frame**4) / np.mean(frame**2) ** 2 - 3) < 0.12
        assert abs(correlation(frame[:, :, 1:], frame[:, :, :-1])) < 0.03
        assert abs(correlation(frame[:, 1:], frame[:, :-1])) < 0.03


def test_channels_have_nothing_to_do_with_each_other():
    noise = warped_noise(clip(5, zoom=1.03), latents=(2, HEIGHT, WIDTH), channels=6, seed=1)
    matrix = np.corrcoef(noise[1].reshape(6, -1))
    assert np.abs(matrix - np.eye(6)).max() < 0.12


def test_a_still_clip_keeps_its_noise():
    noise = warped_noise(clip(9), latents=(3, HEIGHT, WIDTH), seed=1)
    assert correlation(noise[0], noise[1]) > 0.999
    assert correlation(noise[0], noise[2]) > 0.999


def test_noise_moves_with_a_pan():
    noise = warped_noise(clip(13, pan=2), latents=(4, HEIGHT, WIDTH), seed=1)
    for latent in (1, 2, 3):
        assert correlation(noise[latent][:, :, latent:], noise[0][:, :, :-latent]) > 0.8
        assert abs(correlation(noise[latent], noise[0])) < 0.1


def test_a_pan_of_less_than_half_a_sample_a_frame_is_not_lost():
    noise = warped_noise(clip(21, pan=0.4), latents=(6, HEIGHT, WIDTH), channels=4, seed=1)
    assert correlation(noise[5][:, :, 1:], noise[0][:, :, :-1]) > 0.8
    assert abs(correlation(noise[5], noise[0])) < 0.1


def test_noise_moves_with_a_zoom():
    noise = warped_noise(clip(13, zoom=1.06), latents=(4, HEIGHT, WIDTH), seed=1)
    small, factor = noise[0], 1.06**12
    columns, rows = ((np.arange(side) + 0.5 - side / 2) / factor + side / 2 for side in (WIDTH, HEIGHT))
    nearest = small[:, rows.astype(int)][:, :, columns.astype(int)]
    assert correlation(noise[3], nearest) > 0.25
    assert abs(correlation(noise[3], small)) < 0.1


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 6)).flatmap(
        lambda size: arrays(np.int8, (2, 2, *size, 2), elements=st.integers(-7, 7))
    )
)
def test_samples_stay_independent_and_of_variance_1_whatever_whole_flow_moves_them(flows):
    state = fresh(*flows.shape[2:4])
    generator = np.random.default_rng(1)
    for forward, backward in flows.astype(np.float32):
        state = moved(state, forward, backward, generator)
    covariance = state.values @ state.values.T / SAMPLES
    assert np.isfinite(state.values).all()
    assert np.abs(covariance - np.eye(len(covariance))).max() < 0.16
    assert state.weight.min() > 0


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (3, 2, 4, 5, 2), elements=st.floats(-3, 3, width=16)))
def test_samples_stay_in_their_cells_whatever_flow_moves_them(flows):
    state = fresh(4, 5, channels=2)
    for forward, backward in flows:
        state = moved(state, forward, backward, np.random.default_rng(1))
    assert np.abs(state.offset).max() <= 0.5
    assert np.isfinite(state.values).all()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_the_parts_of_a_sample_sum_up_to_it_times_the_root_of_their_number(source):
    values = np.random.default_rng(0).standard_normal((5, 3), np.float32)
    source = np.array(source)
    parts = split(values, source, np.random.default_rng(1))
    for sample in set(source.tolist()):
        of_it = parts[source == sample]
        np.testing.assert_allclose(of_it.sum(axis=0), values[sample] * np.sqrt(len(of_it)), atol=1e-4)


def test_samples_that_meet_are_added_by_weight():
    state = fresh(1, 3, channels=8)
    state = NoiseState(state.size, state.values, np.array([1, 2, 3], np.float32), state.offset)
    forward = np.array([[[0, 0], [-1, 0], [9, 0]]], np.float32)
    after = moved(state, forward, even(1, 3, 99), np.random.default_rng(1))
    np.testing.assert_allclose(
        after.values[0], (state.values[0] + 2 * state.values[1]) / np.sqrt(5), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(after.weight, np.array([3, 1, 1]) / (5 / 3), rtol=1e-3)


def test_a_sample_that_spreads_shares_its_weight():
    state = fresh(1, 3, channels=2)
    state = NoiseState(state.size, state.values, np.array([2, 1, 1], np.float32), state.offset)
    forward = np.array([[[0, 0], [9, 0], [0, 0]]], np.float32)
    after = moved(state, forward, even(1, 3, -1), np.random.default_rng(1))
    np.testing.assert_allclose(after.weight, 1, rtol=1e-3)


def test_the_state_at_the_latents_size_is_standard_normal():
    noise = pooled(fresh(20, 30), 5)
    assert noise.shape == (SAMPLES, 4, 6)
    assert abs(noise.std() - 1) < 0.02


def test_what_comes_into_the_frame_is_new():
    state = fresh(4, 9, channels=3)
    after = moved(state, even(4, 9, 2), even(4, 9, -2), np.random.default_rng(1))
    old, new = (noise.values.reshape(4, 9, 3) for noise in (state, after))
    np.testing.assert_array_equal(new[:, 2:], old[:, :-2])
    assert not np.isin(new[:, :2], old).any()


@pytest.mark.parametrize(("step", "frames"), [(0.4, 5), (0.5, 4), (0.25, 8), (-0.4, 5)])
def test_what_comes_in_by_less_than_a_sample_a_frame_is_new_and_moves_on(step, frames):
    state, generator = fresh(4, 9, channels=50), np.random.default_rng(1)
    for _ in range(3):
        old = state.values.reshape(4, 9, -1)
        for _ in range(frames):
            state = moved(state, even(4, 9, step), even(4, 9, -step), generator)
        new = state.values.reshape(4, 9, -1)
        if step < 0:
            old, new = old[:, ::-1], new[:, ::-1]
        np.testing.assert_array_equal(new[:, 2:], old[:, :-2])
        assert not np.isin(new[:, :2], old).any()
        assert abs(correlation(new[:, 0], old[:, 0])) < 0.3


def test_motion_that_is_not_a_number_is_no_motion():
    def broken(one, two):
        return np.full((*one.shape[:2], 2), np.nan, np.float32)

    noise = warped_noise(clip(5), latents=(2, HEIGHT, WIDTH), seed=1, flow=broken)
    np.testing.assert_array_equal(noise[0], noise[1])


def test_weak_noise_is_brought_back_to_variance_1_by_one_factor():
    weak = np.random.default_rng(0).standard_normal((16, 20, 30), np.float32) * np.float32(0.66)
    restored = with_unit_variance(weak)
    assert abs(restored.std() - 1) < 0.001
    assert correlation(restored, weak) > 0.9999


def test_noise_of_few_values_keeps_its_chance_spread():
    few = np.random.default_rng(0).standard_normal((2, 3, 4), np.float32)
    np.testing.assert_array_equal(with_unit_variance(few), few)


def test_progress_is_told_after_each_frame():
    told = []
    warped_noise(clip(5), latents=(2, 4, 5), seed=1, told=lambda done, total: told.append((done, total)))
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_the_one_who_is_told_can_end_the_work():
    def ended(done, total):
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        warped_noise(clip(5), latents=(2, 4, 5), seed=1, told=ended)


def test_a_number_of_frames_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="2 latent frames need 5 frames, not 6"):
        warped_noise(clip(6), latents=(2, 4, 5), seed=1)


@pytest.mark.parametrize("sizes", [{"latents": (1, 0, 5)}, {"channels": 0}, {"scale": 0}])
def test_sizes_below_1_are_refused(sizes):
    with pytest.raises(ValueError, match="at least 1"):
        warped_noise(clip(1), **{"latents": (1, 4, 5), "seed": 1, **sizes})


def test_frames_that_are_not_bytes_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        warped_noise(clip(1).astype(np.float32), latents=(1, 4, 5), seed=1)


def test_raft_without_torchvision_is_unsupported(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(Unsupported, match="torchvision"):
        raft_flow(tmp_path / "raft.pth")


def test_raft_without_weights_is_unsupported(monkeypatch, tmp_path):
    for name in ("torch", "torchvision", "torchvision.models", "torchvision.models.optical_flow"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    with pytest.raises(Unsupported, match="no weights"):
        raft_flow(tmp_path / "raft.pth")


@pytest.fixture
def stand_in(monkeypatch):
    """A model in RAFT's place that answers with one motion, as it cannot be had where tests run."""

    class Constant(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("motion", torch.zeros(2))

        def forward(self, one, two):
            assert one.shape == two.shape
            assert all(side >= 128 and side % 8 == 0 for side in one.shape[2:])
            assert one.min() >= -1 and one.max() <= 1
            return [None, self.motion.reshape(1, 2, 1, 1).expand(1, 2, *one.shape[2:])]

    for name in ("torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    models = SimpleNamespace(raft_large=lambda weights, progress: Constant())
    monkeypatch.setitem(sys.modules, "torchvision.models.optical_flow", models)
    return torch


@pytest.mark.parametrize("size", [(40, 130), (128, 200), (129, 131)])
def test_raft_measures_pictures_of_any_size_with_the_given_weights(stand_in, tmp_path, size):
    stand_in.save({"motion": stand_in.tensor([3.0, -1.0])}, tmp_path / "raft.pth")
    one, two = np.random.default_rng(0).integers(0, 255, (2, *size, 3), np.uint8)
    flow = raft_flow(tmp_path / "raft.pth")(one, two)
    assert flow.dtype == np.float32
    np.testing.assert_array_equal(flow, even(*size, 3, -1))


def test_weights_of_something_else_are_unsupported(stand_in, tmp_path):
    stand_in.save({"other": stand_in.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "text.pth").write_text("no weights")
    for name in ("other.pth", "text.pth"):
        with pytest.raises(Unsupported, match="does not hold"):
            raft_flow(tmp_path / name)
