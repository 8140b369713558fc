# SPDX-License-Identifier: Apache-2.0
"""Who gets in, and what is not theirs does not exist."""

from __future__ import annotations

import http.client
import json
import ssl

import grpc
import pytest
from void.v1 import jobs_pb2

from tests.monitor.client import Client
from tests.monitor.conftest import token_of, upload
from tests.server.calls import spec_of
from void_server.access.certificates import make_certificates
from void_server.access.principals import Role
from void_server.access.tokens import revoke_token
from void_server.application import Application
from void_server.configuration import Limits, ServerConfiguration, audit_file, named_tokens_file
from void_server.errors import InvalidInput
from void_server.monitor import sessions as sessions_module

NEVER = "0" * 12


def paths_of(job) -> list[str]:
    return [
        f"/api/jobs/{job.id}",
        f"/api/jobs/{job.id}/thumb",
        f"/api/jobs/{job.id}/files/sidecar/0",
        f"/api/jobs/{job.id}/files/still_before/1001",
    ]


def test_nothing_but_the_page_itself_opens_without_a_token(client, done):
    assert client.get("/").status == 200 and client.get("/static/main.js").status == 200
    for path in ("/api/me", "/api/jobs", *paths_of(done)):
        reply = client.get(path)
        assert (reply.status, reply.json()["code"]) == (401, "unauthenticated"), path
    assert client.post(f"/api/jobs/{done.id}/cancel").status == 401


def test_the_page_s_files_say_nothing_of_jobs(client, done):
    for path in ("/", "/static/main.js", "/static/queue.js", "/static/job.js"):
        assert done.id.encode() not in client.get(path).body


def test_a_bearer_token_opens_what_the_artist_may_see(as_anna, done):
    assert as_anna.get("/api/me").json()["name"] == "anna"
    assert [j["id"] for j in as_anna.get("/api/jobs").json()["jobs"]] == [done.id]
    assert all(as_anna.get(path).status == 200 for path in paths_of(done))


def test_an_artist_finds_another_s_job_as_one_that_never_was(server, client, done):
    ben = Client(client.url, token=token_of(server.caller_of("ben")))
    assert ben.get("/api/jobs").json()["jobs"] == []
    for path in paths_of(done):
        seen, never = ben.get(path), ben.get(path.replace(done.id, NEVER))
        assert seen.status == never.status == 404
        assert seen.body.decode().replace(done.id, NEVER) == never.body.decode()
    refused, never = ben.post(f"/api/jobs/{done.id}/cancel"), ben.post(f"/api/jobs/{NEVER}/cancel")
    assert refused.status == 404 and refused.body.decode().replace(done.id, NEVER) == never.body.decode()


def test_a_supervisor_sees_the_jobs_of_everybody(server, client, done):
    maria = Client(client.url, token=token_of(server.caller_of("maria", Role.SUPERVISOR)))
    assert done.id in [j["id"] for j in maria.get("/api/jobs").json()["jobs"]]
    assert maria.get(f"/api/jobs/{done.id}/files/still_after/1003").body.startswith(b"\xff\xd8")


def test_only_pictures_and_papers_are_handed_out(as_anna, done):
    for kind in ("result", "matte", "coded_video"):
        assert as_anna.get(f"/api/jobs/{done.id}/files/{kind}/1001").status == 404
    assert as_anna.get(f"/api/jobs/{done.id}/files/still_before/4711").status == 404
    sidecar = as_anna.get(f"/api/jobs/{done.id}/files/sidecar/0")
    assert sidecar.headers["content-type"] == "application/json" and len(sidecar.json()["frames"]) == 5


def test_a_session_is_a_cookie_and_a_key_and_neither_alone(server, client, anna, done):
    session = client.login(token_of(anna))
    cookie, key = session._headers["Cookie"], session._headers["X-Void-Key"]
    assert session.get("/api/jobs").status == 200
    assert Client(client.url, cookie=cookie).get("/api/jobs").status == 401
    assert Client(client.url, key=key).get("/api/jobs").status == 401
    assert Client(client.url, cookie=cookie, key=key[:-1] + "_").get("/api/jobs").status == 401


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client, anna):
    cookie = client.post("/api/login", {"token": token_of(anna)}).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert cookie.startswith(f"void_monitor_{client.port}=") and token_of(anna) not in cookie


def test_logging_out_ends_the_session(client, anna):
    session = client.login(token_of(anna))
    assert session.post("/api/logout").status == 200
    assert session.get("/api/me").status == 401


def test_a_revoked_token_ends_its_sessions_at_once(server, client):
    session = client.login(token_of(server.caller_of("carl")))
    assert session.get("/api/me").status == 200
    revoke_token(named_tokens_file(server.store), "carl")
    assert session.get("/api/me").status == 401


def test_a_session_ends_after_a_working_day_without_a_look(server, client, anna, monkeypatch):
    session = client.login(token_of(anna))
    monkeypatch.setattr(sessions_module, "SESSION_IDLE_SECONDS", -1.0)
    assert session.get("/api/me").status == 401
    monkeypatch.undo()
    assert session.get("/api/me").status == 401


