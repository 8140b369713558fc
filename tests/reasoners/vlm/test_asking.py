# SPDX-License-Identifier: Apache-2.0
"""Both providers against a real server on loopback: what is sent, and how every end is told."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from dataclasses import replace

import pytest

from tests.reasoners.vlm.providers import (
    GEMINI,
    HERE,
    NEEDS_GENAI,
    OPENAI,
    PROVIDERS,
    QUESTION,
    QUICK,
    SECRET,
    Provider,
)
from tests.reasoners.vlm.samples import BOUNDS, GOOD, good, written
from tests.reasoners.vlm.stand_in import Says, serving
from void_server.errors import InvalidInput
from void_server.reasoners.vlm.answer import parse_answer
from void_server.reasoners.vlm.asking import Price, Usage
from void_server.reasoners.vlm.consent import Permission
from void_server.reasoners.vlm.errors import (
    ConsentMissing,
    Declined,
    MalformedAnswer,
    Refused,
    Stopped,
    TimedOut,
    Unreachable,
    VlmError,
)
from void_server.reasoners.vlm.gemini import GeminiSettings, ask_gemini
from void_server.reasoners.vlm.keys import Key
from void_server.reasoners.vlm.schema import SCHEMA

both = pytest.mark.parametrize("provider", PROVIDERS)
BROKEN = Says(b'{"error": {"message": "out of memory"}}', 500)
BUSY = Says(b'{"error": {"message": "quota"}}', 429)


def failing(provider: Provider, kind: type[VlmError], *answers: Says, requests: int, **more) -> VlmError:
    """The error that these answers end in, after so many requests."""
    with serving(*answers) as server, pytest.raises(kind) as caught:
        provider.ask(server.url, **more)
    assert len(server.requests) == requests
    return caught.value


@both
def test_a_good_answer_is_read(provider):
    with serving(provider.good) as server:
        asked = provider.ask(server.url)
    assert asked.answer == parse_answer(written(GOOD), BOUNDS)
    assert (asked.text, asked.usage, asked.repaired) == (written(GOOD), Usage(3000, 500), False)
    assert len(server.requests) == 1


@both
def test_pictures_words_and_schema_are_those_of_the_question(provider):
    with serving(provider.good) as server:
        provider.ask(server.url)
    texts, pictures, schema = provider.read(server.requests[0])
    assert texts == [*(p.label for p in QUESTION.pictures), QUESTION.text]
    assert pictures == [p.jpeg for p in QUESTION.pictures]
    assert schema == SCHEMA


def test_a_compatible_server_is_asked_at_its_path_with_temperature_0():
    with serving(OPENAI.good) as server:
        OPENAI.ask(server.url)
        OPENAI.ask(f"{server.url}/site/v2/")
    assert [r.path for r in server.requests] == ["/v1/chat/completions", "/site/v2/chat/completions"]
    request = server.requests[0]
    assert (request.body["temperature"], request.body["stream"]) == (0, False)
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["host"] == server.url.removeprefix("http://")


def test_a_compatible_server_may_do_without_a_key():
    with serving(OPENAI.good) as server:
        OPENAI.ask(server.url, key=Key())
    assert "authorization" not in server.requests[0].headers


@NEEDS_GENAI
def test_gemini_is_asked_for_json_with_its_key_in_a_header():
    with serving(GEMINI.good) as server:
        GEMINI.ask(server.url)
    (request,) = server.requests
    assert request.path == "/v1beta/models/some-model:generateContent"
    assert request.headers["x-goog-api-key"] == SECRET
    assert request.body["generationConfig"]["responseMimeType"] == "application/json"


@NEEDS_GENAI
def test_gemini_without_a_key_is_refused_before_anything_is_sent():
    with serving(GEMINI.good) as server, pytest.raises(InvalidInput, match="no key"):
        GEMINI.ask(server.url, key=Key())
    assert server.connections == 0


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_knows_no_schema_is_asked_for_any_json_object(status):
    with serving(Says(b'{"error": "no schema"}', status), OPENAI.good) as server:
        OPENAI.ask(server.url)
    formats = [r.body["response_format"]["type"] for r in server.requests]
    assert formats == ["json_schema", "json_object"]


@both
def test_a_malformed_answer_is_sent_back_with_what_is_wrong_and_the_second_one_counts(provider):
    bad = good()
    bad["confidence"] = 7
    with serving(provider.says(written(bad)), provider.good) as server:
        asked = provider.ask(server.url)
    assert asked.repaired and asked.usage == Usage(6000, 1000)
    texts, _, _ = provider.read(server.requests[1])
    assert texts[-2] == written(bad)
    assert "confidence: is 7, not a number from 0 to 1." in texts[-1]


@both
def test_two_malformed_answers_are_an_error_with_the_field(provider):
    bad = good()
    bad["affected_objects"][0]["first_appears_frame"] = 5
    error = failing(provider, MalformedAnswer, provider.says(written(bad)), requests=2)
    assert "affected_objects[0].first_appears_frame" in str(error)


@both
@pytest.mark.parametrize("number", [0, 1])
def test_a_model_that_declines_is_not_asked_again(provider, number):
    failing(provider, Declined, provider.declines[number], requests=1)


@both
def test_an_answer_that_was_cut_off_is_said_to_be(provider):
    assert "cut off" in str(failing(provider, MalformedAnswer, provider.cut_off, requests=1))


@both
@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b'{"choices": []}', b"\xff\xfe"])
def test_a_server_that_speaks_something_else_is_said_to(provider, body):
    failing(provider, MalformedAnswer, Says(body), requests=1)


@both
@pytest.mark.parametrize(("status", "words"), [(401, "does not accept the key"), (403, "does not allow")])
def test_a_wrong_key_is_refused_at_once(provider, status, words):
    error = failing(provider, Refused, Says(b'{"error": {"message": "Who?"}}', status), requests=1)
    assert words in str(error) and '"Who?"' in str(error)


@both
def test_a_busy_endpoint_is_asked_again(provider):
    with serving(BUSY, provider.good) as server:
        provider.ask(server.url)
    assert len(server.requests) == 2


@both
def test_an_endpoint_that_stays_busy_has_refused(provider):
    error = failing(provider, Refused, BUSY, requests=3)
    assert "after 3 attempts" in str(error) and '"quota"' in str(error)


@both
def test_an_endpoint_that_stays_broken_is_unreachable(provider):
    error = failing(provider, Unreachable, BROKEN, requests=3)
    assert "(500), after 3 attempts" in str(error) and '"out of memory"' in str(error)


@both
@pytest.mark.parametrize("drop", [Says(status=0), Says(b"x" * 400, short=100)], ids=["silent", "midway"])
def test_a_dropped_connection_is_tried_again(provider, drop):
    with serving(drop, provider.good) as server:
        provider.ask(server.url)
    assert len(server.requests) == 2


@both
def test_a_connection_that_always_drops_is_unreachable(provider):
    error = failing(provider, Unreachable, Says(status=0), requests=3)
    assert "broke the connection off" in str(error) and "127.0.0.1" in str(error)


@both
def test_nobody_at_the_address_is_unreachable_and_nothing_was_sent(provider):
    with serving(provider.good) as server:
        url = server.url
    with pytest.raises(Unreachable, match="cannot be reached") as caught:
        provider.ask(url)
    assert url in str(caught.value) and caught.value.record is None


@both
@pytest.mark.parametrize("slow", ["slow", "drips"])
def test_a_slow_endpoint_ends_in_a_time_out(provider, slow):
    answer = replace(provider.good, **{slow: True})
    begun = time.monotonic()
    error = failing(provider, TimedOut, answer, requests=1, wire=replace(QUICK, timeout_seconds=0.5))
    assert "0.5 seconds" in str(error)
    assert time.monotonic() - begun < 5


@both
def test_a_cancelled_job_ends_its_call_within_a_second(provider):
    cancelled = threading.Event()
    moment = []

    def cancel(server):
        server.heard.wait(10)
        moment.append(time.monotonic())
        cancelled.set()

    with serving(replace(provider.good, slow=True)) as server:
        threading.Thread(target=cancel, args=(server,)).start()
        with pytest.raises(Stopped):
            provider.ask(server.url, stop=cancelled.is_set)
        assert time.monotonic() - moment[0] < 1


@both
def test_a_cancelled_job_does_not_wait_for_the_next_attempt(provider):
    begun = time.monotonic()
    wire = replace(QUICK, first_wait_seconds=60.0, longest_wait_seconds=60.0)
    with serving(BUSY) as server, pytest.raises(Stopped):
        provider.ask(server.url, wire=wire, stop=server.heard.is_set)
    assert time.monotonic() - begun < 10


@both
def test_a_job_that_was_cancelled_before_opens_no_connection(provider):
    with serving(provider.good) as server, pytest.raises(Stopped):
        provider.ask(server.url, stop=lambda: True)
    assert server.connections == 0


@both
def test_a_redirect_is_not_followed(provider):
    with serving(provider.good) as elsewhere:
        answer = Says(status=307, headers={"Location": f"{elsewhere.url}/v1/chat/completions"})
        error = failing(provider, Refused, answer, requests=1)
    assert "redirect (307)" in str(error)
    assert elsewhere.connections == 0


@both
def test_a_proxy_in_the_environment_is_ignored(provider, monkeypatch):
    with serving(provider.good) as proxy, serving(provider.good) as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        provider.ask(server.url)
    assert (proxy.connections, len(server.requests)) == (0, 1)


@NEEDS_GENAI
def test_variables_of_the_package_lead_gemini_nowhere_else(monkeypatch):
    with serving(GEMINI.good) as elsewhere, serving(GEMINI.good) as server:
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", elsewhere.url)
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", elsewhere.url)
        monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
        monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", "v9")
        monkeypatch.setenv("GOOGLE_GENAI_CLIENT_MODE", "record")
        monkeypatch.setenv("GOOGLE_API_KEY", "another-key")
        GEMINI.ask(server.url)
    assert elsewhere.connections == 0
    (request,) = server.requests
    assert request.headers["x-goog-api-key"] == SECRET
    assert request.path == "/v1beta/models/some-model:generateContent"


@both
def test_without_consent_no_connection_is_opened_at_all(provider):
    with serving(provider.good) as server, pytest.raises(ConsentMissing) as caught:
        provider.ask(server.url, permission=Permission(local_endpoints=("vlm01",)))
    assert server.connections == 0
    assert "would leave the building, to 127.0.0.1" in str(caught.value)
    assert "--cloud-consent" in str(caught.value) and caught.value.record is None


@both
def test_the_name_is_resolved_once_and_the_connection_goes_to_that_address(provider):
    looked_up = []

    def resolve(host, port):
        looked_up.append(host)
        return ["127.0.0.1"]

    with serving(BROKEN, provider.good) as server:
        url = server.url.replace("127.0.0.1", "vlm01.invalid")
        permission = Permission(local_endpoints=("vlm01.invalid",))
        asked = provider.ask(url, permission=permission, resolve=resolve)
    assert looked_up == ["vlm01.invalid"]
    assert (asked.record.host, asked.record.address) == ("vlm01.invalid", "127.0.0.1")
    assert server.requests[0].headers["host"] == url.removeprefix("http://")


@both
def test_the_key_is_in_no_log_no_error_and_no_record(provider, caplog):
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"error": {"message": f"Bad key {SECRET} of {SECRET}, " + "x" * 260 + SECRET}}).encode()
    shown = []
    for status in (401, 400, 429, 500):
        with serving(Says(echo, status)) as server, pytest.raises(VlmError) as caught:
            provider.ask(server.url)
        error = caught.value
        shown += [str(error), repr(error), json.dumps(error.to_dict()), json.dumps(error.record.to_dict())]
    with serving(provider.good) as server:
        shown.append(repr(provider.ask(server.url)))
    text = "".join(shown) + caplog.text
    assert "***" in text
    assert SECRET not in text and SECRET[:12] not in text


@both
def test_the_record_has_digests_of_all_that_left_and_no_time(provider):
    bad = written(good()).replace("0.8", "8")
    with serving(provider.says(bad), provider.good) as server:
        record = provider.ask(server.url).record
    spoken = "\n".join([*(p.label for p in QUESTION.pictures), QUESTION.text])
    sums = [
        hashlib.sha256(data).hexdigest() for data in (*(p.jpeg for p in QUESTION.pictures), spoken.encode())
    ]
    assert [s.sha256 for s in record.sent[:-2]] == sums
    assert [s.what for s in record.sent[-3:]] == ["question", "unusable answer", "repair"]
    assert record.sent[-2].sha256 == hashlib.sha256(bad.encode()).hexdigest()
    assert (record.endpoint, record.host, record.address) == (server.url, "127.0.0.1", "127.0.0.1")
    assert (record.local, record.requests) == (True, 2)
    assert record.size == sum(r.size for r in server.requests)
    assert json.loads(json.dumps(record.to_dict()))["sent"][0]["what"] == QUESTION.pictures[0].label


@both
def test_an_error_tells_what_had_left_by_then(provider):
    record = failing(provider, Unreachable, BROKEN, requests=3).record
    assert record.requests == 3 and len(record.sent) == len(QUESTION.pictures) + 1


@both
def test_costs_are_told_where_the_site_has_a_price(provider):
    with serving(provider.good) as server:
        priced = provider.ask(
            server.url, prices=dict.fromkeys(("some/model:8b", "some-model"), Price(2.0, 12.0))
        )
        plain = provider.ask(server.url)
    assert priced.cost == "3,000 tokens in, 500 out; about 0.0120 USD"
    assert plain.cost == "3,000 tokens in, 500 out"


@both
def test_an_endless_reply_is_not_read_to_its_end(provider, monkeypatch):
    monkeypatch.setattr("void_server.reasoners.vlm.connection.MOST_REPLY", 5)
    error = failing(provider, MalformedAnswer, Says(b"x" * 5000, drips=True), requests=1)
    assert "more than 5 bytes" in str(error)


@both
def test_a_call_that_was_given_up_leaves_no_thread_behind(provider):
    with serving(replace(provider.good, slow=True)) as server:
        with pytest.raises(Stopped):
            provider.ask(server.url, stop=server.heard.is_set)
        until = time.monotonic() + 5
        while any(t.name.startswith("vlm") for t in threading.enumerate()) and time.monotonic() < until:
            time.sleep(0.02)
        assert not [t.name for t in threading.enumerate() if t.name.startswith("vlm")]


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """Seconds that are waited between attempts; nothing waits."""
    seconds: list[float] = []
    monkeypatch.setattr("void_server.reasoners.vlm.wire.paused", lambda s, _: seconds.append(s))
    return seconds


@both
def test_waits_double_and_have_a_limit(provider, waits):
    wire = replace(QUICK, attempts=6, first_wait_seconds=1.0, longest_wait_seconds=5.0)
    failing(provider, Refused, BUSY, requests=6, wire=wire)
    assert len(set(waits)) >= 4
    for wait, whole in zip(waits, (1, 2, 4, 8, 16), strict=True):
        assert min(5, whole / 2) <= wait <= min(5, whole)


@both
@pytest.mark.parametrize(
    ("asked", "waited"), [("3", 3.0), ("900", 30.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.01), ("-1", 0.01)]
)
def test_a_longer_wait_that_the_endpoint_asks_for_is_honoured_up_to_the_limit(provider, waits, asked, waited):
    with serving(replace(BUSY, headers={"Retry-After": asked}), provider.good) as server:
        provider.ask(server.url)
    assert waits == [pytest.approx(waited, rel=0.5)]


def test_a_model_name_that_would_change_the_address_is_refused():
    with pytest.raises(InvalidInput, match="name of a model"):
        ask_gemini(QUESTION, GeminiSettings("../../other", "http://127.0.0.1:1"), Key(SECRET), HERE)
