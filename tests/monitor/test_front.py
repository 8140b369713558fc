# SPDX-License-Identifier: Apache-2.0
"""The HTTP server itself: headers, limits, and programs that are no browser."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from tests.monitor.client import Client
from tests.server.calls import spec_of
from void_server.configuration import Limits
from void_server.monitor import front


def head(path: str = "/", *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", ""]).encode("latin-1")


def status(data: bytes) -> int:
    return int(data.split(b" ", 2)[1]) if data else 0


def test_every_answer_forbids_foreign_code_frames_sniffing_and_keeping(client, as_anna, done):
    replies = [client.get(p) for p in ("/", "/static/monitor.css", "/nothing", "/api/jobs")]
    replies += [as_anna.get(p) for p in ("/api/jobs", f"/api/jobs/{done.id}/thumb")]
    for reply in replies:
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "unsafe" not in policy and "http:" not in policy and "frame-ancestors 'none'" in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert reply.headers["cache-control"] == "no-store"
        assert "server" not in reply.headers


@pytest.mark.parametrize(
    "path",
    [
        "/../configuration.py",
        "/static/../desk.py",
        "/static/..%2fdesk.py",
        "/static/%2e%2e/desk.py",
        "/static//etc/passwd",
        "/static/main.js/..",
        "/static/",
        "/api/jobs/../../token",
    ],
)
def test_no_path_leads_to_another_file(as_anna, path):
    assert as_anna.get(path).status == 404


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (head(method="DELETE"), 405),
        (head(method="OPTIONS"), 405),
        (head("/", "Host: twice"), 400),
        (head("/", "Bad Header"), 400),
        (head("/", " folded: line"), 400),
        (head("/", "Transfer-Encoding: chunked", method="POST"), 400),
        (head("/", "Content-Length: -1", method="POST"), 400),
        (head("/", "Content-Length: 99999999", method="POST"), 413),
        (head("/", "Content-Length: 5"), 413),
        (head("/" + "a" * 4000), 400),
        (head("/", "X: " + "a" * 20_000), 431),
        (head("/?" + "a=1&" * 50), 400),
    ],
)
def test_what_no_browser_sends_is_refused_and_the_connection_ends(client, request_bytes, expected):
    answer, seconds = client.raw(request_bytes)
    assert status(answer) == expected and b"Connection: close" in answer
    assert seconds < 5


def test_one_byte_now_and_then_does_not_hold_a_connection(client, monkeypatch):
    monkeypatch.setattr(front, "REQUEST_SECONDS", 0.6)
    _, seconds = client.raw(*[bytes([b]) for b in head()[:40]], pause=0.1)
    assert seconds < 6
    answer, seconds = client.raw(head("/api/login", "Content-Length: 50", method="POST") + b"{")
    assert answer == b"" and seconds < 3


def test_silence_ends_a_connection(client, monkeypatch):
    monkeypatch.setattr(front, "IDLE_SECONDS", 0.3)
    answer, seconds = client.raw()
    assert answer == b"" and seconds < 3


def connections_served() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "process_request" in thread.name}


def test_a_reader_that_does_not_read_is_left(server, client, as_anna, done, monkeypatch):
    monkeypatch.setattr(front, "SEND_SECONDS", 0.5)
    bearer = as_anna._headers["Authorization"]
    # Of earlier tests some may still be ending.
    before = connections_served()
    with socket.create_connection((client.host, client.port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        wanted = head(f"/api/jobs/{done.id}/files/sidecar/0", f"Authorization: {bearer}")
        sock.sendall(wanted * 400)
        until = time.monotonic() + 15
        while not connections_served() - before and time.monotonic() < until:
            time.sleep(0.01)
        assert connections_served() - before
        while connections_served() - before and time.monotonic() < until:
            time.sleep(0.1)
        assert not connections_served() - before


def test_several_requests_share_a_connection_and_head_has_no_body(client):
    answer, _ = client.raw(
        head("/static/icon.svg"), head("/", method="HEAD"), head("/nothing", "Connection: close")
    )
    assert answer.count(b"HTTP/1.1 ") == 3 and answer.count(b"</svg>") == 1 and b"<html" not in answer


def test_connections_are_counted_for_each_address_and_for_all(start_server):
    running = start_server(monitor="127.0.0.1:0", limits=Limits(max_monitor_connections=8))
    client = Client(running.application.monitor_url)
    held = [socket.create_connection((client.host, client.port)) for _ in range(2)]
    try:
        until = time.monotonic() + 5
        while status(answer := client.raw(head("/", "Connection: close"))[0]) != 503:
            assert time.monotonic() < until, answer
    finally:
        for sock in held:
            sock.close()
    until = time.monotonic() + 5
    while status(client.raw(head("/", "Connection: close"))[0]) != 200:
        assert time.monotonic() < until


def test_news_come_when_something_changes_and_not_before(as_anna, anna, done, shot):
    first = as_anna.get("/api/jobs").json()
    began = time.monotonic()
    same = as_anna.get(f"/api/jobs?seen={first['tag']}&wait=2").json()
    assert same["tag"] == first["tag"] and time.monotonic() - began > 1.5
    answers: list[dict] = []
    path = f"/api/jobs?seen={first['tag']}&wait=20"
    waiting = threading.Thread(target=lambda: answers.append(as_anna.get(path).json()))
    waiting.start()
    time.sleep(0.3)
    job = anna.submit(spec_of(shot, "/news")).job
    waiting.join(5)
    assert answers and answers[0]["jobs"][0]["id"] == job.id
    anna.finish(job.id)


def test_an_artist_is_not_woken_by_the_jobs_of_others(server, client, done, shot):
    dora = server.caller_of("dora")
    with_token = Client(client.url, token=dora.metadata[0][1].removeprefix("Bearer "))
    tag = with_token.get("/api/jobs").json()["tag"]
    began = time.monotonic()
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    server.caller.submit(spec_of(shot, "/owner's"))
    assert with_token.get(f"/api/jobs?seen={tag}&wait=2").json() | {"now": 0} == {
        "tag": tag,
        "now": 0,
        "jobs": [],
        "most": 200,
        "notice": "",
    }
    assert time.monotonic() - began > 1.5


def test_a_job_s_page_has_its_log_its_stills_and_its_papers(as_anna, done):
    page = as_anna.get(f"/api/jobs/{done.id}").json()["job"]
    assert page["state"] == "done" and page["published"] == {"result": 5, "matte": 5}
    assert [s["frame"] for s in page["stills"]] == [1001, 1002, 1003, 1004, 1005]
    assert all({"before", "after", "regions"} < set(s) for s in page["stills"])
    assert set(page["papers"]) == {"sidecar", "contact_sheet", "qc_plot"}
    texts = [line["text"] for line in page["log"]]
    assert texts[0] == "queued" and texts[-1] == "done" and any("ingest" in t for t in texts)
    assert [line["n"] for line in page["log"]] == sorted(line["n"] for line in page["log"])


def test_a_stopping_server_does_not_wait_for_browsers_that_wait_for_news(start_server):
    running = start_server(monitor="127.0.0.1:0")
    client = Client(running.application.monitor_url, token=running.token)
    tag = client.get("/api/jobs").json()["tag"]
    bearer = f"Authorization: Bearer {running.token}"
    waiting = threading.Thread(target=lambda: client.raw(head(f"/api/jobs?seen={tag}&wait=20", bearer)))
    waiting.start()
    time.sleep(0.7)
    assert waiting.is_alive()
    began = time.monotonic()
    running.application._monitor.stop()
    assert time.monotonic() - began < 4
    waiting.join(5)
    assert not waiting.is_alive()
