# SPDX-License-Identifier: Apache-2.0
"""Nothing outside the roots is ever opened, and a file that changed is never taken for the one it was."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_client.roots import stamp_of
from void_server.errors import (
    InvalidInput,
    LimitExceeded,
    NotFound,
    SourceChanged,
    SourceUnavailable,
    VoidError,
)
from void_server.frames.rooted_file import RootedFile
from void_server.frames.roots import PROOF_BYTES, Roots, check_relative

SECRET = b"secret"
RACES = 3000
"""Tries at a link that is turned all the time; about 1 s, and far more than the first success of an opener that checks
the path and then follows it."""

_TURN = """
import os, sys
switch, *targets = sys.argv[1:]
while True:
    for target in targets:
        os.symlink(target, switch + ".new")
        os.replace(switch + ".new", switch)
"""


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    (tmp_path / "proj" / "shots").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.exr").write_bytes(SECRET)
    return tmp_path


@pytest.fixture
def roots(storage: Path) -> Roots:
    return Roots({"proj": storage / "proj"})


def claim(roots: Roots, path: Path, relative: str, root: str = "proj") -> RootedFile:
    """Name a file as a client does that has read `path`."""
    stamp = stamp_of(path, path.name)
    return roots.claimed(root, relative, stamp.bytes, stamp.sample_digest)


def written(path: Path, data: bytes = b"frame") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def read(roots: Roots, file: RootedFile) -> bytes:
    with roots.snapshot(file) as snapshot:
        return snapshot.path.read_bytes()


def test_a_file_below_a_root_is_read(storage: Path, roots: Roots) -> None:
    file = claim(roots, written(storage / "proj/shots/a.exr"), "shots/a.exr")
    assert read(roots, file) == b"frame"


def test_a_link_within_the_root_is_followed(storage: Path, roots: Roots) -> None:
    written(storage / "proj/v001/a.exr")
    (storage / "proj/latest").symlink_to("v001")
    assert read(roots, claim(roots, storage / "proj/v001/a.exr", "latest/a.exr")) == b"frame"


def test_a_link_into_another_root_is_followed(storage: Path) -> None:
    both = Roots({"proj": storage / "proj", "plates": storage / "outside"})
    (storage / "proj/plates").symlink_to(storage / "outside")
    assert read(both, claim(both, storage / "outside/a.exr", "plates/a.exr")) == SECRET


def test_a_root_that_is_itself_a_link_is_followed(storage: Path) -> None:
    (storage / "mount").symlink_to(storage / "proj")
    linked = Roots({"proj": storage / "mount"})
    assert read(linked, claim(linked, written(storage / "proj/a.exr"), "a.exr")) == b"frame"


@pytest.mark.parametrize("relative", ["shots/a.exr", "out/a.exr"])
def test_a_link_that_leads_outside_is_no_file(storage: Path, roots: Roots, relative: str) -> None:
    (storage / "proj/shots/a.exr").symlink_to(storage / "outside/a.exr")
    (storage / "proj/out").symlink_to("../outside")
    with pytest.raises(NotFound):
        claim(roots, storage / "outside/a.exr", relative)


def test_a_link_that_is_turned_while_it_is_opened_never_leads_outside(storage: Path, roots: Roots) -> None:
    inside, outside = storage / "proj/inside", storage / "outside"
    written(inside / "a.exr", b"inside")
    switch = storage / "proj/switch"
    switch.symlink_to(inside)
    claimed = claim(roots, inside / "a.exr", "switch/a.exr")
    with subprocess.Popen([sys.executable, "-c", _TURN, switch, outside, inside]) as turner:
        seen = set()
        for _ in range(RACES):
            with suppress(VoidError):
                seen.add(read(roots, claimed))
            with suppress(VoidError):
                seen.add(read(roots, claim(roots, outside / "a.exr", "switch/a.exr")))
        turner.kill()
    assert seen == {b"inside"}


@pytest.mark.parametrize("turned", ["shots", "shots/a.exr"])
def test_what_becomes_a_link_between_the_check_and_the_opening_is_an_error(
    storage: Path, roots: Roots, monkeypatch: pytest.MonkeyPatch, turned: str
) -> None:
    written(storage / "proj/shots/a.exr", SECRET)
    resolve = os.path.realpath
    link = storage / "proj" / turned

    def resolve_then_turn(path, **options):
        resolved = resolve(path, **options)
        if str(path).endswith("a.exr"):
            link.rename(storage / "proj/aside")
            link.symlink_to(storage / turned.replace("shots", "outside"))
        return resolved

    monkeypatch.setattr(os.path, "realpath", resolve_then_turn)
    with pytest.raises(NotFound):
        claim(roots, storage / "outside/a.exr", "shots/a.exr")


@pytest.mark.parametrize(
    "relative",
    ["", "/etc/passwd", "../a", "a/../../b", "./a", "a//b", "a/", "a\\b", "..\\b", "a\0b", "x" * 5000],
)
def test_what_is_no_plain_path_is_refused(roots: Roots, relative: str) -> None:
    with pytest.raises(InvalidInput):
        roots.claimed("proj", relative, 1, "0" * 64)


@given(st.text(st.sampled_from("ab./\\\0é~"), max_size=12))
def test_a_path_that_passes_stays_below_any_folder(relative: str) -> None:
    try:
        check_relative(relative)
    except InvalidInput:
        return
    assert os.path.normpath(f"/top/{relative}") == f"/top/{relative}"


def test_pipes_folders_and_what_cannot_be_read_are_no_files(storage: Path, roots: Roots) -> None:
    os.mkfifo(storage / "proj/pipe")
    for relative in ("pipe", "shots", "shots/none"):
        with pytest.raises(NotFound):
            roots.claimed("proj", relative, 0, hashlib.sha256().hexdigest())


@pytest.mark.parametrize("wrong", ["size", "sample", "absent"])
def test_who_has_not_read_a_file_learns_nothing_of_it(storage: Path, roots: Roots, wrong: str) -> None:
    stamp = stamp_of(written(storage / "proj/a.exr", b"x" * 100_000), "a.exr")
    size = 99_999 if wrong == "size" else stamp.bytes
    digest = "0" * 64 if wrong == "sample" else stamp.sample_digest
    if wrong == "absent":
        (storage / "proj/a.exr").unlink()
    with pytest.raises(NotFound) as refused:
        roots.claimed("proj", "a.exr", size, digest)
    assert str(refused.value) == (
        "The server does not find this file at proj:a.exr: it is not there, the server's account may not read it, or it"
        " is of another size or content. `void doctor` proves the root; --upload sends the frames instead."
    )


def test_an_unknown_root_is_named_with_those_that_there_are(roots: Roots) -> None:
    with pytest.raises(InvalidInput, match=r"no root .projects.*It has proj"):
        roots.claimed("projects", "a.exr", 1, "0" * 64)


@pytest.mark.parametrize("change", ["longer", "touched", "replaced", "gone"])
def test_a_file_that_changed_since_is_refused(storage: Path, roots: Roots, change: str) -> None:
    path = written(storage / "proj/a.exr")
    file = claim(roots, path, "a.exr")
    before = path.stat()
    if change == "longer":
        path.write_bytes(b"frames")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "touched":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    elif change == "replaced":
        written(storage / "proj/new.exr").replace(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        path.unlink()
    with pytest.raises(SourceChanged, match=r"proj:a\.exr changed after the job was accepted"):
        roots.check(file)


@pytest.mark.parametrize("block", range(16))
def test_a_change_of_any_of_sixteen_places_shows_that_it_is_another_file(
    storage: Path, roots: Roots, block: int
) -> None:
    """Letterboxed frames end alike; their middles differ."""
    path = written(storage / "proj/a.exr", bytes(1_000_000))
    stamp = stamp_of(path, "a.exr")
    with path.open("r+b") as file:
        file.seek(block * (1_000_000 - 4096) // 15 + 100)
        file.write(b"other")
    with pytest.raises(NotFound):
        roots.claimed("proj", "a.exr", stamp.bytes, stamp.sample_digest)


def test_a_snapshot_is_what_was_read_whatever_happens_to_the_file(storage: Path, roots: Roots) -> None:
    path = written(storage / "proj/a.exr")
    with roots.snapshot(claim(roots, path, "a.exr")) as snapshot:
        path.write_bytes(b"FRAME and more")
        path.unlink()
        assert snapshot.path.read_bytes() == snapshot.path.read_bytes() == b"frame"
        assert snapshot.digest == hashlib.sha256(b"frame").hexdigest()


def test_a_file_that_changed_is_refused_before_it_is_read_into_memory(
    storage: Path, roots: Roots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be of any size now."""
    path = written(storage / "proj/a.exr")
    file = claim(roots, path, "a.exr")
    path.write_bytes(b"frames")
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(SourceChanged), roots.snapshot(file):
        pass


