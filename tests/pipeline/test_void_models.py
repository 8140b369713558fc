# SPDX-License-Identifier: Apache-2.0
"""What a worker keeps between two jobs of the engine `void`."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.engines.void.recorded import FULL
from void_server.engines.void.settings import Running
from void_server.main import main
from void_server.pipeline.void_models import KEPT_PROMPTS, Machine, Prompts, Resident
from void_server.pipeline.void_weights import weights_identity
from void_server.weights.folder import Paths

PLAIN = Running()
TINY = Path(__file__).parents[1] / "engines" / "void" / "golden" / "tiny"


@pytest.fixture
def machine(tmp_path) -> Machine:
    shutil.copytree(TINY, tmp_path / "weights")
    return Machine(Paths(tmp_path / "weights"), "these", torch.device("cpu"), torch.float32)


def test_for_a_known_prompt_the_encoder_is_not_even_loaded(machine):
    prompts = Prompts(Resident())
    (first,) = prompts.embedded(["a wall"], machine)
    shutil.rmtree(machine.paths.base / "text_encoder")
    (again,) = prompts.embedded(["a wall"], machine)
    assert again is first
    with pytest.raises(OSError, match="text_encoder"):
        prompts.embedded(["another wall"], machine)


def test_only_the_last_prompts_are_kept(machine):
    prompts = Prompts(Resident())
    prompts.embedded([f"wall {n}" for n in range(KEPT_PROMPTS + 1)], machine)
    shutil.rmtree(machine.paths.base / "text_encoder")
    assert len(prompts.embedded(["wall 1"], machine)) == 1
    with pytest.raises(OSError, match="text_encoder"):
        prompts.embedded(["wall 0"], machine)


def test_a_model_stays_until_other_weights_are_there(machine):
    resident = Resident()

    def model(machine, running=PLAIN):
        return resident.model(1, machine, FULL, running)

    first = model(machine)
    assert model(machine).transformer.module is first.transformer.module
    assert model(machine).vae is first.vae
    other = model(replace(machine, weights="others"))
    assert other.transformer.module is not first.transformer.module and other.vae is not first.vae
    assert model(machine, Running(step_cache=0.1)).transformer.step_cache == 0.1


def test_weights_are_told_by_content_once_they_were_verified(machine, monkeypatch):
    monkeypatch.setenv("VOID_WEIGHTS", str(machine.paths.folder))
    before = weights_identity(1)
    assert {"void_pass1.safetensors", "base/vae/diffusion_pytorch_model.safetensors"} <= set(before)
    assert all(told.startswith("unverified:") for told in before.values())
    assert main(["weights", "verify", "base", "void_pass1.safetensors"]) == 0
    verified = weights_identity(1)
    assert all(told.startswith("sha256:") for told in verified.values())
    vae = machine.paths.base / "vae" / "diffusion_pytorch_model.safetensors"
    os.utime(vae, ns=(1, 1))
    changed = weights_identity(1)
    assert [name for name in changed if changed[name] != verified[name]] == [f"base/vae/{vae.name}"]
