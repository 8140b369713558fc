# SPDX-License-Identifier: Apache-2.0
"""Results have fixed names, never lie on inputs, and are whole or not there, whatever happens."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from void.v1 import jobs_pb2, types_pb2

from void_client.errors import BadInput, ServerDefect, WriteFailed
from void_client.results import (
    PARTIAL_PREFIX,
    PARTIAL_SUFFIX,
    WRITTEN_KINDS,
    ResultFolder,
    check_spares_inputs,
    holds,
    remove_leftovers,
    result_folder,
    tell_older_frames,
    whole_file,
)

KINDS = [
    jobs_pb2.OUTPUT_KIND_RESULT,
    jobs_pb2.OUTPUT_KIND_MATTE,
    jobs_pb2.OUTPUT_KIND_SIDECAR,
    jobs_pb2.OUTPUT_KIND_CONTACT_SHEET,
    jobs_pb2.OUTPUT_KIND_QC_PLOT,
]


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_results_lie_where_the_design_says() -> None:
    folder = ResultFolder(Path("o"), "shot", 4)
    assert [str(folder.path(kind, 7)) for kind in KINDS] == [
        "o/shot.0007.exr",
        "o/matte/shot_matte.0007.exr",
        "o/shot.json",
        "o/shot.png",
        "o/shot_qc.png",
    ]


def test_previews_lie_below_a_folder_of_that_name() -> None:
    folder = ResultFolder(Path("o"), "shot", 4, preview=True)
    assert str(folder.path(jobs_pb2.OUTPUT_KIND_MATTE, 7)) == "o/preview/matte/shot_matte.0007.exr"


def test_a_kind_of_a_later_release_has_no_place() -> None:
    assert ResultFolder(Path("o"), "shot", 4).path(99, 7) is None  # type: ignore[arg-type]


@given(st.lists(st.integers(-(2**31), 2**31 - 1), unique=True, max_size=20), st.integers(1, 8))
def test_no_two_outputs_share_a_path(frames: list[int], padding: int) -> None:
    paths = [path for path, _ in ResultFolder(Path("o"), "shot", padding).all_paths(frames)]
    assert len(set(paths)) == len(paths) == 6 * len(frames) + 4


@pytest.mark.parametrize("make", [os.link, os.symlink])
def test_a_result_that_would_lie_on_an_input_is_refused_also_through_a_link(tmp_path: Path, make) -> None:
    (tmp_path / "plate.0001.exr").write_bytes(b"precious")
    make(tmp_path / "plate.0001.exr", tmp_path / "shot.0001.exr")
    with pytest.raises(BadInput, match=r"shot\.0001\.exr \(frames 1\)") as error:
        check_spares_inputs(ResultFolder(tmp_path, "shot", 4), [1], [tmp_path / "plate.0001.exr"])
    assert error.value.frame == 1


def test_results_beside_inputs_are_fine(tmp_path: Path) -> None:
    (tmp_path / "plate.0001.exr").write_bytes(b"precious")
    check_spares_inputs(ResultFolder(tmp_path, "shot", 4), [1], [tmp_path / "plate.0001.exr"])


def test_a_written_file_holds_what_was_written(tmp_path: Path) -> None:
    with whole_file(tmp_path / "sub" / "a.exr") as file:
        file.write(b"pixels")
    assert (tmp_path / "sub" / "a.exr").read_bytes() == b"pixels"
    assert files_in(tmp_path) == ["a.exr"]


def test_bytes_are_on_the_disk_before_their_name_is_and_the_name_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    sync, rename = os.fsync, Path.replace

    def told_sync(descriptor: int) -> None:
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        sync(descriptor)

    def told_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", told_sync)
    monkeypatch.setattr(Path, "replace", told_rename)
    with whole_file(tmp_path / "a.exr") as file:
        file.write(b"pixels")
    assert steps == ["sync file", "rename", "sync folder"]


def test_colleagues_may_read_a_written_file_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with whole_file(tmp_path / "a.exr") as file:
            file.write(b"pixels")
    finally:
        os.umask(before)
    assert (tmp_path / "a.exr").stat().st_mode & 0o777 == 0o644


def test_when_writing_fails_the_file_of_before_stays_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.exr").write_bytes(b"before")
    with pytest.raises(RuntimeError), whole_file(tmp_path / "a.exr") as file:
        file.write(b"half")
        raise RuntimeError
    assert (tmp_path / "a.exr").read_bytes() == b"before"
    assert files_in(tmp_path) == ["a.exr"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from void_client.errors import WriteFailed
from void_client.results import whole_file
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    with whole_file(Path(sys.argv[1])) as file:
        for _ in range(100):
            file.write(b"x" * 1000)
except WriteFailed as error:
    print(error)
"""


