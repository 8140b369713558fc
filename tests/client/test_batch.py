# SPDX-License-Identifier: Apache-2.0
"""`void batch` as a user runs it, against a real server: checked together, left, killed, gone on, reported.

Most of these take 10 to 25 s on two cores: each runs several whole jobs, one after the other.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.client.conftest import Command, clean_environment
from tests.small_shot import SmallShot, write_small_shot

GOOD = ("sh010", "sh020", "sh030")
TABLE = """
title = "reel <3>"

[defaults]
plate = "{shot}/plate/plate.####.exr"
remove = "{shot}/roto/roto.%04d.exr:A"
affected = "{shot}/affected/affected.@@@@.exr"
out = "out/{shot}"
name = "{shot}"
options = {grain = false}
"""


def write_reel(folder: Path, shots: tuple[str, ...], more: str = "", frames: int = 3) -> Path:
    for number, name in enumerate(shots):
        write_small_shot(folder / name, frames=frames, seed=number + 1)
    tables = "".join(f"[shots.{name}]\nseed = {number}\n" for number, name in enumerate(shots))
    file = folder / "shots.toml"
    file.write_text(TABLE + tables + more)
    return file


def damage(folder: Path, name: str) -> None:
    """A plate frame that opens and has a header, and whose samples are cut off: only the server finds it."""
    path = folder / name / "plate" / "plate.1002.exr"
    path.write_bytes(path.read_bytes()[:-400])


def state_of(file: Path) -> dict:
    path = file.with_name("shots.state.json")
    return json.loads(path.read_text())["shots"] if path.exists() else {}


def jobs_of(void: Command, folder: Path) -> list[dict]:
    """The server's jobs whose results go below a folder."""
    listed = void("jobs", "list", "--limit", "200", "--json").events
    return [job for job in listed if job["spec"]["output"]["directory"].startswith(str(folder))]


