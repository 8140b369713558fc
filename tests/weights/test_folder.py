# SPDX-License-Identifier: Apache-2.0
"""What an engine asks for before it loads: paths, or one clear error with the command that repairs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.weights.models import SHARDS, index, tensors, weights, write
from void_server.errors import Busy, InvalidInput, PreconditionFailed
from void_server.weights.catalogue import CATALOGUE, GROUPS, select
from void_server.weights.folder import Paths, locked, require, weights_folder
from void_server.weights.layout import shards_of
from void_server.weights.licences import LICENCES
from void_server.weights.record import Record


def refusal(folder: Path, *wanted: str) -> str:
    with pytest.raises(PreconditionFailed) as raised:
        require(folder, *wanted)
    return str(raised.value)


@pytest.mark.parametrize("single", [False, True], ids=["shards", "one file"])
def test_a_whole_folder_gives_its_paths(tmp_path, single):
    paths = require(weights(tmp_path, single), "base", "void")
    assert paths == Paths(tmp_path)
    assert paths.base == tmp_path / "base" and paths.pass1.is_file() and paths.pass2.is_file()


def test_a_folder_that_is_not_there_is_told_with_the_first_file_and_the_count(tmp_path):
    told = refusal(tmp_path / "none", "base", "void")
    assert "scheduler_config.json is missing" in told and "14 of 14 files" in told
    assert "void-server weights fetch base void" in told and "void-server weights import FOLDER" in told


def test_one_pass_can_be_asked_for_alone(tmp_path):
    write(tmp_path, {"void_pass1.safetensors": tensors("x")})
    assert require(tmp_path, "void_pass1.safetensors").pass1.is_file()
    assert "void_pass2.safetensors is missing" in refusal(tmp_path, "void")


def test_a_truncated_overlay_is_named_with_the_command_that_repairs_it(tmp_path):
    weights(tmp_path)
    path = tmp_path / "void_pass1.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    told = refusal(tmp_path, "void")
    assert f"{path} is truncated" in told and "void-server weights fetch void" in told


@pytest.mark.parametrize("name", SHARDS)
def test_a_shard_that_the_index_names_is_missed(tmp_path, name):
    weights(tmp_path)
    (tmp_path / "base" / "text_encoder" / name).unlink()
    assert f"{name} is missing" in refusal(tmp_path, "base")


def test_the_index_decides_which_shards_there_are(tmp_path):
    weights(tmp_path)
    encoder = tmp_path / "base" / "text_encoder"
    (encoder / SHARDS[1]).unlink()
    (encoder / "model.safetensors.index.json").write_bytes(index(SHARDS[:1]))
    assert require(tmp_path, "base")


@pytest.mark.parametrize(
    "name", ["../../void_pass1.safetensors", "/etc/passwd", "a\\b.safetensors", "x.bin", ""]
)
def test_an_index_that_names_something_else_than_files_beside_it_is_wrong(tmp_path, name):
    weights(tmp_path)
    path = tmp_path / "base" / "text_encoder" / "model.safetensors.index.json"
    path.write_bytes(index((name,)))
    with pytest.raises(ValueError, match="no safetensors file beside it"):
        shards_of(path)
    assert "model.safetensors.index.json is wrong" in refusal(tmp_path, "base")


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe"])
def test_a_configuration_that_is_not_json_is_wrong(tmp_path, content):
    weights(tmp_path)
    (tmp_path / "base" / "vae" / "config.json").write_bytes(content)
    assert "vae/config.json is wrong" in refusal(tmp_path, "base")


def test_a_folder_in_the_place_of_a_file_is_wrong(tmp_path):
    (tmp_path / "void_pass1.safetensors").mkdir()
    assert "is wrong: it is no file" in refusal(tmp_path, "void")


def test_the_licence_file_is_not_demanded(tmp_path):
    (weights(tmp_path) / "base" / "LICENSE").unlink()
    assert require(tmp_path, "base")


def test_the_base_transformer_is_not_needed():
    names = [file.name for file in CATALOGUE if file.name.startswith("base/transformer/")]
    assert names == ["base/transformer/config.json"]


def test_every_file_has_a_group_and_a_licence_that_are_known():
    assert {file.group for file in CATALOGUE} == set(GROUPS)
    assert {file.licence for file in CATALOGUE} <= set(LICENCES)
    assert len({file.name for file in CATALOGUE}) == len(CATALOGUE)


def test_an_unknown_name_is_refused():
    with pytest.raises(InvalidInput, match="'vae'"):
        select(["vae"])


def test_the_folder_is_the_one_that_the_environment_names(monkeypatch, tmp_path):
    monkeypatch.setenv("VOID_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("VOID_WEIGHTS", raising=False)
    assert weights_folder() == tmp_path / "weights"
    monkeypatch.setenv("VOID_WEIGHTS", "/mnt/weights")
    assert weights_folder() == Path("/mnt/weights")


def test_two_commands_do_not_work_on_one_folder(tmp_path):
    with locked(tmp_path), pytest.raises(Busy), locked(tmp_path):
        pass


def test_leftovers_are_gone_before_a_command_begins(tmp_path):
    write(tmp_path / ".incoming", {"void_pass1.safetensors": b"half"})
    with locked(tmp_path):
        assert not (tmp_path / ".incoming").exists()


def test_a_licence_keeps_the_date_of_its_first_acceptance():
    record = Record().with_accepted(["CogVideoX"], "2026-01-01").with_accepted(["CogVideoX"], "2026-02-02")
    assert record.accepted == {"CogVideoX": "2026-01-01"}


def test_the_server_s_process_gets_neither_torch_nor_the_hub_s_library():
    code = (
        "import sys, void_server.main, void_server.weights.folder;"
        " print([m for m in ('torch', 'safetensors', 'huggingface_hub', 'OpenImageIO') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
