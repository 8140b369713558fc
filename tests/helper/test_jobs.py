# SPDX-License-Identifier: Apache-2.0
"""Orders through the helper: against a real server, side by side, and through every fault that a studio has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import ROOT, ServerProcess, clean_environment
from tests.client.test_local_server import server_pid, wait_until_gone
from tests.client.test_remove import TREE, tree
from tests.helper.host import Host, order
from tests.small_shot import SmallShot, write_small_shot
from void_client.helper.writer import MAX_WAITING

SHIFTED = [name.replace(".100", ".000") for name in TREE]
"""The results of the small shot, whose frames a host counts from 1."""


def submitted(host: Host, number: int, shot: SmallShot, out: Path, **more: Any) -> str:
    return str(host.ask(number, "submit", order=order(shot, out, **more))["job"])


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not come"
        time.sleep(0.02)


# What each request brings.


def test_an_order_is_placed_followed_and_its_files_lie_where_it_said(
    host: Host, shot: SmallShot, tmp_path: Path
) -> None:
    reply = host.ask(1, "submit", order=order(shot, tmp_path / "out"))
    assert (reply["created"], reply["directory"]) == (True, str(tmp_path / "out"))
    end = host.ask(2, "watch", job=reply["job"])
    assert (end["state"], end["files"], end["problem"]) == ("done", len(SHIFTED), None)
    assert tree(tmp_path / "out") == SHIFTED
    assert sorted(e["path"] for e in host.events(2, "written")) == [f"{tmp_path}/out/{n}" for n in SHIFTED]
    assert host.events(2, "state")[-1]["state"] == "done"


def test_the_same_order_finds_its_job_again(host: Host, shot: SmallShot, tmp_path: Path) -> None:
    first = host.ask(1, "submit", order=order(shot, tmp_path / "out"))
    second = host.ask(2, "submit", order=order(shot, tmp_path / "out"))
    assert (second["job"], second["created"]) == (first["job"], False)
    # Of a job that runs there is no second attempt.
    host.ask(4, "watch", job=first["job"])
    again = host.ask(3, "submit", order=order(shot, tmp_path / "out", again=True))
    assert again["created"] is True


def test_patterns_are_taken_as_well_as_files(host: Host, shot: SmallShot, tmp_path: Path) -> None:
    inputs = {
        "plate": {"pattern": f"{shot.folder}/plate/plate.####.exr"},
        "remove": {"pattern": f"{shot.folder}/roto/roto.%04d.exr", "channel": "A"},
    }
    asked = {"inputs": inputs, "out": str(tmp_path / "out"), "masks_only": True, "reasoner": "none"}
    end = host.ask(2, "watch", job=host.ask(1, "submit", order=asked)["job"])
    assert end["state"] == "done"
    assert "1001-1003" in host.events(1, "notes")[0]["notes"][0]


def test_all_that_is_wrong_with_an_order_comes_at_once(host: Host, shot: SmallShot, tmp_path: Path) -> None:
    asked = order(shot, tmp_path / "out", options={"feather": "much"})
    asked["inputs"]["plate"]["files"][1][1] = "/gone/plate.exr"
    error = host.refused(1, "submit", order=asked)
    found = {(f["code"], f["input"], tuple(f["frames"]), f["file"]) for f in error["findings"]}
    assert error["code"] == "preflight"
    assert ("missing_frames", "plate", (2,), "/gone/plate.exr") in found
    assert "unsupported" in {code for code, *_ in found}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"out": ""}, "No folder for the results is named"),
        ({"out": "void/VOID1"}, "no whole path"),
        ({"seed": "many"}, "seed 'many'"),
        ({"seed": "99999999999999999999"}, "seed"),
        ({"range": "five"}, "'five' is not a frame range"),
        ({"range": ""}, "without a range"),
        ({"boxes": [{"frame": 1, "left": 5, "top": 0, "right": 5, "bottom": 9}]}, "no area"),
        ({"name": "a/b"}, "cannot be the name"),
    ],
)
def test_an_order_that_cannot_be_is_refused_with_what_to_do(
    host: Host, shot: SmallShot, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    error = host.refused(1, "submit", order={**order(shot, tmp_path / "out"), **change})
    assert error["code"] == "invalid_input" and said in error["message"]
    assert error["fix"]


def test_a_folder_that_cannot_be_written_to_is_told(host: Host, shot: SmallShot, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = host.refused(1, "submit", order=order(shot, tmp_path / "file" / "out"))
    assert "cannot be written to" in error["message"]
    assert error["file"].startswith(f"{tmp_path}/file/out") and error["fix"]


def test_results_never_lie_on_inputs(host: Host, shot: SmallShot, tmp_path: Path) -> None:
    asked = order(shot, shot.folder / "plate", name="plate")
    asked["inputs"]["plate"]["files"] = [
        [f, p] for f, (_, p) in enumerate(asked["inputs"]["plate"]["files"], 1001)
    ]
    asked["inputs"]["remove"]["files"] = [
        [f, p] for f, (_, p) in enumerate(asked["inputs"]["remove"]["files"], 1001)
    ]
    error = host.refused(1, "submit", order={**asked, "range": "1001-1003"})
    assert "would overwrite" in error["message"]


def test_without_a_server_the_order_s_own_problems_are_told(
    host: Host, shot: SmallShot, tmp_path: Path
) -> None:
    asked = order(shot, tmp_path / "out")
    asked["inputs"]["remove"]["files"] = [[1, "/gone/a.exr"]]
    server = {"address": "127.0.0.1:1", "token_file": os.fspath(_file(tmp_path, "t"))}
    error = host.refused(1, "submit", order=asked, server=server)
    assert [f["code"] for f in error["findings"]] == ["missing_frames"]


def test_a_server_that_is_not_there_is_told(host: Host, tmp_path: Path) -> None:
    server = {"address": "127.0.0.1:1", "token_file": os.fspath(_file(tmp_path, "t"))}
    error = host.refused(1, "capabilities", server=server)
    assert error["code"] == "unreachable" and "127.0.0.1:1" in error["message"] and error["fix"]


def _file(folder: Path, text: str) -> Path:
    path = folder / "some-token"
    path.write_text(text)
    return path


def test_capabilities_are_the_contract_s_fields(host: Host) -> None:
    reply = host.ask(1, "capabilities")
    assert "cleanplate" in {e["name"] for e in reply["engines"]}
    grain = next(o for o in reply["options"] if o["name"] == "grain")
    assert (grain["type"], grain["default_value"]) == ("switch", "on")
    assert all(isinstance(limit["value"], int) for limit in reply["limits"])


def test_the_doctor_s_checks_are_those_of_the_command(host: Host) -> None:
    checks = host.ask(1, "doctor")["checks"]
    assert {c["subject"]: c["result"] for c in checks}["token"] == "ok"


def test_a_job_is_fetched_elsewhere(host: Host, shot: SmallShot, tmp_path: Path) -> None:
    job = submitted(host, 1, shot, tmp_path / "out")
    host.ask(2, "watch", job=job)
    reply = host.ask(3, "fetch", job=job, directory=str(tmp_path / "elsewhere"))
    assert (reply["state"], tree(tmp_path / "elsewhere")) == ("done", SHIFTED)


def test_a_running_job_is_fetched_as_far_as_it_is(host: Host, long_shot: SmallShot, tmp_path: Path) -> None:
    job = submitted(host, 1, long_shot, tmp_path / "out")
    reply = host.ask(2, "fetch", job=job, directory=str(tmp_path / "so far"))
    assert reply["state"] in ("queued", "running") and reply["problem"] is None
    assert len(tree(tmp_path / "so far")) == reply["files"]
    host.ask(3, "cancel", job=job)


def test_a_job_that_is_not_there_is_told(host: Host) -> None:
    assert host.refused(1, "watch", job="nosuchjob")["code"] == "not_found"


def test_cancel_ends_the_job_and_its_watch_says_so(host: Host, long_shot: SmallShot, tmp_path: Path) -> None:
    job = submitted(host, 1, long_shot, tmp_path / "out")
    host.send(2, "watch", job=job)
    host.until(2, "event", "stage")
    assert host.ask(3, "cancel", job=job)["state"] in ("cancelling", "cancelled")
    end = host.until(2, "reply") if not _ended(host, 2) else _ended(host, 2)
    assert (end["state"], end["problem"]["code"]) == ("cancelled", "cancelled")


def _ended(host: Host, number: int) -> dict[str, Any]:
    return next((m["reply"] for m in host.said if m["id"] == number and "reply" in m), {})


def test_a_preview_of_a_server_without_the_model_says_why(
    host: Host, shot: SmallShot, tmp_path: Path
) -> None:
    plate = str(shot.files("plate")[1001])
    points = [{"frame": 1, "x": 30, "y": 30}]
    error = host.refused(
        1, "preview", frame=1, plate=plate, segmenter="sam2", points=points, out=str(tmp_path / "m.exr")
    )
    assert error["message"] and not (tmp_path / "m.exr").exists()


def test_a_preview_never_lies_on_its_input(host: Host, shot: SmallShot) -> None:
    plate = str(shot.files("plate")[1001])
    assert "overwrite" in host.refused(1, "preview", frame=1, plate=plate, out=plate)["message"]


def test_two_nodes_work_side_by_side_and_their_lines_do_not_mix_up(
    host: Host, shot: SmallShot, tmp_path: Path
) -> None:
    jobs = {n: submitted(host, n, shot, tmp_path / f"out{n}", name="shot") for n in (1, 2)}
    for n, job in jobs.items():
        host.send(10 + n, "watch", job=job)
    ends: dict[int, dict[str, Any]] = {}
    while len(ends) < 2:
        message = host.next()
        if "reply" in message:
            ends[message["id"]] = message["reply"]
    for n, job in jobs.items():
        assert (ends[10 + n]["job"], ends[10 + n]["state"]) == (job, "done")
        assert tree(tmp_path / f"out{n}") == SHIFTED
        assert {e["job"] for e in host.events(10 + n, "output")} == {job}


def test_spaces_and_any_letters_in_paths_do_no_harm(host: Host, tmp_path: Path) -> None:
    shot = write_small_shot(tmp_path / "Größe 東京 'x' \"y\"", frames=2)
    out = tmp_path / "ergebnis – ünï %d {a} $HOME"
    end = host.ask(2, "watch", job=submitted(host, 1, shot, out))
    assert end["directory"] == str(out)
    assert (out / "shot.0001.exr").exists()


# What can happen while a job runs.


def test_a_killed_helper_ends_no_job_and_a_new_one_brings_the_result(
    environment: dict[str, str], start_host: Callable[..., Host], long_shot: SmallShot, tmp_path: Path
) -> None:
    first = start_host(environment)
    job = submitted(first, 1, long_shot, tmp_path / "out")
    first.send(2, "watch", job=job)
    first.until(2, "event", "stage")
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    end = start_host(environment).ask(1, "watch", job=job)
    assert (end["state"], end["files"]) == ("done", 2 * 14 + 3)
    assert len(tree(tmp_path / "out")) == 2 * 14 + 3


def test_the_end_of_the_input_ends_the_helper_within_two_seconds_though_it_watches(
    environment: dict[str, str], start_host: Callable[..., Host], long_shot: SmallShot, tmp_path: Path
) -> None:
    host = start_host(environment)
    job = submitted(host, 1, long_shot, tmp_path / "out")
    host.send(2, "watch", job=job)
    host.until(2, "event", "stage")
    begun = time.monotonic()
    assert host.end() == 0
    assert time.monotonic() - begun < 2
    assert start_host(environment).ask(1, "watch", job=job)["state"] == "done"


def test_it_ends_as_fast_while_it_tries_to_reach_a_server(
    environment: dict[str, str], start_host: Callable[..., Host], tmp_path: Path
) -> None:
    host = start_host(environment)
    server = {"address": "127.0.0.1:1", "token_file": os.fspath(_file(tmp_path, "t"))}
    for number in range(8):
        host.send(number, "watch", job="abcd", server=server)
    time.sleep(0.3)
    begun = time.monotonic()
    assert host.end() == 0
    assert time.monotonic() - begun < 2


def test_it_ends_as_fast_although_the_host_does_not_read(
    environment: dict[str, str], start_host: Callable[..., Host]
) -> None:
    host = start_host(environment, reads=False)
    for number in range(600):
        host.write(b'{"id": %d, "do": "nothing of the kind"}' % number)
    begun = time.monotonic()
    assert host.end() == 0
    assert time.monotonic() - begun < 2


def test_a_watch_goes_on_when_the_server_was_killed_and_comes_back(
    start_server: Callable[..., ServerProcess],
    start_host: Callable[..., Host],
    long_shot: SmallShot,
    tmp_path: Path,
) -> None:
    server = start_server()
    environment = clean_environment(VOID_SERVER=server.address, VOID_TOKEN_FILE=str(server.token_file))
    host = start_host(environment)
    job = submitted(host, 1, long_shot, tmp_path / "out")
    host.send(2, "watch", job=job)
    host.until(2, "event", "stage")
    server.stop(signal.SIGKILL)
    host.until(2, "event", "reconnecting")
    command = [sys.executable, "-m", "void_server", "serve", "--listen", server.address]
    again = subprocess.Popen(
        [*command, "--store", str(server.store), "--token-file", str(server.token_file), "--workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT))},
    )
    try:
        end = host.until(2, "reply")
    finally:
        again.terminate()
        again.wait(30)
    assert (end["state"], end["files"]) == ("done", 2 * 14 + 3)
    numbers = [(e["output"], e["frame"]) for e in host.events(2, "output")]
    assert len(numbers) == len(set(numbers)) == 2 * 14 + 3


def test_a_host_that_reads_late_misses_nothing_but_old_progress(
    environment: dict[str, str], start_host: Callable[..., Host], shot: SmallShot, tmp_path: Path
) -> None:
    host = start_host(environment, reads=False)
    host.send(1, "submit", order=order(shot, tmp_path / "out"))
    wait_for_log(host, "1 submit done")
    host.read()
    job = host.until(1, "reply")["job"]
    late = start_host(environment, reads=False)
    late.send(2, "watch", job=job)
    wait_for_log(late, "2 watch done")
    late.read()
    late.until(2, "reply")
    assert len(late.events(2, "written")) == len(SHIFTED)


def wait_for_log(host: Host, text: str) -> None:
    deadline = time.monotonic() + 60
    while text not in host.log.read_text():
        assert time.monotonic() < deadline, f"the log does not say {text}"
        time.sleep(0.05)


def test_every_refusal_reaches_a_host_that_reads_late(
    environment: dict[str, str], start_host: Callable[..., Host]
) -> None:
    host = start_host(environment, reads=False)
    count = MAX_WAITING + 500
    for number in range(count):
        host.write(b'{"id": %d, "do": "nothing"}' % number)
    host.send(count, "hello", protocol=1, host="late")
    host.read()
    host.until(count, "reply")
    assert [m["id"] for m in host.said] == list(range(count + 1))


def test_a_helper_with_a_scrubbed_environment_works(
    start_host: Callable[..., Host], server: ServerProcess, shot: SmallShot, tmp_path: Path
) -> None:
    bare = {name: os.environ[name] for name in ("PYTHONPATH", "SYSTEMROOT") if name in os.environ}
    host = start_host({"PYTHONPATH": str(ROOT), **bare, "HOME": str(tmp_path)})
    place = {"address": server.address, "token_file": str(server.token_file)}
    reply = host.ask(1, "submit", order=order(shot, tmp_path / "out"), server=place)
    assert host.ask(2, "watch", job=reply["job"], server=place)["state"] == "done"


def test_the_user_s_own_server_is_started_when_needed_and_started_anew_when_it_was_killed(
    start_host: Callable[..., Host], long_shot: SmallShot, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    environment = clean_environment(VOID_DATA_DIR=str(data))
    try:
        host = start_host(environment)
        job = submitted(host, 1, long_shot, tmp_path / "out")
        assert any("read where they lie" in n for e in host.events(1, "notes") for n in e["notes"])
        host.send(2, "watch", job=job)
        host.until(2, "event", "stage")
        os.kill(server_pid(data) or 0, signal.SIGKILL)
        assert host.until(2, "reply")["state"] == "done"
        assert host.events(2, "reconnecting")
    finally:
        if pid := server_pid(data):
            os.kill(pid, signal.SIGTERM)
            wait_until_gone(data)


# The site file.


@pytest.fixture
def at_site(start_host: Callable[..., Host], server: ServerProcess, tmp_path: Path) -> Callable[[str], Host]:
    def start(text: str) -> Host:
        place = f"server = '{server.address}'\ntoken_file = '{server.token_file}'\n"
        (tmp_path / "site.toml").write_text(place + text)
        return start_host(clean_environment(VOID_SITE_CONFIG=str(tmp_path / "site.toml")))

    return start


def test_the_site_names_server_token_and_output(
    at_site: Callable[[str], Host], shot: SmallShot, tmp_path: Path
) -> None:
    host = at_site(f"output = '{tmp_path}/site/{{plate_name}}'\n[defaults]\nengine = 'cleanplate'\n")
    assert host.ask(1, "site")["defaults"] == {"engine": "cleanplate"}
    assert (
        host.ask(2, "submit", order={**order(shot, tmp_path), "out": ""})["directory"]
        == f"{tmp_path}/site/plate"
    )


@pytest.mark.parametrize(
    ("locked", "change", "named"),
    [
        ("engine", {"engine": "void"}, "engine to 'cleanplate'"),
        ("seed", {"seed": "8"}, "seed to its default"),
        ("preview", {"preview": True}, "preview"),
        ("cloud_consent", {"cloud_consent": True}, "cloud_consent"),
        ("options.grain", {"options": {"grain": "off"}}, "options.grain to 'on'"),
        ("output", {"out": "/elsewhere"}, "output"),
    ],
)
def test_what_is_locked_is_refused_as_by_the_command(
    at_site: Callable[[str], Host],
    shot: SmallShot,
    tmp_path: Path,
    locked: str,
    change: dict[str, Any],
    named: str,
) -> None:
    text = f"output = '{tmp_path}/site'\nlocked = ['{locked}']\n[defaults]\nengine = 'cleanplate'\n"
    host = at_site(f"{text}[defaults.options]\ngrain = true\n")
    error = host.refused(1, "submit", order={**order(shot, tmp_path / "out"), **change})
    assert error["code"] == "invalid_input"
    assert f"locks {named}" in error["message"] and error["file"].endswith("site.toml")


def test_a_version_s_folder_may_lie_below_the_one_that_is_locked(
    at_site: Callable[[str], Host], shot: SmallShot, tmp_path: Path
) -> None:
    host = at_site(f"output = '{tmp_path}/site'\nlocked = ['output']\n")
    below, beside = f"{tmp_path}/site/VOID1/v001", f"{tmp_path}/site/../other"
    assert host.ask(1, "submit", order={**order(shot, tmp_path), "out": below})["directory"] == below
    error = host.refused(2, "submit", order={**order(shot, tmp_path), "out": beside})
    assert "locks output" in error["message"]


def test_a_locked_number_may_be_written_otherwise(
    at_site: Callable[[str], Host], shot: SmallShot, tmp_path: Path
) -> None:
    host = at_site("locked = ['options.grow']\n[defaults.options]\ngrow = 3.0\n")
    assert host.ask(1, "submit", order={**order(shot, tmp_path), "options": {"grow": "3"}})["job"]
    error = host.refused(2, "submit", order={**order(shot, tmp_path), "options": {"grow": "4"}})
    assert "locks options.grow" in error["message"]


def test_a_locked_server_is_no_other(at_site: Callable[[str], Host]) -> None:
    host = at_site("locked = ['server']\n")
    assert "locks server" in host.refused(1, "capabilities", server={"address": "127.0.0.1:1"})["message"]


def test_a_locked_output_holds_for_fetch_too(at_site: Callable[[str], Host], tmp_path: Path) -> None:
    host = at_site(f"output = '{tmp_path}/site'\nlocked = ['output']\n")
    assert "locks output" in host.refused(1, "fetch", job="abcd", directory=str(tmp_path))["message"]


def test_a_broken_site_file_stops_all_but_hello_and_the_doctor(at_site: Callable[[str], Host]) -> None:
    host = at_site("colour = 1\n")
    assert "colour" in host.refused(1, "capabilities")["message"]
    assert host.ask(2, "hello", protocol=1, host="x")["protocol"] == 1
    assert host.ask(3, "doctor")["checks"][-1]["result"] == "fail"


def test_frames_on_a_shared_root_are_not_sent(
    start_server: Callable[..., ServerProcess],
    start_host: Callable[..., Host],
    shot: SmallShot,
    tmp_path: Path,
) -> None:
    server = start_server("--root", f"proj={shot.folder}")
    site = f"[[roots]]\nname = 'proj'\npaths = ['{shot.folder}']\n"
    (tmp_path / "site.toml").write_text(site)
    host = start_host(
        clean_environment(
            VOID_SERVER=server.address,
            VOID_TOKEN_FILE=str(server.token_file),
            VOID_SITE_CONFIG=str(tmp_path / "site.toml"),
        )
    )
    submitted(host, 1, shot, tmp_path / "out")
    assert any("6 files are read where they lie" in n for e in host.events(1, "notes") for n in e["notes"])
    submitted(host, 2, shot, tmp_path / "out2", upload=True)
    assert host.events(2, "uploading")
