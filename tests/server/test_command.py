# SPDX-License-Identifier: Apache-2.0
"""The command `void-server` as a user or the client starts it: real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from void.v1 import jobs_pb2, server_pb2

from tests.server.calls import Caller, spec_of

START_SECONDS = 30


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `void-server ARGUMENTS`; whatever still runs at the end is killed."""
    with ExitStack() as stack:

        def run(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "void_server", *arguments],
                stdout=subprocess.PIPE,
                stderr=(tmp_path / "log").open("a"),
                text=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield run


def wait_for(condition: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def endpoint(folder: Path) -> dict[str, object]:
    path = folder / "local" / "endpoint.json"
    wait_for(path.exists)
    return json.loads(path.read_text())


def caller_of(found: dict[str, object]) -> Caller:
    return Caller(str(found["address"]), Path(str(found["token_file"])).read_text().strip())


def children(pid: int) -> list[int]:
    lists = (task / "children" for task in Path(f"/proc/{pid}/task").iterdir())
    return [int(child) for listing in lists for child in listing.read_text().split()]


def test_serve_says_where_it_listens_and_ends_in_order_on_sigterm(start, tmp_path):
    process = start("serve", "--store", str(tmp_path / "store"), "--listen", "127.0.0.1:0", "--workers", "1")
    assert process.stdout.readline().startswith("void-server ")
    assert process.stdout.readline() == f"token file: {tmp_path / 'store' / 'token'}\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_beyond_loopback_without_tls_it_refuses_to_start_and_says_why(start, tmp_path):
    process = start("serve", "--store", str(tmp_path / "store"), "--listen", "0.0.0.0:0")
    assert process.wait(START_SECONDS) == 2
    log = (tmp_path / "log").read_text()
    assert "in the clear" in log and "--tls-cert" in log


def test_the_local_server_tells_its_address_ends_when_idle_and_cleans_up(start, tmp_path):
    process = start("serve", "--local", "--data", str(tmp_path), "--workers", "1", "--idle-seconds", "1")
    found = endpoint(tmp_path)
    assert found["pid"] == process.pid
    caller = caller_of(found)
    assert caller.server.GetCapabilities(
        server_pb2.GetCapabilitiesRequest(), metadata=caller.metadata
    ).version
    caller.close()
    assert process.wait(20) == 0
    assert not (tmp_path / "local" / "endpoint.json").exists()


def test_the_local_server_does_not_end_while_a_job_runs(start, tmp_path, shot):
    start("serve", "--local", "--data", str(tmp_path), "--workers", "1", "--idle-seconds", "0.2")
    caller = caller_of(endpoint(tmp_path))
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())
    job_id = caller.submit(spec_of(shot)).job.id
    assert caller.finish(job_id).state == jobs_pb2.JOB_STATE_DONE


def test_of_two_local_servers_the_second_leaves_at_once(start, tmp_path):
    first = start("serve", "--local", "--data", str(tmp_path), "--workers", "1")
    found = endpoint(tmp_path)
    second = start("serve", "--local", "--data", str(tmp_path), "--workers", "1")
    assert second.wait(START_SECONDS) == 0
    assert first.poll() is None and endpoint(tmp_path) == found


def test_after_kill_9_workers_end_and_the_next_local_server_takes_over_with_its_jobs(start, tmp_path, shot):
    first = start("serve", "--local", "--data", str(tmp_path), "--workers", "1")
    caller = caller_of(endpoint(tmp_path))
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())
    job_id = caller.submit(spec_of(shot)).job.id
    for response in caller.watch(job_id):
        if response.event.stage.stage == "motion":
            break
    workers = children(first.pid)
    assert workers
    first.kill()
    first.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))

    stale = (tmp_path / "local" / "endpoint.json").read_text()
    start("serve", "--local", "--data", str(tmp_path), "--workers", "1")
    wait_for(lambda: (tmp_path / "local" / "endpoint.json").read_text() != stale)
    again = caller_of(endpoint(tmp_path))
    assert again.finish(job_id).state == jobs_pb2.JOB_STATE_DONE


