# SPDX-License-Identifier: Apache-2.0
"""With real threads and processes: what a client was just told of is never removed, and what is stored stays."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from void_server.storage import reach
from void_server.storage.policy import DAY

SECONDS = 1.5

_STORES = """
import os, sys, time
from pathlib import Path
from void_server.frames.blobs import BlobFolder
blobs = BlobFolder(Path(sys.argv[1]), clock=lambda: 4e9 + 100 * 86400)
end = time.monotonic() + float(sys.argv[2])
count = 0
while time.monotonic() < end:
    stored = blobs.add_bytes(b"%d" % (count % 40))
    assert blobs.has(stored.digest), count
    os.utime(blobs.path(stored.digest), (1, 1))
    count += 1
print(count)
"""


def test_what_somebody_was_told_of_is_there_when_the_collection_that_ran_meanwhile_is_over(store):
    """Old blobs are asked for and collected at the same time, again and again; 2 s, as races are found by time."""
    contents = [f"blob {n}".encode() for n in range(60)]
    broken: list[str] = []
    told = missing = 0
    end = time.monotonic() + SECONDS
    chance = random.Random(1)

    def ask(digests: list[str]) -> None:
        nonlocal told, missing
        for digest in digests:
            if store.blobs.touch([digest]):
                told += 1
                if not store.blobs.has(digest):
                    broken.append(digest)
            else:
                missing += 1

    while time.monotonic() < end:
        digests = [store.blobs.add_bytes(data).digest for data in contents]
        store.wait(100 * DAY)
        chance.shuffle(digests)
        asking = [threading.Thread(target=ask, args=(digests[part::3],)) for part in range(3)]
        for thread in asking:
            thread.start()
        store.collect()
        for thread in asking:
            thread.join()
        assert broken == []
        assert len(store.there()) == told, f"told of {told}, not of {missing}"
        told = missing = 0


def test_a_worker_that_stores_what_is_being_removed_finds_it_stored(store):
    """A process of its own stores forty blobs over and over and ages them, while they are collected here."""
    store.wait(100 * DAY)
    folder = str(store.root)
    with subprocess.Popen(
        [sys.executable, "-c", _STORES, folder, str(SECONDS)], stdout=subprocess.PIPE, text=True
    ) as worker:
        removed = 0
        while worker.poll() is None:
            removed += store.collect().files
        output = worker.stdout.read() if worker.stdout else ""
    assert worker.returncode == 0
    assert int(output) > 40 and removed > 0


@pytest.fixture
def held(store, monkeypatch):
    """A collection in a thread, held where it has found the one old blob to be nobody's and not removed it yet."""
    digest = store.upload(b"plate")
    store.wait(100 * DAY)
    here, go_on = threading.Event(), threading.Event()
    forget = reach.forget_blobs

    def forget_later(*arguments: object) -> None:
        here.set()
        assert go_on.wait(30)
        forget(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reach, "forget_blobs", forget_later)
    thread = threading.Thread(target=store.collect)
    thread.start()
    assert here.wait(30)
    yield digest, go_on
    go_on.set()
    thread.join()


def test_who_asks_in_the_moment_of_a_removal_waits_and_is_told_that_nothing_is_there(store, held):
    digest, go_on = held
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(store.blobs.touch, [digest])
        assert wait([asked], 0.3).not_done
        go_on.set()
        assert asked.result(30) == set()


def test_what_is_stored_in_the_moment_of_its_removal_is_stored_anew(store, held):
    digest, go_on = held
    with ThreadPoolExecutor(1) as pool:
        stored = pool.submit(store.blobs.add_bytes, b"plate")
        assert wait([stored], 0.3).not_done
        go_on.set()
        assert stored.result(30).digest == digest
    assert store.blobs.verified_path(digest).read_bytes() == b"plate"