def test_a_file_that_does_not_fit_is_an_error_with_its_name_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    ran = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert str(path) in ran.stdout and "File too large" in ran.stdout
    assert files_in(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system to fill")
def test_a_full_file_system_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not allow mounting")
    try:
        with pytest.raises(WriteFailed, match="No space left"), whole_file(tmp_path / "a.exr") as file:
            file.write(b"x" * 1_000_000)
        assert files_in(tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)


HALF_WAY = """
import sys, time
from pathlib import Path
from void_client.results import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("half", flush=True)
    time.sleep(60)
"""


def half_written(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HALF_WAY, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "half\n"
    return process


def test_what_a_killed_writer_left_is_never_under_the_final_name_and_is_removed_next_time(
    tmp_path: Path,
) -> None:
    process = half_written(tmp_path / "shot.0001.exr")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "shot.0001.exr").exists()
    ResultFolder(tmp_path, "shot", 4).prepare()
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("kind", sorted(WRITTEN_KINDS))
def test_what_a_killed_writer_left_is_removed_in_every_folder_that_results_take(
    tmp_path: Path, kind: jobs_pb2.OutputKind.ValueType
) -> None:
    folder = ResultFolder(tmp_path, "shot", 4)
    left = (folder.path(kind, 1) or tmp_path).with_name(f"{PARTIAL_PREFIX}0{PARTIAL_SUFFIX}")
    left.parent.mkdir(parents=True, exist_ok=True)
    left.touch()
    folder.prepare()
    assert not left.exists()


def test_the_file_of_a_living_writer_is_not_taken_for_a_leftover(tmp_path: Path) -> None:
    process = half_written(tmp_path / "shot.0001.exr")
    try:
        assert remove_leftovers(tmp_path) == 0
        assert len(files_in(tmp_path)) == 1
    finally:
        process.kill()
        process.wait()


def test_a_writer_whose_file_is_cleaned_away_at_once_makes_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from void_client import results

    real, calls = results._lock, []

    def cleaned_before_the_first_lock(file, *, wait: bool) -> None:
        if not calls:
            Path(file.name).unlink()
        calls.append(time.monotonic())
        real(file, wait=wait)

    monkeypatch.setattr(results, "_lock", cleaned_before_the_first_lock)
    with whole_file(tmp_path / "a.exr") as file:
        file.write(b"pixels")
    assert (tmp_path / "a.exr").read_bytes() == b"pixels"
    assert len(calls) == 2


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="file"):
        ResultFolder(tmp_path / "file" / "out", "shot", 4).prepare()


def test_a_file_holds_its_digest_only_with_the_same_bytes(tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "a"
    path.write_bytes(b"pixels")
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert holds(path, digest, 6)
    path.write_bytes(b"pixelz")
    assert not holds(path, digest, 6)
    assert not holds(tmp_path / "none", digest, 6)


def test_proving_that_results_can_be_written_makes_no_folder(tmp_path: Path) -> None:
    ResultFolder(tmp_path / "a" / "out", "shot", 4).prepare()
    assert list(tmp_path.iterdir()) == []


def test_frames_of_an_earlier_run_that_will_stay_are_told_once_and_left_alone(tmp_path: Path) -> None:
    folder, told = ResultFolder(tmp_path, "shot", 4), []
    for frame in (1010, 1011, 1012):
        for kind in KINDS[:2]:
            with whole_file(folder.path(kind, frame)) as file:
                file.write(b"older")
    (tmp_path / "shot_b.1020.exr").touch()
    tell_older_frames(folder, [1010, 1011], told.append)
    assert [[f.frames for f in e.problems] for e in told] == [[(1012,)]]
    assert told[0].problems[0].severity == "warning"
    assert folder.path(KINDS[0], 1012).read_bytes() == b"older"


def test_an_empty_folder_gives_no_warning(tmp_path: Path) -> None:
    told = []
    tell_older_frames(ResultFolder(tmp_path / "none", "shot", 4), [1], told.append)
    assert told == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../../evil", "/evil", "a/b", "a\\b", "C:evil", "evil/", "a\0b"]
)
def test_a_name_from_a_server_that_leads_out_of_the_folder_is_refused_with_the_job(
    tmp_path: Path, name: str
) -> None:
    place = types_pb2.OutputPlace(directory=str(tmp_path), name=name, padding=4)
    with pytest.raises(ServerDefect, match="Job j7"):
        result_folder(place, False, tmp_path, "j7")


def test_a_padding_from_a_server_that_no_name_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ServerDefect, match="Job j7"):
        result_folder(types_pb2.OutputPlace(name="shot", padding=2**31), False, tmp_path, "j7")
