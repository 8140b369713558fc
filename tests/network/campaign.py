# SPDX-License-Identifier: Apache-2.0
"""One seed: a whole job through a network that fails at bytes which the seed decides."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from pathlib import Path

from void.v1 import jobs_pb2

from tests.client.conftest import ServerProcess
from tests.network.figures import Figures
from tests.network.journey import BALLAST_BYTES, Journey, expected_events, leftovers, travel, wrong_files
from tests.network.proxy import Fault, Kind, Proxy
from tests.seed_records import write_record
from tests.server.calls import Caller
from tests.small_shot import SmallShot, write_small_shot
from void_client.errors import ClientError
from void_client.keepalive import Keepalive

QUICK = Keepalive(1.5, 1.5, 1.5)
"""So that a half-open connection costs a seed three seconds instead of fifty."""
SOON = ("--silent-upload-seconds", "1")
"""And so that its client need not wait for its own first try."""
SENT_AGAIN_BYTES = (1 << 20) + (128 << 10)
"""A fault may cost the chunk that it happened in, and what frames and calls need around it."""
MOST_FAULTS = 4
DOWN_BYTES = 120_000
"""About what a job of the small shot brings back."""


def faults_of(seed: int) -> list[Fault]:
    """What the first connections of this seed suffer."""
    rng = random.Random(seed)
    kinds = list(Kind)
    # Without TLS nobody notices a damaged byte, but for files, which have digests.
    kinds.remove(Kind.CORRUPT)
    return [_fault(rng, kinds[(seed + n) % len(kinds)]) for n in range(rng.randint(1, MOST_FAULTS))]


def _fault(rng: random.Random, kind: Kind) -> Fault:
    direction = rng.choice(("up", "down"))
    at = rng.randrange(BALLAST_BYTES if direction == "up" else DOWN_BYTES)
    amount = {
        Kind.HOLE: rng.uniform(0.2, 3),
        Kind.SLOW: rng.uniform(200_000, 2_000_000) if direction == "up" else rng.uniform(20_000, 200_000),
        Kind.LATE: rng.uniform(0.001, 0.02),
    }
    return Fault(kind, direction, at, amount.get(kind, 0.0))


def run_seeds(
    seeds: Iterable[int],
    folder: Path,
    *,
    minutes: float = 0.0,
    say: bool = False,
    record: Path | None = None,
) -> Figures:
    """Run seeds one after the other on one server; none is begun after `minutes` (0 = no limit).

    Args:
        record: file that gets a JSON line for each seed as it ends.
    """
    shot = write_small_shot(folder / "shot", frames=2, size=(48, 64))
    server = ServerProcess(folder / "store", *SOON)
    total, begun = Figures(), time.monotonic()
    try:
        for seed in seeds:
            if minutes and time.monotonic() - begun > 60 * minutes:
                break
            figures = run_seed(seed, folder / f"seed-{seed}", server, shot)
            total.add(figures)
            if record:
                write_record(record, seed, figures)
            if say:
                print(f"seed {seed}: {'BROKEN' if figures.broken else 'ok'}", flush=True)
    finally:
        server.stop()
    return total


def run_seed(seed: int, folder: Path, server: ServerProcess, shot: SmallShot) -> Figures:
    """Run one; what it showed."""
    figures, begun = Figures(seeds=1), time.monotonic()
    proxy = Proxy(server.address)
    proxy.suffer(*faults_of(seed))
    try:
        # Half of the jobs are computed anew, half are found done but for their place.
        journey = travel(proxy, server.token, shot, folder, again=seed % 2 == 1, keepalive=QUICK)
        _judge(journey, proxy, server, figures)
    except ClientError as error:
        figures.problems.append(f"seed {seed}: {error.message}")
    finally:
        proxy.close()
    figures.temporary_files = len(leftovers(folder))
    figures.faults.update({kind.value: count for kind, count in proxy.made.items()})
    figures.connections = proxy.connections
    figures.seconds = time.monotonic() - begun
    return figures


def _judge(journey: Journey, proxy: Proxy, server: ServerProcess, figures: Figures) -> None:
    caller = Caller(server.address, server.token)
    try:
        wanted = expected_events(caller.watch(journey.job.id), journey.job.id)
    finally:
        caller.close()
    told = [e for e in journey.told if getattr(e, "job", "") == journey.job.id]
    # Of a job that was done already only the files are fetched.
    if told:
        figures.events += len(wanted)
        figures.events_wrong += told != wanted
    figures.frames += len(journey.job.outputs)
    figures.not_done += journey.job.state != jobs_pb2.JOB_STATE_DONE
    figures.files_wrong += len(wrong_files(journey))
    again = max(0, proxy.bytes_moved["up"] - journey.sent)
    figures.most_sent_again = again
    figures.sent_too_often += again > SENT_AGAIN_BYTES * (1 + sum(proxy.made.values()))
