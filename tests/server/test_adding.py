# SPDX-License-Identifier: Apache-2.0
"""Files put into the store together are all there at the end, or the failure is told and nothing is half there."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from void_server.errors import DataLoss
from void_server.frames import durable
from void_server.frames.adding import AT_ONCE, adding
from void_server.frames.blobs import BlobFolder, digest_of_file
from void_server.frames.blocks import BlocksWritten

CONTENTS = [bytes([n]) * 1000 for n in range(2 * AT_ONCE)]


@pytest.fixture
def store(tmp_path) -> BlobFolder:
    return BlobFolder(tmp_path)


def added(store: BlobFolder, contents: list[bytes]) -> list[str]:
    """Digests."""
    with adding(store) as files:
        return [files.file(written(files.scratch(".bin"), data)).digest for data in contents]


def written(path, data: bytes):
    path.write_bytes(data)
    return path


def test_all_are_there_at_the_end_and_no_scratch_is_left(store):
    digests = added(store, CONTENTS)
    assert [store.path(digest).read_bytes() for digest in digests] == CONTENTS
    assert not list((store.root / "tmp").iterdir())


def test_the_same_bytes_twice_are_one_blob(store):
    first, second = added(store, [b"alike", b"alike"])
    assert first == second and digest_of_file(store.path(first)) == first


def test_the_disk_works_on_several_while_their_maker_goes_on(store, monkeypatch):
    meeting, met, sync = threading.Barrier(AT_ONCE, timeout=20), threading.local(), os.fsync

    def together(descriptor: int) -> None:
        if not getattr(met, "others", False):
            meeting.wait()
            met.others = True
        sync(descriptor)

    monkeypatch.setattr(durable.os, "fsync", together)
    assert len(added(store, CONTENTS[:AT_ONCE])) == AT_ONCE


def test_a_disk_that_refuses_one_is_told_and_leaves_nothing_half_done(store, monkeypatch):
    refused, publish = store.path(digest_of_file(written(store.root / "x", CONTENTS[2]))), durable.publish

    def full(temporary, final) -> None:
        if final == refused:
            raise OSError(errno.ENOSPC, "No space left on device")
        publish(temporary, final)

    monkeypatch.setattr("void_server.frames.blobs.publish", full)
    with pytest.raises(OSError, match="No space left"):
        added(store, CONTENTS)
    assert not list((store.root / "tmp").iterdir()) and not refused.exists()


def test_their_maker_s_own_failure_is_told_after_the_others_are_done(store):
    with pytest.raises(KeyError), adding(store) as files:
        file = files.file(written(files.scratch(".bin"), b"whole"))
        raise KeyError
    assert store.path(file.digest).read_bytes() == b"whole"
    assert not list((store.root / "tmp").iterdir())


def test_a_file_that_is_not_what_was_written_is_not_added(store):
    told = BlocksWritten()
    told.add(b"what was written")
    with pytest.raises(DataLoss), adding(store) as files:
        files.file(written(files.scratch(".bin"), b"what was writtem"), told.checksums)
    assert not any(path.is_file() for path in store.folder.rglob("*"))
