# SPDX-License-Identifier: Apache-2.0
"""The plugin end to end: the model of Resolve, the real line, a real helper and a real server.

Each takes some seconds, because a server computes and a helper starts.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from void_line.helper import Helper
from void_resolve import work

from tests.client.conftest import ServerProcess, server
from tests.resolve.standin.renderer import read_picture, write_picture

__all__ = ["server"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def helper(server: ServerProcess, tmp_path, monkeypatch):
    """A helper of this tree, whose shell names the module's server."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "build" / "contract")])
    command = ["env", f"PYTHONPATH={paths}", sys.executable, "-u", "-m", "void_client.helper"]
    monkeypatch.setenv("VOID_HELPER", shlex.join(command))
    monkeypatch.setenv("VOID_SERVER", server.address)
    monkeypatch.setenv("VOID_TOKEN_FILE", str(server.token_file))
    monkeypatch.setenv("VOID_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("VOID_LOG_DIR", str(tmp_path / "log"))
    monkeypatch.delenv("VOID_SITE_CONFIG", raising=False)
    monkeypatch.delenv("OCIO", raising=False)
    started = Helper("resolve 20.3.2")
    yield started
    started.kill()


@pytest.fixture
def here(seat, helper):
    """An artist whose time is real."""
    artist = seat(helper)
    passing = artist.session.sleep

    def pause(seconds):
        passing(seconds)
        time.sleep(min(seconds, 0.1))

    artist.session.sleep = pause
    return artist


def pictures(folder: Path, name: str) -> dict[int, np.ndarray]:
    return {int(path.stem[-4:]): read_picture(path) for path in sorted(folder.glob(f"{name}.*.exr"))}


def test_the_key_goes_out_and_the_result_comes_back(here):
    outcome = here.done(matte="key", points=(), engine="cleanplate")
    folder = Path(outcome.folder)
    results, passes = pictures(folder, "shot_VOID"), pictures(folder / "matte", "shot_VOID_matte")
    assert list(results) == list(passes) == list(range(1013, 1023))
    plate = {int(p.stem[-8:]): read_picture(p) for p in (folder / "inputs" / "plate").rglob("*.exr")}
    first = min(plate)
    for number, result in results.items():
        untouched = passes[number][..., 3] == 0
        assert untouched.any()
        assert (result[untouched] == plate[first + number - 1013][untouched]).all()
        # What the key covers is to be removed.
        assert passes[number][12, 16, 0] == 1
    assert (here.result.start, here.result.duration) == (here.stage.item.start + 2, 10)
    assert [(m.first, m.last) for m in here.result.clip.mattes] == [(1013, 1022)]


def test_one_sequence_per_key_comes_from_the_server_and_is_attached(here):
    request = {"matte_files": "keys", "options": {"matte_files": "keys"}}
    outcome = here.done(matte="key", points=(), engine="cleanplate", **request)
    folder = Path(outcome.folder) / "matte"
    passes = pictures(folder, "shot_VOID_matte")
    for channel, end in enumerate(("remove", "affected", "overlap", "blend")):
        grey = pictures(folder, f"shot_VOID_{end}")
        assert list(grey) == list(range(1013, 1023))
        for number, picture in grey.items():
            assert picture.shape[2] == 3
            assert (picture == passes[number][..., channel : channel + 1]).all()
    assert len(here.result.clip.mattes) == 4


def test_an_order_that_the_server_refuses_leaves_all_as_it_was(here):
    said = here.refused(matte="key", points=(), engine="no-such-engine")
    assert "no-such-engine" in said


def test_picked_files_go_out_with_the_source_and_the_job_is_found_again(here, tmp_path):
    (tmp_path / "m").mkdir()
    for number in range(1013, 1023):
        matte = np.zeros((24, 40, 3), np.float32)
        matte[8:16, 10:20] = 1
        write_picture(tmp_path / "m" / f"m.{number}.exr", matte)
    request = {"matte": "files", "matte_pattern": str(tmp_path / "m" / "m.%04d.exr"), "points": ()}
    outcome = here.done(**request, handles=0, engine="cleanplate")
    assert work.take_back(here.host)
    record = work.folders.read_record(outcome.folder)
    again = work.reattach(
        here.host, record, here.helper, here.progress.append, here.session.cancelled, here.session.sleep
    )
    assert again.state == "done", again
    assert here.result.duration == 10
