# SPDX-License-Identifier: Apache-2.0
"""Import from a folder: what is found, what is refused, and that nothing half is left."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.weights.conftest import Run
from tests.weights.models import (
    OVERLAYS,
    SHARDS,
    base_files,
    overlay_files,
    safetensors,
    sam2_files,
    tensors,
    write,
)
from void_server.weights import folder as folder_module
from void_server.weights.folder import require

ACCEPT = ("--accept-licence", "CogVideoX")


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {".lock"}


def test_a_disk_with_the_published_layout_is_imported(run: Run, disk, folder):
    ran = run("import", disk, *ACCEPT)
    assert ran.code == 0 and "15 files imported" in ran.out, ran
    assert require(folder, "base", "void").pass1.read_bytes() == tensors("void_pass1.safetensors")
    assert files_of(folder) == {f"base/{n}" for n in base_files()} | {*OVERLAYS, "weights.json"}


@pytest.mark.parametrize(
    "place",
    [
        "base",
        "a/b/base",
        "CogVideoX-Fun-V1.5-5b-InP",
        "models--alibaba-pai--CogVideoX-Fun-V1.5-5b-InP/snapshots/1234",
        ".",
    ],
)
def test_the_base_is_found_by_its_names(run: Run, tmp_path, folder, place):
    write(tmp_path / "usb" / place, base_files())
    assert run("import", tmp_path / "usb", *ACCEPT).code == 0
    assert require(folder, "base")


def test_links_of_a_hub_cache_are_followed(run: Run, tmp_path, folder):
    blob = write(tmp_path / "usb" / "blobs", {"1": tensors("p1")}) / "1"
    (tmp_path / "usb" / "void_pass1.safetensors").symlink_to(blob)
    run("import", tmp_path / "usb")
    assert not (folder / "void_pass1.safetensors").is_symlink()
    assert require(folder, "void_pass1.safetensors").pass1.read_bytes() == tensors("p1")


def test_overlays_are_found_three_levels_deep_and_no_deeper(run: Run, tmp_path, folder):
    write(tmp_path / "usb" / "1" / "2" / "3", {OVERLAYS[0]: tensors("a")})
    write(tmp_path / "usb" / "1" / "2" / "3" / "4", {OVERLAYS[1]: tensors("b")})
    ran = run("import", tmp_path / "usb")
    assert ran.code == 1 and "void_pass2.safetensors is missing" in ran.err
    assert files_of(folder) == {OVERLAYS[0], "weights.json"}


def test_a_text_encoder_in_one_file_is_taken_as_it_is(run: Run, tmp_path, folder):
    write(tmp_path / "usb" / "base", base_files(single=True))
    assert run("import", tmp_path / "usb", *ACCEPT).code == 0
    assert (folder / "base" / "text_encoder" / "model.safetensors").is_file()


def test_a_missing_shard_is_told_after_the_import(run: Run, disk):
    (disk / "CogVideoX-Fun-V1.5-5b-InP" / "text_encoder" / SHARDS[1]).unlink()
    ran = run("import", disk, *ACCEPT)
    assert ran.code == 1
    assert f"base/text_encoder/{SHARDS[1]} is missing" in ran.err and "weights fetch base void" in ran.err


def test_checkpoints_of_sam2_are_imported_unopened(run: Run, tmp_path, folder):
    write(tmp_path / "usb", sam2_files())
    assert run("import", tmp_path / "usb").code == 0
    assert (require(folder, "sam2").sam2 / "sam2.1_hiera_large.pt").is_file()


def test_only_what_is_named_is_imported(run: Run, disk, folder):
    assert run("import", disk, "void_pass1.safetensors").code == 0
    assert files_of(folder) == {"void_pass1.safetensors", "weights.json"}


def test_what_is_there_is_not_copied_again(run: Run, disk):
    run("import", disk, *ACCEPT)
    assert "0 files imported" in run("import", disk).out


def test_a_folder_without_any_of_the_files_is_refused(run: Run, tmp_path):
    (tmp_path / "usb").mkdir()
    ran = run("import", tmp_path / "usb")
    assert ran.code == 2 and "holds none of the files" in ran.err


def test_a_place_that_is_no_folder_is_refused(run: Run, tmp_path):
    ran = run("import", tmp_path / "usb")
    assert ran.code == 2 and "is no folder" in ran.err


def test_two_differing_files_of_one_name_are_not_chosen_between(run: Run, tmp_path):
    for place, size in (("a", 10), ("b", 20)):
        write(tmp_path / "usb" / place, {OVERLAYS[0]: tensors("x", size)})
    ran = run("import", tmp_path / "usb")
    assert ran.code == 2 and "usb/a/void_pass1" in ran.err and "usb/b/void_pass1" in ran.err


def test_the_licence_of_the_base_is_refused_until_it_is_accepted_by_name(run: Run, disk, folder):
    ran = run("import", disk)
    assert ran.code == 2
    assert "CogVideoX licence" in ran.err and "commercial" in ran.err and "Have it read" in ran.err
    assert f"void-server weights import {disk} --accept-licence CogVideoX" in ran.err
    assert files_of(folder) == set()


def test_another_licence_s_name_does_not_accept_it(run: Run, disk):
    assert run("import", disk, "--accept-licence", "Apache-2.0").code == 2


def test_a_licence_is_accepted_once_and_recorded(run: Run, disk, folder):
    run("import", disk, *ACCEPT)
    assert list(json.loads((folder / "weights.json").read_text())["accepted"]) == ["CogVideoX"]
    (folder / "base" / "vae" / "config.json").unlink()
    assert run("import", disk).code == 0


def test_the_overlays_need_no_licence_to_be_accepted(run: Run, disk):
    assert run("import", disk, "void").code == 0


def test_a_truncated_file_of_the_disk_is_not_taken(run: Run, disk, folder):
    path = disk / "void-model" / "void_pass2.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    ran = run("import", disk, "void")
    assert ran.code == 2 and "void_pass2.safetensors" in ran.err and "truncated" in ran.err
    assert files_of(folder) == {"void_pass1.safetensors", "weights.json"}


def test_a_file_other_than_the_recorded_one_is_not_taken(run: Run, disk, folder):
    run("import", disk, "void")
    (folder / "void_pass1.safetensors").unlink()
    (disk / "void-model" / "void_pass1.safetensors").write_bytes(tensors("void_passX.safetensors"))
    ran = run("import", disk, "void")
    assert ran.code == 2 and "not the one that was verified here before" in ran.err and "--anew" in ran.err
    assert not (folder / "void_pass1.safetensors").exists()


def test_another_file_is_taken_when_it_is_asked_for(run: Run, disk, folder):
    run("import", disk, "void")
    (disk / "void-model" / "void_pass1.safetensors").write_bytes(tensors("another"))
    assert run("import", disk, "void", "--anew").code == 0
    assert run("verify", "void", "--again").code == 0
    assert (folder / "void_pass1.safetensors").read_bytes() == tensors("another")


def test_a_disk_with_too_little_space_is_told_in_bytes_before_anything_is_copied(
    run: Run, disk, folder, monkeypatch
):
    usage = shutil.disk_usage(disk)._replace(free=1000)
    monkeypatch.setattr(folder_module.shutil, "disk_usage", lambda _: usage)
    ran = run("import", disk, "void")
    needed = sum(len(data) for data in overlay_files().values())
    assert ran.code == 2 and "1000 bytes free" in ran.err and f"{needed} are needed" in ran.err
    assert files_of(folder) == set()


def with_small_files(limit: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`void-server weights …` in a process whose files cannot grow beyond `limit` bytes."""
    return subprocess.run(
        [sys.executable, "-m", "void_server", "weights", *arguments],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )


