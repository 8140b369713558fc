# SPDX-License-Identifier: Apache-2.0
"""`void jobs list`: a supervisor sees whose each job is; on one's own server there is nobody to tell apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from void.v1 import jobs_pb2

from tests.client.conftest import Command, ServerProcess
from tests.client.test_remove import job_of, wish
from tests.small_shot import SmallShot
from void_client.cli.jobs import listing
from void_server.access.principals import Role
from void_server.access.tokens import add_token
from void_server.configuration import named_tokens_file


def test_on_one_s_own_server_there_is_no_owner_column() -> None:
    jobs = [jobs_pb2.Job(id="a1b2c3", owner="owner", state=jobs_pb2.JOB_STATE_DONE)]
    titles, row = listing(jobs, with_owner=False).splitlines()
    assert titles.split()[:3] == ["JOB", "STATE", "CREATED"]
    assert "owner" not in row


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
