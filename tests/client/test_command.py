# SPDX-License-Identifier: Apache-2.0
"""The command's face: help that teaches, versions, capabilities, the doctor, and exit codes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.conftest import Command, ServerProcess
from void_client.errors import ExitCode
from void_client.version import version

OPTIONS = re.findall(
    r"--[a-z-]+",
    """
    --plate --range --view --remove --affected --keep --quadmask --cleanplate --points --out --name --engine
    --reasoner --prompt --instruction --cloud-consent --colorspace --ocio --seed --set --preview --again --server
    --local --token-file --ca --json --detach
    """,
)


def test_the_help_of_remove_names_every_option_examples_and_exit_codes(void: Command) -> None:
    text = void("remove", "--help").out
    assert [o for o in OPTIONS if o not in text] == []
    assert "examples:" in text
    assert "0 done, 2 bad input, 3 server unreachable, 4 job failed, 130 cancelled" in text


def test_the_help_names_every_exit_code(void: Command) -> None:
    text = void("--help").out
    assert all(f"\n  {int(code)}" in text for code in ExitCode)


@pytest.mark.parametrize("command", ["jobs", "capabilities", "doctor"])
def test_every_command_has_help(void: Command, command: str) -> None:
    assert void(command, "--help").code == 0


def test_the_version_is_told(void: Command) -> None:
    assert void("--version").out == f"void {version()}\n"


def test_option_names_are_not_guessed(void: Command) -> None:
    ran = void("remove", "--plat", "p", "--out", "o")
    assert ran.code == 2


def test_server_and_local_exclude_each_other(void: Command) -> None:
    assert void("jobs", "list", "--server", "gpu1:7788", "--local").code == 2


def test_capabilities_list_engines_and_options(void: Command) -> None:
    text = void("capabilities").out
    assert "cleanplate  ready" in text and "not set up" in text and "grain" in text and "max_frames" in text


def test_capabilities_are_there_for_programs(void: Command) -> None:
    answer = void("capabilities", "--json").events[0]
    assert answer["event"] == "capabilities"
    assert any(o["name"] == "grain" for o in answer["options"])


def checks(void: Command) -> tuple[int, dict[str, str]]:
    ran = void("doctor", "--json")
    return ran.code, {c["subject"]: c["result"] for c in ran.events}


def test_the_doctor_finds_nothing_wrong_with_a_good_server(void: Command) -> None:
    code, found = checks(void)
    assert code == 0
    assert set(found.values()) <= {"ok", "warn"}
    assert {"client", "Python", "data folder", "disk", "token file", "server", "token", "connection"} <= set(
        found
    )


def test_the_doctor_tells_a_wrong_token_from_a_missing_server(void: Command, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    void.environment["VOID_TOKEN_FILE"] = str(tmp_path / "wrong")
    code, found = checks(void)
    assert (code, found["server"], found["token"]) == (3, "ok", "fail")


def test_the_doctor_warns_of_a_token_that_others_can_read(
    void: Command, tmp_path: Path, server: ServerProcess
) -> None:
    (tmp_path / "token").write_text(server.token)
    (tmp_path / "token").chmod(0o644)
    void.environment["VOID_TOKEN_FILE"] = str(tmp_path / "token")
    ran = void("doctor")
    assert ran.code == 0 and "chmod 600" in ran.out


def test_the_doctor_says_that_nothing_answers(void: Command) -> None:
    void.environment["VOID_SERVER"] = "127.0.0.1:1"
    code, found = checks(void)
    assert (code, found["server"]) == (3, "fail")


def test_the_doctor_says_that_the_data_folder_cannot_be_used(void: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    void.environment["VOID_DATA_DIR"] = str(tmp_path / "file" / "data")
    code, found = checks(void)
    assert (code, found["data folder"]) == (3, "fail")


def test_the_installed_script_is_the_same_command() -> None:
    script = Path(sys.executable).with_name("void")
    if not script.exists():
        pytest.skip("the package is not installed here")
    ran = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("void ")
