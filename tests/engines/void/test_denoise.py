# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from tests.engines.void.recorded import BASE, STAGE, recording, rel_rms, transformer
from void_server.engines.void.denoise import Conditions, Sampling, denoise, scheduler_of

CASES = {"short": (1, Sampling(3, 1.0, 4, 4)), "pass2": (2, Sampling(3, 6.0, 4, 4))}
CASES["long_windows"] = (1, Sampling(3, 1.0, 8, 4))
BFLOAT16 = {"short": 0.01, "pass2": 0.02}
"""Greatest rel-rms against float32; guidance multiplies the rounding of the second pass."""


def conditions(name: str, dtype: torch.dtype = torch.float32) -> Conditions:
    g = recording(name)
    # The long case has the prompt of the short one.
    prompts = recording("short" if name == "long_windows" else name)["transformer/00/encoder_hidden_states"]
    latents = (g[k].transpose(1, 2).to(dtype) for k in ("mask_latents", "cond_video_latents"))
    unwanted = prompts[:1].to(dtype) if len(prompts) == 2 else None
    return Conditions(*latents, prompts[-1:].to(dtype), unwanted)


def run(name: str, dtype: torch.dtype = torch.float32, **given):
    pass_, sampling = CASES[name]
    start = given.pop("start", recording(name)["latents_init"]).to(dtype)
    scheduler = scheduler_of(pass_, BASE / "scheduler")
    return denoise(transformer(dtype), scheduler, start, conditions(name, dtype), sampling, **given)


@pytest.mark.parametrize("name", CASES)
def test_every_step_is_the_recorded_one(name):
    seen = []
    final = run(name, stepped=lambda done, latents: seen.append(latents))
    g = recording(name)
    assert len(seen) == 3
    for number, latents in enumerate(seen):
        assert rel_rms(latents, g[f"latents_after_step/{number:02d}"]) < STAGE
    assert rel_rms(final, g["latents_final"]) < STAGE


@pytest.mark.parametrize("name", ["short", "pass2"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_step_of_the_scheduler_is_the_recorded_one(name, number):
    g, scheduler = recording(name), scheduler_of(CASES[name][0], BASE / "scheduler")
    scheduler.set_timesteps(3)
    assert torch.equal(scheduler.timesteps, g["timesteps"])
    given = {key: g[f"scheduler/{number:02d}/{key}"] for key in ("model_output", "t", "sample")}
    found = scheduler.step(given["model_output"], given["t"], given["sample"], return_dict=False)[0]
    assert rel_rms(found, g[f"scheduler/{number:02d}/prev_sample"]) < STAGE


@pytest.mark.parametrize(("name", "dtype"), [("short", torch.float32), ("pass2", torch.float64)])
def test_alphas_are_held_in_the_dtype_of_the_pass(name, dtype):
    alphas = scheduler_of(CASES[name][0], BASE / "scheduler").alphas_cumprod
    assert alphas.dtype == dtype
    torch.testing.assert_close(alphas, recording(name)["alphas_cumprod"], rtol=1e-5, atol=1e-6)


def test_the_first_pass_takes_the_scripts_thirty_steps():
    scheduler = scheduler_of(1, BASE / "scheduler")
    scheduler.set_timesteps(30)
    assert scheduler.timesteps.tolist()[:6] == [999, 966, 932, 899, 866, 832]
    assert scheduler.timesteps.tolist()[-3:] == [99, 66, 32]


@pytest.mark.parametrize("name", ["short", "pass2"])
def test_in_bfloat16_it_stays_near_float32(name):
    assert rel_rms(run(name, torch.bfloat16), recording(name)["latents_final"]) < BFLOAT16[name]


@pytest.mark.parametrize("name", ["short", "long_windows"])
def test_what_stopped_after_a_step_goes_on_to_the_same_bits(name):
    seen = []
    final = run(name, stepped=lambda done, latents: seen.append(latents))
    assert torch.equal(run(name, start=seen[0], first_step=1), final)


def test_it_ends_within_a_step_when_asked():
    done_steps = []

    def stop(done, latents):
        done_steps.append(done)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        run("short", stepped=stop)
    assert done_steps == [1]


def test_without_guidance_the_unwanted_is_not_looked_at():
    g, (pass_, sampling) = recording("pass2"), CASES["short"]
    told, scheduler = conditions("pass2"), scheduler_of(pass_, BASE / "scheduler")
    other = Conditions(told.masks, told.clip, told.prompt, torch.full_like(told.prompt, 9))
    start = g["latents_init"]
    one, two = (denoise(transformer(), scheduler, start, c, sampling) for c in (told, other))
    assert torch.equal(one, two)
