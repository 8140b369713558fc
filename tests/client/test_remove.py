# SPDX-License-Identifier: Apache-2.0
"""`void remove` and `void jobs` as a user runs them, against a real server."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.client.conftest import Command, Ran, ServerProcess, clean_environment
from tests.client.cutting_proxy import CuttingProxy
from tests.client.scripted_jobs import ScriptedJobs, serve
from tests.small_shot import SmallShot, write_exr, write_small_shot

TREE = [
    "matte/shot_matte.1001.exr",
    "matte/shot_matte.1002.exr",
    "matte/shot_matte.1003.exr",
    "shot.1001.exr",
    "shot.1002.exr",
    "shot.1003.exr",
    "shot.json",
    "shot.png",
    "shot_qc.png",
]


LONG_FRAMES = 8


def tree(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def wish(shot: SmallShot, *more: str, out: str = "out") -> tuple[str, ...]:
    folder = shot.folder
    return (
        *(
            "remove",
            "--plate",
            f"{folder}/plate/plate.####.exr",
            "--remove",
            f"{folder}/roto/roto.%04d.exr:A",
        ),
        *("--affected", f"{folder}/affected/affected.@@@@.exr", "--out", out, "--name", "shot", *more),
    )


def job_of(ran: Ran) -> str:
    return str(ran.named("job")[0]["id"])


def red_of(path: Path) -> np.ndarray:
    image = oiio.ImageBuf(str(path))
    return image.get_pixels(oiio.FLOAT)[..., image.spec().channelnames.index("R")]


@pytest.fixture(scope="module")
def new_shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    """A shot whose plates nobody else sends."""
    return write_small_shot(tmp_path_factory.mktemp("new"), frames=3, seed=31)


@pytest.fixture(scope="module")
def first_run(
    server: ServerProcess, new_shot: SmallShot, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Ran, Path]:
    """The first removal of the new shot; its results are looked at by several tests."""
    folder = tmp_path_factory.mktemp("first")
    environment = clean_environment(VOID_SERVER=server.address, VOID_TOKEN_FILE=str(server.token_file))
    return Command(environment, folder)(*wish(new_shot, "--json")), folder / "out"


def test_the_result_folder_is_the_designs(first_run: tuple[Ran, Path]) -> None:
    ran, out = first_run
    assert (ran.code, ran.err) == (0, "")
    assert tree(out) == TREE


def test_the_object_is_gone_and_the_rest_is_the_plate(
    first_run: tuple[Ran, Path], new_shot: SmallShot
) -> None:
    plate, matte = red_of(new_shot.files("plate")[1002]), oiio.ImageBuf(str(new_shot.files("roto")[1002]))
    inside = matte.get_pixels(oiio.FLOAT)[..., 0] > 0.5
    result = red_of(first_run[1] / "shot.1002.exr")
    assert plate[inside].min() > 2
    assert result[inside].max() < 1.5
    assert np.array_equal(result[:8], plate[:8])


def test_the_events_come_in_order_and_every_file_is_told_once(first_run: tuple[Ran, Path]) -> None:
    ran, out = first_run
    kinds = [e["event"] for e in ran.events]
    assert kinds.index("uploading") < kinds.index("job") < kinds.index("output") < kinds.index("written")
    assert kinds[-1] == "done"
    written = [e["path"] for e in ran.named("written")]
    assert sorted(written) == sorted(str(out / p) for p in TREE)
    assert len(ran.named("output")) == len(TREE)
    assert "1001-1003" in ran.named("notes")[0]["notes"][0]


def test_the_same_command_again_finds_its_job_and_fetches_nothing(
    first_run: tuple[Ran, Path], server: ServerProcess, new_shot: SmallShot
) -> None:
    first, out = first_run
    environment = clean_environment(VOID_SERVER=server.address, VOID_TOKEN_FILE=str(server.token_file))
    ran = Command(environment, out.parent)(*wish(new_shot, "--json"))
    assert ran.code == 0
    assert (job_of(ran), ran.named("job")[0]["created"]) == (job_of(first), False)
    assert ran.named("uploading") == []
    assert {e["fetched"] for e in ran.named("written")} == {False}


def test_again_makes_a_new_attempt(void: Command, shot: SmallShot) -> None:
    assert void(*wish(shot)).code == 0
    ran = void(*wish(shot, "--json", "--again"))
    assert ran.code == 0
    assert ran.named("job")[0]["created"] is True
    assert ran.named("job")[0]["attempt"] > 1


def test_clean_plates_of_some_frames_travel_with_the_order(
    void: Command, shot: SmallShot, tmp_path: Path
) -> None:
    for frame in (1002, 1004):
        write_exr(tmp_path / "clean" / f"clean.{frame}.exr", np.ones((72, 96, 3), np.float16), "RGB")
    ran = void(*wish(shot, "--json", "--cleanplate", f"{tmp_path}/clean/clean.####.exr"))
    assert (ran.code, ran.err) == (0, "")
    notes = [n for told in ran.named("notes") for n in told["notes"]]
    assert "Clean plates are there for 1 of 3 frames: 1002." in notes
    assert "Clean plates of frames 1004 lie outside the range and are not used." in notes
    frames = json.loads((void.folder / "out" / "shot.json").read_text())["frames"]
    named = [f["clean_plate"] and f["clean_plate"]["name"] for f in frames]
    assert named == [None, f"{tmp_path}/clean/clean.1002.exr", None]
    again = void(*wish(shot, "--json", "--cleanplate", f"{tmp_path}/clean/clean.1002.exr"))
    assert again.named("job")[0]["created"] is False, "the same order, spelt as one file"


def test_a_preview_lies_in_its_own_folder(void: Command, shot: SmallShot) -> None:
    assert void(*wish(shot, "--preview")).code == 0
    assert tree(void.folder / "out") == [f"preview/{p}" for p in TREE]


def test_a_piped_run_is_plain_lines(void: Command, shot: SmallShot) -> None:
    ran = void(*wish(shot, "--seed", "5"))
    assert ran.code == 0
    assert "\x1b" not in ran.out and "\r" not in ran.out
    assert "Frames" not in ran.err
    assert ran.out.splitlines()[0].startswith("No --range given: frames 1001-1003 (3)")
    assert ran.out.splitlines()[-1].startswith("Done in")


def test_missing_frames_of_all_inputs_are_told_at_once_even_when_no_server_answers(
    void: Command, shot: SmallShot
) -> None:
    void.environment["VOID_SERVER"] = "127.0.0.1:1"
    ran = void(*wish(shot, "--range", "1002-1005", "--json"))
    assert ran.code == 2
    found = ran.named("preflight")[0]["problems"]
    assert [(p["input"], p["frames"]) for p in found] == [
        (role, [1004, 1005]) for role in ("plate", "remove", "affected")
    ]


def test_a_matte_that_is_empty_everywhere_is_refused_before_the_plates_are_sent(
    void: Command, tmp_path: Path
) -> None:
    shot = write_small_shot(tmp_path / "shot", frames=3, seed=77)
    for path in shot.files("roto").values():
        write_exr(path, np.zeros((72, 96, 1), np.float16), "A")
    ran = void(*wish(shot, "--json"))
    assert ran.code == 2
    assert ran.named("preflight")[-1]["unseen_files"] == 2
    assert "not looked at yet" in ran.named("error")[0]["message"]
    assert ran.named("uploading")[-1]["files_total"] < 9
    assert ran.named("job") == []


def test_a_result_never_lies_on_an_input(void: Command, tmp_path: Path) -> None:
    shot = write_small_shot(tmp_path / "shot", frames=1)
    plate = shot.files("plate")[1001]
    before = plate.read_bytes()
    ran = void(*wish(shot, "--name", "plate", out=str(plate.parent)))
    assert ran.code == 2
    assert "overwrite" in ran.err and "plate.1001.exr" in ran.err
    assert plate.read_bytes() == before


def test_nothing_to_remove_is_taught(void: Command, shot: SmallShot) -> None:
    ran = void("remove", "--plate", f"{shot.folder}/plate/plate.####.exr", "--out", "out")
    assert ran.code == 2
    assert "--remove" in ran.err


def test_a_reasoner_that_the_server_has_no_model_for_is_refused_with_what_to_do(
    void: Command, shot: SmallShot
) -> None:
    ran = void(*wish(shot, "--reasoner", "openai"))
    assert ran.code == 2
    assert ran.out.count("--vlm") == 1


def test_an_engine_without_its_weights_is_refused_with_the_command_that_fetches_them(
    void: Command, shot: SmallShot
) -> None:
    ran = void(*wish(shot, "--engine", "void"))
    assert ran.code == 2
    assert "void-server weights fetch" in ran.out


def test_a_server_that_is_not_there_has_its_own_exit_code(void: Command, shot: SmallShot) -> None:
    void.environment["VOID_SERVER"] = "127.0.0.1:1"
    ran = void(*wish(shot))
    assert ran.code == 3
    assert "127.0.0.1:1" in ran.err


def test_an_output_folder_that_cannot_be_made_is_bad_input(void: Command, shot: SmallShot) -> None:
    (void.folder / "file").touch()
    ran = void(*wish(shot, out="file/out"))
    assert ran.code == 2
    assert "file/out" in ran.err


def test_results_that_do_not_fit_on_the_disk_are_an_error_that_says_how_to_go_on(
    void: Command, shot: SmallShot
) -> None:
    import resource

    ran = void(
        *wish(shot, "--seed", "6"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)),
    )
    assert ran.code == 4
    assert "void jobs fetch" in ran.err
    assert all((void.folder / "out" / p).stat().st_size <= 20000 for p in tree(void.folder / "out"))
    job = ran.err.split("`void jobs fetch ")[1].split("`")[0]
    assert void("jobs", "fetch", job).code == 0
    assert tree(void.folder / "out") == TREE


def test_a_detached_job_is_named_on_the_last_line_and_fetched_later(void: Command, shot: SmallShot) -> None:
    ran = void(*wish(shot, "--detach", "--seed", "7"))
    job = ran.out.splitlines()[-1]
    assert ran.code == 0
    assert void("jobs", "watch", job).code == 0
    fetched = void("jobs", "fetch", job[:6], "--out", "elsewhere", "--json")
    assert fetched.code == 0
    assert tree(void.folder / "elsewhere") == TREE


def test_a_network_that_breaks_while_the_job_runs_loses_and_doubles_nothing(
    void: Command, shot: SmallShot, proxy: CuttingProxy
) -> None:
    proxy.cut_after("down", 3000, 6000, 40000, 90000)
    void.environment["VOID_SERVER"] = proxy.address
    ran = void(*wish(shot, "--json", "--seed", "8"))
    assert ran.code == 0, ran.events[-1]
    assert proxy.cuts >= 3
    assert tree(void.folder / "out") == TREE
    assert len(ran.named("output")) == len(ran.named("written")) == len(TREE)


def long_wish(tmp_path: Path, seed: int) -> tuple[str, ...]:
    """A job that takes long enough to be interrupted."""
    shot = write_small_shot(tmp_path / f"long{seed}", frames=LONG_FRAMES, size=(216, 384), seed=seed)
    return wish(shot, "--json")


def read_until(process, kind: str) -> dict[str, object]:
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == kind:
            return event
    raise AssertionError(f"no {kind}: {process.stderr.read()}")


def test_the_first_interrupt_cancels_the_job_and_waits_for_it(void: Command, tmp_path: Path) -> None:
    process = void.start(*long_wish(tmp_path, 21))
    job = read_until(process, "stage") and read_until(process, "progress")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    events = [json.loads(line) for line in out.splitlines()]
    assert job and process.returncode == 130
    assert [e["state"] for e in events if e["event"] == "state"][-1] == "cancelled"
    assert not [p for p in tree(tmp_path / "out") if ".part" in p]


def test_the_second_interrupt_leaves_at_once(
    start_server: Callable[..., ServerProcess], void: Command, tmp_path: Path
) -> None:
    server = start_server()
    void.environment.update(VOID_SERVER=server.address, VOID_TOKEN_FILE=str(server.token_file))
    process = void.start(*long_wish(tmp_path, 22))
    read_until(process, "stage")
    os.kill(server.pid, signal.SIGSTOP)
    try:
        process.send_signal(signal.SIGINT)
        read_until(process, "notes")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert process.returncode == 130
    assert "void jobs cancel" in json.loads(out.splitlines()[-1])["fix"]


def test_a_client_that_was_killed_leaves_only_whole_files_and_its_job_is_found_again(
    void: Command, tmp_path: Path
) -> None:
    arguments = long_wish(tmp_path, 23)
    process = void.start(*arguments)
    job = read_until(process, "job")["id"]
    read_until(process, "written")
    process.kill()
    process.communicate()
    whole = {p: (tmp_path / "out" / p).read_bytes() for p in tree(tmp_path / "out") if ".part" not in p}
    ran = void(*arguments)
    assert ran.code == 0
    assert job_of(ran) == job
    assert len(tree(tmp_path / "out")) == 2 * LONG_FRAMES + 3
    assert all((tmp_path / "out" / p).read_bytes() == data for p, data in whole.items())


def test_a_server_that_was_killed_and_started_again_finishes_the_job_of_a_client_that_waits(
    void: Command, tmp_path: Path
) -> None:
    del void.environment["VOID_SERVER"], void.environment["VOID_TOKEN_FILE"]
    process = void.start(*long_wish(tmp_path, 24))
    read_until(process, "written")
    endpoint = json.loads((tmp_path / "data" / "local" / "endpoint.json").read_text())
    os.kill(endpoint["pid"], signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    events = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0, err + out[-2000:]
    assert len(tree(tmp_path / "out")) == 2 * LONG_FRAMES + 3
    outputs = [(e["output"], e["frame"]) for e in events if e["event"] == "output"]
    assert len(outputs) == len(set(outputs))
    stop_local(tmp_path / "data")


def stop_local(data: Path) -> None:
    endpoint = json.loads((data / "local" / "endpoint.json").read_text())
    os.kill(endpoint["pid"], signal.SIGTERM)


def test_jobs_are_listed_shown_and_deleted(void: Command, shot: SmallShot) -> None:
    ran = void(*wish(shot, "--json", "--seed", "9"))
    job = job_of(ran)
    assert job in void("jobs", "list").out
    shown = void("jobs", "show", job[:5])
    assert "done" in shown.out and "1001-1003 (3)" in shown.out
    assert void("jobs", "show", job, "--json").events[0]["state"] == "JOB_STATE_DONE"
    assert void("jobs", "delete", job).code == 0
    gone = void("jobs", "show", job)
    assert gone.code == 2 and job in gone.err


def test_a_done_job_cannot_be_cancelled_but_says_what_it_is(void: Command, shot: SmallShot) -> None:
    job = job_of(void(*wish(shot, "--json", "--seed", "10")))
    ran = void("jobs", "cancel", job)
    assert ran.code == 0 and "done" in ran.out


def test_fetching_onto_the_inputs_is_refused(void: Command, tmp_path: Path) -> None:
    shot = write_small_shot(tmp_path / "shot", frames=1, seed=5)
    ran = void(*wish(shot, "--json", "--name", "plate"))
    refused = void("jobs", "fetch", job_of(ran), "--out", str(shot.folder / "plate"))
    assert refused.code == 2 and "overwrite" in refused.err


def test_an_interrupted_watch_leaves_the_job_alone(void: Command, tmp_path: Path) -> None:
    job = job_of(void(*long_wish(tmp_path, 25), "--detach"))
    process = void.start("jobs", "watch", job, "--json")
    read_until(process, "progress")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    last = json.loads(out.splitlines()[-1])
    assert (process.returncode, last["event"], last["code"]) == (130, "error", "left")
    assert f"The job goes on; `void jobs cancel {job}` ends it." in last["fix"]
    assert void("jobs", "watch", job).code == 0


def test_an_interrupted_fetch_leaves_the_job_alone(void: Command, tmp_path: Path) -> None:
    job = job_of(void(*long_wish(tmp_path, 26), "--detach"))
    process = void.start("jobs", "fetch", job, "--json")
    read_until(process, "progress")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert void("jobs", "fetch", job).code == 0


def test_a_detached_run_leaves_no_folder(void: Command, shot: SmallShot) -> None:
    assert void(*wish(shot, "--detach", "--seed", "27")).code == 0
    assert not (void.folder / "out").exists()


def test_older_frames_that_a_shorter_run_leaves_are_named(void: Command, shot: SmallShot) -> None:
    assert void(*wish(shot)).code == 0
    before = (void.folder / "out" / "shot.1003.exr").read_bytes()
    ran = void(*wish(shot, "--range", "1001-1002"))
    assert ran.code == 0
    assert ran.out.count("warning: frame 1003 ") == 1
    assert (void.folder / "out" / "shot.1003.exr").read_bytes() == before


def test_a_job_whose_name_leads_out_of_the_folder_writes_nothing(void: Command) -> None:
    servicer = ScriptedJobs(lambda first, context: iter([]))
    servicer.state = jobs_pb2.JOB_STATE_DONE
    servicer.spec.output.name = "../../evil"
    server, address = serve(servicer)
    void.environment["VOID_SERVER"] = address
    ran = void("jobs", "fetch", "job77", "--out", "deep/out")
    server.stop(None)
    assert ran.code == 4
    assert "job77" in ran.err and "../../evil" in ran.err
    assert not (void.folder / "deep").exists()


def test_a_config_of_the_environment_that_cannot_travel_says_how_to_go_on(
    void: Command, shot: SmallShot
) -> None:
    config = void.folder / "config.ocio"
    config.write_text("ocio_profile_version: 2\nsearch_path: /studio/luts\n")
    void.environment["OCIO"] = str(config)
    refused = void(*wish(shot))
    assert refused.code == 2
    assert "environment variable OCIO" in refused.err and "--ocio ocio://default" in refused.err
    assert void(*wish(shot, "--ocio", "ocio://default")).code == 0
