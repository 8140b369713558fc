# SPDX-License-Identifier: Apache-2.0
"""Tokens, jobs and roots of shows: what is not of your show does not exist for you."""

from __future__ import annotations

import json

import grpc
import pytest
from void.v1 import frames_pb2, jobs_pb2, server_pb2

from tests.server.calls import Caller, by_path, error_info, spec_of
from void_server.access.principals import Role
from void_server.access.tokens import TokenBook, add_token, read_tokens
from void_server.command import main
from void_server.configuration import named_tokens_file
from void_server.errors import InvalidInput
from void_server.frames.roots import Roots

ALPHA, BETA = frozenset({"alpha"}), frozenset({"beta"})


def caller_of(server, name: str, shows: frozenset[str], role: Role = Role.ARTIST) -> Caller:
    token = add_token(named_tokens_file(server.store), name, role, shows)
    caller = Caller(server.application.address, token)
    server._others.append(caller)
    return caller


def upload(caller, shot):
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())


def ordered(shot, show: str, place: str = "/out") -> jobs_pb2.JobSpec:
    spec = spec_of(shot, place)
    spec.show = show
    return spec


def listed(caller) -> list[str]:
    return [j.id for j in caller.jobs.List(jobs_pb2.ListRequest(), metadata=caller.metadata).jobs]


def words(call) -> tuple[str, ...]:
    with pytest.raises(grpc.RpcError) as error:
        call()
    info = error_info(error.value)
    return (error.value.code().name, info.reason, info.metadata["message"], info.metadata["fix"])


def test_a_supervisor_sees_the_jobs_of_its_shows_and_of_no_show_and_no_others(start_server, shot):
    server = start_server()
    anna = caller_of(server, "anna", ALPHA)
    ben = caller_of(server, "ben", BETA)
    maria = caller_of(server, "maria", ALPHA, Role.SUPERVISOR)
    for caller in (anna, ben, server.caller):
        upload(caller, shot)
    alpha = anna.submit(ordered(shot, "alpha")).job.id
    beta = ben.submit(ordered(shot, "beta")).job.id
    none = server.caller.submit(ordered(shot, "")).job.id
    assert sorted(listed(maria)) == sorted([alpha, none])
    assert listed(anna) == [alpha] and listed(ben) == [beta]
    assert sorted(listed(server.caller)) == sorted([alpha, beta, none])
    never = "0" * 12
    get = jobs_pb2.GetRequest
    assert words(lambda: maria.jobs.Get(get(id=beta), metadata=maria.metadata)) == tuple(
        text.replace(never, beta)
        for text in words(lambda: maria.jobs.Get(get(id=never), metadata=maria.metadata))
    )
    for call in (
        lambda: maria.jobs.Cancel(jobs_pb2.CancelRequest(id=beta), metadata=maria.metadata),
        lambda: maria.jobs.Delete(jobs_pb2.DeleteRequest(id=beta), metadata=maria.metadata),
        lambda: list(maria.watch(beta)),
    ):
        assert words(call)[:2] == ("NOT_FOUND", "not_found")


def test_results_of_another_show_are_not_there_for_a_supervisor(start_server, shot):
    server = start_server()
    ben = caller_of(server, "ben", BETA)
    alpha, beta = (caller_of(server, n, s, Role.SUPERVISOR) for n, s in (("maria", ALPHA), ("nora", BETA)))
    upload(ben, shot)
    job = ben.run(ordered(shot, "beta"))
    digest = job.outputs[0].blob.digest
    assert beta.download(digest)
    unknown = "0" * 64
    ask = frames_pb2.DownloadRequest
    here = words(lambda: list(alpha.frames.Download(ask(digest=digest), metadata=alpha.metadata)))
    there = words(lambda: list(alpha.frames.Download(ask(digest=unknown), metadata=alpha.metadata)))
    assert here == tuple(text.replace(unknown, digest) for text in there)
    assert set(alpha.missing(digest)) == {digest}


