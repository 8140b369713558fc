# SPDX-License-Identifier: Apache-2.0
"""One rewritten line on a terminal, few plain lines in a pipe, one object a line for programs."""

from __future__ import annotations

import io
import json
import os
from dataclasses import fields

import pytest

from void_client import events
from void_client.cli import terminal
from void_client.cli.terminal import (
    JsonLines,
    Terminal,
    duration,
    finding_text,
    moving_text,
    progress_text,
    table,
)
from void_client.errors import BadInput, SpecRefused

FINDING = events.Finding(
    "error", "matte_empty", "remove", (1, 2, 5), "roto.0001.exr", "The mattes are empty.", "Paint."
)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def progress(done: int, total: int = 40, eta: float | None = None) -> events.Progressed:
    return events.Progressed("motion", 4, 7, done, total, eta)


def test_progress_has_stage_count_and_time_left() -> None:
    assert progress_text(progress(12, eta=25)) == "motion 12/40 (stage 4 of 7), about 0:25 left"


def test_progress_of_an_unknown_time_does_not_guess() -> None:
    assert progress_text(progress(12)) == "motion 12/40 (stage 4 of 7)"


def test_moving_files_have_count_size_and_time_left() -> None:
    event = events.Moving("uploading", 3, 12, 25_000_000, 100_000_000)
    assert moving_text(event, elapsed_s=10) == "Uploading 3/12 files, 25 of 100 MB, about 0:30 left"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.4, "1:05"), (3600, "1:00:00"), (-3, "0:00")])
def test_durations_read_like_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_finding_names_input_frames_file_reason_and_fix() -> None:
    assert (
        finding_text(FINDING) == "error: remove frames 1-2, 5 (roto.0001.exr): The mattes are empty. Paint."
    )


def test_a_terminal_rewrites_its_line() -> None:
    screen, clock = Screen(), Clock()
    speak = Terminal(screen, screen, clock, {})
    for done in (1, 2):
        clock.now += 1
        speak(progress(done))
    speak(events.Notes(("A note.",)))
    assert screen.getvalue().count("\n") == 1
    assert screen.getvalue().endswith("\r\x1b[KA note.\n")


def test_a_line_is_cut_at_the_edge_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((20, 5)))
    screen = Screen()
    Terminal(screen, screen, Clock(), {})(progress(1, eta=25))
    assert len(screen.getvalue().removeprefix("\r\x1b[K")) == 19


def test_a_pipe_gets_no_escape_codes_and_a_line_every_few_seconds_only() -> None:
    pipe, clock = io.StringIO(), Clock()
    speak = Terminal(pipe, pipe, clock, {})
    for done in range(1, 101):
        clock.now += 0.1
        speak(progress(done, total=100))
    assert "\x1b" not in pipe.getvalue()
    assert 2 <= len(pipe.getvalue().splitlines()) <= 10 / terminal.PIPE_INTERVAL_S + 1


def test_short_uploads_are_not_told_and_long_ones_are() -> None:
    pipe, clock = io.StringIO(), Clock()
    speak = Terminal(pipe, pipe, clock, {})
    speak(events.Moving("uploading", 0, 2, 0, 10))
    clock.now = 1.0
    speak(events.Moving("uploading", 1, 2, 5, 10))
    assert pipe.getvalue() == ""
    clock.now = 3.0
    speak(events.Moving("uploading", 1, 2, 6, 10))
    assert pipe.getvalue().startswith("Uploading 1/2")


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Screen, {}, True),
        (Screen, {"NO_COLOR": "1"}, False),
        (Screen, {"TERM": "dumb"}, False),
        (io.StringIO, {}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(stream, environment: dict[str, str], coloured: bool) -> None:
    out = stream()
    Terminal(out, out, Clock(), environment)(events.Preflight((FINDING,), 0))
    assert ("\x1b[31m" in out.getvalue()) is coloured


def test_what_was_said_once_is_not_said_again() -> None:
    pipe = io.StringIO()
    speak = Terminal(pipe, pipe, Clock(), {})
    speak(events.Notes(("A note.",)))
    speak(events.Said("j", "A note."))
    assert pipe.getvalue() == "A note.\n"


def test_errors_go_to_the_error_stream_with_frame_and_file() -> None:
    out, err = io.StringIO(), io.StringIO()
    speak = Terminal(out, err, Clock(), {})
    for event in events.of_error(BadInput("It is empty.", fix="Paint.", frame=7, file="a.exr")):
        speak(event)
    assert (out.getvalue(), err.getvalue()) == ("", "error: frame 7, a.exr: It is empty. Paint.\n")


def test_a_reader_that_went_away_does_not_stop_the_work() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as pipe:
        os.close(read)
        speak = Terminal(pipe, io.StringIO(), Clock(), {})
        speak(events.Notes(("A note.",)))
        speak(events.Notes(("Another.",)))


def test_programs_get_one_object_a_line_with_the_events_name_first() -> None:
    out = io.StringIO()
    JsonLines(out)(events.Notes(("Grün.",)))
    assert out.getvalue() == '{"event": "notes", "notes": ["Grün."]}\n'


def test_files_under_way_are_named_by_what_happens_to_them() -> None:
    assert events.to_json(events.Moving("hashing", 1, 2, 3, 4))["event"] == "hashing"


def test_a_refused_spec_is_told_as_findings_and_an_error() -> None:
    told = [events.to_json(e) for e in events.of_error(SpecRefused([], unseen_files=3))]
    assert [t["event"] for t in told] == ["preflight", "error"]
    assert (told[0]["unseen_files"], told[1]["exit_code"]) == (3, 2)


def test_every_event_and_its_fields_are_documented() -> None:
    text = terminal.__doc__ or ""
    for event in events.Event.__subclasses__():
        names = ["hashing", "uploading", "fetching"] if event is events.Moving else [event.kind]
        told = {f.name for f in fields(event)} - {"activity"}
        assert all(f"`{name}`" in text for name in names), event
        assert all(name in text for name in told), event
    assert json.loads(json.dumps(events.to_json(events.Found("j", FINDING))))["problem"]["frames"] == [
        1,
        2,
        5,
    ]


def test_a_table_has_aligned_columns() -> None:
    assert table([("a", "bb"), ("ccc", "d")]) == "a    bb\nccc  d"
