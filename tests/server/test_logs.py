# SPDX-License-Identifier: Apache-2.0
"""The log as lines for programs: each one JSON object, with the job that it is about."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import ServerProcess
from tests.server.calls import Caller, recorded_units, spec_of
from void_server import logs
from void_server.pool.local import LocalPool
from void_server.pool.process import JSON_LOG

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
WORKER = """
import sys
from void_server.pool.messages import read_message, write_message
while (task := read_message(sys.stdin.buffer)) is not None:
    print("raw words of a library", file=sys.stderr, flush=True)
    write_message(sys.stdout.buffer, {"ok": 1})
"""


@pytest.fixture
def written() -> io.StringIO:
    """What this process logs while a test runs, as JSON; set back afterwards."""
    root, own = logging.getLogger(), [logging.getLogger(name) for name in logs.OWN_LOGGERS]
    before = root.handlers[:], root.level, [logger.level for logger in own], sys.excepthook
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("threading.excepthook", lambda *_: None)
        logs.set_up("json", "debug", stream=stream)
        yield stream
    logging.captureWarnings(False)
    root.handlers, root.level, levels, sys.excepthook = before
    for logger, level in zip(own, levels, strict=True):
        logger.setLevel(level)


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, shot) -> tuple[Path, str, list[dict[str, Any]]]:
    """Store, job and all that a server said while the job ran; the whole log is JSON, or this fails."""
    store = tmp_path_factory.mktemp("said") / "store"
    server = ServerProcess(store, "--log-format", "json", "--log-level", "debug")
    caller = Caller(server.address, server.token)
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())
    job = caller.run(spec_of(shot))
    caller.close()
    server.stop()
    return store, job.id, lines_of((store.parent / "store.log").read_text())


def test_each_line_is_an_object_with_its_time_in_utc_level_and_place(said):
    *_, lines = said
    assert len(lines) > 50
    for line in lines:
        assert {"time", "level", "logger", "message", "process"} <= line.keys()
        assert RFC3339.fullmatch(line["time"]) and line["level"] in logs.LEVELS
    passed = datetime.now(timezone.utc) - datetime.fromisoformat(lines[0]["time"])
    assert 0 <= passed.total_seconds() < 600


def test_lines_of_the_workers_carry_job_stage_and_unit(said):
    store, job, lines = said
    of_workers = [line for line in lines if "unit" in line]
    assert {line["job"] for line in of_workers} == {job}
    assert {line["unit"] for line in of_workers} == {logs.unit_name(key) for key in recorded_units(store)}
    assert {line["stage"] for line in of_workers if line["message"].startswith("publish")} == {"publish"}
    server = next(line["process"] for line in lines if "serving on" in line["message"])
    assert server not in {line["process"] for line in of_workers}


def test_a_job_begins_and_ends_in_the_log(said):
    _, job, lines = said
    told = [line["message"] for line in lines if line.get("job") == job and line["level"] == "info"]
    assert told[0] == "the job begins, or goes on" and told[-1] == "the job is done"


def test_lines_of_a_call_say_which_and_where_it_came_from(said):
    *_, lines = said
    (line,) = [line for line in lines if line.get("call") == "void.v1.Jobs/Submit"]
    assert "ended as OK" in line["message"] and line["peer"].startswith("ipv4:127.0.0.1:")


def test_no_line_names_an_owner(said):
    *_, lines = said
    assert not any("owner" in line for line in lines)


def test_an_exception_is_text_in_one_field_of_one_line(written):
    try:
        raise ValueError("bad\nnews")
    except ValueError:
        logging.getLogger("void_server.x").exception("a defect")
    (line,) = lines_of(written.getvalue())
    assert line["message"] == "a defect" and line["level"] == "error"
    assert line["exception"].startswith("Traceback") and line["exception"].endswith("ValueError: bad\nnews")


def test_what_a_thread_is_at_ends_with_it_and_the_inner_one_wins(written):
    log = logging.getLogger("void_server.x")
    with logs.saying(job="a", stage="one"):
        with logs.saying(stage="two", unit=""):
            log.info("in")
        log.info("out")
    log.info("after")
    found = [(line.get("job"), line.get("stage"), "unit" in line) for line in lines_of(written.getvalue())]
    assert found == [("a", "two", False), ("a", "one", False), (None, None, False)]


def test_debug_is_for_this_program_alone_because_libraries_write_headers_there(written):
    logging.getLogger("httpx").debug("Authorization: Bearer secret")
    logging.getLogger("httpx").info("said")
    logging.getLogger("void_server.x").debug("own")
    assert [line["message"] for line in lines_of(written.getvalue())] == ["said", "own"]


def test_a_line_for_people_ends_with_what_it_is_at(written):
    record = logging.LogRecord("void_server.x", logging.INFO, "", 0, "hello", (), None)
    with logs.saying(job="abc", stage="fill"):
        assert logs.TextLines().format(record).endswith("INFO void_server.x: hello [job=abc stage=fill]")


def test_what_a_worker_writes_beside_its_log_becomes_a_line_with_the_job(written, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    pool = LocalPool([sys.executable, str(script), JSON_LOG], workers=1)
    pool.submit({"do": "x", "log": {"job": "abc", "stage": "fill"}}).result(30)
    pool.close()
    found = [line for line in lines_of(written.getvalue()) if line["message"] == "raw words of a library"]
    assert [(line["job"], line["stage"], line["level"]) for line in found] == [("abc", "fill", "warning")]


def test_a_server_that_cannot_start_says_so_in_the_same_form(tmp_path):
    command = ("serve", "--store", tmp_path, "--listen", "0.0.0.0:0", "--log-format", "json")
    ran = subprocess.run(
        [sys.executable, "-m", "void_server", *map(str, command)], capture_output=True, text=True, timeout=60
    )
    (line,) = lines_of(ran.stderr)
    assert ran.returncode == 2 and "in the clear" in line["message"]
