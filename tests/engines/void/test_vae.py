# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from tests.engines.void.recorded import SIZE, STAGE, clip, recording, rel_rms, vae
from void_server.engines.void.clip import mask_pixels
from void_server.engines.void.conditioning import clip_latents, mask_latents, noised
from void_server.engines.void.pipeline import clip_of
from void_server.engines.void.settings import VoidSettings

OFFICIAL = VoidSettings("official", height=SIZE[0], width=SIZE[1], window=13, longest=13)


@pytest.fixture(scope="module")
def made():
    return clip_of(clip("frame"), clip("mask"), OFFICIAL)


def test_latents_of_the_clip_are_the_recorded_ones(made):
    g = recording("short")
    found = clip_latents(vae(), made.frames, g["noise_aug_unit"][0])
    assert rel_rms(found.transpose(1, 2), g["cond_video_latents"]) < STAGE


@pytest.mark.parametrize(("name", "pass_"), [("short", 1), ("pass2", 2)])
def test_latents_of_the_mask_are_the_recorded_ones(made, name, pass_):
    found = mask_latents(vae(), mask_pixels(made.codes, pass_, "published"))
    assert rel_rms(found.transpose(1, 2), recording(name)["mask_latents"]) < STAGE


def test_frames_are_the_recorded_ones():
    g = recording("short")
    assert rel_rms(vae().decode(g["latents_final"].transpose(1, 2)), g["frames"]) < STAGE


def test_frames_of_many_chunks_are_the_recorded_ones():
    """Takes four seconds: 53 frames are decoded."""
    g = recording("long_windows")
    found = vae().decode(g["latents_final"].transpose(1, 2))
    assert found.shape[2] == 53
    assert rel_rms(found[:, :, ::13], g["frames_every_13"]) < STAGE


@pytest.mark.parametrize(("latents", "frames"), [(1, 1), (2, 5), (3, 9), (22, 85)])
def test_a_latent_frame_stands_for_four_but_the_first_for_one(latents, frames):
    assert vae().decode(torch.zeros(1, 16, latents, 1, 1)).shape == (1, 3, frames, 8, 8)


@pytest.mark.parametrize("frames", [1, 5, 9, 13, 21])
def test_encoding_in_chunks_is_diffusers_own(frames):
    pixels = torch.randn((1, 3, frames, 16, 16), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        wanted = vae()._model.encode(pixels).latent_dist.mode() * 0.7
    assert torch.equal(vae().encode(pixels), wanted)


def test_the_end_of_the_work_is_told_chunk_by_chunk():
    told: list[tuple[int, int]] = []
    vae().decode(torch.zeros(1, 16, 6, 1, 1), lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_work_can_be_ended_between_two_chunks():
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        vae().encode(torch.zeros(1, 3, 21, 16, 16), stop)


def test_black_gets_no_noise_and_all_else_does():
    pixels = torch.tensor([0.0, 0.5]).reshape(1, 1, 1, 2)
    found = noised(pixels, torch.ones_like(pixels)).flatten()
    torch.testing.assert_close(found, torch.tensor([-1, 0.0563]))
