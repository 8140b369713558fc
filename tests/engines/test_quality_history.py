# SPDX-License-Identifier: Apache-2.0
"""The history of figures: what it compares, and what a broken line does."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from benchmarks.quality.history import LARGEST, Entry, append, compare, read_history, without_nan
from void_server.engines.cleanplate import CleanplateSettings
from void_server.errors import InvalidInput


def entry(**changed) -> Entry:
    figures = {"both": 30.0, "seam": 1.03, "warp": None, **changed.pop("figures", {})}
    made = Entry(
        date="2026-11-21T10:00:00+00:00",
        metrics=1,
        engine="3",
        shot="ball",
        frames=[1, 20],
        size=[640, 360],
        given="artist",
        settings=asdict(CleanplateSettings()),
        rows={"cleanplate": figures},
        seconds={"fill": 0.2},
        yardsticks=3.5,
        machine="any",
    )
    return replace(made, **changed)


def test_what_was_appended_is_read_back(tmp_path):
    path = tmp_path / "new" / "history.jsonl"
    assert read_history(path) == []
    append(path, entry())
    append(path, entry(engine="4"))
    assert read_history(path) == [entry(), entry(engine="4")]
    assert path.read_bytes().count(b"\n") == 2


def test_a_last_line_without_its_end_is_ended_first(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps(asdict(entry())))
    append(path, entry(engine="4"))
    assert [e.engine for e in read_history(path)] == ["3", "4"]


def test_the_newest_entry_of_the_same_kind_is_compared():
    earlier = [entry(figures={"seam": 2.0}), entry(), entry(shot="mug", figures={"seam": 9.0})]
    worse, better = compare(earlier, entry(engine="4", figures={"seam": 1.21, "both": 31.0}))
    since = " (ball; engine 3 -> 4, since 2026-11-21T10:00:00+00:00)"
    assert worse == ["worse: seam 1.03 -> 1.21" + since]
    assert better == ["better: both 30.00 -> 31.00" + since]


@pytest.mark.parametrize(
    "other",
    [
        {"metrics": 2},
        {"frames": [1, 40]},
        {"size": [320, 180]},
        {"given": "motion"},
        {"settings": asdict(CleanplateSettings(grain=False))},
    ],
)
def test_what_differs_in_kind_is_not_compared(other):
    assert compare([entry(**other)], entry(figures={"both": 10.0})) == ([], [])


def test_a_setting_that_is_newer_than_the_entry_had_its_default():
    old = asdict(CleanplateSettings())
    del old["trace"]
    old["gone"] = 5
    assert compare([entry(settings=old)], entry(figures={"both": 10.0}))[0]
    changed = asdict(CleanplateSettings(trace=True))
    assert compare([entry(settings=old)], entry(settings=changed, figures={"both": 10.0})) == ([], [])


BROKEN = {
    "cut off": b'{"date": "2026',
    "no text": b"\xff\xfe\x00",
    "a list": b"[1, 2]",
    "too deep": b"[" * 100_000,
    "empty": b"",
    "half of an entry": b'{"date": "2026-11-21"}',
    "not a number": json.dumps(asdict(entry(figures={"seam": "high"}))).encode(),
    "infinite": json.dumps(asdict(entry(figures={"seam": float("inf")}))).encode(),
    "one frame": json.dumps(asdict(entry(frames=[1]))).encode(),
    "no settings": json.dumps(asdict(entry(settings=None))).encode(),
    "nested settings": json.dumps(asdict(entry(settings={"grain": [1]}))).encode(),
}


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_line_is_named_and_nothing_is_compared(tmp_path, line):
    path = tmp_path / "history.jsonl"
    append(path, entry())
    with path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(InvalidInput, match=r"history\.jsonl, line 2: the line .*--history"):
        read_history(path)


def test_a_file_that_is_no_history_is_not_read_whole(tmp_path):
    path = tmp_path / "huge"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(InvalidInput, match="Begin a new history"):
        read_history(path)


def test_what_is_no_number_becomes_none():
    assert without_nan({"a": float("nan"), "b": float("inf"), "c": 1}) == {"a": None, "b": None, "c": 1.0}
