# SPDX-License-Identifier: Apache-2.0
"""`void jobs`: a supervisor sees whose each job is, and everybody when the files of one were collected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from void.v1 import jobs_pb2

from tests.client.conftest import Command, ServerProcess
from tests.client.test_remove import job_of, wish
from tests.small_shot import SmallShot
from void_client.cli.jobs import describe, listing
from void_server.access.principals import Role
from void_server.access.tokens import add_token
from void_server.configuration import named_tokens_file


def test_on_one_s_own_server_there_is_no_owner_column() -> None:
    jobs = [jobs_pb2.Job(id="a1b2c3", owner="owner", state=jobs_pb2.JOB_STATE_DONE)]
    titles, row = listing(jobs, with_owner=False).splitlines()
    assert titles.split()[:3] == ["JOB", "STATE", "CREATED"]
    assert "owner" not in row


def test_a_job_whose_files_were_collected_says_when_and_what_to_do() -> None:
    kept = jobs_pb2.Job(id="a1b2c3", state=jobs_pb2.JOB_STATE_DONE)
    gone = jobs_pb2.Job(id="d4e5f6", state=jobs_pb2.JOB_STATE_DONE)
    gone.collected.FromJsonString("2026-11-22T14:03:59Z")
    row = next(line for line in describe(gone).splitlines() if line.startswith("collected"))
    assert row.split(maxsplit=1)[1] == (
        "2026-11-22 14:03 UTC: its files are no longer kept on the server; order it again"
    )
    assert "collected 2026-11-22" in listing([gone], with_owner=False)
    assert "collected" not in describe(kept) + listing([kept], with_owner=False)


def test_a_supervisor_sees_whose_each_job_is(
    void: Command, start_server: Callable[..., ServerProcess], shot: SmallShot, tmp_path: Path
) -> None:
    server = start_server()
    void.environment["VOID_SERVER"] = server.address
    anna = tmp_path / "anna.token"
    anna.write_text(add_token(named_tokens_file(server.store), "anna", Role.ARTIST))
    void.environment["VOID_TOKEN_FILE"] = str(anna)
    hers = job_of(void(*wish(shot, "--json", "--seed", "11")))
    void.environment["VOID_TOKEN_FILE"] = str(server.token_file)
    titles, *rows = void("jobs", "list").out.splitlines()
    owners = {row.split()[0]: row.split()[2] for row in rows}
    assert titles.split()[:4] == ["JOB", "STATE", "OWNER", "CREATED"]
    assert owners[hers] == "anna"
