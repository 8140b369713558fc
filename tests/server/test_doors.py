# SPDX-License-Identifier: Apache-2.0
"""Who may call, and where the server dares to listen."""

from __future__ import annotations

import stat
import subprocess
import sys

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from void.v1 import frames_pb2, jobs_pb2, masks_pb2, server_pb2

from tests.server.calls import Caller, spec_of
from void_server.access.tokens import read_or_create_token
from void_server.application import Application
from void_server.configuration import ServerConfiguration
from void_server.errors import InvalidInput, PreconditionFailed
from void_server.listening import is_loopback

CALLS = {
    "capabilities": lambda c: c.server.GetCapabilities(
        server_pb2.GetCapabilitiesRequest(), metadata=c.metadata
    ),
    "find missing": lambda c: c.missing("0" * 64),
    "upload": lambda c: c.upload(b"abc"),
    "download": lambda c: c.download("0" * 64),
    "list": lambda c: c.jobs.List(jobs_pb2.ListRequest(), metadata=c.metadata),
    "watch": lambda c: list(c.watch("abcd")),
    "health": lambda c: health_pb2_grpc.HealthStub(c.channel).Check(
        health_pb2.HealthCheckRequest(), metadata=c.metadata
    ),
    "reflection": lambda c: list(
        reflection_pb2_grpc.ServerReflectionStub(c.channel).ServerReflectionInfo(
            iter([reflection_pb2.ServerReflectionRequest(list_services="")]), metadata=c.metadata
        )
    ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("token", ["", "wrong"])
def test_every_call_needs_the_token(server, call, token):
    stranger = Caller(server.application.address, token)
    with pytest.raises(grpc.RpcError) as error:
        CALLS[call](stranger)
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "--token-file" in error.value.details()
    stranger.close()


def every_method() -> list[str]:
    files = (frames_pb2, jobs_pb2, masks_pb2, server_pb2, health_pb2, reflection_pb2)
    services = [s for f in files for s in f.DESCRIPTOR.services_by_name.values()]
    return [f"/{s.full_name}/{m.name}" for s in services for m in s.methods]


@pytest.mark.parametrize("method", every_method())
def test_no_method_of_the_contract_opens_without_a_token_whatever_bytes_come(server, method):
    """The bytes are no message: a refused request is not even parsed."""
    call = server.caller.channel.stream_stream(method)
    with pytest.raises(grpc.RpcError) as error:
        list(call(iter([b"\xff\xff\xff"]), metadata=(("authorization", "Bearer wrong"),), timeout=10))
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_a_call_without_any_metadata_is_refused(server):
    with pytest.raises(grpc.RpcError) as error:
        server.caller.frames.FindMissing(frames_pb2.FindMissingRequest())
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_health_answers_serving(server):
    stub = health_pb2_grpc.HealthStub(server.caller.channel)
    for service in ("", "void.v1.Jobs", "void.v1.FrameStore"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), metadata=server.caller.metadata)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_lists_the_services(server):
    (answer,) = CALLS["reflection"](server.caller)
    names = {s.name for s in answer.list_services_response.service}
    assert {"void.v1.FrameStore", "void.v1.Jobs", "void.v1.Masks", "void.v1.Server"} <= names


def test_the_token_file_is_made_for_its_owner_only(tmp_path):
    path = tmp_path / "new" / "token"
    token = read_or_create_token(path)
    assert len(token) >= 43 and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_or_create_token(path) == token


def test_a_token_file_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "token"
    path.write_text("secret")
    path.chmod(0o644)
    with pytest.raises(InvalidInput, match="Others may read"):
        read_or_create_token(path)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:7788", "[::]:0", "render01:7788"])
def test_without_tls_the_server_refuses_to_listen_beyond_loopback(tmp_path, listen):
    configuration = ServerConfiguration(store=tmp_path, token_file=tmp_path / "token", listen=listen)
    with pytest.raises(InvalidInput, match="in the clear"):
        Application(configuration)


def test_a_private_key_that_every_account_may_read_is_refused(tmp_path):
    key = tmp_path / "key.pem"
    key.write_text("a key")
    key.chmod(0o644)
    configuration = ServerConfiguration(
        store=tmp_path, token_file=tmp_path / "token", tls_certificate=key, tls_key=key
    )
    with pytest.raises(InvalidInput, match="Every account may read"):
        Application(configuration)


def test_a_new_store_is_closed_to_other_accounts(start_server):
    assert start_server().store.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("listen", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("10.0.0.1:1", False),
    ],
)
def test_loopback_is_known(listen, loopback):
    assert is_loopback(listen) is loopback


def test_a_second_server_on_the_same_store_is_refused(server):
    configuration = ServerConfiguration(
        store=server.store, token_file=server.store / "token", listen="127.0.0.1:0"
    )
    with pytest.raises(PreconditionFailed, match="Another server uses the store"):
        Application(configuration)


def test_an_address_in_use_is_named(server, tmp_path):
    configuration = ServerConfiguration(
        store=tmp_path, token_file=tmp_path / "token", listen=server.application.address, workers=1
    )
    with pytest.raises(PreconditionFailed, match="cannot be bound"):
        Application(configuration)


def test_the_server_process_imports_neither_torch_nor_an_image_library():
    code = (
        "import sys, void_server.application, void_server.main\n"
        "heavy = {'torch', 'OpenImageIO', 'numpy', 'cv2', 'PyOpenColorIO', 'matplotlib', 'PIL', 'safetensors'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_served_job_leaves_the_server_process_without_image_libraries(tmp_path, shot):
    """The same after a job has run, in a process as a user starts it."""
    code = (
        "import sys, pathlib\n"
        "from void_server.application import Application\n"
        "from void_server.configuration import ServerConfiguration\n"
        "store = pathlib.Path(sys.argv[1])\n"
        "chosen = dict(token_file=store / 'token', listen='127.0.0.1:0', workers=1)\n"
        "a = Application(ServerConfiguration(store=store, **chosen))\n"
        "a.start(); print(a.address, flush=True); sys.stdin.readline(); a.stop()\n"
        "print(sorted({'torch', 'OpenImageIO', 'numpy', 'cv2'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        caller = Caller(address, (tmp_path / "token").read_text().strip())
        for name in ("plate", "roto", "affected"):
            caller.upload_files(shot.files(name).values())
        assert caller.run(spec_of(shot)).state == jobs_pb2.JOB_STATE_DONE
        caller.close()
        said, _ = process.communicate("stop\n", timeout=60)
    assert said.strip() == "[]"
