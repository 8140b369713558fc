# SPDX-License-Identifier: Apache-2.0
"""Ways of working, on the processor: where weights are when, and that the picture stays. On a GPU none was run."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from tests.engines.void.recorded import BASE, CPU, FULL, OVERLAY, STAGE, recording, rel_rms
from tests.engines.void.test_denoise import CASES, conditions
from void_server.engines.void.denoise import denoise, scheduler_of
from void_server.engines.void.fp8 import Float8Linear
from void_server.engines.void.memory import MemoryPlan
from void_server.engines.void.placement import PlacedTransformer, place_transformer, place_vae
from void_server.engines.void.settings import Running
from void_server.errors import InvalidInput

CONFIG = BASE / "transformer" / "config.json"


def transformer_in(mode: str, running: Running | None = None, windows_at_once: int = 1) -> PlacedTransformer:
    plan = MemoryPlan(mode, None, windows_at_once, 0)
    return place_transformer(CONFIG, OVERLAY, torch.float32, CPU, plan, running or Running())


def denoised(
    placed: PlacedTransformer, name: str = "short", steps: int | None = None, **given
) -> torch.Tensor:
    pass_, sampling = CASES[name]
    sampling = replace(sampling, at_once=placed.windows_at_once, steps=steps or sampling.steps)
    start, scheduler = recording(name)["latents_init"], scheduler_of(pass_, BASE / "scheduler")
    with placed.at_work() as model:
        return denoise(model, scheduler, start, conditions(name), sampling, **given)


@pytest.mark.parametrize("mode", ["full", "offload", "group-offload", "sequential"])
def test_the_way_of_working_does_not_change_a_bit(mode):
    assert torch.equal(denoised(transformer_in(mode)), denoised(transformer_in("full")))


def test_eight_bits_change_a_little():
    placed = transformer_in("fp8")
    assert any(isinstance(m, Float8Linear) for m in placed.module.modules())
    assert STAGE < rel_rms(denoised(placed), denoised(transformer_in("full"))) < 0.08


def test_a_visiting_part_leaves_nothing_behind_and_its_weights_are_not_copied_back():
    """`meta` stands for a GPU: what was moved there has no values, so what is used afterwards stayed at home."""
    placed = replace(transformer_in("offload"), device=torch.device("meta"))
    home = placed.module.proj_out.weight.data_ptr()
    with placed.at_work() as model:
        assert model.proj_out.weight.device.type == "meta"
    assert placed.module.proj_out.weight.data_ptr() == home
    assert rel_rms(denoised(replace(placed, device=CPU)), recording("short")["latents_final"]) < STAGE


def test_a_part_that_fails_at_work_comes_home_too():
    placed = replace(transformer_in("offload"), device=torch.device("meta"))
    with pytest.raises(InterruptedError), placed.at_work():
        raise InterruptedError
    assert {p.device.type for p in placed.module.parameters()} == {"cpu"}


@pytest.mark.parametrize(
    ("mode", "stays"), [("full", True), ("fp8", True), ("offload", False), ("sequential", False)]
)
def test_the_vae_stays_only_where_there_is_room_for_all(mode, stays):
    assert place_vae(BASE / "vae", torch.float32, CPU, replace(FULL, mode=mode)).stays is stays


def test_windows_in_one_call_give_what_they_give_one_by_one():
    together = denoised(transformer_in("full", windows_at_once=3), "long_windows")
    assert rel_rms(together, recording("long_windows")["latents_final"]) < STAGE


def test_windows_really_go_in_one_call(monkeypatch):
    placed, batches = transformer_in("full", windows_at_once=3), []
    placed.module.register_forward_pre_hook(
        lambda _module, _args, given: batches.append(len(given["hidden_states"])), with_kwargs=True
    )
    denoised(placed, "long_windows")
    assert max(batches) > 1 and len(batches) < 3 * 3


def calls_of_the_last_block(placed: PlacedTransformer, **given) -> tuple[int, torch.Tensor]:
    """How often its matrices were used, and the result."""
    calls = []
    layer = placed.module.transformer_blocks[-1].attn1.to_q
    hook = layer.register_forward_hook(lambda *_: calls.append(1))
    found = denoised(placed, steps=12, **given)
    hook.remove()
    return len(calls), found


def test_step_caching_leaves_blocks_out_and_is_off_by_default():
    everything, exact = calls_of_the_last_block(transformer_in("full"))
    some, near = calls_of_the_last_block(transformer_in("full", Running(step_cache=0.5)))
    assert everything == 12 and some < 10
    assert 0 < rel_rms(near, exact) < 0.5


def test_step_caching_begins_anew_with_every_job():
    placed = transformer_in("full", Running(step_cache=0.5))
    first, again = (calls_of_the_last_block(placed) for _ in range(2))
    assert first[0] == again[0] and torch.equal(first[1], again[1])


def test_every_window_remembers_its_own_last_step():
    """With a threshold that nothing passes, every window but its first step is taken from memory."""
    placed = transformer_in("full", Running(step_cache=1e9))
    seen = []
    denoised(placed, "long_windows", stepped=lambda done, latents: seen.append(latents))
    assert rel_rms(seen[0], recording("long_windows")["latents_after_step/00"]) < STAGE


def test_a_compiled_transformer_gives_the_same():
    """Takes up to a minute: PyTorch writes and compiles C++ for two blocks."""
    placed = transformer_in("full", Running(compile=True))
    assert rel_rms(denoised(placed), recording("short")["latents_final"]) < STAGE


@pytest.mark.parametrize(
    "wrong", [{"memory": "sequential"}, {"memory": "group-offload"}, {"step_cache": 0.1}]
)
def test_what_does_not_go_together_is_refused(wrong):
    with pytest.raises(InvalidInput, match="compile=off"):
        Running(compile=True, **wrong)


@pytest.mark.parametrize("memory", ["group-offload", "sequential"])
def test_blocks_are_not_left_out_where_parts_come_and_go(memory):
    with pytest.raises(InvalidInput, match="step_cache=0"):
        Running(memory=memory, step_cache=0.1)
    assert transformer_in(memory, Running(step_cache=0.1)).step_cache == 0, "auto that came so far"


CRAMPED = """
import json, resource, sys, torch
from tests.engines.void.recorded import BASE, CPU
from void_server.engines.void.memory import MemoryPlan
from void_server.engines.void.placement import place_vae
from void_server.pipeline.void_models import first_with_room
torch.set_num_threads(1)
latents = torch.randn(1, 16, 1, 64, 64)
tried = []
def way(tile, latents=latents):
    def decode():
        tried.append(tile)
        with place_vae(BASE / "vae", torch.float32, CPU, MemoryPlan("full", tile, 1, 0)).at_work() as vae:
            return vae.decode(latents)
    return decode
way(None, latents[..., :12, :12])()
tried.clear()
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 250_000_000,) * 2)
made = first_with_room([way(None), way(160)], lambda: None)
print(json.dumps([tried, list(made.shape)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_what_really_runs_out_of_memory_is_done_in_a_more_frugal_way():
    """A process that may have 250 MB more decodes a picture of 512 x 512: whole it cannot, in tiles it can."""
    done = subprocess.run([sys.executable, "-c", CRAMPED], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == [[None, 160], [1, 3, 1, 512, 512]]