def test_tls_serves_those_who_trust_the_certificate(start, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    files = ("-keyout", str(key), "-out", str(certificate))
    make = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names, *files)
    subprocess.run(make, check=True, capture_output=True)
    process = start(
        *("serve", "--store", str(tmp_path / "store"), "--listen", "localhost:0", "--workers", "1"),
        *("--tls-cert", str(certificate), "--tls-key", str(key)),
    )
    address = process.stdout.readline().split()[-1]
    token = (tmp_path / "store" / "token").read_text().strip()
    metadata = (("authorization", f"Bearer {token}"),)
    credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
    with grpc.secure_channel(address, credentials) as channel:
        call = channel.unary_unary(
            "/void.v1.Server/GetCapabilities",
            request_serializer=server_pb2.GetCapabilitiesRequest.SerializeToString,
            response_deserializer=server_pb2.GetCapabilitiesResponse.FromString,
        )
        assert call(server_pb2.GetCapabilitiesRequest(), metadata=metadata, timeout=20).version
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/void.v1.Server/GetCapabilities")
        with pytest.raises(grpc.RpcError):
            call(b"", metadata=metadata, timeout=5)


def admin(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "void_server", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_tokens_are_added_listed_and_revoked_while_the_server_runs(start, tmp_path):
    store, out = tmp_path / "store", tmp_path / "anna.token"
    process = start("serve", "--store", str(store), "--listen", "127.0.0.1:0", "--workers", "1")
    address = process.stdout.readline().split()[-1]
    shown = admin("tokens", "add", "ben", "--role", "supervisor", "--store", store).stdout.strip()
    done = admin("tokens", "add", "anna", "--store", store, "--out", out)
    kept = out.read_text().strip()
    assert done.returncode == 0 and kept not in done.stdout and out.stat().st_mode & 0o777 == 0o600
    listed = admin("tokens", "list", "--store", store).stdout
    assert [line.split()[:2] for line in listed.splitlines()] == [["anna", "artist"], ["ben", "supervisor"]]
    assert shown not in listed and kept not in listed
    callers = {name: Caller(address, token) for name, token in (("ben", shown), ("anna", kept))}
    for caller in callers.values():
        assert caller.missing("0" * 64)
    assert admin("tokens", "revoke", "anna", "--store", store).returncode == 0
    with pytest.raises(grpc.RpcError) as error:
        callers["anna"].missing("0" * 64)
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert callers["ben"].missing("0" * 64)


def test_a_token_is_never_written_over_a_file_and_none_is_made_then(start, tmp_path):
    process = start("serve", "--store", str(tmp_path / "store"), "--listen", "127.0.0.1:0", "--workers", "1")
    process.stdout.readline()
    (tmp_path / "out").write_text("precious")
    done = admin("tokens", "add", "anna", "--store", tmp_path / "store", "--out", tmp_path / "out")
    assert done.returncode == 2 and "not overwritten" in done.stderr
    nowhere = admin("tokens", "add", "anna", "--store", tmp_path / "store", "--out", tmp_path / "no" / "out")
    assert nowhere.returncode == 2 and "No such file" in nowhere.stderr
    assert (tmp_path / "out").read_text() == "precious"
    assert admin("tokens", "list", "--store", tmp_path / "store").stdout == ""


def test_tokens_of_a_store_that_is_not_there_are_refused_and_nothing_is_made(tmp_path):
    done = admin("tokens", "add", "anna", "--store", tmp_path / "typo")
    assert done.returncode == 2 and "There is no store" in done.stderr
    assert not (tmp_path / "typo").exists()


def test_certs_says_what_it_wrote_and_refuses_to_overwrite_it(tmp_path):
    arguments = ("certs", "--out", tmp_path / "tls", "--host", "localhost", "--host", "10.0.0.5")
    done = admin(*arguments)
    assert done.returncode == 0
    assert sorted(done.stdout.split()) == sorted(str(p) for p in (tmp_path / "tls").iterdir())
    again = admin(*arguments)
    assert again.returncode == 2 and "not overwritten" in again.stderr


def test_a_limit_that_makes_no_sense_is_refused_by_name(start, tmp_path):
    done = admin("serve", "--store", tmp_path / "store", "--max-channels", "0")
    assert done.returncode == 2 and "max_channels = 0 is outside 1 to 1024" in done.stderr


def test_its_files_are_for_the_user_only(start, tmp_path):
    start("serve", "--local", "--data", str(tmp_path), "--workers", "1")
    endpoint(tmp_path)
    for name in ("endpoint.json", "token"):
        assert (tmp_path / "local" / name).stat().st_mode & 0o077 == 0


def test_where_only_the_client_is_installed_the_command_says_so_instead_of_a_trace() -> None:
    without = "import sys; sys.modules['grpc_health'] = None; from void_server.command import main; sys.exit(main([]))"
    ran = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert "install of the client alone" in ran.stderr and "void-for-hosts[server]" in ran.stderr
    assert "Traceback" not in ran.stderr
