# SPDX-License-Identifier: Apache-2.0
"""`--official` without the official code: our driver as a process, a stand-in for the other, and what is said."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.void_engine.__main__ import main
from benchmarks.void_engine.architecture import ARCHITECTURES
from benchmarks.void_engine.beside import PIPELINE, ROWS, Equality, Side, equality, lines, ran
from benchmarks.void_engine.checkpoint import check_space, made_inputs, write_checkpoint
from benchmarks.void_engine.ours import load
from benchmarks.void_engine.stopwatch import Inputs, Request, Stopwatch
from void_server.errors import InvalidInput

TINY = ARCHITECTURES["tiny"]
SIZE = (13, 32, 48)
REQUEST = Request("cpu", "float32", 3, 85, 1)

STAND_IN = """
import torch

class Model:
    @classmethod
    def from_pretrained(cls, *given, **named):
        return cls()
    def to(self, dtype):
        return self
    def load_state_dict(self, state, strict):
        assert not strict and state

AutoencoderKLCogVideoX = CogVideoXTransformer3DModel = Model

class CogVideoXFunInpaintPipeline:
    def __init__(self, **parts):
        pass
    def to(self, device):
        pass
    def set_progress_bar_config(self, disable):
        pass
    def prepare_mask_latents(self, video):
        return NOISE
    def decode_latents(self, latents):
        return torch.zeros(1, 3, 13, 32, 48)
    def __call__(self, *, latents, video, num_inference_steps, callback_on_step_end, **given):
        noise = self.prepare_mask_latents(video)
        for step in range(num_inference_steps):
            latents = latents + noise[0, 0, 0, 0, 0]
            callback_on_step_end(self, step, None, {"latents": latents})
        class Made:
            videos = self.decode_latents(latents)
        return Made
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("both")
    write_checkpoint(TINY, found, torch.float32)
    made_inputs(TINY, *SIZE).write(found)
    REQUEST.write(found)
    return found


@pytest.fixture
def checkout(tmp_path):
    """Writes a stand-in whose noise on the clip is an expression."""

    def written(noise: str):
        for part in ("models", "pipeline"):
            package = tmp_path / "videox_fun" / part
            package.mkdir(parents=True)
            (package / "__init__.py").write_text(STAND_IN.replace("NOISE", noise))
        (tmp_path / PIPELINE).touch()
        return tmp_path

    return written


def test_our_driver_is_a_process_that_makes_what_the_pipeline_makes(folder):
    found = ran("ours", folder, sys.executable)
    latents, _ = load(folder, REQUEST, Stopwatch(torch.device("cpu")))()
    written = load_file(folder / "ours.safetensors")["latents"]
    assert torch.equal(written, latents) and written.std() > 0.1
    assert set(found.seconds) == set(ROWS) and min(found.seconds.values()) > 0
    assert found.seconds["process"] > found.seconds["first"] and found.peak is None


def test_the_official_driver_gives_the_noise_that_was_given_to_ours(folder, checkout):
    found = ran("official", folder, sys.executable, checkout("torch.randn_like(video)"))
    given = Inputs.read(folder)
    wanted = given.latents
    for _ in range(REQUEST.steps):
        wanted = wanted + given.clip_noise[0, 0, 0, 0]
    assert torch.equal(load_file(folder / "official.safetensors")["latents"], wanted)
    assert set(found.seconds) == set(ROWS)


def test_a_pipeline_that_draws_no_noise_is_not_compared(folder, checkout):
    with pytest.raises(InvalidInput, match="was drawn where"):
        ran("official", folder, sys.executable, checkout("video"))


def test_a_folder_that_is_no_checkout_is_told(tmp_path, capsys):
    assert main(["--official", str(tmp_path), "--results", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "no checkout of Netflix/void-model" in said and "git clone" in said


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("import of_no_such_name", ["No module named 'of_no_such_name'", "docs/benchmarks.md"]),
        ("raise ValueError('seven')", ["ended with 1", "ValueError: seven"]),
    ],
)
def test_what_a_checkout_cannot_do_is_told_in_its_own_last_words(checkout, capsys, tmp_path, fault, said):
    folder = checkout("video")
    (folder / "videox_fun" / "models" / "__init__.py").write_text(fault)
    assert main(["--arch", "tiny", "--official", str(folder), "--results", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert all(part in told for part in said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--frames", "20"], "20 frames are not 8k + 5"),
        (["--height", "33"], "multiples of 16"),
        (["--steps", "1"], "at least 2"),
        (["--official-python", "of_no_such_name"], "cannot be run"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_written(
    checkout, capsys, tmp_path, options, said
):
    given = ["--arch", "tiny", "--official", str(checkout("video")), "--results", str(tmp_path / "none")]
    assert main([*given, *options]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "none").exists()


def test_too_little_room_is_told_before_it_is_filled(tmp_path, monkeypatch):
    check_space(TINY, tmp_path, torch.float32, 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: type("Usage", (), {"free": 1_000_000}))
    with pytest.raises(InvalidInput, match="--scratch"):
        check_space(TINY, tmp_path, torch.float32, 1000)


def test_the_table_has_both_and_their_ratios():
    official = Side(dict.fromkeys(ROWS, 4.0), 8 * 2**30, "Python 3")
    found = lines(
        official, Side(dict.fromkeys(ROWS, 2.0), 6 * 2**30, "Python 4"), Equality(3e-7, 0.1), "66e9c0e"
    )
    rows = {
        row[: len(shown)]: row.split()[-3:]
        for row in found
        for shown in ROWS.values()
        if row.startswith(shown)
    }
    assert list(rows.values()) == [["4.000", "2.000", "0.50"]] * len(ROWS)
    assert any(row.split()[-3:] == ["8.00", "6.00", "0.75"] for row in found)
    assert any("rel-rms 3e-07" in row for row in found) and found[0] == "official 66e9c0e: Python 3"
    on_processor = replace(official, peak=None)
    assert not any("GPU memory" in row for row in lines(on_processor, on_processor, Equality(0, 0), ""))


def test_equality_is_of_latents_and_frames(tmp_path):
    for name, value in (("official", 1.0), ("ours", 1.01)):
        save_file({"latents": torch.full((2,), value)}, tmp_path / f"{name}.safetensors")
        save_file({"frames": torch.full((2,), value)}, tmp_path / f"{name}.frames.safetensors")
    found = equality(tmp_path)
    assert found.latents == pytest.approx(0.01, rel=1e-4) and found.frames == pytest.approx(0.01, rel=1e-4)
    save_file({"latents": torch.zeros(3)}, tmp_path / "ours.safetensors")
    with pytest.raises(InvalidInput, match="66e9c0e"):
        equality(tmp_path)


def test_the_checkpoint_has_the_official_layout(folder):
    config = json.loads((folder / "base" / "transformer" / "config.json").read_text())
    assert (
        config["add_noise_in_inpaint_model"] and config["in_channels"] == 33 and config["patch_size_t"] == 2
    )
    assert (folder / "base" / "transformer" / "diffusion_pytorch_model.safetensors").samefile(
        folder / "void_pass1.safetensors"
    )
