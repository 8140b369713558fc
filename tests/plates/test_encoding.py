# SPDX-License-Identifier: Apache-2.0
"""The shot encoding: one invertible mapping for the whole shot that clamps nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.plates.encoding import FrameStatistics, ShotEncoding, symlog


def scene(seed=0, shape=(40, 60, 3), exposure=1.0):
    random = np.random.default_rng(seed)
    return (exposure * 0.18 * np.exp(random.normal(0, 1, shape))).astype(np.float32)


def encoding_of(*frames):
    return ShotEncoding.from_statistics([FrameStatistics.of(frame) for frame in frames])


pixels = arrays.arrays(
    np.float32, (2, 3, 3), elements=st.floats(-60000, 60000, width=32) | st.floats(-1, 1, width=32)
)


@settings(max_examples=200)
@given(linear=pixels, exposure=st.sampled_from([1e-3, 1.0, 500.0]))
def test_decoding_undoes_encoding_far_above_1_and_below_0(linear, exposure):
    encoding = encoding_of(scene(exposure=exposure))
    back = encoding.decode(encoding.encode(linear))
    np.testing.assert_allclose(back, linear, rtol=2e-5, atol=2e-5 * encoding.epsilon)


@pytest.mark.parametrize("value", [60000.0, 65504.0, -100.0, 0.0, 1.0])
def test_single_values_survive(value):
    encoding = encoding_of(scene())
    linear = np.full((1, 1, 3), value, np.float32)
    np.testing.assert_allclose(encoding.decode(encoding.encode(linear)), linear, rtol=2e-5, atol=1e-8)


@given(a=st.floats(-60000, 60000, width=32), b=st.floats(-60000, 60000, width=32))
def test_the_order_of_values_is_kept(a, b):
    encoding = ShotEncoding(0.001, (2.0,), (9.0,))
    low, high = sorted((a, b))
    encoded = encoding.encode(np.array([[[low]], [[high]]], np.float32))
    assert encoded[0, 0, 0] <= encoded[1, 0, 0]


def test_most_of_the_shot_lies_between_0_and_1():
    frames = [scene(seed) for seed in range(3)]
    encoded = encoding_of(*frames).encode(np.concatenate(frames))
    inside = np.mean((encoded >= 0) & (encoded <= 1))
    assert 0.96 < inside < 0.995
    assert encoded.min() < 0 and encoded.max() > 1


def test_exposure_does_not_matter():
    plain, brighter = encoding_of(scene()), encoding_of(scene(exposure=64.0))
    assert brighter.epsilon == pytest.approx(64 * plain.epsilon)
    np.testing.assert_allclose(brighter.encode(scene(exposure=64.0)), plain.encode(scene()), atol=1e-5)


def test_epsilon_is_a_fraction_of_the_median_luminance():
    assert encoding_of(scene()).epsilon == pytest.approx(0.004 * 0.18, rel=0.3)


def test_channels_have_limits_of_their_own():
    tinted = scene() * np.array([4, 1, 0.25], np.float32)
    low = encoding_of(tinted).low
    assert low[0] > low[1] > low[2]


@given(order=st.permutations(range(4)))
def test_the_order_of_frames_does_not_matter(order):
    frames = [FrameStatistics.of(scene(seed, exposure=2.0**seed)) for seed in range(4)]
    assert ShotEncoding.from_statistics([frames[i] for i in order]) == ShotEncoding.from_statistics(frames)


def test_merged_statistics_are_those_of_both_frames():
    a, b = scene(1), scene(2)
    merged = FrameStatistics.of(a).merge(FrameStatistics.of(b))
    together = FrameStatistics.of(np.concatenate([a, b]))
    assert np.array_equal(merged.counts, together.counts)


def test_large_frames_are_counted_on_a_grid():
    counts = FrameStatistics.of(np.ones((1500, 1500, 1), np.float32)).counts
    assert 250_000 <= counts[0].sum() <= 1_000_000


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((5, 5, 3), np.float32),
        np.full((1, 1, 3), 0.5, np.float32),
        np.full((4, 4, 3), -2.0, np.float32),
        np.full((4, 4, 3), np.nan, np.float32),
        np.full((4, 4, 3), np.inf, np.float32),
        np.full((4, 4, 1), 1e-12, np.float32),
        np.full((4, 4, 1), 60000.0, np.float32),
    ],
    ids=["black", "one pixel", "negative", "NaN", "infinite", "tiny", "bright"],
)
def test_odd_shots_have_a_finite_mapping(frame):
    encoding = encoding_of(frame)
    assert encoding.epsilon > 0
    assert all(np.isfinite(v) for v in (*encoding.low, *encoding.high))
    assert all(high > low for low, high in zip(encoding.low, encoding.high, strict=True))
    probe = np.full((1, 1, frame.shape[2]), 0.25, np.float32)
    np.testing.assert_allclose(encoding.decode(encoding.encode(probe)), probe, rtol=1e-4)


def test_samples_that_are_not_finite_do_not_count():
    spoiled = scene()
    spoiled[:3] = np.nan
    spoiled[3] = np.inf
    assert np.array_equal(FrameStatistics.of(spoiled).counts, FrameStatistics.of(scene()[4:]).counts)


def test_a_mostly_black_shot_is_scaled_by_what_is_lit():
    frame = np.zeros((20, 20, 3), np.float32)
    frame[:5] = 3.0
    assert encoding_of(frame).epsilon == pytest.approx(0.012, rel=0.1)


def test_eight_bits_for_analysis_clamp_and_never_wrap():
    encoding = encoding_of(scene())
    odd = np.array([[[np.nan, np.inf, -np.inf], [1e9, -1e9, 0.0]]], np.float32)
    assert encoding.to_uint8(odd)[0].tolist()[0] == [0, 255, 0]
    assert encoding.to_uint8(odd)[0].tolist()[1][:2] == [255, 0]
    shown = encoding.to_uint8(scene())
    assert shown.dtype == np.uint8 and shown.std() > 40


def test_what_is_not_finite_stays_so():
    encoding = encoding_of(scene())
    odd = np.array([[[np.nan, np.inf, -np.inf]]], np.float32)
    np.testing.assert_array_equal(encoding.decode(encoding.encode(odd)), odd)


def test_statistics_and_mapping_can_be_stored():
    statistics = FrameStatistics.of(scene())
    assert np.array_equal(FrameStatistics.from_arrays(statistics.to_arrays()).counts, statistics.counts)
    encoding = ShotEncoding.from_statistics([statistics])
    assert ShotEncoding.from_arrays(encoding.to_arrays()) == encoding


def test_a_shot_without_frames_has_no_mapping():
    with pytest.raises(ValueError, match="at least one frame"):
        ShotEncoding.from_statistics([])


@given(x=st.floats(-1e5, 1e5), epsilon=st.floats(1e-5, 1))
def test_symlog_is_odd_and_counts_stops_above_epsilon(x, epsilon):
    up, down = symlog(np.array([x]), epsilon), symlog(np.array([-x]), epsilon)
    assert up[0] == -down[0]
    assert symlog(np.array([epsilon]), epsilon)[0] == pytest.approx(1)


def test_negative_values_have_their_place_in_the_shot():
    frame = scene()
    frame[:4] *= -1
    encoding = encoding_of(frame)
    assert max(encoding.low) < 0 < min(encoding.high)
