# SPDX-License-Identifier: Apache-2.0
"""Tokens for each artist: handed out, kept as hashes, taken up and revoked while the server runs."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import grpc
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import spec_of
from void_server.access.principals import Principal, Role
from void_server.access.tokens import TokenBook, add_token, read_tokens, revoke_token, token_digest
from void_server.errors import InvalidInput, NotFound, PreconditionFailed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


def find(book: TokenBook, token: str) -> Principal | None:
    return book.find(token_digest(token))


def test_a_token_opens_for_its_name_and_role(path):
    token = add_token(path, "anna", Role.ARTIST)
    assert find(TokenBook("first", path), token) == Principal("anna", Role.ARTIST)


def test_the_store_s_own_token_is_the_owner_and_a_supervisor(path):
    assert find(TokenBook("first", path), "first") == Principal("owner", Role.SUPERVISOR)


def test_a_token_that_nobody_handed_out_opens_nothing(path):
    add_token(path, "anna", Role.ARTIST)
    book = TokenBook("first", path)
    assert find(book, "guess") is None and find(book, "") is None


def test_the_hash_of_a_token_is_no_token(path):
    token = add_token(path, "anna", Role.ARTIST)
    assert find(TokenBook("first", path), token_digest(token)) is None


def test_a_token_has_256_random_bits_and_only_its_hash_is_stored_in_a_private_file(path):
    tokens = [add_token(path, name, Role.ARTIST) for name in ("anna", "ben")]
    assert len(set(tokens)) == 2 and all(len(t) >= 43 for t in tokens)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not any(token in path.read_text() for token in tokens)
    assert [e.digest for e in read_tokens(path)] == [token_digest(t) for t in tokens]


def test_a_running_book_takes_up_new_tokens_and_drops_revoked_ones(path):
    book = TokenBook("first", path)
    token = add_token(path, "anna", Role.ARTIST)
    assert find(book, token) is not None
    revoke_token(path, "anna")
    assert find(book, token) is None and find(book, "first") is not None


def test_a_name_has_one_token_until_it_is_revoked(path):
    add_token(path, "anna", Role.ARTIST)
    with pytest.raises(PreconditionFailed, match="anna has a token") as error:
        add_token(path, "anna", Role.SUPERVISOR)
    assert "tokens revoke anna" in error.value.fix
    revoke_token(path, "anna")
    add_token(path, "anna", Role.SUPERVISOR)
    assert [e.role for e in read_tokens(path)] == [Role.SUPERVISOR]


@pytest.mark.parametrize("name", ["", "owner", "Anna", "a b", "../x", "-a", "a" * 65, "ä", "a\n"])
def test_a_name_that_cannot_be_used_is_refused(path, name):
    with pytest.raises(InvalidInput, match="cannot be the name"):
        add_token(path, name, Role.ARTIST)


def test_revoking_what_is_not_there_is_told(path):
    with pytest.raises(NotFound, match="no token of 'anna'"):
        revoke_token(path, "anna")


@pytest.mark.parametrize(
    "spoilt",
    [
        "{",
        "[]",
        "{}",
        '{"version": 1, "tokens": {"a": {"role": "god", "sha256": "", "created": 0}}}',
        '{"version": 3, "tokens": {}}',
        '{"version": 1, "tokens": []}',
    ],
)
def test_a_damaged_file_opens_nothing_but_the_owner_s_token_and_is_logged(path, spoilt, caplog):
    token = add_token(path, "anna", Role.ARTIST)
    book = TokenBook("first", path)
    path.write_text(spoilt)
    with caplog.at_level(logging.ERROR):
        assert find(book, token) is None and find(book, "first") is not None
    assert "no named token is accepted" in caplog.text
    with pytest.raises(InvalidInput):
        read_tokens(path)


def test_a_file_that_others_may_read_opens_nothing(path):
    token = add_token(path, "anna", Role.ARTIST)
    book = TokenBook("first", path)
    assert find(book, token) is not None
    path.chmod(0o640)
    assert find(book, token) is None


def test_the_file_says_what_version_it_is(path):
    add_token(path, "anna", Role.ARTIST)
    assert json.loads(path.read_text())["version"] == 1


def test_a_job_belongs_to_whoever_bears_the_token(start_server, shot):
    server = start_server()
    anna = server.caller_of("anna")
    for name in ("plate", "roto", "affected"):
        anna.upload_files(shot.files(name).values())
    assert anna.submit(spec_of(shot)).job.owner == "anna"


def test_a_revoked_token_is_refused_at_once_and_its_running_streams_end(start_server, shot):
    server = start_server()
    anna = server.caller_of("anna")
    for name in ("plate", "roto", "affected"):
        anna.upload_files(shot.files(name).values())
    job_id = anna.submit(spec_of(shot)).job.id
    watching = anna.watch(job_id)
    assert next(watching).event.sequence == 1
    revoke_token(server.store / "tokens.json", "anna")
    with pytest.raises(grpc.RpcError) as error:
        list(watching)
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError) as error:
        anna.get(job_id)
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert server.caller.get(job_id).owner == "anna"


def test_a_new_bearer_of_a_revoked_name_has_the_jobs_of_that_name(start_server, shot):
    server = start_server()
    anna = server.caller_of("anna")
    for name in ("plate", "roto", "affected"):
        anna.upload_files(shot.files(name).values())
    job_id = anna.submit(spec_of(shot)).job.id
    revoke_token(server.store / "tokens.json", "anna")
    again = server.caller_of("anna")
    listed = again.jobs.List(jobs_pb2.ListRequest(), metadata=again.metadata).jobs
    assert [j.id for j in listed] == [job_id]


def test_a_release_that_does_not_know_of_metrics_does_not_open_the_file(path):
    add_token(path, "anna", Role.ARTIST)
    assert json.loads(path.read_text())["version"] == 1
    add_token(path, "prometheus", Role.METRICS)
    assert json.loads(path.read_text())["version"] == 2
