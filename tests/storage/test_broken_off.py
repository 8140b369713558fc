# SPDX-License-Identifier: Apache-2.0
"""A collection that is broken off at any moment leaves no row that names a missing file, and the next one ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.storage.small_store import SmallStore
from void_server.storage.policy import DAY


class PowerCut(BaseException):
    """Ends everything where it stands."""


def filled(store: SmallStore) -> None:
    for n in range(8):
        job_id, _ = store.done_job(f"r{n}", f"result {n}".encode())
        store.unit(f"between {n}", f"between {n}".encode(), job_id)
    live, _ = store.submit("live", [store.upload(b"live input")])
    store.unit("live", b"live unit", live.id)
    store.wait(20 * DAY)


def cuts(monkeypatch: pytest.MonkeyPatch, store: SmallStore, at: int) -> None:
    """Let the `at`-th of all commits and removals not happen, nor anything after it."""
    count = 0
    unlink, commit = os.unlink, store.database.transaction

    def step() -> None:
        nonlocal count
        count += 1
        if count >= at:
            raise PowerCut

    def cut_unlink(*args: object, **options: object) -> None:
        step()
        unlink(*args, **options)  # type: ignore[arg-type]

    @contextmanager
    def cut_transaction() -> Iterator[object]:
        step()
        with commit() as db:
            yield db
            step()

    monkeypatch.setattr(os, "unlink", cut_unlink)
    monkeypatch.setattr(store.database, "transaction", cut_transaction)


@pytest.mark.parametrize("at", [1, 2, 4, 6, 8, 9, 10, 11, 12, 13, 14, 15, 20, 30])
def test_cut_off_before_any_commit_or_removal_every_row_still_names_a_file(store, monkeypatch, at):
    filled(store)
    with monkeypatch.context() as patch:
        cuts(patch, store, at)
        with pytest.raises(PowerCut):
            store.collect()
    store.close()
    store.reopen()
    assert store.dangling() == []
    store.collect()
    assert len(store.there()) == 2 and store.dangling() == []
    assert set(store.jobs.take_units(["live"], None)) == {"live"}


_COLLECTS = """
import sys
from pathlib import Path
from tests.storage.small_store import SmallStore
from void_server.storage.policy import DAY
store = SmallStore(Path(sys.argv[1]))
store.wait(40 * DAY)
print("begins", flush=True)
for step in store.collector.collect(store.storage.policy):
    print(step.files, flush=True)
"""


def test_killed_in_the_middle_every_row_still_names_a_file_and_the_next_collection_ends_it(tmp_path):
    """Three processes are killed with kill -9, each a little later; about 3 s to start them."""
    store = SmallStore(tmp_path / "store")
    for n in range(150):
        store.unit(f"k{n}", f"unit {n}".encode())
    live, _ = store.submit("live", [store.upload(b"live input")])
    store.close()
    left = []
    for lines in (3, 40, 90):
        run = [sys.executable, "-c", _COLLECTS, str(store.root)]
        with subprocess.Popen(
            run, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        ) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        store.reopen()
        assert store.dangling() == []
        left.append(len(store.there()))
        store.close()
    assert 1 < left[-1] < 151
    store.reopen()
    store.wait(40 * DAY)
    store.collect()
    assert len(store.there()) == 1 and store.dangling() == []
    assert store.jobs.get(live.id).id == live.id
    store.close()
