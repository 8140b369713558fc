# SPDX-License-Identifier: Apache-2.0
"""`void-server doctor` sees each fault that is really there, and says what to do."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.server.small_disk import TMPFS_BYTES, mount_tmpfs, unmount
from void_server.access.certificates import make_certificates
from void_server.configuration import Limits
from void_server.doctor import front, machine, storage
from void_server.doctor.check import Check, Result, Subject, examine
from void_server.doctor.command import looks, table
from void_server.jobs.database import Database
from void_server.lock import LockFile

OK, WARN, FAIL = Result.OK, Result.WARN, Result.FAIL


@pytest.fixture
def subject(tmp_path) -> Subject:
    """A server that is as it should be."""
    store = tmp_path / "store"
    store.mkdir(mode=0o700)
    (store / "token").touch(mode=0o600)
    Database(store / "void.sqlite3").close()
    make_certificates(tmp_path / "tls", ["localhost"])
    pair = {"certificate": tmp_path / "tls" / "server.pem", "key": tmp_path / "tls" / "server-key.pem"}
    (tmp_path / "proj" / "shot").mkdir(parents=True)
    return Subject(
        store,
        listen="127.0.0.1:0",
        roots={"proj": tmp_path / "proj"},
        limits=Limits(min_free_bytes=1),
        **pair,
    )


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A full-sized file system of 24 MiB, or a read-only one when it is asked for with `remount`."""
    folder = tmp_path / "disk"
    if not mount_tmpfs(folder, f"size={TMPFS_BYTES}"):
        pytest.skip("this user may not mount: neither a small nor a read-only disk was looked at")
    yield folder
    unmount(folder)


def seen(subject: Subject, *asked) -> dict[str, Check]:
    return {check.name: check for check in examine(subject, asked or looks())}


def results(found: dict[str, Check]) -> set[Result]:
    return {check.result for check in found.values()}


def test_of_a_server_that_is_well_nothing_fails(subject):
    found = seen(subject)
    assert [c for c in found.values() if c.result is FAIL] == []
    assert found["database"].seen.startswith("whole")


def test_whatever_is_not_well_comes_with_what_to_do(subject, tmp_path):
    broken = replace(
        subject, roots={"gone": tmp_path / "gone"}, key=tmp_path / "none.pem", store=tmp_path / "x" / "y"
    )
    for check in examine(broken, looks()):
        assert bool(check.fix) == (check.result is not OK), check


def test_a_look_that_raises_is_a_failed_check_and_the_others_go_on(subject):
    def bad_luck(_subject: Subject) -> list[Check]:
        raise RuntimeError("a defect")

    first, second = examine(subject, (bad_luck, machine.python))
    assert (first.name, first.result, first.seen) == ("bad luck", FAIL, "RuntimeError: a defect")
    assert second.result is OK


def test_a_package_that_is_missing_or_of_another_version_is_named(subject, tmp_path, monkeypatch):
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("numpy==0.0.1\nGrpcIO_Reflection==1.85.1\n")
    found = seen(replace(subject, constraints=constraints), machine.packages)["packages"]
    assert (
        found.result is WARN
        and "numpy" in found.seen
        and "(0.0.1)" in found.seen
        and "reflection" not in found.seen
    )
    monkeypatch.setattr(machine, "_needed", lambda: {"numpy", "no-such-package"})
    found = seen(subject, machine.packages)["packages"]
    assert found.result is FAIL and "no-such-package" in found.seen and "numpy" not in found.seen


def test_a_driver_that_does_not_answer_fails_and_no_program_means_cpu_only(subject, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert seen(subject, machine.graphics)["GPU"].seen == "no nvidia-smi: CPU only"
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'driver mismatch' >&2; exit 9\n")
    program.chmod(0o755)
    found = seen(subject, machine.graphics)["GPU"]
    assert found.result is FAIL and "driver mismatch" in found.seen


def test_pytorch_is_loaded_where_it_is_asked_for(subject):
    """Takes some seconds: PyTorch is large."""
    found = seen(replace(subject, deep=True), machine.graphics)["PyTorch"]
    assert found.result is OK and "CUDA" in found.seen
    assert "--deep" in seen(subject, machine.graphics)["PyTorch"].seen


def test_weights_that_are_cut_fail_and_none_is_no_fault(subject, tmp_path, monkeypatch):
    monkeypatch.setenv("VOID_WEIGHTS", str(tmp_path / "weights"))
    assert results(seen(subject, machine.weights)) == {OK}
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "void_pass1.safetensors").write_bytes(b"\x08\x00")
    found = seen(subject, machine.weights)
    assert found["weights void"].result is FAIL and "void_pass1.safetensors" in found["weights void"].seen
    assert found["weights base"].seen == "none"
    assert found["weights void"].fix == "void-server weights fetch void"


