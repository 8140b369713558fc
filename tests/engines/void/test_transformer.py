# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.engines.void.recorded import BASE, OVERLAY, STAGE, recording, rel_rms, transformer
from void_server.engines.void.transformer import PROJECTION, load_transformer, rotary, surgery
from void_server.errors import InvalidInput

CONFIG = BASE / "transformer" / "config.json"


@pytest.mark.parametrize("name", ["short", "pass2"])
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, STAGE), (torch.bfloat16, 0.01)])
def test_its_answer_is_the_recorded_one(name, dtype, near):
    g = recording(name)
    hidden = g["transformer/00/hidden_states"]
    with torch.no_grad():
        found = transformer(dtype)(
            hidden_states=torch.cat([hidden, g["transformer/00/inpaint_latents"]], dim=2).to(dtype),
            encoder_hidden_states=g["transformer/00/encoder_hidden_states"].to(dtype),
            timestep=g["transformer/00/timestep"],
            image_rotary_emb=rotary(transformer(), hidden),
            return_dict=False,
        )[0]
    assert rel_rms(found.float(), g["transformer/00/output"]) < near


def test_places_are_the_recorded_ones():
    g = recording("short")
    cos, sin = rotary(transformer(), g["transformer/00/hidden_states"])
    torch.testing.assert_close(cos, g["transformer/00/rope_cos"], rtol=0, atol=1e-6)
    torch.testing.assert_close(sin, g["transformer/00/rope_sin"], rtol=0, atol=1e-6)


def test_it_is_made_of_the_overlay_alone():
    given = load_file(OVERLAY)
    held = transformer().state_dict()
    assert set(held) == set(given) and all(torch.equal(held[n], given[n]) for n in given)


def test_an_overlay_of_33_channels_has_its_mask_channel_repeated(tmp_path):
    state = load_file(OVERLAY)
    narrow = torch.arange(128 * 264, dtype=torch.float32).reshape(128, 264)
    save_file(state | {PROJECTION: narrow}, tmp_path / "narrow.safetensors")
    wide = load_transformer(CONFIG, tmp_path / "narrow.safetensors", torch.float32).state_dict()[PROJECTION]
    assert wide.shape == (128, 384)
    assert torch.equal(wide[:, :128], narrow[:, :128]) and torch.equal(wide[:, -128:], narrow[:, -128:])
    for channel in range(16):
        assert torch.equal(wide[:, 128 + 8 * channel : 136 + 8 * channel], narrow[:, 128:136])


def test_a_projection_of_48_channels_is_left_alone():
    weight = load_file(OVERLAY)[PROJECTION]
    assert surgery(weight, 8) is weight


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("proj_out.bias"), "1 are missing"),
        (lambda state: state.update(extra=torch.zeros(1)), "1 are unknown"),
        (lambda state: state.update({"proj_out.bias": torch.zeros(3)}), "1 have another shape"),
    ],
)
def test_an_overlay_of_another_model_is_refused(tmp_path, change, said):
    state = load_file(OVERLAY)
    change(state)
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(InvalidInput, match=said) as refused:
        load_transformer(CONFIG, tmp_path / "other.safetensors", torch.float32)
    assert "void-server weights verify" in str(refused.value)


def test_a_truncated_overlay_is_refused(tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(OVERLAY.read_bytes()[:100_000])
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_transformer(CONFIG, cut, torch.float32)


def test_a_missing_configuration_is_told(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_transformer(tmp_path / "config.json", OVERLAY, torch.float32)
