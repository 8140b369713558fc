# SPDX-License-Identifier: Apache-2.0
"""The audit log: who did what to which job or blob, how it ended, and nothing that is nobody's business."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import Caller, sha256, spec_of
from void_server.access.audit import KEPT_FILES, REFUSALS_PER_MINUTE, AuditLog
from void_server.errors import InvalidInput


def lines(store: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (store / "audit.jsonl").read_text().splitlines()]


def brief(store: Path) -> list[tuple[object, ...]]:
    return [(e["principal"], e["call"], e["subject"], e["outcome"]) for e in lines(store)]


def upload(caller, shot):
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())


def test_the_life_of_a_job_is_recorded_with_who_and_how_it_ended(start_server, shot):
    server = start_server()
    anna, ben = server.caller_of("anna"), server.caller_of("ben")
    upload(anna, shot)
    job = anna.run(spec_of(shot))
    anna.submit(spec_of(shot))
    output = job.outputs[0].blob.digest
    anna.download(output)
    for caller in (ben, anna):
        for method, request in (("Cancel", jobs_pb2.CancelRequest), ("Delete", jobs_pb2.DeleteRequest)):
            try:
                getattr(caller.jobs, method)(request(id=job.id[:6]), metadata=caller.metadata)
            except grpc.RpcError:
                assert caller is ben
    with pytest.raises(grpc.RpcError):
        ben.download(output)
    with pytest.raises(grpc.RpcError):
        ben.submit(spec_of(shot))
    assert brief(server.store) == [
        ("anna", "Submit", job.id, "accepted"),
        ("anna", "Submit", job.id, "found"),
        ("anna", "Download", output, "ok"),
        ("ben", "Cancel", job.id[:6], "not_found"),
        ("ben", "Delete", job.id[:6], "not_found"),
        ("anna", "Cancel", job.id, "ok"),
        ("anna", "Delete", job.id, "ok"),
        ("ben", "Download", output, "not_found"),
        ("ben", "Submit", "", "precondition_failed"),
    ]
    assert stat.S_IMODE((server.store / "audit.jsonl").stat().st_mode) == 0o600
    assert set(lines(server.store)[0]) == {"time", "principal", "call", "subject", "outcome"}


def test_a_refused_login_is_recorded_with_method_and_peer_and_without_the_token(start_server):
    server = start_server()
    stranger = Caller(server.application.address, "guessed-token")
    with pytest.raises(grpc.RpcError):
        stranger.missing("0" * 64)
    stranger.close()
    (entry,) = lines(server.store)
    assert (entry["call"], entry["outcome"]) == ("login", "refused")
    assert entry["method"] == "/void.v1.FrameStore/FindMissing" and "127.0.0.1" in str(entry["peer"])
    assert "guessed" not in json.dumps(entry)


def test_a_stranger_cannot_flood_the_log(tmp_path):
    now = [1000.0]
    log = AuditLog(tmp_path / "audit.jsonl", 1 << 20, clock=lambda: now[0])
    for _ in range(REFUSALS_PER_MINUTE + 5):
        log.refused("/x", "ipv4:1.2.3.4:5")
    assert len(lines(tmp_path)) == REFUSALS_PER_MINUTE
    now[0] += 61
    log.refused("/x", "ipv4:1.2.3.4:5")
    assert lines(tmp_path)[REFUSALS_PER_MINUTE]["not_shown"] == 5
    assert len(lines(tmp_path)) == REFUSALS_PER_MINUTE + 2


def test_token_changes_are_recorded_by_name(start_server):
    server = start_server()
    for action in ("add", "add", "revoke"):
        command = [
            sys.executable,
            "-m",
            "void_server",
            "tokens",
            action,
            "anna",
            "--store",
            str(server.store),
        ]
        subprocess.run(command, capture_output=True, check=False)
    assert brief(server.store) == [
        ("console", "tokens add", "anna", "artist"),
        ("console", "tokens add", "anna", "precondition_failed"),
        ("console", "tokens revoke", "anna", "ok"),
    ]


@pytest.mark.parametrize("subject", ["a\nb", "/job/secret_show/plate.exr", "x" * 65, "Ünder", '"'])
def test_what_is_neither_id_digest_nor_name_is_left_out(tmp_path, subject):
    AuditLog(tmp_path / "audit.jsonl", 1 << 20).record("anna", "Delete", subject, "not_found")
    assert lines(tmp_path)[0]["subject"] == ""


def test_an_error_is_recorded_by_its_code_and_anything_else_as_broken(tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl", 1 << 20)
    for error in (InvalidInput("/secret/path is bad"), GeneratorExit()):
        with pytest.raises(type(error)), log.attempt("anna", "Download", sha256(b"")):
            raise error
    assert [e["outcome"] for e in lines(tmp_path)] == ["invalid_input", "broken"]


def test_a_full_log_is_set_aside_and_only_so_many_are_kept(tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl", 300)
    for number in range(100):
        log.record("anna", "Submit", f"{number:04d}", "ok")
    files = {p.name for p in tmp_path.glob("audit.jsonl*")}
    assert files == {
        "audit.jsonl",
        "audit.jsonl.lock",
        *(f"audit.jsonl.{i}" for i in range(1, KEPT_FILES + 1)),
    }
    assert all(p.stat().st_size <= 300 for p in tmp_path.iterdir())
    kept = [f"audit.jsonl.{i}" for i in range(KEPT_FILES, 0, -1)] + ["audit.jsonl"]
    numbers = [
        int(json.loads(line)["subject"]) for n in kept for line in (tmp_path / n).read_text().splitlines()
    ]
    assert numbers == list(range(numbers[0], 100))


def test_lines_of_several_writers_stay_whole(tmp_path):
    logs = [AuditLog(tmp_path / "audit.jsonl", 1 << 20) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda log=log: [log.record("a", "Submit", "", "ok") for _ in range(50)])
        for log in logs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(tmp_path)) == 200


def test_a_log_that_cannot_be_written_is_told_in_the_server_s_log_and_stops_no_call(tmp_path, caplog):
    AuditLog(tmp_path / "nowhere" / "audit.jsonl", 1 << 20).record("anna", "Submit", "", "ok")
    assert "audit log cannot be written" in caplog.text
