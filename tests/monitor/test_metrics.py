# SPDX-License-Identifier: Apache-2.0
"""What Prometheus reads is what happened, and says nothing of who did it."""

from __future__ import annotations

import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from void.v1 import server_pb2

from tests.monitor.client import Client
from tests.monitor.conftest import token_of, upload
from tests.server.calls import recorded_units, spec_of
from void_server.access.principals import Role
from void_server.configuration import Limits
from void_server.errors import WorkerCrashed
from void_server.jobs.database import Database
from void_server.jobs.stage import told_of_crashes
from void_server.jobs.store import JobStore
from void_server.metrics.figures import Figures
from void_server.metrics.store_size import StoreSizes
from void_server.pool.local import LocalPool
from void_server.retries import MAX_CRASHES
from void_server.storage.census import KINDS

LABELS = {
    "stage",
    "end",
    "reason",
    "method",
    "code",
    "state",
    "priority",
    "name",
    "kind",
    "part",
    "version",
    "le",
}
ROUNDED = 1e-6
WORKER = Path(__file__).parents[1] / "server" / "crashing_worker.py"


class Scrape:
    """Samples by name, each a value by its labels' values in the order of their names."""

    def __init__(self, text: str) -> None:
        self.samples = [s for family in parse(text) for s in family.samples]

    def value(self, name: str, *labels: str) -> float:
        (found,) = [s.value for s in self.samples if s.name == name and _values(s.labels) == labels]
        return found

    def total(self, name: str, **labels: str) -> float:
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())


def _values(labels: dict[str, str]) -> tuple[str, ...]:
    return tuple(labels[name] for name in sorted(labels))


@pytest.fixture
def scraper(server) -> Client:
    """HTTP with the owner's token."""
    return Client(server.application.monitor_url, token=server.token)


def scrape(client: Client) -> Scrape:
    # Standing figures are kept for a second.
    time.sleep(1.1)
    reply = client.get("/metrics")
    assert reply.status == 200 and reply.headers["content-type"].startswith("text/plain")
    return Scrape(reply.body.decode())


def test_after_a_job_the_figures_are_what_happened(start_server, shot):
    server = start_server(monitor="127.0.0.1:0")
    upload(server.caller, shot)
    server.caller.run(spec_of(shot))
    found = scrape(Client(server.application.monitor_url, token=server.token))
    assert found.value("void_jobs", "done") == 1 == found.value("void_jobs_ended_total", "done")
    assert found.value("void_queue_oldest_seconds") == found.value("void_workers", "busy") == 0
    assert found.value("void_workers", "all") == 1
    recorded = recorded_units(server.store)
    assert (
        found.total("void_units_total", end="computed")
        == len(recorded)
        == found.total("void_unit_seconds_count")
    )
    with closing(sqlite3.connect(server.store / "void.sqlite3")) as db:
        (seconds,) = db.execute(
            "SELECT SUM(seconds) FROM unit_result WHERE kind NOT LIKE 'last %'"
        ).fetchone()
    assert found.total("void_unit_seconds_sum") == pytest.approx(seconds, rel=ROUNDED)
    kinds = Counter(kind for kind, _ in recorded.values())
    assert found.value("void_units_total", "computed", "publish") == kinds["publish"] == 5
    sent = sum(p.stat().st_size for n in ("plate", "roto", "affected") for p in shot.files(n).values())
    assert found.value("void_uploaded_bytes_total") == sent
    assert found.value("void_calls_total", "OK", "void.v1.Jobs/Submit") == 1
    assert found.value("void_call_seconds_count", "void.v1.FrameStore/Upload") == 15
    assert found.value("void_disk_bytes", "free") > 0 and found.value("void_limit", "max_open_jobs") == 100


def test_a_second_order_on_the_same_plates_shows_what_was_reused(anna, scraper, done, shot):
    before = scrape(scraper)
    spec = spec_of(shot, "/edge")
    spec.settings.options["feather"] = "5"
    anna.run(spec)
    after = scrape(scraper)

    def more(stage: str, end: str) -> float:
        return after.total("void_units_total", stage=stage, end=end) - before.total(
            "void_units_total", stage=stage, end=end
        )

    assert (more("motion", "computed"), more("motion", "reused")) == (0, 4)
    assert (more("publish", "computed"), more("publish", "reused")) == (5, 0)


def test_no_label_says_who_or_what_it_is_about(server, scraper, anna, done):
    anna.download(next(o.blob.digest for o in done.outputs))
    found = scrape(scraper)
    assert {name for sample in found.samples for name in sample.labels} <= LABELS
    values = {value for sample in found.samples for value in sample.labels.values()}
    for secret in ("anna", done.id, "/out", str(server.store), token_of(anna)):
        assert not any(secret in value for value in values), secret
    assert len(found.samples) < 1500


def test_strangers_and_artists_read_nothing(client, as_anna):
    assert client.get("/metrics").status == 401
    assert as_anna.get("/metrics").status == 404


