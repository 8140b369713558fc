# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from tests.engines.void.recorded import BASE, CPU, OVERLAY, STAGE, recording, rel_rms, transformer
from void_server.engines.void.attention import use_backend
from void_server.engines.void.transformer import load_transformer
from void_server.errors import PreconditionFailed


def called(model):
    g, pre = recording("short"), "transformer/00/"
    with torch.no_grad():
        return model(
            hidden_states=torch.cat([g[pre + "hidden_states"], g[pre + "inpaint_latents"]], dim=2),
            encoder_hidden_states=g[pre + "encoder_hidden_states"],
            timestep=g[pre + "timestep"],
            image_rotary_emb=(g[pre + "rope_cos"], g[pre + "rope_sin"]),
            return_dict=False,
        )[0]


@pytest.mark.parametrize("backend", ["flash", "math"])
def test_another_backend_is_really_called_and_gives_the_same(backend, monkeypatch):
    model = load_transformer(BASE / "transformer" / "config.json", OVERLAY, torch.float32)
    use_backend(model, backend, torch.float32, CPU)
    asked = []
    kernels = torch.nn.attention.sdpa_kernel
    monkeypatch.setattr(
        "torch.nn.attention.sdpa_kernel", lambda which, *rest: asked.append(which) or kernels(which, *rest)
    )
    assert rel_rms(called(model), called(transformer())) < STAGE
    assert len(asked) == 2, "one call for each of the two blocks"


def test_native_leaves_the_model_as_it_came():
    model = load_transformer(BASE / "transformer" / "config.json", OVERLAY, torch.float32)
    before = dict(model.attn_processors)
    use_backend(model, "native", torch.float32, CPU)
    assert model.attn_processors == before


@pytest.mark.parametrize("backend", ["sage", "flash-attn", "cudnn"])
def test_a_backend_that_is_not_there_is_refused_with_what_to_do(backend):
    model = load_transformer(BASE / "transformer" / "config.json", OVERLAY, torch.float32)
    with pytest.raises(PreconditionFailed, match="attention=native"):
        use_backend(model, backend, torch.float32, CPU)
