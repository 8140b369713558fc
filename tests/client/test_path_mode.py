# SPDX-License-Identifier: Apache-2.0
"""On shared storage, and on one machine, no pixel goes over the wire; the doctor proves each root."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.client.conftest import FAST, Command, ServerProcess, clean_environment
from tests.small_shot import SmallShot, write_exr
from void_client.connection import Connection
from void_client.content import content_of_bytes
from void_client.errors import ExitCode
from void_client.stop import Stop
from void_client.transfer import download, upload


@pytest.fixture
def remote(start_server, shot: SmallShot) -> ServerProcess:
    return start_server("--root", f"proj={shot.folder}")


@pytest.fixture
def void(void: Command, remote: ServerProcess) -> Command:
    void.environment |= {"VOID_SERVER": remote.address, "VOID_TOKEN_FILE": str(remote.token_file)}
    return void


def remove(shot: SmallShot, *more: str) -> list[str]:
    frame = "%04d.exr"
    return [
        *("remove", "--plate", f"{shot.folder}/plate/plate.{frame}", "--out", "out", "--json"),
        *("--remove", f"{shot.folder}/roto/roto.{frame}", *more),
    ]


def sent(ran) -> list[str]:
    return [e["event"] for e in ran.events if e["event"] in ("hashing", "uploading")]


def audited(store: Path) -> list[str]:
    return [json.loads(line)["call"] for line in (store / "audit.jsonl").read_text().splitlines()]


def pixels(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*.exr")}


def test_frames_below_a_shared_root_are_neither_hashed_nor_sent(void: Command, shot: SmallShot) -> None:
    ran = void(*remove(shot, "--root", f"proj={shot.folder}"))
    assert ran.code == ExitCode.DONE, ran.err
    assert sent(ran) == []
    assert "6 files are read where they lie (proj), and not sent." in ran.out


def test_clean_plates_below_a_shared_root_are_not_sent_either(void: Command, shot: SmallShot) -> None:
    path = write_exr(shot.folder / "clean.1002.exr", np.ones((72, 96, 3), np.float16), "RGB")
    ran = void(*remove(shot, "--root", f"proj={shot.folder}", "--cleanplate", str(path)))
    assert ran.code == ExitCode.DONE, ran.err
    assert sent(ran) == []
    assert "7 files are read where they lie (proj), and not sent." in ran.out


def test_the_roots_of_the_site_file_are_those_of_all_commands(
    void: Command, shot: SmallShot, tmp_path: Path
) -> None:
    site = tmp_path / "site.toml"
    site.write_text(f"[[roots]]\nname = 'proj'\npaths = ['P:\\proj', '{shot.folder}']\n")
    void.environment["VOID_SITE_CONFIG"] = str(site)
    ran = void(*remove(shot))
    assert ran.code == ExitCode.DONE, ran.err
    assert sent(ran) == []
    assert f"ok: root proj: {shot.folder} is the same folder" in void("doctor").out


def test_what_no_root_holds_is_sent(void: Command, shot: SmallShot) -> None:
    ran = void(*remove(shot, "--root", f"other={shot.folder}"))
    assert ran.code == ExitCode.DONE, ran.err
    assert "uploading" in sent(ran)


def test_upload_sends_all_the_same_and_gives_the_same_pixels(void: Command, shot: SmallShot) -> None:
    root = ("--root", f"proj={shot.folder}")
    assert void(*remove(shot, *root)).code == ExitCode.DONE
    by_path = pixels(void.folder / "out")
    ran = void(*remove(shot, *root, "--upload"))
    assert "uploading" in sent(ran)
    assert pixels(void.folder / "out") == by_path != {}


def test_a_root_that_means_another_folder_is_told_with_every_frame_and_what_to_do(
    void: Command, shot: SmallShot
) -> None:
    ran = void(*remove(shot, "--root", f"proj={shot.folder.parent}"))
    assert ran.code == ExitCode.BAD_INPUT
    found = [p for told in ran.named("preflight") for p in told["problems"] if p["code"] == "path_differs"]
    assert [(p["input"], p["frames"]) for p in found] == [
        ("plate", [1001, 1002, 1003]),
        ("remove", [1001, 1002, 1003]),
    ]
    assert "--upload" in ran.out and "void doctor" in ran.out


def test_with_the_users_own_server_neither_frames_nor_results_go_over_the_wire(
    void: Command, shot: SmallShot, tmp_path: Path
) -> None:
    ran = void(*remove(shot, "--local"))
    assert ran.code == ExitCode.DONE, ran.err
    assert sent(ran) == []
    assert len(pixels(void.folder / "out")) == 6
    assert set(audited(tmp_path / "data/local/store")) == {"Submit"}


@pytest.mark.parametrize("stored", [b"whole result", b"half", b"twisted reslt", None])
def test_a_copy_that_is_not_whole_is_fetched_from_the_server(
    start_server, tmp_path: Path, stored: bytes | None
) -> None:
    server = start_server()
    content = content_of_bytes("result", b"whole result")
    place = tmp_path / content.digest[:2] / content.digest
    if stored is not None:
        place.parent.mkdir()
        place.write_bytes(stored)
    with Connection(lambda: replace(server.target, blobs=tmp_path), FAST) as connection:
        upload(connection, [content], lambda event: None)
        counted: list[int] = []
        with (tmp_path / "out").open("wb") as file:
            download(connection, content.blob, file, counted.append, Stop())
    assert (tmp_path / "out").read_bytes() == b"whole result"
    assert sum(counted) == content.size
    audit = server.store / "audit.jsonl"
    fetched = audit.exists() and content.digest in audit.read_text()
    assert fetched is (stored != b"whole result")


@pytest.mark.parametrize(
    ("root", "code", "said"),
    [
        ("proj={shot}", ExitCode.DONE, "ok: root proj: {shot} is the same folder for client and server"),
        ("proj={tmp}", ExitCode.SERVER_UNREACHABLE, "fail: root proj: The server does not see the file"),
        ("proj={shot}/none", ExitCode.DONE, "warn: root proj: none of its folders is on this machine"),
        ("mine={tmp}", ExitCode.DONE, "warn: root mine: the server has no root of this name"),
        ("mine={tmp}", ExitCode.DONE, "warn: root proj: the server has it, but this client knows no folder"),
    ],
)
def test_the_doctor_proves_each_root(
    void: Command, shot: SmallShot, tmp_path: Path, root: str, code: ExitCode, said: str
) -> None:
    places = {"shot": shot.folder, "tmp": tmp_path}
    ran = void("doctor", "--root", root.format(**places))
    assert said.format(**places) in ran.out
    assert ran.code == code
    assert list(shot.folder.rglob(".void-proof-*")) == []


def test_a_root_is_proven_in_a_folder_that_may_be_written_to(void: Command, shot: SmallShot) -> None:
    ran = void("doctor", "--root", f"proj={shot.folder}", "--prove", f"{shot.folder}/roto")
    assert f"ok: root proj: {shot.folder}/roto is the same folder" in ran.out


@pytest.mark.parametrize("root", ["proj", "=/x", "proj="])
def test_a_root_without_name_or_folder_is_bad_input(void: Command, shot: SmallShot, root: str) -> None:
    assert void(*remove(shot, "--root", root)).code == ExitCode.BAD_INPUT


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("proj={tmp}", "holds the server's own store"),
        ("a b=/nowhere", "cannot name a root"),
    ],
)
def test_a_root_that_cannot_be_is_refused_at_the_start(tmp_path: Path, root: str, said: str) -> None:
    command = [sys.executable, "-m", "void_server", "serve", "--listen", "127.0.0.1:0"]
    command += ["--store", str(tmp_path / "store"), "--root", root.format(tmp=tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=60)
    assert ran.returncode == 2
    assert said in ran.stderr
