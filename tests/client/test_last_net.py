# SPDX-License-Identifier: Apache-2.0
"""Whatever happens to the streams, the names or the program itself: one line, a documented exit code, no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.conftest import Command, Ran
from tests.client.test_remove import TREE, tree, wish
from tests.small_shot import SmallShot, write_small_shot
from void_client.cli import doctor
from void_client.cli.main import main


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    """A shot of this file's own: other tests look at what is uploaded of theirs."""
    return write_small_shot(tmp_path_factory.mktemp("unlucky"), frames=3, seed=43)


def in_shell(void: Command, redirection: str, *arguments: str) -> Ran:
    """Run the command with a shell's redirection."""
    line = f'"$@" {redirection}'
    command = ["sh", "-c", line, "sh", sys.executable, "-m", "void_client", *arguments]
    ran = subprocess.run(
        command, capture_output=True, text=True, env=void.environment, cwd=void.folder, check=False
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", ">&- 2>&-"])
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_job_goes_on_when_nothing_can_be_printed(
    void: Command, shot: SmallShot, redirection: str, form: tuple[str, ...]
) -> None:
    ran = in_shell(void, redirection, *wish(shot, *form))
    assert (ran.code, ran.err) == (0, "")
    assert tree(void.folder / "out") == TREE


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("capabilities",), ("jobs", "list")])
def test_answers_that_cannot_be_printed_are_no_failure(
    void: Command, redirection: str, arguments: tuple[str, ...]
) -> None:
    ran = in_shell(void, redirection, *arguments)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_path_that_an_ascii_stream_cannot_hold_is_told_with_escapes(
    void: Command, tmp_path: Path, form: tuple[str, ...]
) -> None:
    shot = write_small_shot(tmp_path / "Größe", frames=1, seed=42)
    void.environment.update(PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    ran = void(*wish(shot, *form))
    assert (ran.code, ran.err) == (0, "")
    assert "Gr\\" in ran.out
    if form:
        assert "Größe" in json.loads(ran.out.splitlines()[0])["notes"][0]


@pytest.mark.parametrize("option", ["--plate", "--remove", "--out"])
def test_a_file_name_that_is_not_utf8_is_bad_input_and_named(
    void: Command, shot: SmallShot, option: str
) -> None:
    name = os.fsdecode(b"caf\xe9.####.exr")
    ran = void(*wish(shot, option, name))
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert r"caf\xe9" in ran.err


def broken(arguments: object, speaker: object) -> int:
    raise ZeroDivisionError("nothing\nbut zeros")


def test_what_nobody_foresaw_is_one_line_that_says_where_details_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "run", broken)
    monkeypatch.delenv("VOID_DEBUG", raising=False)
    assert main(["doctor"]) == 4
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "ZeroDivisionError: nothing but zeros" in err and "VOID_DEBUG=1" in err


def test_the_details_are_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "run", broken)
    monkeypatch.setenv("VOID_DEBUG", "1")
    assert main(["doctor"]) == 4
    assert "Traceback" in capsys.readouterr().err
