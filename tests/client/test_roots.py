# SPDX-License-Identifier: Apache-2.0
"""A file is named by the longest root that holds it, however this system spells its paths."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_client.errors import BadInput
from void_client.events import Event, Moving
from void_client.roots import Root, own_roots, rooted, rooted_files, rooted_path, shared_roots, stamp_of

PROJ = Root("proj", ("P:\\", r"\\nas\proj", "/Volumes/proj", "/mnt/proj"))
PLATES = Root("plates", (r"P:\plates", "/Volumes/proj/plates", "/mnt/proj/plates"))
COMPONENTS = st.lists(
    st.from_regex(r"[A-Za-z0-9_ .-]{1,8}", fullmatch=True).filter(lambda t: t.strip(". ")), min_size=1
)


@pytest.mark.parametrize(
    ("path", "windows"),
    [
        ("P:\\shots\\a.exr", True),
        ("p:/shots/a.exr", True),
        ("\\\\NAS\\Proj\\shots\\a.exr", True),
        ("//nas/proj/shots/a.exr", True),
        ("/Volumes/proj/shots/a.exr", False),
        ("/mnt/proj/shots/a.exr", False),
    ],
)
def test_every_spelling_of_a_root_means_the_same_file(path: str, windows: bool) -> None:
    assert rooted(path, [PROJ], windows=windows) == ("proj", "shots/a.exr")


def test_the_case_below_a_windows_root_is_kept() -> None:
    assert rooted("p:\\Shots\\A.exr", [PROJ], windows=True) == ("proj", "Shots/A.exr")


@pytest.mark.parametrize(
    ("path", "windows"),
    [
        ("/mnt/PROJ/a.exr", False),
        ("/mnt/project/a.exr", False),
        ("/mnt/proj", False),
        ("/mnt/proj/../a.exr", False),
        ("/mnt/proj/odd\\name.exr", False),
        ("P:\\shots\\a.exr", False),
        ("Q:\\shots\\a.exr", True),
        ("\\\\nas\\projects\\a.exr", True),
        ("/mnt/proj/a.exr", True),
        ("P:a.exr", True),
    ],
)
def test_what_lies_elsewhere_has_no_root(path: str, windows: bool) -> None:
    assert rooted(path, [PROJ], windows=windows) is None


@pytest.mark.parametrize("roots", [[PROJ, PLATES], [PLATES, PROJ]])
@pytest.mark.parametrize(
    ("path", "windows"), [("p:\\PLATES\\a.exr", True), ("/mnt/proj/plates/a.exr", False)]
)
def test_the_longest_folder_wins(roots: list[Root], path: str, windows: bool) -> None:
    assert rooted(path, roots, windows=windows) == ("plates", "a.exr")


@given(COMPONENTS)
def test_what_is_below_a_root_has_one_name_on_all_systems(parts: list[str]) -> None:
    relative = "/".join(parts)
    assert rooted(f"/mnt/proj/{relative}", [PROJ], windows=False) == ("proj", relative)
    backwards = "\\".join(parts)
    assert rooted(f"P:\\{backwards}", [PROJ], windows=True) == ("proj", relative)


def test_only_roots_that_both_sides_have_are_used() -> None:
    assert shared_roots([PROJ, PLATES], ["plates", "other"]) == (PLATES,)


def test_the_users_own_server_reads_the_whole_machine(tmp_path: Path) -> None:
    assert rooted(str(tmp_path / "a.exr"), own_roots()) == ("this-machine", str(tmp_path / "a.exr")[1:])


def test_a_link_into_a_root_is_found_behind_the_link(tmp_path: Path) -> None:
    (tmp_path / "mnt").mkdir()
    (tmp_path / "mnt" / "a.exr").write_bytes(b"frame")
    (tmp_path / "jobs").symlink_to(tmp_path / "mnt")
    found = rooted_path(tmp_path / "jobs/a.exr", "a.exr", [Root("proj", (str(tmp_path / "mnt"),))])
    assert found is not None and (found.root, found.relative) == ("proj", "a.exr")


def test_a_link_on_the_share_that_leads_elsewhere_has_no_root(tmp_path: Path) -> None:
    (tmp_path / "mnt").mkdir()
    (tmp_path / "local.exr").write_bytes(b"frame")
    (tmp_path / "mnt/a.exr").symlink_to(tmp_path / "local.exr")
    assert rooted_path(tmp_path / "mnt/a.exr", "a.exr", [Root("proj", (str(tmp_path / "mnt"),))]) is None


def test_a_root_that_is_itself_a_link_holds_its_files(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/a.exr").write_bytes(b"frame")
    (tmp_path / "mnt").symlink_to(tmp_path / "net")
    paths, _ = rooted_files([(tmp_path / "mnt/a.exr", "a")], [Root("proj", (str(tmp_path / "mnt"),))], print)
    assert [path.relative for path in paths.values()] == ["a.exr"]


def test_a_folder_that_is_no_unicode_is_not_named_by_path(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    (folder / "a.exr").write_bytes(b"frame")
    assert rooted_path(folder / "a.exr", "a.exr", [Root("proj", (str(tmp_path),))]) is None


def test_a_stamp_tells_length_time_and_the_digest_of_sixteen_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    data = bytes(i * i % 251 for i in range(80_004))
    path.write_bytes(data)
    stamp = stamp_of(path, "a.exr")
    assert (stamp.bytes, stamp.modified_ns) == (80_004, path.stat().st_mtime_ns)
    starts = [i * (80_004 - 4096) // 15 for i in range(16)]
    assert stamp.sample_digest == hashlib.sha256(b"".join(data[s : s + 4096] for s in starts)).hexdigest()


def test_the_stamp_of_a_small_file_is_of_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.exr").write_bytes(b"x" * 65_536)
    assert stamp_of(tmp_path / "a.exr", "a").sample_digest == hashlib.sha256(b"x" * 65_536).hexdigest()


def test_files_that_are_empty_or_unreadable_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "empty.exr").touch()
    (tmp_path / "folder.exr").mkdir()
    (tmp_path / "good.exr").write_bytes(b"frame")
    files = [(tmp_path / name, name) for name in ("empty.exr", "folder.exr", "good.exr")]
    told: list[Event] = []
    paths, errors = rooted_files(files, [Root("proj", (str(tmp_path),))], told.append)
    assert [p.name for p in paths] == ["good.exr"]
    assert [(e.files_done, e.files_total) for e in told if isinstance(e, Moving)][-1] == (3, 3)
    assert [e.file for e in errors] == ["empty.exr", "folder.exr"]
    with pytest.raises(BadInput, match="is empty"):
        raise errors[0]


def test_without_shared_roots_no_file_is_looked_at(tmp_path: Path) -> None:
    assert rooted_files([(tmp_path / "none.exr", "none.exr")], [], lambda event: None) == ({}, [])
