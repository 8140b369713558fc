# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from void_server.pipeline import engine_choice
from void_server.pipeline.engine_choice import chosen, missing_for_void

TINY = Path(__file__).parents[1] / "engines" / "void" / "golden" / "tiny"


@pytest.fixture(autouse=True)
def afresh():
    engine_choice._automatic.cache_clear()
    yield
    engine_choice._automatic.cache_clear()


@pytest.mark.parametrize("name", ["void", "cleanplate"])
def test_what_is_asked_for_by_name_is_taken_as_it_is(name):
    assert (chosen(name, 5).engine, chosen(name, 5).why) == (name, "")


@pytest.mark.parametrize("name", ["", "auto"])
def test_without_weights_auto_is_cleanplate_and_says_so(monkeypatch, tmp_path, name):
    monkeypatch.setenv("VOID_WEIGHTS", str(tmp_path))
    assert chosen(name, 5).engine == "cleanplate" and "not set up" in chosen(name, 5).why


@pytest.mark.parametrize(
    ("gpu", "engine", "why"), [(False, "cleanplate", "no GPU"), (True, "void", "GPU are there")]
)
def test_with_weights_the_gpu_decides(monkeypatch, gpu, engine, why):
    monkeypatch.setenv("VOID_WEIGHTS", str(TINY))
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    found = chosen("auto", 5)
    assert found.engine == engine and why in found.why


def test_auto_takes_no_engine_whose_limit_the_shot_passes(monkeypatch):
    monkeypatch.setenv("VOID_WEIGHTS", str(TINY))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert chosen("auto", 480).engine == "void"
    assert chosen("auto", 481).engine == "cleanplate" and "480 frames at most" in chosen("auto", 481).why


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(engine_choice, "VOID_PACKAGES", ("torch", "no_such_package"))
    assert missing_for_void() == "not installed: no_such_package. Install void-for-hosts[void] on the server."