def test_a_clock_before_the_installation_fails(subject, monkeypatch):
    assert results(seen(subject, machine.clock)) == {OK}
    monkeypatch.setattr(machine.time, "time", lambda: 0.0)
    assert results(seen(subject, machine.clock)) == {FAIL}


def test_a_read_only_store_fails(subject, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    found = seen(replace(subject, store=small_disk), storage.store)["store"]
    assert found.result is FAIL and "Read-only file system" in found.seen


def test_a_store_that_others_may_enter_is_told(subject):
    subject.store.chmod(0o755)
    found = seen(subject, storage.store)["store"]
    assert found.result is WARN and found.fix == f"Run: chmod 700 {subject.store}"


def test_a_disk_that_is_too_small_or_memory_is_told(subject, small_disk):
    found = seen(replace(subject, store=small_disk, limits=Limits()), storage.disk)
    assert found["free space"].result is FAIL and found["file system"].result is WARN
    little = Limits(min_free_bytes=TMPFS_BYTES // 4)
    assert seen(replace(subject, store=small_disk, limits=little), storage.disk)["free space"].result is WARN


def test_the_disk_is_really_written_to_and_nothing_stays(subject):
    before = sorted(subject.store.iterdir())
    assert seen(subject, storage.store, storage.disk)["sync"].seen.endswith(" ms")
    assert sorted(subject.store.iterdir()) == before


def test_a_damaged_database_fails_and_one_set_aside_is_told(subject):
    path = subject.store / "void.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
        (pages,) = db.execute("PRAGMA page_count").fetchone()
    with path.open("r+b") as file:
        for page in range(1, pages):
            file.seek(page * 4096)
            file.write(b"\xff" * 512)
    (subject.store / "void.sqlite3.damaged-1").touch()
    found = seen(subject, storage.database)
    assert found["database"].result is FAIL and found["earlier damage"].result is WARN
    path.write_bytes(b"this is no database at all" * 100)
    assert seen(subject, storage.database)["database"].result is FAIL


def test_a_database_of_a_newer_release_fails(subject):
    with closing(sqlite3.connect(subject.store / "void.sqlite3")) as db:
        db.execute("PRAGMA user_version = 99")
    found = seen(subject, storage.database)["database"]
    assert found.result is FAIL and "newer release" in found.seen


def test_token_files_that_others_may_read_or_that_are_broken_fail(subject):
    (subject.store / "token").chmod(0o644)
    (subject.store / "tokens.json").write_text("{")
    (subject.store / "tokens.json").chmod(0o600)
    found = seen(subject, storage.tokens)
    assert found["owner's token"].fix.startswith("Run: chmod 600") and found["owner's token"].result is FAIL
    assert found["tokens"].result is FAIL and "cannot be read" in found["tokens"].seen


def test_a_root_that_is_gone_not_readable_or_empty_is_told(subject, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    roots = {"gone": tmp_path / "gone", "file": tmp_path / "file", "empty": tmp_path / "empty"}
    found = seen(replace(subject, roots=roots), storage.roots)
    assert [found[f"root {name}"].result for name in roots] == [FAIL, FAIL, WARN]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another account"
)
def test_a_root_that_the_account_may_not_read_fails(subject, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    os.seteuid(65534)
    try:
        found = seen(replace(subject, roots={"closed": closed}), storage.roots)
    finally:
        os.seteuid(0)
    assert found["root closed"].result is FAIL and "Permission denied" in found["root closed"].seen


def test_a_port_that_is_taken_fails_and_says_by_whom_unless_it_is_this_store_s_server(subject):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        found = seen(replace(subject, listen=listen), front.ports)["port"]
        assert found.result is FAIL and f"process {os.getpid()}" in found.seen
        lock = LockFile(subject.store / "lock")
        lock.tell_process()
        assert seen(replace(subject, listen=listen), front.ports)["port"].result is OK
        lock.release()
    assert seen(replace(subject, listen=listen), front.ports)["port"].seen.endswith("is free")


def test_who_only_speaks_from_a_port_does_not_hold_it():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        with socket.create_connection(listening.getsockname()) as speaking:
            assert front._listener(speaking.getsockname()[1]) is None
        assert front._listener(listening.getsockname()[1]) == os.getpid()


def test_beyond_this_machine_without_tls_fails(subject):
    found = seen(replace(subject, listen="0.0.0.0:0", certificate=None), front.ports)["port"]
    assert "free" in found.seen
    first = examine(replace(subject, listen="0.0.0.0:0", certificate=None), (front.ports,))[0]
    assert first.result is FAIL and "without TLS" in first.seen


def certificate(folder: Path, begins: int, ends: int) -> tuple[Path, Path]:
    """A self-signed certificate that is valid from and until so many days from now, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "render01")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    (folder / "key.pem").chmod(0o600)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize(
    ("begins", "ends", "result", "said"),
    [
        (-400, -1, FAIL, "expired"),
        (1, 30, FAIL, "valid from"),
        (-1, 30, WARN, "until"),
        (-1, 300, OK, "render01"),
    ],
)
def test_a_certificate_out_of_its_time_is_told(subject, tmp_path, begins, ends, result, said):
    pem, key = certificate(tmp_path / "made", begins, ends)
    found = seen(replace(subject, certificate=pem, key=key), front.certificates)
    assert (found["certificate"].result, found["private key"].result) == (result, OK)
    assert said in found["certificate"].seen


def test_a_key_of_another_certificate_or_that_others_may_read_fails(subject, tmp_path):
    _, other = certificate(tmp_path / "made", -1, 300)
    found = seen(replace(subject, key=other), front.certificates)["private key"]
    assert found.result is FAIL and "not that of the certificate" in found.seen
    assert subject.key
    subject.key.chmod(0o640)
    found = seen(subject, front.certificates)["private key"]
    assert found.result is FAIL and "others may read" in found.seen


def test_a_chain_in_the_wrong_order_or_no_certificate_at_all_fails(subject, tmp_path):
    other, _ = certificate(tmp_path / "made", -1, 300)
    assert subject.certificate
    whole, wrong = tmp_path / "whole.pem", tmp_path / "wrong.pem"
    own, authority = subject.certificate.read_bytes(), (tmp_path / "tls" / "ca.pem").read_bytes()
    whole.write_bytes(own + authority)
    wrong.write_bytes(own + other.read_bytes())
    assert results(seen(replace(subject, certificate=whole), front.certificates)) == {OK}
    assert seen(replace(subject, certificate=wrong), front.certificates)["certificate chain"].result is FAIL
    wrong.write_text("no certificate")
    assert seen(replace(subject, certificate=wrong), front.certificates)["certificates"].result is FAIL


def test_a_broken_ocio_config_or_one_without_the_role_fails(subject, tmp_path, monkeypatch):
    broken, bare = tmp_path / "broken.ocio", tmp_path / "bare.ocio"
    broken.write_text("ocio_profile_version: 2\nroles: [")
    bare.write_text(
        "ocio_profile_version: 2\nfile_rules:\n  - !<Rule> {name: Default, colorspace: raw}\n"
        "displays:\n  d:\n    - !<View> {name: v, colorspace: raw}\nroles:\n  default: raw\n"
        "colorspaces:\n  - !<ColorSpace>\n    name: raw\n    isdata: true\n"
    )
    for config, said in (
        (broken, "cannot be used"),
        (bare, "scene_linear"),
        (tmp_path / "gone.ocio", "gone.ocio"),
    ):
        monkeypatch.setenv("OCIO", str(config))
        found = seen(subject, front.colour)
        assert found["OCIO built-in"].result is OK
        assert found["OCIO of $OCIO"].result is FAIL and said in found["OCIO of $OCIO"].seen


def test_a_site_file_that_is_no_toml_fails(subject, tmp_path, monkeypatch):
    path = tmp_path / "site.toml"
    monkeypatch.setenv("VOID_SITE_CONFIG", str(path))
    assert seen(subject, front.site)["site config"].result is FAIL
    path.write_text("server = ")
    assert seen(subject, front.site)["site config"].result is FAIL
    path.write_text("server = 'render01:7788'\n")
    assert seen(subject, front.site)["site config"].seen.endswith("sets server")


def test_the_command_prints_a_table_or_json_and_ends_with_1_where_something_failed(subject, tmp_path):
    command = [
        sys.executable,
        "-m",
        "void_server",
        "doctor",
        "--store",
        subject.store,
        "--listen",
        "127.0.0.1:0",
    ]
    command += ["--min-free-bytes", "1"]
    well = subprocess.run(
        [*map(str, command), "--json"], capture_output=True, text=True, timeout=200, check=False
    )
    assert well.returncode == 0, well.stdout
    assert {tuple(c) for c in json.loads(well.stdout)} == {("name", "result", "seen", "fix")}
    lost = subprocess.run(
        [*map(str, command), "--root", f"proj={tmp_path / 'gone'}"],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert lost.returncode == 1 and "fail  root proj" in lost.stdout and "-> Mount it" in lost.stdout


def test_the_table_has_what_to_do_below_its_line():
    text = table([Check("disk", WARN, "full", "Make room."), Check("clock", OK, "fine")])
    assert text.splitlines()[0].startswith("warn  disk") and text.splitlines()[1].endswith("-> Make room.")
    assert len(text.splitlines()) == 3
