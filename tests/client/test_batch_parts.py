# SPDX-License-Identifier: Apache-2.0
"""The table of shots, what is remembered, and the report, each by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from void_client.batch.figures import median_flicker, outliers, read_figures
from void_client.batch.report import Reported, rows_of, to_html, write_report
from void_client.batch.run import most_at_a_time
from void_client.batch.shots import read_shots
from void_client.batch.state import BatchState, ShotState
from void_client.errors import BadInput


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "shots.toml"
    path.write_text(text)
    return path


def test_a_shot_has_the_defaults_its_own_values_above_and_its_name_in_place(tmp_path):
    text = """
    defaults = {plate = "{shot}/p.####.exr", seed = 3, engine = "cleanplate", options = {grow = 2, grain = true}}
    [shots.a]
    prompt = "{shot} at night"
    [shots.b]
    seed = 4
    plate = "/abs/p.####.exr"
    options = {grow = 5}
    """
    file = read_shots(table(tmp_path, text))
    first, second = file.shots
    assert first.values["plate"] == str(tmp_path / "a/p.####.exr") and first.values["seed"] == 3
    assert first.values["prompt"] == "a at night" and first.options == {"grow": "2", "grain": "on"}
    assert second.values["plate"] == "/abs/p.####.exr" and second.values["seed"] == 4
    assert second.options == {"grow": "5", "grain": "on"} and file.title == "shots"


def test_everything_that_is_wrong_with_the_table_is_told(tmp_path):
    text = """
    colour = "red"
    defaults = {cloud_consent = true}
    [shots.a]
    plat = "p"
    [shots.b]
    seed = "7"
    preview = 1
    [shots."c/d"]
    """
    problems = read_shots(table(tmp_path, text)).problems
    for words in (
        "'colour'",
        "for a shot, not for all",
        "a: There is no option 'plat'",
        "b: seed",
        "b: preview",
        "c/d",
    ):
        assert any(words in p for p in problems), words


@pytest.mark.parametrize("text", ["", "shots = 7", "defaults = {}", "[shots", "[shots]"])
def test_a_file_without_shots_is_refused(tmp_path, text):
    with pytest.raises(BadInput):
        read_shots(table(tmp_path, text))


def test_a_state_file_of_another_program_is_not_overwritten(tmp_path):
    path = tmp_path / "shots.state.json"
    path.write_text('{"format": 9}')
    with pytest.raises(BadInput, match="Move it away"):
        BatchState(path)


def test_a_state_is_forgotten_for_other_files_and_kept_on_disk(tmp_path):
    state = BatchState(tmp_path / "s.json")
    state.set("a", ShotState("done", "j1", "f1"))
    again = BatchState(tmp_path / "s.json")
    assert again.get("a", of="f1") == ShotState("done", "j1", "f1") and again.get("a", of="f2") is None


def sidecar(tmp_path: Path, name: str, **figures: float) -> Path:
    quality = {
        "outside_differing": 0,
        "unfilled": 0,
        "clipped": 0,
        "confidence": 0.9,
        "change_over_time": 0.02,
    }
    fill = {"ring_psnr": figures.pop("ring_psnr", 40.0)}
    frames = [{"frame": 1001, "quality": {**quality, "change_over_time": None}, "fill": None}]
    frames.append({"frame": 1002, "quality": {**quality, **figures}, "fill": fill})
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps({"frames": frames}))
    return path


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"outside_differing": 3}, "3 samples outside"),
        ({"unfilled": 12}, "12 samples kept the plate"),
        ({"ring_psnr": 20.0}, "20.0 dB, frame 1002"),
        ({"change_over_time": 0.5}, "flickers by 0.500 stops at frame 1002"),
        ({"confidence": 0.1}, "falls to 0.10, frame 1002"),
        ({"clipped": 5}, "too large for half"),
    ],
)
def test_each_figure_that_is_off_is_told_and_a_good_shot_is_not(tmp_path, figures, words):
    good, bad = read_figures(sidecar(tmp_path, "good")), read_figures(sidecar(tmp_path, "bad", **figures))
    middle = median_flicker([good, good, bad])
    assert outliers(good, middle) == []
    (told,) = outliers(bad, middle)
    assert words in told


def reported(tmp_path: Path, name: str, state: str = "done", message: str = "", **figures: float) -> Reported:
    return Reported(name, state, "job", message, "/out", sidecar(tmp_path, name, **figures), None)


def test_failed_shots_come_first_then_the_gravest(tmp_path):
    shots = [
        reported(tmp_path, "good"),
        reported(tmp_path, "calm", change_over_time=0.01),
        reported(tmp_path, "blurred", ring_psnr=20.0),
        reported(tmp_path, "touched", outside_differing=1),
        reported(tmp_path, "lost", "failed", "no disk"),
    ]
    rows = rows_of(shots)
    assert [r.reported.shot for r in rows] == ["lost", "touched", "blurred", "good", "calm"]
    assert [r.kind for r in rows] == ["failed", "look", "look", "good", "good"]


def test_a_shot_without_a_readable_sidecar_is_worth_a_look(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    (row,) = rows_of([Reported("a", "done", "", "", "", tmp_path / "broken.json", None)])
    assert row.kind == "look"


def test_no_text_from_outside_becomes_part_of_the_page(tmp_path):
    wild = "<img src=x onerror=alert(1)>\"'&{0}"
    shots = [Reported("a", "failed", wild, wild, wild, None, None)]
    page = to_html(wild, rows_of(shots), {})
    assert "<img" not in page and page.count("&lt;img src=x onerror=alert(1)&gt;") == 5


def test_the_report_asks_nothing_of_a_network_and_says_so_to_the_browser(tmp_path):
    page = write_report(tmp_path / "r", "reel", [reported(tmp_path, "a")]).read_text()
    assert "default-src 'none'" in page and "http:" not in page and "https:" not in page and "//" not in page


def test_never_more_jobs_than_the_server_allows():
    assert most_at_a_time(8, {"max_open_jobs": 3}) == 3
    assert most_at_a_time(2, {"max_open_jobs": 100}) == 2
    assert most_at_a_time(0, {}) == 1
