# SPDX-License-Identifier: Apache-2.0
"""Verification records what it sees first, and finds afterwards what has changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.weights.conftest import Run
from tests.weights.models import sam2_files, tensors, weights, write
from void_server.errors import PreconditionFailed
from void_server.weights import command
from void_server.weights import verify as verify_module
from void_server.weights.folder import require


def flip(path: Path, keep_time: bool = False) -> None:
    """Change one byte of the tensors."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_an_empty_folder_is_listed_with_every_file_missing(run: Run, folder):
    ran = run("list")
    rows = [line for line in ran.out.splitlines() if " missing " in line]
    assert ran.code == 0 and len(rows) == 17
    assert any("void_pass1.safetensors" in row and "11.14 GB" in row and "Apache-2.0" in row for row in rows)
    assert any("vae/config.json" in row and "CogVideoX" in row for row in rows)
    assert "not accepted yet" in ran.out
    assert not folder.exists()


def test_the_list_tells_states_and_acceptance(run: Run, disk, folder):
    run("import", disk, "--accept-licence", "CogVideoX")
    path = folder / "void_pass1.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    out = run("list").out
    assert "accepted on 2" in out
    (row,) = [line for line in out.splitlines() if line.startswith("void_pass1")]
    assert "truncated" in row and "100 B" in row


def test_the_path_is_printed(run: Run, folder):
    assert run("path").out == f"{folder}\n"


def test_an_empty_folder_does_not_pass(run: Run):
    ran = run("verify")
    assert ran.code == 1 and "14 of 14 files" in ran.err and "void-server weights fetch base void" in ran.err


def test_the_first_verification_records_and_the_second_confirms(run: Run, folder):
    weights(folder)
    first, second = run("verify"), run("verify")
    assert (first.code, second.code) == (0, 0)
    assert first.out.count("recorded  ") == 15 and second.out.count("ok  ") == 15
    entry = json.loads((folder / "weights.json").read_text())["files"]["void_pass1.safetensors"]
    assert entry["size"] == len(tensors("void_pass1.safetensors")) and len(entry["sha256"]) == 64


def test_what_was_verified_and_not_written_to_is_not_read_again(run: Run, folder, monkeypatch):
    weights(folder)
    run("verify")
    monkeypatch.setattr(verify_module, "sha256_of", lambda *_: pytest.fail("read"))
    assert run("verify").code == 0


def test_one_flipped_byte_is_found_and_the_file_named(run: Run, folder):
    weights(folder)
    run("verify")
    flip(folder / "void_pass1.safetensors")
    ran = run("verify")
    assert ran.code == 1 and f"{folder / 'void_pass1.safetensors'} is wrong" in ran.err
    assert "Run: void-server weights fetch void " in ran.err


def test_a_byte_that_flipped_without_a_trace_is_found_when_all_is_read_again(run: Run, folder):
    weights(folder)
    run("verify")
    flip(folder / "void_pass2.safetensors", keep_time=True)
    assert run("verify", "--again").code == 1


def test_damage_that_was_found_once_stays_found(run: Run, folder):
    weights(folder)
    run("verify")
    flip(folder / "void_pass2.safetensors", keep_time=True)
    run("verify", "--again")
    assert run("verify").code == 1


def test_a_file_found_damaged_is_refused_from_then_on(run: Run, folder):
    weights(folder)
    run("verify")
    flip(folder / "void_pass1.safetensors")
    run("verify")
    with pytest.raises(PreconditionFailed, match="not those that were first verified"):
        require(folder, "void")
    assert "wrong" in run("list").out


def test_a_damaged_file_is_replaced_by_an_import(run: Run, disk, folder):
    run("import", disk, "void")
    flip(folder / "void_pass1.safetensors")
    run("verify", "void")
    assert "1 files imported" in run("import", disk, "void").out
    assert run("verify", "void", "--again").code == 0


def test_a_damaged_file_that_was_repaired_by_hand_passes_again(run: Run, folder):
    weights(folder)
    run("verify")
    for _ in range(2):
        flip(folder / "void_pass1.safetensors")
        code = run("verify").code
    assert code == 0
    assert require(folder, "void")


def test_a_changed_length_is_found_without_reading(run: Run, folder, monkeypatch):
    weights(folder)
    run("verify")
    (folder / "base" / "tokenizer" / "spiece.model").write_bytes(b"short")
    monkeypatch.setattr(verify_module, "sha256_of", lambda *_: pytest.fail("read"))
    ran = run("verify")
    assert ran.code == 1 and "spiece.model is truncated: it has 5 bytes, and had 8" in ran.err


def test_a_truncated_checkpoint_of_sam2_is_told_by_its_recorded_length(run: Run, folder):
    write(folder / "sam2", sam2_files())
    run("verify", "sam2")
    path = folder / "sam2" / "sam2.1_hiera_large.pt"
    path.write_bytes(path.read_bytes()[:-1])
    assert "truncated" in run("verify", "sam2").err


def test_without_sam2_the_folder_passes(run: Run, folder):
    weights(folder)
    assert run("verify").code == 0


def test_a_part_of_sam2_makes_it_count(run: Run, folder):
    weights(folder)
    write(folder / "sam2", {"sam2.1_hiera_tiny.pt": b"PK"})
    ran = run("verify")
    assert ran.code == 1 and "sam2.1_hiera_large.pt" in ran.err


def test_a_length_other_than_the_published_one_is_remarked_and_no_fault(run: Run, folder):
    weights(folder)
    ran = run("verify")
    assert ran.code == 0 and "base/vae/config.json has 20 bytes; the published file has 839" in ran.out


def test_a_damaged_record_is_told_with_what_to_do(run: Run, folder):
    weights(folder)
    (folder / "weights.json").write_text('{"files": {"a": {"size": 1}}, "accepted": {}}')
    ran = run("verify")
    assert ran.code == 2 and "weights.json is damaged" in ran.err and "Remove it" in ran.err


def test_progress_is_told_with_the_time_left_once_it_takes_long(monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(command.time, "monotonic", lambda: clock[0])
    line = command.ProgressLine()
    for seconds, done in ((0.0, 1), (1.9, 10), (4.0, 20), (4.1, 30)):
        clock[0] = 100.0 + seconds
        line("void_pass1.safetensors", done * 10**8, 100 * 10**8)
    assert capsys.readouterr().err == "void_pass1.safetensors: 2.00 GB of 10.00 GB, 16 s left\n"


def test_an_unknown_group_is_refused(run: Run):
    ran = run("verify", "sam3")
    assert ran.code == 2 and "'sam3'" in ran.err
