# SPDX-License-Identifier: Apache-2.0
"""What the server's threads leave in the C library's memory, in seconds; `benchmarks.load` shows it in an hour."""

from __future__ import annotations

import platform
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.load.gauges import SERVER, Gauges
from benchmarks.server_process import ServerProcess
from tests.server.calls import Caller

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc's memory")

CLIENTS, ROUNDS, CALLS = 32, 6, 4
"""More clients than arenas, and calls enough for each thread to take one of the greatest."""

SIZES = range(200_000, 2_000_001, 200_000)
"""Bytes. Shorter than a message of a MiB, and of two messages."""

MOST_GROWTH = 80e6
"""Bytes. It is 30 to 55 MB with the two arenas that threads share, and 120 MB with the sixteen that they would have on
two cores: each keeps what its greatest call needed."""


def test_many_calls_on_many_threads_do_not_each_keep_their_own_memory(tmp_path):
    """Takes 7 s: a server of its own starts and ends, for memory of others' calls is in this process' own."""
    chance = random.Random(1)
    with ServerProcess(tmp_path / "store", "--workers=1") as server:
        gauges = Gauges(server.pid, server.store, 1.0)
        callers = [Caller(server.target.address, server.target.token) for _ in range(CLIENTS)]
        digests = [callers[0].upload(chance.randbytes(size)).digest for size in SIZES]
        before = gauges.look()[SERVER].anonymous

        def work(caller: Caller) -> int:
            return sum(len(caller.download(digest)) for digest in chance.choices(digests, k=CALLS))

        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in range(ROUNDS):
                assert sum(pool.map(work, callers)) > CLIENTS * CALLS * min(SIZES)
        grown = gauges.look()[SERVER].anonymous - before
        for caller in callers:
            caller.close()
    assert grown < MOST_GROWTH, f"{grown / 1e6:.0f} MB"
