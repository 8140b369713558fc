# SPDX-License-Identifier: Apache-2.0
"""Fetching, with the real `huggingface_hub` against a stand-in for the hub on loopback."""

from __future__ import annotations

import json
import os
import sys

import pytest

from tests.weights.conftest import Run
from tests.weights.hub import COMMIT
from tests.weights.models import index, tensors, weights
from tests.weights.test_import import ACCEPT, files_of, with_small_files
from tests.weights.test_verify import flip
from void_server.weights.folder import require

pytest.importorskip("huggingface_hub")


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch):
    """The library waits a second before it takes a broken download up again."""
    import huggingface_hub.file_download

    monkeypatch.setattr(huggingface_hub.file_download.time, "sleep", lambda _: None)


def test_everything_is_fetched_and_recorded_with_its_commit(run: Run, hub, folder):
    ran = run("fetch", *ACCEPT)
    assert ran.code == 0 and "17 files fetched" in ran.out, ran
    assert require(folder)
    entry = json.loads((folder / "weights.json").read_text())["files"]["void_pass1.safetensors"]
    assert entry["source"] == f"netflix/void-model@{COMMIT}"
    assert not (folder / ".incoming").exists()


def test_nothing_but_the_files_is_asked_for(run: Run, hub):
    run("fetch", *ACCEPT)
    assert {path for _, path in hub.requests if "/resolve/" not in path} == set()
    assert not any("transformer/diffusion" in path for _, path in hub.requests)


def test_files_are_of_the_commit_that_was_asked_about(run: Run, hub):
    run("fetch", "void")
    bodies = [path for method, path in hub.requests if method == "GET"]
    assert len(bodies) == 2 and all(f"/resolve/{COMMIT}/" in path for path in bodies)


def test_the_hub_is_not_told_what_runs_here(run: Run, hub, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_TELEMETRY", False)
    run("fetch", "void")
    assert huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY


def test_what_is_there_is_not_fetched_again(run: Run, hub, folder):
    weights(folder)
    assert run("fetch", "base", "void", *ACCEPT).code == 0
    assert hub.got() == []


def test_only_what_is_named_is_fetched(run: Run, hub, folder):
    run("fetch", "void_pass1.safetensors")
    assert files_of(folder) == {"void_pass1.safetensors", "weights.json"}


def test_the_licence_of_the_base_is_refused_before_anything_is_asked_for(run: Run, hub, folder):
    ran = run("fetch")
    assert ran.code == 2 and "void-server weights fetch --accept-licence CogVideoX" in ran.err
    assert hub.requests == [] and files_of(folder) == set()


def test_an_accepted_licence_is_asked_for_once(run: Run, hub):
    run("fetch", "base", *ACCEPT)
    assert run("fetch", "base").code == 0


def test_a_truncated_overlay_is_fetched_again(run: Run, hub, folder):
    weights(folder)
    path = folder / "void_pass1.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert run("fetch", "void").code == 0
    assert hub.got() == ["netflix/void-model/void_pass1.safetensors"]
    assert require(folder, "void")


def test_a_damaged_overlay_is_fetched_again(run: Run, hub, folder):
    run("fetch", "void")
    flip(folder / "void_pass1.safetensors")
    run("verify", "void")
    assert run("fetch", "void").code == 0
    assert run("verify", "void", "--again").code == 0


def test_shards_that_only_the_index_names_are_fetched_too(run: Run, hub, folder):
    place = "alibaba-pai/CogVideoX-Fun-V1.5-5b-InP/text_encoder"
    hub.files[f"{place}/model.safetensors.index.json"] = index(("other.safetensors",))
    hub.files[f"{place}/other.safetensors"] = tensors("other")
    assert run("fetch", "base", *ACCEPT).code == 0
    assert (folder / "base" / "text_encoder" / "other.safetensors").is_file()


def test_a_broken_text_encoder_in_one_file_gives_way_to_the_published_shards(run: Run, hub, folder):
    weights(folder, single=True)
    single = folder / "base" / "text_encoder" / "model.safetensors"
    single.write_bytes(single.read_bytes()[:-1])
    assert run("fetch", "base", *ACCEPT).code == 0
    assert not single.exists() and require(folder, "base")


def test_without_a_network_it_says_so_and_leaves_nothing_half(run: Run, hub, folder, monkeypatch):
    hub.stop()
    monkeypatch.setattr(hub, "stop", lambda: None)
    ran = run("fetch", "void")
    assert ran.code == 2 and "void_pass1.safetensors of netflix/void-model cannot be fetched" in ran.err
    assert "refused" in ran.err and "void-server weights import FOLDER" in ran.err
    assert files_of(folder) == set()


def test_a_connection_that_breaks_every_time_keeps_what_is_whole_and_nothing_half(run: Run, hub, folder):
    hub.cut.add("netflix/void-model/void_pass2.safetensors")
    ran = run("fetch", "void")
    assert ran.code == 2 and "void_pass2.safetensors" in ran.err
    assert files_of(folder) == {"void_pass1.safetensors", "weights.json"}
    hub.cut.clear()
    assert run("fetch", "void").code == 0
    assert hub.got().count("netflix/void-model/void_pass1.safetensors") == 1


def test_bytes_other_than_announced_are_not_taken(run: Run, hub, folder):
    hub.broken.add("netflix/void-model/void_pass1.safetensors")
    ran = run("fetch", "void")
    assert ran.code == 2 and "the hub announced" in ran.err
    assert files_of(folder) == set()


def test_a_disk_that_fills_up_while_fetching_keeps_what_is_whole_and_nothing_half(run: Run, hub, folder):
    hub.files["netflix/void-model/void_pass2.safetensors"] = tensors("big", 40_000)
    ran = with_small_files(30_000, "fetch", "void")
    assert ran.returncode == 2 and "takes no more bytes" in ran.stderr, ran.stderr
    assert files_of(folder) == {"void_pass1.safetensors", "weights.json"}


def test_a_file_that_the_hub_lacks_is_named(run: Run, hub, folder):
    del hub.files["netflix/void-model/void_pass2.safetensors"]
    ran = run("fetch", "void")
    assert ran.code == 2 and "void_pass2.safetensors of netflix/void-model cannot be fetched" in ran.err
    assert "404" in ran.err


def test_a_server_that_is_no_hub_is_told(run: Run, hub, monkeypatch):
    monkeypatch.setattr("tests.weights.hub.COMMIT", "")
    ran = run("fetch", "void")
    assert ran.code == 2 and "is no hub" in ran.err


@pytest.mark.parametrize("before", [None, "1"])
def test_the_environment_is_offline_again_afterwards(run: Run, hub, monkeypatch, before):
    import huggingface_hub.constants

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    if before:
        monkeypatch.setenv("HF_HUB_OFFLINE", before)
    run("fetch", "void")
    assert len(hub.got()) == 2
    assert os.environ.get("HF_HUB_OFFLINE") == before
    assert huggingface_hub.constants.is_offline_mode()


def test_without_the_library_it_says_what_to_install(run: Run, hub, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "huggingface_hub"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    ran = run("fetch", "void")
    assert ran.code == 2 and "pip install 'void-for-hosts[void]'" in ran.err
    assert "void-server weights import FOLDER" in ran.err
