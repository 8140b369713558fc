# SPDX-License-Identifier: Apache-2.0
"""`void-server store`: through the running server, or alone where none runs."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.storage.small_store import POLICY
from void_server.configuration import Limits
from void_server.jobs.database import Database
from void_server.lock import LockFile
from void_server.main import main
from void_server.storage.command import amount
from void_server.storage.policy import DAY, KeepPolicy

LONG_AGO = 1e9


def run(capsys, store, *arguments):
    code = main(["store", *arguments, "--store", str(store)])
    said = capsys.readouterr()
    return code, said.out, said.err


def age(server):
    for path in (server.store / "blobs").glob("*/*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    with server.application._database.transaction() as db:
        db.execute("UPDATE collection SET since = ?", (LONG_AGO,))


def submitted(server):
    job, _ = server.application._jobs.submit("r", b"", "anna")
    return job.id


def test_a_running_server_reports_what_lies_in_its_store_and_for_whom(start_server, capsys):
    server = start_server()
    server.caller.upload(b"x" * 1500)
    code, out, _ = run(capsys, server.store, "report")
    assert code == 0
    assert next(line.split() for line in out.splitlines() if "uploads" in line) == [
        "uploads",
        "1",
        "1.5",
        "kB",
    ]
    assert [line.split() for line in out.splitlines() if "owner" in line][-1] == ["owner", "1", "1.5", "kB"]
    _, out, _ = run(capsys, server.store, "report", "--json")
    census = json.loads(out)
    assert census["kinds"]["uploads"] == {"files": 1, "bytes": 1500}
    assert census["owners"] == [{"owner": "owner", "show": "", "files": 1, "bytes": 1500}]


def test_a_dry_run_says_what_the_collection_then_removes(start_server, capsys):
    server = start_server()
    blob = server.caller.upload(b"nobody's")
    age(server)
    code, out, _ = run(capsys, server.store, "collect", "--dry-run")
    assert code == 0 and "uploads that no job reads" in out and server.application._blobs.has(blob.digest)
    code, out, _ = run(capsys, server.store, "collect")
    assert (code, out) == (0, "1 files removed, 8 B.\n")
    assert not server.application._blobs.has(blob.digest)


def test_a_job_is_pinned_and_given_free_through_the_server_and_the_audit_log_says_so(start_server, capsys):
    server = start_server()
    job_id = submitted(server)
    assert run(capsys, server.store, "pin", job_id[:6])[:2] == (
        0,
        f"Job {job_id} is pinned: its results and inputs are kept.\n",
    )
    assert run(capsys, server.store, "unpin", job_id)[:2] == (0, f"Job {job_id} is not pinned.\n")
    lines = [json.loads(line) for line in (server.store / "audit.jsonl").read_text().splitlines()]
    told = [(e["principal"], e["call"], e["subject"]) for e in lines if e["call"].startswith("store")]
    assert told == [("console", "store pin", job_id), ("console", "store unpin", job_id)]


def test_what_the_server_refuses_is_told_with_exit_code_2(start_server, capsys):
    code, _, err = run(capsys, start_server().store, "pin", "abcdef")
    assert code == 2 and "There is no job abcdef." in err


def test_without_a_server_the_command_works_alone_by_the_times_that_the_server_was_told(
    start_server, capsys, tmp_path
):
    server = start_server(limits=Limits(keep_results_days=7, grace_hours=2))
    server.caller.upload(b"nobody's")
    job_id = submitted(server)
    age(server)
    server.application.stop()
    database = Database(server.store / "void.sqlite3")
    with database.reading() as db:
        told = db.execute("SELECT policy FROM collection").fetchone()[0]
    database.close()
    assert KeepPolicy.from_json(told) == replace(KeepPolicy(), results_seconds=7 * DAY, grace_seconds=7200)
    assert run(capsys, server.store, "pin", job_id)[0] == 0
    assert run(capsys, server.store, "collect")[:2] == (0, "1 files removed, 8 B.\n")
    LockFile(server.store / "lock").release()


def test_a_server_that_cannot_be_reached_is_not_passed_by(store, capsys):
    lock = LockFile(store.root / "lock")
    code, _, err = run(capsys, store.root, "collect")
    lock.release()
    assert code == 2 and "does not answer there" in err and "stop it" in err


def test_a_folder_without_a_store_is_refused(tmp_path, capsys):
    code, _, err = run(capsys, tmp_path, "report")
    assert code == 2 and "There is no store" in err


def test_the_socket_is_for_the_server_s_account_alone_and_goes_with_the_server(start_server):
    server = start_server()
    socket = server.store / "admin.sock"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    server.application.stop()
    assert not socket.exists()


@pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="the path of a Unix socket has 107 bytes at most"
)
def test_a_store_whose_path_is_too_long_for_a_socket_is_reached_all_the_same(start_server, tmp_path, capsys):
    server = start_server(tmp_path / ("deep" * 20) / ("deeper" * 10))
    assert run(capsys, server.store, "collect")[0] == 0


def test_the_report_names_the_largest_jobs_what_goes_and_what_is_not_the_server_s(store, capsys):
    job_id, _ = store.done_job("r", b"result" * 1000)
    store.storage.pin(job_id)
    (store.blobs.folder / "README").write_bytes(b"x")
    store.unit("k", b"unit")
    store.wait(4 * DAY)
    census = store.storage.report()
    assert [(j.id, j.pinned, j.files) for j in census.jobs] == [(job_id, True, 2)]
    assert {kind: t.files for kind, t in census.removable.items()} == {"units": 1}
    assert census.oldest == store.now - 4 * DAY
    assert census.strange == [str(store.blobs.folder / "README")]
    assert census.kinds["results"].bytes == 6000


def test_the_picture_of_a_report_is_a_png_of_its_own(store, tmp_path):
    from void_server.storage.picture import draw

    store.done_job("r", b"result" * 1000)
    assert draw(store.storage.report().to_dict()).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (123_456, "123 kB"),
        (999_950, "1.0 MB"),
        (2**50, "1125.9 TB"),
    ],
)
def test_bytes_are_told_in_powers_of_a_thousand(size, text):
    assert amount(size) == text


def test_the_default_policy_is_that_of_the_flags():
    assert KeepPolicy.of(Limits()) == KeepPolicy()
    assert KeepPolicy.from_json(POLICY.to_json()) == POLICY
