# SPDX-License-Identifier: Apache-2.0
"""What the unit `generate` does when a GPU is full. The error is PyTorch's own, raised where a GPU would raise it."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from void_server.engines.void.placement import PlacedTransformer
from void_server.engines.void.settings import Running, VoidSettings
from void_server.errors import OutOfMemory
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.generate import generate
from void_server.pipeline.plan_void import FRAME
from void_server.pipeline.void_models import RESIDENT
from void_server.pipeline.void_weights import weights_identity

TINY = Path(__file__).parents[1] / "engines" / "void" / "golden" / "tiny"
SETTINGS = VoidSettings("official", window=13, longest=13, mask_levels="published", steps=11)
FRAMES = 13


@pytest.fixture
def weights(tmp_path, monkeypatch) -> dict[str, str]:
    shutil.copytree(TINY, tmp_path / "weights")
    monkeypatch.setenv("VOID_WEIGHTS", str(tmp_path / "weights"))
    RESIDENT.drop()
    return weights_identity(1)


@pytest.fixture
def blobs(tmp_path) -> BlobFolder:
    return BlobFolder(tmp_path / "store")


def made(blobs: BlobFolder, weights, key: str, told=None, **running):
    """The unit's answer for latents of noise, 96 x 64 pixels."""
    latents = torch.randn(2, 1, 4, 16, 8, 12, generator=torch.Generator().manual_seed(1)).numpy()
    names = ("clip", "masks 1")
    args = {
        "key": key,
        "prompt": "A wall.",
        "percent": 15,
        "model": None,
        "settings": asdict(SETTINGS),
        "running": asdict(Running(**running)),
        "set": "default",
        "weights": weights,
        "latents": {
            n: store_arrays(blobs, {"latents": v}).digest for n, v in zip(names, latents, strict=True)
        },
    }
    shot = SimpleNamespace(frames=range(FRAMES))
    return generate(shot, args, blobs, told or (lambda done, total, kept=False: None))


@pytest.fixture
def full_at(monkeypatch):
    """The GPU is full at a step, while all stays on it."""

    def set_up(step: int) -> None:
        at_work, calls = PlacedTransformer.at_work, []

        def watched(placed: PlacedTransformer):
            def begin(_module, _given) -> None:
                calls.append(1)
                if placed.stays and len(calls) > step:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

            if not getattr(placed.module, "watched", False):
                placed.module.watched = True
                placed.module.register_forward_pre_hook(begin)
            return at_work(placed)

        monkeypatch.setattr(PlacedTransformer, "at_work", watched)

    return set_up


def test_a_full_gpu_takes_the_next_way_of_working_and_goes_on_from_the_saved_step(blobs, weights, full_at):
    wanted, whole = made(blobs, weights, "whole")
    RESIDENT.drop()
    full_at(7)
    told = []
    found, info = made(blobs, weights, "full", lambda done, total, kept=False: told.append(done))
    assert whole["memory"] == "full" and whole["without_room"] == []
    assert info["memory"] == "offload" and len(info["without_room"]) >= 1
    assert "full" in info["without_room"][0]
    steps = [done for n, done in enumerate(told) if n == 0 or told[n - 1] != done]
    assert steps[:8] == [1, 2, 3, 4, 5, 6, 7, 6] and steps[-1] == 11, "of seven steps five were saved"
    for position in range(FRAMES):
        one, two = (load_arrays(blobs, s[FRAME.format(position)].digest)["made"] for s in (wanted, found))
        assert (one == two).all()


def test_where_no_way_of_working_fits_the_error_says_what_to_do(blobs, weights, monkeypatch):
    def full(placed: PlacedTransformer):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(PlacedTransformer, "at_work", full)
    with pytest.raises(OutOfMemory, match="model_percent"):
        made(blobs, weights, "none")


def test_another_error_is_not_taken_for_a_lack_of_memory(blobs, weights, monkeypatch):
    def broken(placed: PlacedTransformer):
        raise RuntimeError("expected scalar type Float but found Half")

    monkeypatch.setattr(PlacedTransformer, "at_work", broken)
    with pytest.raises(RuntimeError, match="scalar type"):
        made(blobs, weights, "broken")


@pytest.mark.parametrize(("step_cache", "saved"), [(0.0, True), (0.1, False)])
def test_only_without_step_caching_steps_are_saved(blobs, weights, step_cache, saved):
    folder = blobs.root / "checkpoints"

    def stop(done: int, total: int, kept: bool = False) -> None:
        if done == 6:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        made(blobs, weights, "stopped", stop, step_cache=step_cache)
    assert bool(list(folder.glob("*.safetensors"))) is saved
