# SPDX-License-Identifier: Apache-2.0
"""Only files are removed whose names are digests, below the store, and never by way of a link."""

from __future__ import annotations

import os

from void_server.storage.policy import DAY


def test_what_is_no_blob_is_reported_and_left_alone(store):
    digest = store.upload(b"plate")
    shard = store.blobs.path(digest).parent
    strange = [
        shard / "notes.txt",
        shard / digest.upper().replace(digest.upper()[0], "G", 1),
        store.blobs.folder / "README",
        store.blobs.folder / "zz" / ("0" * 64),
        store.blobs.folder / ("ff" if digest[:2] != "ff" else "fe") / digest,
        store.root / "partial" / "mine",
    ]
    for path in strange:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (1, 1))
    store.wait(100 * DAY)
    reported = {p for p in map(str, strange) if p in store.storage.report().strange}
    assert store.collect().files == 1
    assert all(path.exists() for path in strange)
    assert reported == {str(p) for p in strange if p.parent.name != "zz"}
    assert str(store.blobs.folder / "zz") in store.storage.report().strange


def test_a_link_in_place_of_a_blob_stays_and_so_does_what_it_leads_to(store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"precious")
    digest = "ab" * 32
    link = store.blobs.path(digest)
    link.parent.mkdir()
    link.symlink_to(elsewhere)
    os.utime(elsewhere, (1, 1))
    store.wait(100 * DAY)
    assert store.collect().files == 0
    assert link.is_symlink() and elsewhere.read_bytes() == b"precious"
    assert str(link) in store.storage.report().strange


def test_a_folder_that_is_a_link_is_not_entered(store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    precious = elsewhere / ("ab" * 32)
    precious.write_bytes(b"precious")
    os.utime(precious, (1, 1))
    (store.blobs.folder / "ab").symlink_to(elsewhere)
    store.wait(100 * DAY)
    assert store.collect().files == 0
    assert precious.exists()
    assert str(store.blobs.folder / "ab") in store.storage.report().strange


def test_a_folder_that_becomes_a_link_during_a_collection_is_not_entered(store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    digest = store.upload(b"plate")
    shard = store.blobs.path(digest).parent
    store.wait(100 * DAY)
    steps = store.collector.collect(store.storage.policy)
    times = store.storage.policy.times(store.now)
    shard.rename(elsewhere)
    shard.symlink_to(elsewhere)
    assert store.collector._sweep([digest], times).files == 0
    assert sum(step.files for step in steps) == 0
    assert (elsewhere / digest).exists()