def test_a_token_for_metrics_reads_them_and_nothing_else(server, client, done):
    scraper = server.caller_of("prometheus", Role.METRICS)
    reading = Client(client.url, token=token_of(scraper))
    assert reading.get("/metrics").status == 200
    assert {reading.get(path).status for path in ("/api/jobs", "/api/me", f"/api/jobs/{done.id}")} == {404}
    assert reading.post(f"/api/jobs/{done.id}/cancel").status == 404
    assert reading.post("/metrics").status == 404
    with pytest.raises(grpc.RpcError) as refused:
        scraper.get(done.id)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    health = health_pb2_grpc.HealthStub(scraper.channel)
    answer = health.Check(health_pb2.HealthCheckRequest(), metadata=scraper.metadata)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_openmetrics_is_given_to_who_asks_for_it(scraper):
    reply = scraper.get("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert reply.headers["content-type"].startswith("application/openmetrics-text")
    assert "void_units" in {family.name for family in parse_openmetrics(reply.body.decode())}


def test_refused_and_unknown_calls_are_counted(server, scraper):
    before = scrape(scraper)
    with pytest.raises(grpc.RpcError):
        server.caller.server.GetCapabilities(server_pb2.GetCapabilitiesRequest())
    with pytest.raises(grpc.RpcError):
        server.caller.channel.unary_unary("/void.v1.Jobs/Guess")(b"", metadata=server.caller.metadata)
    after = scrape(scraper)
    assert after.value("void_refusals_total", "token") == before.value("void_refusals_total", "token") + 1
    assert after.value("void_calls_total", "UNAUTHENTICATED", "void.v1.Server/GetCapabilities") == 1
    assert after.value("void_calls_total", "UNIMPLEMENTED", "unknown") == 1


def test_an_address_that_is_not_looked_at_is_counted_too(start_server):
    server = start_server(monitor="127.0.0.1:0", limits=Limits(max_refusals=1, refusal_window_seconds=1))
    guesser = Client(server.application.monitor_url, token="wrong")
    assert [guesser.get("/metrics").status for _ in range(3)] == [401, 429, 429]
    time.sleep(1)
    found = scrape(Client(guesser.url, token=server.token))
    assert (found.value("void_refusals_total", "token"), found.value("void_refusals_total", "too_many")) == (
        1,
        2,
    )


def test_watches_are_open_while_somebody_watches(server, anna, scraper, shot, done):
    spec = spec_of(shot, "/watched")
    spec.settings.options["feather"] = "9"
    watching = anna.watch(anna.submit(spec).job.id)
    next(watching)
    assert Scrape(scraper.get("/metrics").body.decode()).value("void_calls_open") >= 1
    for _ in watching:
        pass
    assert scrape(scraper).value("void_open", "long_calls") == 0


def test_a_scrape_answers_while_the_server_waits_for_its_database(server, anna, scraper, shot, done):
    """A backup or another program may hold the database for long, and every call that writes waits."""
    spec = spec_of(shot, "/waits")
    time.sleep(1.1)
    with closing(sqlite3.connect(server.store / "void.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        submitted = threading.Thread(target=lambda: anna.submit(spec))
        submitted.start()
        time.sleep(0.5)
        found = Scrape(scraper.get("/metrics").body.decode())
        assert submitted.is_alive()
        other.execute("ROLLBACK")
    submitted.join()
    assert found.value("void_jobs", "done") >= 1


def test_the_parts_of_the_store_are_counted_in_the_background_and_folders_and_links_have_no_bytes(tmp_path):
    for name, size in (
        ("void.sqlite3", 10),
        ("void.sqlite3-wal", 5),
        ("audit.jsonl", 3),
        ("blobs/ab/x", 100),
        ("checkpoints/step", 7),
        ("colour/x.ocioz", 100),
        ("left/by/somebody", 1),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    (tmp_path / "partial" / "empty").mkdir(parents=True)
    (tmp_path / "link").symlink_to("void.sqlite3")
    (tmp_path / "blobs" / "ab" / "link").symlink_to("x")
    found = counted(tmp_path)
    assert found.bytes == {
        "blobs": 100,
        "partial_uploads": 0,
        "scratch": 0,
        "manifests": 0,
        "checkpoints": 7,
        "database": 15,
        "other": 4,
    }
    assert found.files == 1


def test_the_bytes_of_the_store_are_those_of_its_report(start_server, shot):
    """A job was sent and computed; an upload broke off, and a checkpoint was left."""
    server = start_server()
    upload(server.caller, shot)
    server.caller.run(spec_of(shot))
    for name in ("partial/0", "checkpoints/0", "tmp/0"):
        path = server.store / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(11))
    reported = server.application.storage.report().kinds
    bytes_of = counted(server.store).bytes
    assert bytes_of["blobs"] == sum(reported[kind].bytes for kind in KINDS) > 0
    assert bytes_of["checkpoints"] == reported["checkpoints"].bytes == 11
    assert bytes_of["database"] == reported["database"].bytes
    besides = sum(bytes_of[name] for name in ("partial_uploads", "scratch", "manifests", "other"))
    assert besides == reported["partial uploads"].bytes + reported["other"].bytes


def counted(store):
    """Bytes by kind, as the metrics tell them."""
    sizes = StoreSizes(store)
    assert not sizes.latest.counted
    sizes.start()
    deadline = time.monotonic() + 20
    while not sizes.latest.counted and time.monotonic() < deadline:
        time.sleep(0.02)
    sizes.close()
    return sizes.latest


def test_each_worker_that_dies_is_counted_and_that_its_task_was_tried_again(tmp_path):
    figures, database = Figures(), Database(tmp_path / "void.sqlite3")
    pool = LocalPool([sys.executable, str(WORKER)], workers=1)
    told = told_of_crashes(JobStore(database), None, "task", figures.of_stage("fill"))
    with pytest.raises(WorkerCrashed):
        pool.submit({"do": "signal", "signal": int(signal.SIGSEGV)}, on_crash=told).result(30)
    pool.close()
    found = Scrape(figures.text("")[0].decode())
    assert found.value("void_worker_deaths_total", "fill") == MAX_CRASHES
    assert found.value("void_unit_retries_total", "fill") == MAX_CRASHES - 1
