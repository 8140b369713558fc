# SPDX-License-Identifier: Apache-2.0
"""Of a file that was read whole, a part is read again without the rest, and a part that changed is never taken for what
it was.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.test_roots import claim
from tests.small_shot import write_exr
from void_server.errors import DataLoss, NotFound, SourceChanged, SourceUnavailable
from void_server.frames import blocks, durable
from void_server.frames.blobs import BlobFolder, digest_of_file
from void_server.frames.blocks import Blocks, BlocksWritten, digest_of_written
from void_server.frames.rooted_file import RootedFile
from void_server.frames.roots import Roots
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.opened_source import OpenedSource, blocks_from_arrays, blocks_to_arrays
from void_server.plates.exr import bit_view

DATA = bytes(range(256)) * 12 + b"end"
BLOCK = 512
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", BLOCK)


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    (tmp_path / "frame.exr").write_bytes(DATA)
    return tmp_path


@pytest.fixture
def roots(storage: Path) -> Roots:
    return Roots({"proj": storage})


@pytest.fixture
def file(roots: Roots, storage: Path) -> RootedFile:
    return claim(roots, storage / "frame.exr", "frame.exr")


def overwritten(path: Path, at: int) -> None:
    """Another byte under the old time, as a copy that keeps times leaves it."""
    found = path.stat()
    with path.open("r+b") as target:
        target.seek(at)
        target.write(b"\xff" if DATA[at] != 0xFF else b"\0")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@given(pieces=st.lists(st.binary(max_size=3 * BLOCK), max_size=6), head=st.binary(max_size=3 * BLOCK))
def test_checksums_made_while_writing_are_those_of_the_file(tmp_path_factory, pieces, head):
    path = tmp_path_factory.mktemp("written") / "file"
    path.write_bytes(head + b"".join(pieces))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", BLOCK)
        told = BlocksWritten(len(head))
        for piece in pieces:
            told.add(piece)
        told.before(head)
        assert told.checksums == Blocks.of(path, DIGEST, 0).checksums
        assert digest_of_written(path, told.checksums) == digest_of_file(path)


@pytest.mark.parametrize("found", [DATA[:-1], DATA + b"\0", DATA[:1300] + b"\xff" + DATA[1301:], b""])
def test_a_file_that_holds_other_bytes_than_were_written_is_refused(tmp_path, found):
    told = BlocksWritten()
    told.add(DATA)
    (tmp_path / "file").write_bytes(found)
    with pytest.raises(DataLoss, match="is not what was written to it"):
        digest_of_written(tmp_path / "file", told.checksums)


def test_only_the_blocks_that_are_asked_for_are_there(storage, roots, file):
    known = Blocks.of(storage / "frame.exr", DIGEST, 10)
    with roots.part(file, known) as part:
        part.hold([(1300, 1400), (len(DATA) - 1, len(DATA))])
        there = part.path.read_bytes()
    wanted = bytearray(len(DATA))
    for block in (0, 2, len(DATA) // BLOCK):
        wanted[block * BLOCK : (block + 1) * BLOCK] = DATA[block * BLOCK : (block + 1) * BLOCK]
    assert there == wanted


def test_all_of_it_can_be_asked_for(storage, roots, file):
    with roots.part(file, Blocks.of(storage / "frame.exr", DIGEST, 10)) as part:
        part.hold([(0, 10 * len(DATA))])
        assert part.path.read_bytes() == DATA


def test_another_byte_under_the_old_time_is_found_where_it_is_read(storage, roots, file):
    known = Blocks.of(storage / "frame.exr", DIGEST, 10)
    overwritten(storage / "frame.exr", 1300)
    with roots.part(file, known) as part:
        part.hold([(0, 1000)])
        with pytest.raises(SourceChanged, match="changed after the job was accepted"):
            part.hold([(1400, 1401)])


def test_a_file_of_another_time_is_refused_whatever_is_read(storage, roots, file):
    known = Blocks.of(storage / "frame.exr", DIGEST, 10)
    os.utime(storage / "frame.exr", ns=(1, 1))
    with pytest.raises(SourceChanged, match="another time of change"), roots.part(file, known):
        pass


def test_a_file_that_goes_away_between_two_readings_is_named(storage, roots, file):
    with roots.part(file, Blocks.of(storage / "frame.exr", DIGEST, 10)) as part:
        (storage / "frame.exr").unlink()
        with pytest.raises((SourceChanged, SourceUnavailable), match="frame"):
            part.hold([(1300, 1400)])


def test_the_memory_is_given_back(storage, roots, file):
    known, before = Blocks.of(storage / "frame.exr", DIGEST, 10), descriptors()
    with roots.part(file, known) as part:
        part.hold([(0, len(DATA))])
    assert descriptors() == before


def test_a_blob_is_read_where_it_lies_and_found_spoilt_where_it_is(tmp_path):
    store = BlobFolder(tmp_path)
    stored = store.add_bytes(DATA)
    known = Blocks.of(store.path(stored.digest), stored.digest, 10)
    part = store.part(stored.digest, known)
    assert part.path == store.path(stored.digest)
    overwritten(part.path, 1300)
    part.hold([(0, 1000)])
    with pytest.raises(DataLoss, match="is corrupt in the store"):
        part.hold([(1300, 1301)])
    part.path.unlink()
    with pytest.raises(NotFound):
        store.part(stored.digest, known)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: overwritten(path, len(DATA) - 1),
        lambda path: path.write_bytes(DATA[:-1]),
        lambda path: path.write_bytes(DATA + bytes(1)),
        lambda path: path.write_bytes(DATA + bytes(-len(DATA) % BLOCK) + bytes(1)),
    ],
    ids=["another byte", "too short", "too long", "a block too long"],
)
def test_a_blob_that_is_no_longer_what_its_checksums_say_is_not_built_upon(tmp_path, spoil):
    store = BlobFolder(tmp_path)
    stored = store.add_bytes(DATA)
    known = Blocks.of(store.path(stored.digest), stored.digest, 0)
    part = store.part(stored.digest, known)
    assert b"".join(part.read(0, len(DATA))) == DATA and b"".join(part.read(700, 1300)) == DATA[700:1300]
    with pytest.raises(DataLoss, match="is corrupt in the store"):
        list(part.read(0, len(DATA) + 1))
    spoil(part.path)
    with pytest.raises(DataLoss, match="is corrupt in the store"):
        list(part.read(0, max(len(DATA), part.path.stat().st_size)))


def test_what_is_let_go_is_advised_to_be_dropped_whole_and_is_there_as_before(tmp_path, monkeypatch):
    store, advised = BlobFolder(tmp_path), []
    stored = store.add_bytes(DATA)
    part = store.part(stored.digest, Blocks.of(store.path(stored.digest), stored.digest, 0))
    monkeypatch.setattr(durable.os, "posix_fadvise", lambda _, *what: advised.append(what))
    part.let_go()
    assert advised == [(0, 0, os.POSIX_FADV_DONTNEED)] and b"".join(part.read(0, len(DATA))) == DATA


def test_a_blob_of_whole_blocks_with_more_behind_them_is_spoilt(tmp_path):
    store = BlobFolder(tmp_path)
    stored = store.add_bytes(DATA[: 2 * BLOCK])
    known = Blocks.of(store.path(stored.digest), stored.digest, 0)
    with store.path(stored.digest).open("ab") as file:
        file.write(DATA[: 2 * BLOCK])
    with pytest.raises(DataLoss, match="is corrupt in the store"):
        list(store.part(stored.digest, known).read(0, 4 * BLOCK))


def test_what_is_known_of_a_file_is_stored(tmp_path):
    store = BlobFolder(tmp_path)
    (tmp_path / "file").write_bytes(DATA)
    known = Blocks.of(tmp_path / "file", DIGEST, 77)
    arrays = load_arrays(store, store_arrays(store, blocks_to_arrays("source", known)).digest)
    assert blocks_from_arrays("source", arrays) == known
    assert blocks_to_arrays("source", None) == {} and blocks_from_arrays("source", {}) is None


def test_lines_of_a_plate_are_those_of_the_whole_plate_and_the_rest_is_not_looked_at(storage, roots):
    path = storage / "plate.exr"
    colour = np.random.default_rng(2).random((64, 48, 3)).astype(np.float16)
    write_exr(path, colour, "RGB")
    whole = OpenedSource(path, DIGEST, "")
    known, wanted = whole.blocks(), whole.planes((30, 40)).samples
    assert known is not None
    file = claim(roots, path, "plate.exr")
    found = path.stat()
    with path.open("r+b") as target:
        target.seek(-4, os.SEEK_END)
        target.write(b"\xff\xfe\xfd\xfc")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    with roots.part(file, known) as part:
        opened = OpenedSource(part.path, DIGEST, "", part)
        read = opened.planes((30, 40)).samples
        assert all(np.array_equal(bit_view(read[name]), bit_view(wanted[name])) for name in "RGB")
        assert opened.window == whole.window and opened.blocks() is known
        with pytest.raises(SourceChanged):
            opened.planes((60, 64))
