# SPDX-License-Identifier: Apache-2.0
"""Records of sent jobs outlive Resolve: whole files, the newest first, and only open jobs are taken up again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from void_resolve import history as module
from void_resolve.history import FRESH_SECONDS, KEPT, History, line_of
from void_resolve.keeping import read_json, write_json


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def history(tmp_path, clock):
    return History(str(tmp_path / "history"), clock)


def as_of_another_process(history, record):
    path = str(Path(history.folder) / f"{record['ticket']}.json")
    write_json(path, {**record, "pid": -1})
    return read_json(path)


def test_a_record_is_on_disk_as_soon_as_it_begins(history):
    record = history.begin(clip="A001", request={"look": "source"})
    (found,) = History(history.folder).all()
    assert (found["state"], found["clip"], found["ticket"]) == ("running", "A001", record["ticket"])


def test_the_newest_comes_first(history, clock):
    for name in ("first", "second", "third"):
        history.begin(clip=name)
        clock.now += 1
    assert [each["clip"] for each in history.all()] == ["third", "second", "first"]


def test_what_is_no_record_is_passed_over(history, tmp_path):
    history.begin(clip="A001")
    for name, text in (
        ("a.json", "{"),
        ("b.json", "[]"),
        ("c.json", '{"ticket": 3}'),
        (".void_x.part", "{}"),
    ):
        (tmp_path / "history" / name).write_text(text)
    assert [each["clip"] for each in history.all()] == ["A001"]
    assert History(str(tmp_path / "no such")).all() == []


def test_a_write_that_fails_leaves_the_record_of_before(history, monkeypatch):
    record = history.begin(clip="A001")
    monkeypatch.setattr("void_resolve.keeping.os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        history.update(record, state="done")
    assert [each["state"] for each in history.all()] == ["running"]
    assert len(list(Path(history.folder).iterdir())) == 1


@pytest.mark.parametrize(
    ("state", "job", "possible"),
    [
        ("failed", "j", True),
        ("cancelled", "j", True),
        ("left", "j", True),
        ("done", "j", False),
        ("failed", "", False),
    ],
)
def test_a_job_that_went_out_and_did_not_come_back_can_be_taken_up(history, state, job, possible):
    record = history.update(history.begin(), state=state, job=job)
    assert history.can_reattach(record) is possible


def test_what_another_window_follows_is_left_to_it_until_it_falls_silent(history, clock):
    record = as_of_another_process(history, history.begin(job="j"))
    assert not history.can_reattach(record)
    clock.now += FRESH_SECONDS + 1
    assert history.can_reattach(record)


def test_the_oldest_ended_records_go(history, clock, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    open_one = history.begin(clip="open")
    for number in range(6):
        clock.now += 1
        history.update(history.begin(clip=str(number)), state="done")
    kept = [each["clip"] for each in history.all()]
    assert kept[:4] == ["5", "4", "3", "2"] and open_one["clip"] in kept and KEPT > 100


def test_a_line_tells_clip_state_and_job(history):
    record = history.begin(clip="A001", job="0123456789abcdef")
    assert line_of(record).endswith("· A001 · running · job 01234567")
    assert json.dumps(record)
