# SPDX-License-Identifier: Apache-2.0
"""The user's own server is found or started, one for all clients, and its death is survived."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.client.conftest import FAST, ROOT
from void_client.connection import Connection
from void_client.errors import ServerUnreachable
from void_client.local_server import attach, data_folder, endpoint, server_command, serving


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("VOID_SERVER_COMMAND", raising=False)
    folder = tmp_path / "data"
    yield folder
    if pid := server_pid(folder):
        os.kill(pid, signal.SIGTERM)
        wait_until_gone(folder)


def server_pid(folder: Path) -> int | None:
    try:
        return int(json.loads((folder / "local" / "endpoint.json").read_text())["pid"])
    except FileNotFoundError:
        return None


def wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + 20
    while serving(folder) and time.monotonic() < deadline:
        time.sleep(0.1)


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Let the local server be a program of the test's own."""
    (tmp_path / "server.py").write_text(source)
    monkeypatch.setenv("VOID_SERVER_COMMAND", f"{sys.executable} {tmp_path / 'server.py'}")


def test_a_server_is_started_when_none_serves_and_found_the_next_time(data: Path) -> None:
    first = attach(data)
    pid = server_pid(data)
    assert attach(data) == first
    assert server_pid(data) == pid


def test_the_token_is_the_users_alone(data: Path) -> None:
    attach(data)
    assert (data / "local" / "token").stat().st_mode & 0o077 == 0
    assert (data / "local").stat().st_mode & 0o077 == 0


def test_clients_that_start_at_once_share_one_server(data: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        targets = set(pool.map(attach, [data] * 4))
    assert len(targets) == 1


def test_a_server_that_was_killed_is_replaced(data: Path) -> None:
    attach(data)
    killed = server_pid(data)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert endpoint(data) is not None
    attach(data)
    assert server_pid(data) != killed


def test_a_connection_goes_on_with_a_new_server_after_the_old_was_killed(data: Path) -> None:
    with Connection(lambda: attach(data), FAST) as connection:
        connection.greet()
        killed = server_pid(data)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        connection.call(lambda s: s.health, b"")
        assert server_pid(data) != killed


def test_no_call_fails_while_one_server_ends_and_the_next_takes_over(data: Path) -> None:
    with Connection(lambda: attach(data), FAST) as connection:
        ending = server_pid(data)
        assert ending is not None
        os.kill(ending, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while server_pid(data) in (ending, None) and time.monotonic() < deadline:
            connection.call(lambda s: s.health, b"")
        assert server_pid(data) not in (ending, None)


def test_the_server_outlives_the_client_and_its_terminal(data: Path) -> None:
    code = (
        f"from pathlib import Path; from void_client.local_server import attach; attach(Path({str(data)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, start_new_session=True)
    assert serving(data)
    pid = server_pid(data)
    assert pid is not None and os.getsid(pid) == pid


def test_a_server_that_dies_at_its_start_is_told_with_the_end_of_its_log(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "raise SystemExit('no such GPU')")
    with pytest.raises(ServerUnreachable, match="no such GPU") as caught:
        attach(data)
    assert "server.log" in caught.value.fix


def test_a_server_that_never_serves_is_given_up(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "import time; print('thinking', flush=True); time.sleep(8)")
    with pytest.raises(ServerUnreachable, match=r"1 s[^$]*thinking"):
        attach(data, limit_s=1)


def test_a_server_that_lost_the_lock_to_a_dying_one_is_started_again(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "first"
    start = f"import os, pathlib, sys\nmarker = pathlib.Path({str(marker)!r})\n"
    start += "if not marker.exists():\n    marker.touch()\n    sys.exit(0)\n"
    start += "os.execv(sys.executable, [sys.executable, '-m', 'void_server', *sys.argv[1:]])\n"
    program(tmp_path, monkeypatch, start)
    attach(data)
    assert marker.exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"address": 1}', '{"address": "127.0.0.1:1", "token_file": "/nowhere"}'],
)
def test_a_broken_endpoint_file_is_no_server(tmp_path: Path, text: str) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "endpoint.json").write_text(text)
    assert endpoint(tmp_path) is None


def test_an_endpoint_on_another_machine_is_never_given_the_token(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "token").write_text("secret")
    said = {"address": "evil.example:1", "token_file": str(tmp_path / "token")}
    (tmp_path / "local" / "endpoint.json").write_text(json.dumps(said))
    assert endpoint(tmp_path) is None


def test_the_data_folder_is_the_one_that_the_environment_names(tmp_path: Path) -> None:
    assert data_folder({"VOID_DATA_DIR": str(tmp_path)}) == tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="each system has its own place")
def test_the_data_folder_is_the_systems_place_otherwise(tmp_path: Path) -> None:
    assert data_folder({"XDG_DATA_HOME": str(tmp_path)}) == tmp_path / "void"
    assert data_folder({}) == Path.home() / ".local" / "share" / "void"


def test_the_server_command_may_be_named(tmp_path: Path) -> None:
    command = server_command(tmp_path, {"VOID_SERVER_COMMAND": "'/opt/my void/server' --verbose"})
    assert command == ["/opt/my void/server", "--verbose", "serve", "--local", "--data", str(tmp_path)]


def test_a_client_alone_is_no_server_program_though_it_bears_the_server_s_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "grpc_health" else object())
    with pytest.raises(ServerUnreachable, match=r"void-for-hosts\[server\]"):
        server_command(tmp_path, {})


def test_without_a_server_program_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(ServerUnreachable, match=r"void-for-hosts\[server\]"):
        server_command(tmp_path, {})