def test_a_disk_that_fills_up_while_copying_leaves_whole_files_and_no_half_ones(run: Run, disk, folder):
    (disk / "void-model" / "void_pass2.safetensors").write_bytes(tensors("big", 40_000))
    ran = with_small_files(30_000, "import", str(disk), "void")
    assert ran.returncode == 2 and "takes no more bytes" in ran.stderr, ran.stderr
    assert files_of(folder) == {"void_pass1.safetensors", "weights.json"}
    assert run("import", disk, "void").code == 0


def ended_while_copying(disk: Path, incoming: Path, number: signal.Signals) -> int:
    """Send a signal to `weights import` when the first bytes of `incoming` are there; returns how it ended."""
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "void_server",
        "weights",
        "import",
        str(disk),
        "void",
    ]
    said = disk.parent / "said.txt"
    with said.open("wb") as stderr:
        process = subprocess.Popen(command, stderr=stderr)
    end = time.monotonic() + 60
    while not (incoming.exists() and incoming.stat().st_size) and time.monotonic() < end:
        time.sleep(0.001)
    process.send_signal(number)
    try:
        return process.wait(120)
    except subprocess.TimeoutExpired:
        # Where it hangs is in what it says at its end.
        process.send_signal(signal.SIGABRT)
        process.wait()
        pytest.fail(f"did not end: {said.read_text(errors='replace')[-4000:]}")


@pytest.fixture
def large(disk: Path) -> Path:
    """The overlay of pass 1 on the disk, so long that copying it can be interrupted; its tensors are a hole."""
    path = disk / "void-model" / "void_pass1.safetensors"
    size = 1 << 30
    path.write_bytes(safetensors({"a": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}, b""))
    os.truncate(path, path.stat().st_size + size)
    return path


def test_a_copy_that_is_killed_leaves_nothing_half_and_is_begun_anew(run: Run, disk, folder, large):
    incoming = folder / ".incoming" / "void_pass1.safetensors"
    assert ended_while_copying(disk, incoming, signal.SIGKILL) == -signal.SIGKILL
    assert files_of(folder) == {".incoming/void_pass1.safetensors"}
    large.write_bytes(tensors("small"))
    assert run("import", disk, "void").code == 0
    assert not (folder / ".incoming").exists()


def test_a_copy_that_is_left_with_ctrl_c_cleans_up(disk, folder, large):
    assert ended_while_copying(disk, folder / ".incoming" / "void_pass1.safetensors", signal.SIGINT) == 130
    assert files_of(folder) == set()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and does not read")
def test_a_source_that_cannot_be_read_is_named_and_leaves_nothing_half(run: Run, disk, folder):
    path = disk / "void-model" / "void_pass2.safetensors"
    path.unlink()
    # Its first page is mapped nowhere: it opens, and reading it fails with EIO, for root too.
    path.symlink_to("/proc/self/mem")
    ran = run("import", disk, "void")
    assert ran.code == 2 and f"{path} cannot be read" in ran.err, ran.err
    assert files_of(folder) == {"void_pass1.safetensors", "weights.json"}


def test_a_weights_folder_that_cannot_be_written_is_told(run: Run, disk, folder):
    folder.parent.mkdir(exist_ok=True)
    folder.write_bytes(b"")
    ran = run("import", disk, "void")
    assert ran.code == 2 and os.strerror(17) in ran.err