def test_a_file_that_is_overwritten_while_it_is_read_is_refused(
    storage: Path, roots: Roots, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(storage / "proj/a.exr")
    file = claim(roots, path, "a.exr")
    read_block = os.read

    def read_then_overwrite(descriptor, size):
        block = read_block(descriptor, size)
        path.write_bytes(b"FRAME")
        return block

    monkeypatch.setattr(os, "read", read_then_overwrite)
    with pytest.raises(SourceChanged), roots.snapshot(file):
        pass


@pytest.mark.parametrize("away", ["empty mount point", "no mount point"])
def test_storage_that_is_not_mounted_is_away_and_not_changed(storage: Path, roots: Roots, away: str) -> None:
    file = claim(roots, written(storage / "proj/shots/a.exr"), "shots/a.exr")
    (storage / "proj").rename(storage / "unmounted")
    if away == "empty mount point":
        (storage / "proj").mkdir()
    with pytest.raises(SourceUnavailable, match="the root proj does not give"):
        roots.check(file)
    (storage / "proj").rmdir() if away == "empty mount point" else None
    (storage / "unmounted").rename(storage / "proj")
    roots.check(file)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ETIMEDOUT, errno.EMFILE])
@pytest.mark.parametrize("call", ["open", "read"])
def test_a_failure_of_the_storage_says_nothing_of_the_file(
    storage: Path, roots: Roots, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    file = claim(roots, written(storage / "proj/a.exr"), "a.exr")

    def fails(*_args, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(SourceUnavailable), roots.snapshot(file):
        pass


def test_a_file_over_the_limit_of_uploads_is_refused_before_it_is_read(storage: Path) -> None:
    with (storage / "proj/huge.exr").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(LimitExceeded, match="max_blob_bytes = 1000"):
        Roots({"proj": storage / "proj"}, 1000).claimed("proj", "huge.exr", 1 << 40, "0" * 64)


def test_only_a_file_of_the_right_name_and_length_proves_a_root(storage: Path, roots: Roots) -> None:
    name = ".void-proof-" + "0a" * 16
    nonce = bytes(range(PROOF_BYTES))
    written(storage / "proj/shots" / name, nonce)
    assert roots.proof("proj", f"shots/{name}") == hashlib.sha256(nonce).hexdigest()
    written(storage / "proj/a.exr", nonce)
    with pytest.raises(InvalidInput):
        roots.proof("proj", "a.exr")
    for length in (PROOF_BYTES - 1, PROOF_BYTES + 1):
        written(storage / "proj/shots" / name, b"n" * length)
        with pytest.raises(NotFound):
            roots.proof("proj", f"shots/{name}")


def test_a_link_proves_nothing_so_that_no_short_secret_can_be_guessed(storage: Path, roots: Roots) -> None:
    name = ".void-proof-" + "0a" * 16
    written(storage / "proj/secret", b"s" * PROOF_BYTES)
    (storage / "proj" / name).symlink_to("secret")
    with pytest.raises(NotFound):
        roots.proof("proj", name)


@pytest.mark.parametrize(
    ("name", "folder"), [("a b", "/x"), ("", "/x"), ("../x", "/x"), ("proj", "relative")]
)
def test_a_root_that_cannot_be_is_refused_at_the_start(name: str, folder: str) -> None:
    with pytest.raises(InvalidInput):
        Roots({name: Path(folder)})


def test_descriptors_are_given_back(storage: Path, roots: Roots) -> None:
    file = claim(roots, written(storage / "proj/shots/a.exr"), "shots/a.exr")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a listing of numbers
    for _ in range(20):
        roots.check(file)
        with pytest.raises(NotFound):
            roots.claimed("proj", "shots/none", 1, "0" * 64)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