def test_a_show_that_is_not_the_caller_s_is_told_as_one_that_does_not_exist(start_server, shot):
    server = start_server()
    anna, ben = caller_of(server, "anna", ALPHA), caller_of(server, "ben", BETA)
    for caller in (anna, ben):
        upload(caller, shot)
    ben.submit(ordered(shot, "beta"))
    there = words(lambda: anna.submit(ordered(shot, "beta")))
    never = words(lambda: anna.submit(ordered(shot, "gamma")))
    assert there == tuple(text.replace("gamma", "beta") for text in never)
    assert there[0] == "NOT_FOUND" and "There is no show beta" in there[2]
    assert words(lambda: anna.preflight(ordered(shot, "beta"))) == there


def test_a_token_of_one_show_need_not_name_it_and_one_of_several_must(start_server, shot):
    server = start_server()
    anna, ben = caller_of(server, "anna", ALPHA), caller_of(server, "ben", ALPHA | BETA)
    for caller in (anna, ben):
        upload(caller, shot)
    assert anna.submit(ordered(shot, "")).job.spec.show == "alpha"
    assert words(lambda: ben.submit(ordered(shot, "")))[1] == "invalid_input"
    assert ben.submit(ordered(shot, "beta")).job.spec.show == "beta"


def test_a_root_of_a_show_does_not_exist_for_others(start_server, shot, tmp_path, monkeypatch):
    server = start_server(roots={"proj": shot.folder.parent}, root_shows={"proj": ALPHA})
    anna, ben = caller_of(server, "anna", ALPHA), caller_of(server, "ben", BETA)
    ask = server_pb2.GetCapabilitiesRequest()
    names = {c: list(c.server.GetCapabilities(ask, metadata=c.metadata).roots) for c in (anna, ben)}
    assert (names[anna], names[ben]) == (["proj"], [])
    there = words(lambda: ben.submit(by_path(ordered(shot, "beta"), shot)))
    never = words(lambda: ben.submit(by_path(ordered(shot, "beta"), shot, "nowhere")))
    assert there == tuple(text.replace("nowhere", "proj") for text in never)
    # Whoever works on every show names the show that the root is for.
    assert words(lambda: server.caller.submit(by_path(ordered(shot, "beta"), shot))) == there
    assert server.caller.submit(by_path(ordered(shot, "alpha"), shot)).created
    assert anna.submit(by_path(ordered(shot, "alpha", "/a"), shot)).created
    proof = frames_pb2.ProveRootRequest(root="proj", relative=f".void-proof-{'0' * 32}")
    assert words(lambda: ben.frames.ProveRoot(proof, metadata=ben.metadata))[1] == "invalid_input"
    assert words(lambda: anna.frames.ProveRoot(proof, metadata=anna.metadata))[1] == "not_found"


def test_a_root_of_a_show_below_one_for_all_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="lies below the root all"):
        Roots({"all": tmp_path, "inner": tmp_path / "alpha"}, 0, {"inner": ALPHA})
    Roots({"all": tmp_path / "beta", "inner": tmp_path / "alpha"}, 0, {"inner": ALPHA})


def test_tokens_of_earlier_releases_are_for_every_show_and_limited_ones_lock_older_releases_out(tmp_path):
    path = tmp_path / "tokens.json"
    token = add_token(path, "anna", Role.ARTIST)
    assert json.loads(path.read_text())["version"] == 1
    assert read_tokens(path)[0].shows is None
    add_token(path, "ben", Role.ARTIST, ALPHA)
    assert json.loads(path.read_text())["version"] == 2
    assert [(e.name, e.shows) for e in read_tokens(path)] == [("anna", None), ("ben", ALPHA)]
    assert TokenBook(token, path).find(read_tokens(path)[1].digest).shows == ALPHA


def test_the_command_hands_out_tokens_of_shows_and_lists_them(start_server, capsys):
    server = start_server()
    store = str(server.store)
    assert main(["tokens", "add", "anna", "--show", "alpha,beta", "--store", store]) == 0
    assert main(["tokens", "add", "ben", "--show", "No Show", "--store", store]) == 2
    capsys.readouterr()
    main(["tokens", "list", "--store", store])
    assert "shows alpha, beta" in capsys.readouterr().out