def wait_for(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_bad_shot_stops_no_other_and_stands_first_in_the_report(void, tmp_path):
    file = write_reel(tmp_path, (*GOOD, "sh040"))
    damage(tmp_path, "sh040")
    ran = void("batch", "shots.toml", "--json")
    assert ran.code == 1, ran.err
    ended = {e["shot"]: e for e in ran.named("shot")}
    assert {name: e["state"] for name, e in ended.items()} == dict.fromkeys(GOOD, "done") | {
        "sh040": "failed"
    }
    assert "plate.1002.exr" in ended["sh040"]["message"]
    for name in GOOD:
        assert (tmp_path / "out" / name / f"{name}.1003.exr").is_file()
    report = json.loads((tmp_path / "shots_report" / "report.json").read_text())
    assert report["shots"][0]["shot"] == "sh040" and report["shots"][0]["kind"] == "failed"
    assert [s["figures"]["outside"] for s in report["shots"][1:]] == [0, 0, 0]
    page = (tmp_path / "shots_report" / "index.html").read_text()
    assert "reel &lt;3&gt;" in page and "<3>" not in page and "://" not in page
    for name in GOOD:
        assert f'src="sheets/{name}.png"' in page
        sheet = tmp_path / "shots_report" / "sheets" / f"{name}.png"
        assert sheet.read_bytes() == (tmp_path / "out" / name / f"{name}.png").read_bytes()

    # The same command does again only what is not done.
    before = {name: (tmp_path / "out" / name / f"{name}.1001.exr").stat().st_mtime_ns for name in GOOD}
    jobs = len(jobs_of(void, tmp_path))
    shutil.copy(tmp_path / "sh030" / "plate" / "plate.1002.exr", tmp_path / "sh040" / "plate")
    again = void("batch", str(file), "--json")
    assert again.code == 0 and len(again.named("shot")) == 4
    assert sum(e["files_done"] == 0 for e in again.named("hashing")) == 1, "the frames of one shot are read"
    assert len(jobs_of(void, tmp_path)) == jobs + 1
    after = {name: (tmp_path / "out" / name / f"{name}.1001.exr").stat().st_mtime_ns for name in GOOD}
    assert after == before


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_batch_that_was_killed_goes_on_with_the_same_command_and_no_job_is_made_twice(void, tmp_path):
    file = write_reel(tmp_path, (*GOOD, "sh040"))
    process = void.start("batch", "shots.toml", "--at-most", "2")
    wait_for(lambda: any(s["state"] == "done" for s in state_of(file).values()))
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    left = {name: s["job"] for name, s in state_of(file).items()}
    assert 0 < sum(s["state"] == "done" for s in state_of(file).values()) < 4
    ran = void("batch", "shots.toml", "--json")
    assert ran.code == 0 and ran.named("batch")[0]["done"] == 4
    jobs = jobs_of(void, tmp_path)
    assert len(jobs) == 4 and {j["state"] for j in jobs} == {"JOB_STATE_DONE"}
    assert left.items() <= {name: s["job"] for name, s in state_of(file).items()}.items()


def test_without_its_state_the_same_command_finds_the_jobs_by_their_orders(void, tmp_path):
    file = write_reel(tmp_path, GOOD[:1])
    assert void("batch", "shots.toml").code == 0
    job = state_of(file)["sh010"]["job"]
    file.with_name("shots.state.json").unlink()
    shutil.rmtree(tmp_path / "out")
    assert void("batch", "shots.toml").code == 0
    assert state_of(file)["sh010"]["job"] == job and (tmp_path / "out/sh010/sh010.1001.exr").is_file()


def test_a_changed_matte_makes_that_shot_again(void, tmp_path):
    file = write_reel(tmp_path, GOOD[:2])
    assert void("batch", "shots.toml").code == 0
    before = state_of(file)
    other = write_small_shot(tmp_path / "other", frames=3, size=(72, 96), seed=9)
    shutil.copy(other.files("affected")[1002], tmp_path / "sh020" / "roto" / "roto.1002.exr")
    assert void("batch", "shots.toml").code == 0
    after = state_of(file)
    assert after["sh010"] == before["sh010"] and after["sh020"]["job"] != before["sh020"]["job"]


@pytest.mark.skipif(sys.platform == "win32", reason="a signal to one process is POSIX")
def test_control_c_leaves_the_jobs_and_says_how_to_go_on_and_cancel_ends_them(void, tmp_path):
    file = write_reel(tmp_path, GOOD, frames=6)
    process = void.start("batch", "shots.toml")
    wait_for(lambda: len(state_of(file)) >= 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "--cancel` ends the jobs" in err and "goes on from here" in err
    assert void("batch", "shots.toml", "--cancel").code == 0
    states = {j["state"] for j in jobs_of(void, tmp_path)}
    assert states <= {"JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED", "JOB_STATE_DONE"} and states
    assert void("batch", "shots.toml").code == 0


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_ordered(void, tmp_path):
    more = """
[shots.sh050]
remove = "nowhere.####.exr"
[shots.sh060]
plate = "sh010/plate/plate.####.exr"
remove = "sh010/roto/roto.####.exr"
affected = ""
out = "out/sh010"
name = "sh010"
[shots.sh070]
plate = "sh010/plate/plate.####.exr"
remove = "sh010/roto/roto.####.exr"
affected = ""
options = {grain = "maybe"}
"""
    file = write_reel(tmp_path, GOOD[:1], more)
    ran = void("batch", "shots.toml", "--json")
    assert ran.code == 2 and "nothing was ordered" in ran.named("error")[0]["message"]
    told = {e["shot"]: e["message"] for e in ran.named("shot_problem")}
    assert told.keys() == {"sh050", "sh060", "sh070"}
    assert "those of sh010" in told["sh060"] and "grain" in told["sh070"]
    assert state_of(file) == {} and jobs_of(void, tmp_path) == []
    assert void("batch", "shots.toml", "--skip").code == 1
    assert [j["spec"]["output"]["name"] for j in jobs_of(void, tmp_path)] == ["sh010"]


def test_check_only_looks(void, tmp_path):
    write_reel(tmp_path, GOOD[:2])
    ran = void("batch", "shots.toml", "--check")
    assert ran.code == 0 and "2 shots can be ordered" in ran.out and jobs_of(void, tmp_path) == []


def test_a_server_that_allows_one_job_at_a_time_gets_one_at_a_time(start_server, tmp_path):
    server = start_server("--max-open-jobs", "1")
    void = Command(
        clean_environment(
            VOID_SERVER=server.address,
            VOID_TOKEN_FILE=str(server.token_file),
            VOID_DATA_DIR=str(tmp_path / "data"),
        ),
        tmp_path,
    )
    shot: SmallShot = write_small_shot(tmp_path / "own", frames=4)
    plate, roto = f"{shot.folder}/plate/plate.####.exr", f"{shot.folder}/roto/roto.####.exr"
    # Another job of the same user holds the only place for a while.
    assert void("remove", "--plate", plate, "--remove", roto, "--out", "mine", "--detach").code == 0
    write_reel(tmp_path, GOOD[:2])
    ran = void("batch", "shots.toml", "--at-most", "9", "--json")
    assert ran.code == 0 and {e["state"] for e in ran.named("shot")} == {"done"}, ran.out


def test_one_line_of_progress_says_how_many_and_how_long(void, tmp_path):
    write_reel(tmp_path, GOOD[:2])
    ran = void("batch", "shots.toml", "--at-most", "1", "--json")
    told = [(e["done"], e["total"]) for e in ran.named("progress")]
    assert told[0] == (0, 2) and told[-1] == (2, 2)
    assert any(e["done"] == 1 and e["eta_seconds"] > 0 for e in ran.named("progress"))
