# SPDX-License-Identifier: Apache-2.0
"""Lines: what a request may look like, what is answered to one that is none, and how the helper ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.client.conftest import clean_environment
from tests.helper.host import REQUEST, SCHEMA, Host, validator
from void_client.errors import BadInput
from void_client.helper.form import _CHECKS, _SILENT, check_request, requests
from void_client.helper.reader import MAX_LINE_BYTES
from void_client.helper.requests import REQUESTS
from void_client.helper.session import MAX_REQUESTS


def test_hello_tells_version_and_protocol(host: Host) -> None:
    reply = host.ask(1, "hello", protocol=1, host="nuke 16.0v4")
    assert (reply["protocol"], reply["pid"]) == (1, host.process.pid)


def test_a_host_of_another_protocol_is_told_what_to_do(host: Host) -> None:
    error = host.refused(1, "hello", protocol=2, host="nuke")
    assert error["code"] == "protocol_mismatch" and error["protocol"] == 1
    assert "protocol 2" in error["message"] and "void install nuke" in error["fix"]


@pytest.mark.parametrize(
    ("line", "number", "said"),
    [
        (b"hello", None, "no JSON"),
        (b"\xff\xfe{}", None, "no JSON"),
        (b"[1]", None, "no JSON object"),
        (b'{"id": 1, "do": "site", "x": NaN}', None, "NaN"),
        (b"[" * 100000, None, "no JSON"),
        (b"1" * 5000, None, "no JSON"),
        (b'{"do": "site"}', None, "lacks the field id"),
        (b'{"id": true, "do": "site"}', None, "site.id is true or false, not a whole number"),
        (b'{"id": 1.5, "do": "site"}', None, "site.id is a number, not a whole number"),
        (b'{"id": 4}', 4, "do is nothing"),
        (b'{"id": 4, "do": "explode"}', 4, 'do is "explode"'),
        (b'{"id": 4, "do": ["site"]}', 4, "which is no request"),
        (b'{"id": 4, "do": "site", "token": "t"}', 4, 'site has the field "token"'),
        (b'{"id": 4, "do": "watch"}', 4, "watch lacks the field job"),
        (b'{"id": 4, "do": "watch", "job": 7}', 4, "watch.job is a whole number, not a text"),
        (b'{"id": 4, "do": "watch", "job": "\\ud800"}', 4, "watch.job holds a character"),
        (b'{"id": 4, "do": "watch", "job": "a\\u0000"}', 4, "watch.job holds a character"),
        (
            b'{"id": 4, "do": "watch", "job": "a", "server": {"port": 1}}',
            4,
            'watch.server has the field "port"',
        ),
    ],
)
def test_a_line_that_is_no_request_is_answered_and_the_helper_lives_on(
    host: Host, line: bytes, number: int | None, said: str
) -> None:
    host.write(line)
    error = host.until(number, "error")
    assert error["code"] == "invalid_input" and said in error["message"]
    assert host.ask(5, "site")["file"] == ""


def test_a_line_that_is_too_long_is_answered_and_the_next_is_read(host: Host) -> None:
    host.write(b'{"id": 1, "do": "' + b"x" * MAX_LINE_BYTES + b'"}')
    assert "16 MiB" in host.until(None, "error")["message"]
    assert host.ask(5, "site")["file"] == ""
    assert len(host.said) == 2


def test_an_empty_line_is_nothing(host: Host) -> None:
    host.write(b"")
    host.write(b"  \r")
    assert host.ask(1, "site")["file"] == ""
    assert len(host.said) == 1


def test_an_id_in_use_is_refused_without_ending_its_request(host: Host, tmp_path: Path) -> None:
    host.send(1, "cancel", job="abcd", server={"address": "127.0.0.1:1", "token_file": str(_token(tmp_path))})
    host.write(b'{"id": 1, "do": "site"}')
    assert "id 1 is in use" in host.until(None, "error")["message"]
    assert host.ask(2, "stop", request=1) == {"stopped": True}


def test_an_id_may_be_used_again_once_its_request_has_ended(host: Host) -> None:
    for _ in range(20):
        host.ask(1, "site")


def test_requests_beyond_the_limit_are_refused_by_name(host: Host, tmp_path: Path) -> None:
    server = {"address": "127.0.0.1:1", "token_file": str(_token(tmp_path))}
    for number in range(MAX_REQUESTS):
        host.send(number, "cancel", job="abcd", server=server)
    error = host.refused(99, "site")
    assert error["code"] == "refused" and "MAX_REQUESTS" in error["message"]


def test_stop_ends_a_request_and_no_other(host: Host, tmp_path: Path) -> None:
    server = {"address": "127.0.0.1:1", "token_file": str(_token(tmp_path))}
    host.send(1, "cancel", job="abcd", server=server)
    host.send(2, "cancel", job="abcd", server=server)
    assert host.ask(3, "stop", request=1) == {"stopped": True}
    assert [m["error"]["code"] for m in host.said if m["id"] == 1] == ["left"]
    assert host.until(2, "error")["code"] == "unreachable"


def test_stop_of_nothing_says_so(host: Host) -> None:
    assert host.ask(1, "stop", request=7) == {"stopped": False}


def _token(folder: Path) -> Path:
    path = folder / "token"
    path.write_text("secret-token-of-the-test")
    return path


def test_the_log_holds_times_and_levels_and_no_token(
    environment: dict[str, str], start_host: Callable[..., Host]
) -> None:
    token = Path(environment["VOID_TOKEN_FILE"]).read_text().strip()
    host = start_host(environment)
    host.ask(1, "capabilities")
    host.refused(2, "watch", job="none")
    host.write(b"garbage")
    host.until(None, "error")
    assert host.end() == 0
    log = host.log.read_text()
    assert token not in log and " INFO " in log and " WARNING " in log
    assert log.startswith("20")


def test_what_prints_goes_to_the_log_and_never_between_the_lines(tmp_path: Path) -> None:
    code = (
        "import void_client.helper.__main__ as m, os, subprocess, sys\n"
        "from void_client.helper import requests\n"
        "def loud(*_):\n"
        "    print('from python'); os.write(1, b'from C\\n')\n"
        "    subprocess.run([sys.executable, '-c', 'print(\"from a child\")'])\n"
        "    return {'file': ''}\n"
        "requests.REQUESTS['site'] = loud\n"
        "m.main([])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=b'{"id": 1, "do": "site"}\n',
        capture_output=True,
        env=clean_environment(),
        timeout=30,
    )
    assert ran.stdout == b'{"id": 1, "reply": {"file": ""}}\n'
    assert all(text in ran.stderr for text in (b"from python", b"from C", b"from a child"))


def test_a_defect_is_a_line_for_the_host_and_a_traceback_for_the_log(tmp_path: Path) -> None:
    code = (
        "import void_client.helper.__main__ as m\n"
        "from void_client.helper import requests\n"
        "requests.REQUESTS['site'] = lambda *_: 1 / 0\n"
        "m.main([])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        input=b'{"id": 1, "do": "site"}\n',
        capture_output=True,
        env=clean_environment(),
        timeout=30,
    )
    error = json.loads(ran.stdout)["error"]
    assert error["code"] == "client_defect" and "Traceback" not in error["message"]
    assert b"Traceback" in ran.stderr and b"ZeroDivisionError" in ran.stderr


def test_the_end_of_the_input_ends_the_helper(host: Host) -> None:
    host.ask(1, "site")
    assert host.end() == 0


def test_what_was_asked_right_before_the_end_is_answered() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "void_client.helper"],
        input=b'{"id": 1, "do": "hello", "protocol": 1, "host": "sh"}\n',
        capture_output=True,
        env=clean_environment(),
        timeout=30,
    )
    assert json.loads(ran.stdout)["reply"]["protocol"] == 1


def test_a_host_that_closes_its_end_of_the_output_ends_the_helper() -> None:
    deaf = subprocess.Popen(
        [sys.executable, "-m", "void_client.helper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )
    assert deaf.stdin and deaf.stdout
    deaf.stdout.close()
    deaf.stdin.write(b'{"id": 1, "do": "site"}\n')
    deaf.stdin.flush()
    assert deaf.wait(10) == 4
    deaf.stdin.close()


def test_the_helper_says_who_it_is_for() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "void_client.helper", "--help"],
        capture_output=True,
        text=True,
        env=clean_environment(),
    )
    assert "standard input" in ran.stdout and "helper_protocol.md" in ran.stdout


# The schema.


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_and_the_program_know_the_same_requests() -> None:
    assert {*requests()} == {*REQUESTS, "stop"}
    assert {f"{name}_reply" for name in requests()} <= SCHEMA["$defs"].keys()


def test_every_request_of_the_schema_is_written_in_words_that_the_helper_reads() -> None:
    def words(form: Any) -> set[str]:
        if not isinstance(form, dict):
            return set()
        inner = [*form.get("properties", {}).values(), form.get("items"), form.get("additionalProperties")]
        inner += [form.get("propertyNames"), *form.get("prefixItems", ())]
        return set(form).union(*map(words, inner))

    read = ("id", "text", "int32", "server", "pair", "input", "point", "box", "order", *requests())
    assert set().union(*(words(SCHEMA["$defs"][name]) for name in read)) <= _CHECKS.keys() | _SILENT


GOOD = {
    "id": 3,
    "do": "submit",
    "server": {"address": "gpu1:7788"},
    "order": {
        "inputs": {
            "plate": {"files": [[1, "/a"], [2, "/b"]]},
            "remove": {"pattern": "/r.#.exr", "channel": "A"},
        },
        "range": "1-2",
        "points": [{"frame": 1, "x": 3.5, "y": 4, "positive": False}],
        "boxes": [{"frame": 1, "left": 0, "top": 0, "right": 4, "bottom": 5, "object": 1}],
        "options": {"grain": "off"},
        "preview": True,
        "seed": "7",
    },
}

_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False).filter(lambda f: not f.is_integer()),
    st.text(max_size=3),
    st.just({}),
    st.just([]),
    st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """The good order with one place changed, taken out or added to."""
    message: dict[str, Any] = json.loads(json.dumps(GOOD))
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                walk(value[key])

    walk(message)
    holder, key = draw(st.sampled_from(places))
    how = draw(st.sampled_from(["change", "drop", "add"]))
    if how == "change" and (holder is not message or key != "do"):
        holder[key] = draw(_ODD)
    elif how == "drop":
        del holder[key]
    elif isinstance(holder, dict):
        holder[draw(st.text(max_size=4))] = draw(_ODD)
    else:
        holder.append(draw(_ODD))
    return message


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_the_helper_takes_what_the_schema_takes_and_nothing_else(message: dict[str, Any]) -> None:
    try:
        check_request(message)
        taken = True
    except BadInput:
        taken = False
    assert taken == REQUEST.is_valid(message)


def test_the_good_order_is_taken() -> None:
    check_request(GOOD)
    REQUEST.validate(GOOD)


def test_an_event_with_another_field_would_be_noticed() -> None:
    notes = {"id": 1, "event": {"event": "notes", "notes": []}}
    assert validator("answer").is_valid(notes)
    assert not validator("answer").is_valid({"id": 1, "event": {**notes["event"], "more": 1}})
