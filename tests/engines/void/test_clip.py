# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.void.recorded import SIZE, clip, recording
from void_server.engines.void.clip import (
    mask_pixels,
    padded,
    padded_length,
    quantised,
    resized,
    united,
)
from void_server.engines.void.pipeline import clip_of
from void_server.engines.void.settings import VoidSettings, latent_length

OFFICIAL = VoidSettings("official", height=SIZE[0], width=SIZE[1], window=13, longest=13)
KEEP, AFFECTED, REMOVE = 1.0, 128 / 255, 0.0


def test_frames_are_those_of_the_official_loader():
    made = clip_of(clip("frame"), clip("mask"), OFFICIAL)
    torch.testing.assert_close(
        made.frames[:, ::4], recording("short")["input_video_every_4"][0], rtol=0, atol=2e-7
    )


def test_the_mask_is_that_of_the_official_loader():
    made = clip_of(clip("frame"), clip("mask"), OFFICIAL)
    assert torch.equal((255 - made.codes) / 255, recording("short")["input_mask"][0])


def test_as_many_masks_as_frames_are_wanted():
    with pytest.raises(ValueError, match="11 frames have 10 masks"):
        clip_of(clip("frame"), clip("mask")[:10], OFFICIAL)


@pytest.mark.parametrize(
    ("frames", "length"),
    [
        (1, 85),
        (85, 85),
        (86, 93),
        (93, 93),
        (94, 101),
        (142, 149),
        (158, 165),
        (190, 197),
        (197, 197),
        (300, 197),
    ],
)
def test_lengths_are_those_of_the_scripts(frames, length):
    assert padded_length(frames, window=85, longest=197) == length


@given(st.integers(1, 400))
def test_a_padded_clip_has_pairs_of_latent_frames(frames):
    length = padded_length(frames, window=13, longest=100_005)
    assert length >= frames and length % 8 == 5 and latent_length(length) % 2 == 0


def test_padding_plays_the_clip_to_and_fro_with_its_last_frame_twice():
    numbers = torch.arange(3.0).reshape(1, 3, 1, 1)
    assert padded(numbers, 8).flatten().tolist() == [0, 1, 2, 2, 1, 0, 0, 1]


def test_a_long_clip_is_cut():
    assert padded(torch.arange(5.0).reshape(1, 5, 1, 1), 2).flatten().tolist() == [0, 1]


@given(st.integers(0, 255))
def test_values_fall_into_the_bins_of_the_scripts(value):
    code = 0 if value <= 31 else 63 if value <= 95 else 127 if value <= 191 else 255
    assert quantised(torch.tensor([float(value)])).item() == code


@pytest.mark.parametrize(
    ("pass_", "levels", "wanted"),
    [
        (1, "trained", [REMOVE, REMOVE, AFFECTED, KEEP]),
        (2, "trained", [REMOVE, REMOVE, AFFECTED, KEEP]),
        (1, "published", [REMOVE, REMOVE, AFFECTED, KEEP]),
        (2, "published", [REMOVE, REMOVE, REMOVE, KEEP]),
        (1, "four", [REMOVE, 63 / 255, 127 / 255, KEEP]),
    ],
)
def test_the_vae_sees_the_levels_of_the_pass(pass_, levels, wanted):
    codes = torch.tensor([0.0, 63, 127, 255]).reshape(1, 1, 1, 4)
    found = mask_pixels(codes, pass_, levels)
    assert found.shape == (3, 1, 1, 4)
    torch.testing.assert_close(found[0].flatten(), torch.tensor(wanted), rtol=0, atol=1e-6)


def test_resizing_is_an_average_and_not_a_sample():
    frames = torch.zeros(1, 4, 4, 3, dtype=torch.uint8)
    frames[0, 0, 0] = 255
    assert resized(frames, 2, 2)[0, 0].tolist() == [[63.75, 0], [0, 0]]


@given(st.lists(st.sampled_from([0.0, 63.0, 127.0, 255.0]), min_size=1, max_size=21))
def test_in_time_a_mask_is_united_and_never_averaged(values):
    frames = values[: 4 * ((len(values) - 1) // 4) + 1]
    groups = [frames[:1]] + [frames[i : i + 4] for i in range(1, len(frames), 4)]
    found = united(torch.tensor(frames).reshape(1, -1, 1, 1)).flatten().tolist()
    assert len(found) == len(frames)
    for code, group in zip(found, [g for g in groups for _ in g], strict=True):
        assert (code <= 63) == any(v <= 63 for v in group)
        assert (code in (63, 127)) == any(v in (63, 127) for v in group)
