# SPDX-License-Identifier: Apache-2.0
"""The template of `void-server openjd`, run for real by the command `openjd`.

The runs take 10 to 20 s on two cores: each starts a server in a session, and takes whole jobs through it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.client.conftest import ROOT, clean_environment
from tests.small_shot import write_small_shot
from void_server.errors import InvalidInput
from void_server.farm.task import Told
from void_server.farm.template import job_template, read_farm_job
from void_server.main import main

OPENJD = (sys.executable, "-c", "import sys; from openjd.cli import main; sys.exit(main())")
TABLE = """
title = "reel 3"
[defaults]
plate = "{shot}/plate/plate.####.exr"
remove = "{shot}/roto/roto.####.exr:A"
affected = "{shot}/affected/affected.####.exr"
out = "out/{shot}"
name = "{shot}"
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program that a farm's worker has on its path."""
    script = tmp_path / "void-server"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m void_server "$@"\n')
    script.chmod(0o755)
    return script


def write_reel(folder: Path, *shots: str, frames: int = 2) -> Path:
    for number, name in enumerate(shots):
        write_small_shot(folder / name, frames=frames, seed=number + 1)
    file = folder / "shots.toml"
    file.write_text(TABLE + "".join(f"[shots.{name}]\n" for name in shots))
    return file


def openjd(*words: str, folder: Path) -> subprocess.Popen[str]:
    environment = clean_environment(PYTHONPATH=os.pathsep.join([str(ROOT), *filter(None, sys.path)]))
    return subprocess.Popen(
        [*OPENJD, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=folder,
    )


def run(*words: str, folder: Path) -> tuple[int, str]:
    process = openjd(*words, folder=folder)
    out, _ = process.communicate(timeout=180)
    return process.returncode, out


def servers_of(text: str) -> list[int]:
    """Pids of the servers that live and have their data in one of the session folders that a log names."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            data = words[words.index(b"--data") + 1].decode() if b"--data" in words else ""
            if data and b"serve" in words and data in text:
                found.append(int(entry.name))
    return found


def template_of(folder: Path, *more: str) -> str:
    assert main(["openjd", str(folder / "shots.toml"), *more]) == 0
    return str(folder / "shots.openjd.json")


def test_a_session_starts_one_server_runs_every_shot_and_ends_it(tmp_path, program):
    write_reel(tmp_path, "sh010", "sh020")
    template = template_of(tmp_path)
    code, told = run("check", template, folder=tmp_path)
    assert code == 0, told
    code, told = run("run", template, "--step", "Shots", "-p", f"VoidServer={program}", folder=tmp_path)
    assert code == 0, told
    for shot in ("sh010", "sh020"):
        assert (tmp_path / "out" / shot / f"{shot}.1002.exr").is_file()
        assert f"openjd_status: {shot}: 7 files in" in told
    assert told.count("void-server serves on") == 1 and told.count("void-server ended") == 1
    progress = [
        float(line.rpartition("openjd_progress: ")[2])
        for line in told.splitlines()
        if "openjd_progress: " in line
    ]
    assert progress.count(100.0) == 2 and 0 <= progress[0] < 100 and len(progress) > 10
    assert servers_of(told) == []


def test_a_shot_that_fails_says_why_and_fails_its_task(tmp_path, program):
    write_reel(tmp_path, "sh010")
    path = tmp_path / "sh010" / "plate" / "plate.1002.exr"
    path.write_bytes(path.read_bytes()[:-400])
    template = template_of(tmp_path)
    code, told = run("run", template, "--step", "Shots", "-p", f"VoidServer={program}", folder=tmp_path)
    assert code != 0 and "openjd_fail: sh010: 1 problem must be solved first" in told
    assert "plate.1002.exr" in told and "void-server ended" in told and servers_of(told) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_cancelled_task_cancels_its_job_before_the_server_ends(tmp_path, program):
    write_reel(tmp_path, "sh010", frames=12)
    template = template_of(tmp_path)
    words = ("run", template, "--step", "Shots", "-p", f"VoidServer={program}")
    process = openjd(*words, folder=tmp_path)
    told = ""
    assert process.stdout is not None
    for line in process.stdout:
        told += line
        if "openjd_progress: " in line:
            process.send_signal(signal.SIGINT)
            break
    out, _ = process.communicate(timeout=120)
    told += out
    assert process.returncode != 0 and "openjd_fail: sh010 was cancelled" in told, told
    assert re.search(r"openjd_fail: sh010: Job \w+ was cancelled", told) and "void-server ended" in told
    end = time.monotonic() + 30
    while servers_of(told) and time.monotonic() < end:
        time.sleep(0.1)
    assert servers_of(told) == []


def test_a_template_lists_the_shots_and_keeps_within_the_limits_of_the_specification(tmp_path):
    file = tmp_path / "shots.toml"
    file.write_text("".join(f"[shots.sh{number:04d}]\n" for number in range(1500)))
    tree = job_template(read_farm_job(file, tmp_path / "t.json", gpu=True))
    ranges = [s["parameterSpace"]["taskParameterDefinitions"][0]["range"] for s in tree["steps"]]
    assert [len(r) for r in ranges] == [1024, 476] and len({n for r in ranges for n in r}) == 1500
    assert tree["steps"][0]["hostRequirements"]["amounts"] == [{"name": "amount.worker.gpu", "min": 1}]
    (tmp_path / "t.json").write_text(json.dumps(tree))
    assert run("check", "t.json", folder=tmp_path)[0] == 0


def test_a_file_beyond_the_templates_folder_is_for_the_submitter_to_name(tmp_path):
    file = tmp_path / "shots.toml"
    file.write_text("[shots.a]\n")
    (tmp_path / "farm").mkdir()
    assert read_farm_job(file, tmp_path / "farm" / "t.json", gpu=False).default_file == ""
    assert read_farm_job(file, tmp_path / "t.json", gpu=False).default_file == "shots.toml"


@pytest.mark.parametrize("text", ["", "[shots", "shots = 1", '[shots."a b"]'])
def test_a_file_that_names_no_usable_shot_is_refused(tmp_path, text):
    (tmp_path / "shots.toml").write_text(text)
    with pytest.raises(InvalidInput):
        read_farm_job(tmp_path / "shots.toml", tmp_path / "t.json", gpu=False)


def test_progress_grows_over_the_stages_and_other_lines_pass():
    lines: list[str] = []
    told = Told("a", lines.append)
    preflight = {
        "event": "progress",
        "stage": "ingest",
        "stage_number": 2,
        "stage_count": 2,
        "done": 1,
        "total": 1,
    }
    told.take(json.dumps(preflight))
    told.take('{"event": "job", "id": "j1"}')
    for stage, done in ((1, 0), (1, 2), (2, 1), (1, 1), (4, 2)):
        event = {
            "event": "progress",
            "stage": "fill",
            "stage_number": stage,
            "stage_count": 4,
            "done": done,
            "total": 2,
        }
        told.take(json.dumps(event))
    told.take("a traceback\n")
    assert [x for x in lines if "progress" in x] == [
        "openjd_progress: 0.0",
        "openjd_progress: 25.0",
        "openjd_progress: 37.5",
        "openjd_progress: 100.0",
    ]
    assert lines[-1] == "a traceback"
