# SPDX-License-Identifier: Apache-2.0
"""deploy/void-server.service starts the server that there is, as the account and on the paths that it allows."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from void_server.application import STOP_GRACE_SECONDS
from void_server.configuration import ServerConfiguration
from void_server.main import _configuration, _parser

UNIT = Path(__file__).parents[2] / "deploy" / "void-server.service"
LONGEST_UNIT_SECONDS = 12.0
"""The longest unit that docs/group_server.md reports."""


@pytest.fixture(scope="module")
def settings() -> dict[str, list[str]]:
    """Every `Name=value` of the unit; a name may stand several times."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.fixture(scope="module")
def started(settings: dict[str, list[str]]) -> ServerConfiguration:
    """What the unit's command line means to the server."""
    (command,) = settings["ExecStart"]
    program, *arguments = shlex.split(command)
    assert Path(program).is_absolute() and Path(program).name == "void-server"
    return _configuration(_parser().parse_args(arguments))


def test_the_command_line_is_one_that_the_server_accepts_with_tls_beyond_loopback(started):
    assert started.listen == "0.0.0.0:7788"
    assert started.tls_certificate and started.tls_key


def test_the_store_is_what_it_may_write_to_and_waits_for_its_disk(started, settings):
    assert settings["ReadWritePaths"] == [str(started.store)]
    assert settings["RequiresMountsFor"] == [str(started.store)]
    assert started.token_file.is_relative_to(started.store)


def test_the_server_alone_is_asked_to_stop_and_gets_the_time_that_it_takes(started, settings):
    assert settings["KillMode"] == ["mixed"]
    assert settings["KillSignal"] == ["SIGTERM"]
    assert started.drain_seconds > 2 * LONGEST_UNIT_SECONDS
    assert float(settings["TimeoutStopSec"][0]) > started.drain_seconds + 2 * STOP_GRACE_SECONDS


def test_systemd_waits_for_the_server_s_own_word(settings):
    assert settings["Type"] == ["notify"] and settings["NotifyAccess"] == ["main"]
    assert "AF_UNIX" in settings["RestrictAddressFamilies"][0].split()


def test_a_wrong_configuration_is_not_started_again_and_again(settings):
    assert settings["RestartPreventExitStatus"] == ["2"]


def test_systemd_finds_nothing_wrong(tmp_path):
    """With the paths of an installation that is there: `verify` looks whether the program can be run."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("there is no systemd-analyze here: the unit was not verified")
    program = tmp_path / "void-server"
    program.symlink_to(shutil.which("true") or "/bin/true")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text(encoding="utf-8").replace("/opt/void/bin/void-server", str(program)))
    ran = subprocess.run([tool, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    assert [line for line in ran.stderr.splitlines() if UNIT.name in line] == []
    assert ran.returncode == 0
