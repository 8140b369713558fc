# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.engines.void.recorded import BASE, CPU, END, PROMPT, SIZE, clip, placed, recording
from void_server.engines.void.pipeline import (
    Clip,
    Encoded,
    Model,
    Prompt,
    clip_noise,
    clip_of,
    encoded_clip,
    encoded_masks,
    first_latents,
    run_pass,
)
from void_server.engines.void.settings import VoidSettings, model_size
from void_server.engines.void.text import embeddings
from void_server.errors import InvalidInput
from void_server.pipeline.checkpoints import MOST_FILES, Checkpoint

OFFICIAL = VoidSettings(
    "official", height=SIZE[0], width=SIZE[1], window=13, longest=13, mask_levels="published", steps=3
)
PRODUCTION = replace(OFFICIAL, profile="production", longest=None, mask_levels="trained")


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(*placed(), BASE)


@pytest.fixture(scope="module")
def prompt() -> Prompt:
    return Prompt(*embeddings([PROMPT, ""], BASE, torch.float32, CPU))


def encoded(model: Model, given: Clip, settings: VoidSettings, pass_=1, noise=None) -> Encoded:
    noise = clip_noise(given, settings.seed) if noise is None else noise
    masks = encoded_masks(pass_, given, model.vae, settings)
    return Encoded(masks, encoded_clip(given, noise, model.vae), given.length)


@pytest.fixture(scope="module")
def shown(model) -> Encoded:
    return encoded(model, clip_of(clip("frame"), clip("mask"), PRODUCTION), PRODUCTION)


@pytest.fixture(scope="module")
def start(shown) -> torch.Tensor:
    return first_latents(shown.clip, PRODUCTION.seed)


@pytest.mark.parametrize(("name", "pass_"), [("short", 1), ("pass2", 2)])
def test_from_clip_to_clip_it_is_the_official_result(model, prompt, name, pass_):
    g = recording(name)
    given, noise = clip_of(clip("frame"), clip("mask"), OFFICIAL), recording("short")["noise_aug_unit"][0]
    told = encoded(model, given, OFFICIAL, pass_, noise)
    made = run_pass(pass_, told, model, prompt, g["latents_init"], OFFICIAL)
    found = made.frames.transpose(0, 1)[None]
    wanted = g["frames"] if "frames" in g else g["frames_every_4"]
    every = found[:, :, :: 1 if "frames" in g else 4]
    assert found.shape[2] == 13
    torch.testing.assert_close(every, wanted, rtol=0, atol=END)


@pytest.fixture(scope="module")
def ours(model, prompt, shown, start):
    return run_pass(1, shown, model, prompt, start, PRODUCTION)


def test_in_production_as_many_frames_come_out_as_went_in(ours):
    assert ours.frames.shape == (11, 3, *SIZE)
    assert torch.isfinite(ours.frames).all() and ours.frames.min() >= 0 and ours.frames.max() <= 1


def test_the_same_seed_gives_the_same_bits_and_another_does_not(model, prompt, shown, ours):
    given = clip_of(clip("frame"), clip("mask"), PRODUCTION)
    again = encoded(model, given, PRODUCTION)
    start, other = (first_latents(again.clip, seed) for seed in (PRODUCTION.seed, 7))
    assert torch.equal(run_pass(1, again, model, prompt, start, PRODUCTION).frames, ours.frames)
    assert not torch.equal(run_pass(1, shown, model, prompt, other, PRODUCTION).latents, ours.latents)
    assert not torch.equal(encoded(model, given, replace(PRODUCTION, seed=7)).clip, shown.clip)


def test_the_two_kinds_of_noise_have_nothing_in_common(start):
    given = clip_of(clip("frame"), clip("mask"), PRODUCTION)
    pair = torch.stack([clip_noise(given, PRODUCTION.seed).flatten()[: start.numel()], start.flatten()])
    assert abs(float(torch.corrcoef(pair)[0, 1])) < 0.1


@pytest.mark.parametrize("steps_done", [5, 10, 11])
def test_what_was_saved_between_two_steps_goes_on_to_the_same_bits(
    model, prompt, shown, start, tmp_path, steps_done
):
    long = replace(PRODUCTION, steps=11)
    told = []

    def stop(part: str, done: int, _total: int) -> None:
        if part == "denoise" and done == steps_done:
            raise InterruptedError

    def checkpoint() -> Checkpoint:
        return Checkpoint(tmp_path / "checkpoints", "key", 1, 11)

    whole = run_pass(1, shown, model, prompt, start, long)
    with pytest.raises(InterruptedError):
        run_pass(1, shown, model, prompt, start, long, stop, checkpoint())
    resumed = run_pass(1, shown, model, prompt, start, long, lambda *seen: told.append(seen), checkpoint())
    assert torch.equal(resumed.frames, whole.frames)
    assert [done for part, done, _ in told if part == "denoise"] == list(range(steps_done + 1, 12))


def test_a_damaged_checkpoint_is_left_aside(tmp_path, caplog):
    checkpoint = Checkpoint(tmp_path, "key", 1, 5)
    checkpoint.save(5, torch.zeros(3))
    assert checkpoint.saved() is not None
    (tmp_path / "key.1.safetensors").write_bytes(b"0123456789")
    assert checkpoint.saved() is None and "begins again" in caplog.text


def test_of_checkpoints_only_the_newest_are_kept(tmp_path):
    for number in range(MOST_FILES + 3):
        Checkpoint(tmp_path, f"key{number:02d}", 1, 5).save(5, torch.zeros(1))
    assert len(list(tmp_path.iterdir())) == MOST_FILES
    assert not (tmp_path / "key02.1.safetensors").exists()


def test_progress_is_told_of_every_part(model, prompt, shown, start):
    told = []

    def tell(*seen):
        told.append(seen)

    given = clip_of(clip("frame"), clip("mask"), PRODUCTION)
    encoded_clip(given, clip_noise(given, 1), model.vae, tell)
    encoded_masks(1, given, model.vae, PRODUCTION, tell)
    run_pass(1, shown, model, prompt, start, PRODUCTION, tell)
    assert [name for name, done, total in told if done == total] == ["encode", "encode", "denoise", "decode"]
    assert [done for name, done, _ in told if name == "denoise"] == [1, 2, 3]


def test_a_clip_beyond_a_window_keeps_its_length():
    frames = torch.zeros(30, 16, 16, 3, dtype=torch.uint8)
    given = clip_of(frames, torch.full((30, 16, 16), 255, dtype=torch.uint8), PRODUCTION)
    assert given.length == 30 and given.frames.shape[1] == 37


@pytest.mark.parametrize(
    ("picture", "wanted"),
    [
        ((2160, 3840), (384, 672)),
        ((1080, 2048), (368, 688)),
        ((858, 2048), (320, 768)),
        ((1080, 1080), (512, 512)),
    ],
)
def test_the_model_s_size_keeps_the_aspect_ratio(picture, wanted):
    rows, columns = model_size(*picture)
    assert rows % 16 == columns % 16 == 0
    assert abs(rows * columns / (384 * 672) - 1) <= 0.1
    aspect = (columns / rows) / (picture[1] / picture[0])
    assert max(aspect, 1 / aspect) < 1.03
    assert (rows, columns) == wanted or aspect == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        {"height": 100},
        {"width": 0},
        {"window": 12},
        {"window": 17},
        {"longest": 100},
        {"steps": 0},
        {"seed": -1},
        {"clip_seed": -1},
    ],
)
def test_what_the_model_cannot_be_given_is_refused(wrong):
    with pytest.raises(InvalidInput):
        VoidSettings(**wrong)
