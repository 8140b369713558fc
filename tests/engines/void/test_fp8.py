# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from torch import nn

from tests.engines.void.recorded import BASE, OVERLAY, recording, rel_rms
from void_server.engines.void.fp8 import FLOAT8, Float8Linear, to_float8
from void_server.engines.void.transformer import load_transformer


def layer(inputs: int = 128, outputs: int = 64) -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(inputs, outputs).requires_grad_(False)


def test_a_layer_of_8_bits_answers_nearly_as_before():
    of, tokens = layer(), torch.randn(2, 7, 128)
    assert rel_rms(Float8Linear(of)(tokens), of(tokens)) < 0.05


def test_the_weights_are_held_in_8_bits_and_multiplied_as_such(monkeypatch):
    seen = []
    multiply = torch.nn.functional.scaled_mm
    monkeypatch.setattr(
        "void_server.engines.void.fp8.functional.scaled_mm",
        lambda a, b, *rest, **named: seen.append((a.dtype, b.dtype)) or multiply(a, b, *rest, **named),
    )
    found = Float8Linear(layer())
    found(torch.randn(3, 128))
    assert found.values.dtype == FLOAT8 and found.values.element_size() == 1
    assert seen == [(FLOAT8, FLOAT8)]


def test_rows_of_very_different_size_each_keep_their_precision():
    of = layer()
    of.weight[0] *= 1e-4
    tokens = torch.randn(5, 128) * torch.tensor([1e-3, 1, 1e3, 0, 1])[:, None]
    found, wanted = Float8Linear(of)(tokens), of(tokens)
    assert torch.isfinite(found).all()
    for row in (0, 1, 2, 3, 4):
        assert rel_rms(found[row], wanted[row]) < 0.06


def test_the_whole_model_stays_within_a_few_percent_and_its_norms_are_left_alone():
    g, pre = recording("short"), "transformer/00/"
    model = load_transformer(BASE / "transformer" / "config.json", OVERLAY, torch.float32)
    assert [to_float8(block) for block in model.transformer_blocks] == [6, 6]
    with torch.no_grad():
        found = model(
            hidden_states=torch.cat([g[pre + "hidden_states"], g[pre + "inpaint_latents"]], dim=2),
            encoder_hidden_states=g[pre + "encoder_hidden_states"],
            timestep=g[pre + "timestep"],
            image_rotary_emb=(g[pre + "rope_cos"], g[pre + "rope_sin"]),
            return_dict=False,
        )[0]
    assert 1e-3 < rel_rms(found, g[pre + "output"]) < 0.08
