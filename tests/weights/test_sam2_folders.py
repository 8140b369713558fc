# SPDX-License-Identifier: Apache-2.0
"""SAM2 in transformers' format: brought to where the segmenter looks for it, and recorded as all other files are."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.weights.conftest import Run
from tests.weights.models import sam2_files, sam2_folder, tensors, weights, write
from tests.weights.test_import import files_of
from tests.weights.test_verify import flip
from void_server.pipeline import sam2_weights
from void_server.pipeline.sam2_weights import sam2_checkpoint, sam2_identity

NAMES = {
    f"sam2/sam2.1-hiera-large/{n}" for n in ("config.json", "model.safetensors", "processor_config.json")
}


@pytest.mark.parametrize(
    "place",
    [
        "sam2.1-hiera-large",
        "a/b/sam2.1-hiera-large",
        "sam2/sam2.1-hiera-large",
        "models--facebook--sam2.1-hiera-large/snapshots/1234",
    ],
)
def test_the_folder_is_found_by_its_names_and_laid_where_the_segmenter_looks(
    run: Run, tmp_path, folder, place
):
    write(tmp_path / "usb" / place, sam2_folder())
    ran = run("import", tmp_path / "usb")
    assert ran.code == 0 and "3 files imported" in ran.out, ran
    assert files_of(folder) == NAMES | {"weights.json"}
    assert sam2_checkpoint() == folder / "sam2" / "sam2.1-hiera-large"


def test_the_folder_itself_may_be_named(run: Run, tmp_path, folder):
    source = write(tmp_path / "usb" / "sam2.1-hiera-large", sam2_folder())
    assert run("import", source).code == 0
    assert sam2_checkpoint().name == "sam2.1-hiera-large"


def test_its_digests_are_recorded_and_tell_it_from_others(run: Run, tmp_path, folder):
    write(tmp_path / "usb" / "sam2.1-hiera-large", sam2_folder())
    run("import", tmp_path / "usb")
    sha256 = hashlib.sha256(tensors("sam2 large")).hexdigest()
    name = "sam2/sam2.1-hiera-large/model.safetensors"
    assert json.loads((folder / "weights.json").read_text())["files"][name]["sha256"] == sha256
    assert sam2_identity(sam2_checkpoint())[name] == f"sha256:{sha256}"


def test_files_of_the_same_names_of_other_models_are_left_alone(run: Run, tmp_path, folder):
    write(tmp_path / "usb" / "another-model", sam2_folder())
    ran = run("import", tmp_path / "usb")
    assert ran.code == 2 and "holds none of the files" in ran.err


def test_a_folder_without_its_tensors_is_told(run: Run, tmp_path):
    files = sam2_folder()
    del files["model.safetensors"]
    write(tmp_path / "usb" / "sam2.1-hiera-large", files)
    ran = run("import", tmp_path / "usb")
    assert ran.code == 1 and "sam2/sam2.1-hiera-large/model.safetensors is missing" in ran.err
    assert "weights fetch sam2-transformers" in ran.err


def test_a_folder_whose_tensors_are_cut_is_not_taken_and_no_checkpoint_appears(run: Run, tmp_path, folder):
    path = write(tmp_path / "usb" / "sam2.1-hiera-large", sam2_folder()) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    ran = run("import", tmp_path / "usb")
    assert ran.code == 2 and "truncated" in ran.err and files_of(folder) == set()


def test_the_official_files_are_not_missed_where_the_folder_is(run: Run, tmp_path, folder):
    weights(folder)
    write(folder / "sam2" / "sam2.1-hiera-large", sam2_folder())
    assert run("verify").code == 0


def test_a_damaged_folder_is_found_by_verify(run: Run, tmp_path, folder):
    write(tmp_path / "usb" / "sam2.1-hiera-large", sam2_folder())
    run("import", tmp_path / "usb")
    flip(folder / "sam2" / "sam2.1-hiera-large" / "model.safetensors")
    ran = run("verify", "sam2-transformers", "--again")
    assert ran.code == 1 and "model.safetensors is wrong" in ran.err


def test_both_formats_of_a_disk_are_taken_and_what_is_named_alone_is(run: Run, tmp_path, folder):
    write(tmp_path / "usb" / "sam2.1-hiera-large", sam2_folder() | sam2_files())
    run("import", tmp_path / "usb", "sam2-transformers")
    assert files_of(folder) == NAMES | {"weights.json"}
    run("import", tmp_path / "usb")
    assert files_of(folder) == NAMES | {f"sam2/{n}" for n in sam2_files()} | {"weights.json"}


def test_the_list_has_it_where_it_is(run: Run, folder):
    assert "sam2.1-hiera-large/" not in run("list").out
    write(folder / "sam2" / "sam2.1-hiera-large", sam2_folder())
    assert "sam2/sam2.1-hiera-large/model.safetensors" in run("list").out


def test_it_is_fetched_by_its_name(run: Run, hub, folder):
    pytest.importorskip("huggingface_hub")
    for size in ("large", "tiny"):
        hub.publish(f"facebook/sam2.1-hiera-{size}", sam2_folder(size))
    assert run("fetch", "sam2-transformers").code == 0
    assert files_of(folder) == NAMES | {n.replace("large", "tiny") for n in NAMES} | {"weights.json"}


def test_a_model_that_was_imported_is_read(run: Run, tmp_path, folder):
    models = pytest.importorskip("tests.segmenters.sam2_models")
    from void_server.segmenters.sam2 import load_predictor

    models.tiny_model().save_pretrained(tmp_path / "usb" / "sam2.1-hiera-large")
    assert run("import", tmp_path / "usb").code == 0
    assert sam2_weights.missing_for_sam2() == "" and load_predictor(sam2_checkpoint())