def test_a_wrong_token_is_refused_and_written_into_the_audit_log(server, client):
    reply = client.post("/api/login", {"token": "x" * 43})
    assert reply.status == 401 and "set-cookie" not in reply.headers
    line = json.loads(audit_file(server.store).read_text().splitlines()[-1])
    assert (line["outcome"], line["method"], line["peer"]) == ("refused", "monitor", "127.0.0.1")


@pytest.mark.parametrize("body", [{}, {"token": 5}, {"token": None}, [], "token", {"token": "é" * 40}])
def test_a_login_that_is_none_is_refused(client, body):
    assert client.post("/api/login", body).status == 401


def test_what_another_site_could_send_changes_nothing(client, anna, done):
    session = client.login(token_of(anna))
    path = f"/api/jobs/{done.id}/cancel"
    assert session.post(path, Content_Type="text/plain").status == 403
    assert session.post(path, Origin="https://elsewhere.example").status == 403
    assert session.post(path, Origin="null").status == 403
    assert session.post(path, Origin=f"http://127.0.0.1:{client.port}").status == 200
    assert session.get(path).status == 404


def test_a_name_that_was_turned_to_this_machine_gets_no_answer(client, as_anna):
    for name in ("elsewhere.example", "localhost.elsewhere.example", "127.0.0.1.nip.io", "10.0.0.5", ""):
        reply = as_anna.get("/api/jobs", Host=name)
        assert reply.status == 421, name
    for name in (f"localhost:{client.port}", "127.0.0.1", "[::1]:7789", "localhost:9000"):
        assert as_anna.get("/api/jobs", Host=name).status == 200, name


def test_cancelling_stops_a_job_and_is_written_into_the_audit_log(server, client, shot):
    dora = server.caller_of("dora")
    upload(dora, shot)
    spec = spec_of(shot, "/to be cancelled")
    spec.settings.options["feather"] = "5"
    job = dora.submit(spec).job
    reply = Client(client.url, token=token_of(dora)).post(f"/api/jobs/{job.id}/cancel")
    assert reply.status == 200 and reply.json()["state"] in ("cancelling", "cancelled")
    assert dora.finish(job.id).state == 6
    lines = [json.loads(line) for line in audit_file(server.store).read_text().splitlines()]
    assert [(x["principal"], x["outcome"]) for x in lines if x["call"] == "Cancel"][-1] == ("dora", "ok")


def test_each_picture_that_leaves_is_written_into_the_audit_log(server, as_anna, done):
    as_anna.get(f"/api/jobs/{done.id}/files/still_after/1002")
    line = json.loads(audit_file(server.store).read_text().splitlines()[-1])
    still = jobs_pb2.OUTPUT_KIND_STILL_AFTER
    digest = next(o.blob.digest for o in done.outputs if (o.kind, o.frame) == (still, 1002))
    assert (line["principal"], line["call"], line["subject"]) == ("anna", "Download", digest)


def test_whoever_guesses_tokens_is_not_listened_to_for_a_while_at_either_door(start_server, shot):
    server = start_server(monitor="127.0.0.1:0", limits=Limits(max_refusals=3))
    guesser = Client(server.application.monitor_url, token="wrong")
    assert [guesser.get("/api/me").status for _ in range(4)] == [401, 401, 401, 429]
    with pytest.raises(grpc.RpcError) as refused:
        server.caller.get("0" * 12)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_browser_whose_session_ended_guesses_nothing(start_server):
    server = start_server(monitor="127.0.0.1:0", limits=Limits(max_refusals=3))
    visitor = Client(server.application.monitor_url)
    assert {visitor.get("/api/me").status for _ in range(6)} == {401}


def test_beyond_this_machine_there_is_no_monitor_without_tls(tmp_path):
    with pytest.raises(InvalidInput, match=r"monitor's address 0\.0\.0\.0:0"):
        Application(
            ServerConfiguration(
                tmp_path / "store", tmp_path / "token", listen="127.0.0.1:0", monitor="0.0.0.0:0"
            )
        )
    assert not (tmp_path / "store").exists()


def test_with_a_certificate_it_speaks_tls_only_and_the_cookie_is_secure(tmp_path):
    make_certificates(tmp_path / "tls", ["localhost"])
    tls = tmp_path / "tls"
    application = Application(
        ServerConfiguration(
            tmp_path / "store",
            tmp_path / "token",
            listen="127.0.0.1:0",
            workers=1,
            tls_certificate=tls / "server.pem",
            tls_key=tls / "server-key.pem",
            monitor="127.0.0.1:0",
        )
    )
    application.start()
    try:
        assert application.monitor_url.startswith("https://")
        port = int(application.monitor_url.rstrip("/").rpartition(":")[2])
        context = ssl.create_default_context(cafile=str(tls / "ca.pem"))
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=10)
        body = json.dumps({"token": (tmp_path / "token").read_text().strip()})
        connection.request("POST", "/api/login", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200 and "Secure" in str(answer.getheader("Set-Cookie"))
        connection.close()
        plain, _ = Client(f"http://localhost:{port}/").raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"HTTP" not in plain
    finally:
        application.stop()
