# SPDX-License-Identifier: Apache-2.0
"""Several clients at once on one server, a slow reader among them: the short form of `benchmarks.load`."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack

import pytest
from void.v1 import frames_pb2

from benchmarks.load.figures import percentile
from benchmarks.load.gauges import SERVER, Gauges
from benchmarks.load.plan import Plan
from benchmarks.load.report import failed, of_kind, seconds, unequal, wrong
from benchmarks.load.run import Wanted, measure
from benchmarks.server_process import ServerProcess
from tests.server.calls import Caller
from void_client.transfer import PARALLEL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

CLIENTS = 8
SLOW_BYTES_PER_S, SLOW_BLOB_BYTES = 50_000, 4 << 20
"""The slow reader's download would take 84 s, more than the load."""

MOST_GROWTH = 40e6
"""Bytes. It is 5 to 20 MB: a stack and an arena for each thread of a call, and what a first job leaves cached."""

LATEST_EVENT_S = 1.0
"""Of 95 in 100. It is 0.02 s on a machine with four times the work that it can do; one that waited for the slow
reader would be as late as a message of a MiB on its link: 21 s."""


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Takes 15 seconds: processes start, a first job is done, then four and more of many clients."""
    wanted = Wanted(
        clients=CLIENTS,
        slow=1,
        seconds=5.0,
        least_jobs=4,
        alone_s=0.0,
        previews=False,
        per_process=4,
        interval_s=0.5,
        rest_s=1.0,
        server_options=("--workers=2", f"--worker-cache-bytes={32 << 20}"),
        plan=Plan(slow_bytes_per_s=SLOW_BYTES_PER_S, slow_blob_bytes=SLOW_BLOB_BYTES, slow_pause_s=2.0),
    )
    return measure(wanted, tmp_path_factory.mktemp("load"), lambda spent, load: None)


def test_nothing_fails_and_every_file_has_the_bytes_of_its_digest(load):
    assert not failed(load) and not wrong(load) and not unequal(load)


def test_everybody_is_served(load):
    assert {r["client"] for r in of_kind(load.loaded, "sent")} == set(range(CLIENTS - 1))
    assert {r["client"] for r in of_kind(load.loaded, "submit")} == set(range(CLIENTS - 1))
    assert len(of_kind(load.loaded, "job")) >= 4 and len(seconds(load.loaded, "watch")) > 40


def test_a_slow_reader_delays_nobody_s_events(load):
    assert of_kind(load.loaded, "sent") and not of_kind(load.loaded, "slow download"), "it was not slow"
    assert percentile(seconds(load.loaded, "watch"), 0.95) < LATEST_EVENT_S


def test_open_files_return_to_what_they_were_and_threads_to_one_for_each_call(load):
    before, after = load.before[SERVER], load.after[SERVER]
    under_load = [s.files for s in load.samples if s.who == SERVER and load.began < s.at < load.ended]
    assert max(under_load) > before.files
    assert after.files <= before.files
    # Of calls a client makes no more at once than uploads.
    assert after.threads <= before.threads + PARALLEL * CLIENTS


def test_the_server_s_memory_hardly_grows(load):
    assert load.after[SERVER].rss - load.before[SERVER].rss < MOST_GROWTH


def test_readers_that_do_not_read_cost_no_memory_of_their_file_s_size(tmp_path):
    """Eight downloads of 24 MB, of which each client takes one message."""
    readers, data = 8, os.urandom(24 << 20)
    with ServerProcess(tmp_path / "store", "--workers=1") as server, ExitStack() as stack:
        callers = [Caller(server.target.address, server.target.token) for _ in range(readers)]
        for caller in callers:
            stack.callback(caller.close)
        digest = callers[0].upload(data).digest
        assert callers[0].download(digest) == data
        gauges = Gauges(server.pid, server.store, 1.0)
        before = gauges.look()[SERVER].rss
        request = frames_pb2.DownloadRequest(digest=digest)
        streams = [c.frames.Download(request, metadata=c.metadata) for c in callers]
        for stream in streams:
            assert next(stream).chunk
        time.sleep(2.0)
        grown = gauges.look()[SERVER].rss - before
        assert grown < readers * len(data) / 3, f"{grown / 1e6:.0f} MB"
        assert callers[-1].missing(digest) == {}
        for stream in streams:
            stream.cancel()
