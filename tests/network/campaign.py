# SPDX-License-Identifier: Apache-2.0
"""One seed: a whole job through a network that fails at bytes which the seed decides."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from void.v1 import jobs_pb2

from tests.client.conftest import ServerProcess
from tests.network.journey import BALLAST_BYTES, Journey, expected_events, leftovers, travel, wrong_files
from tests.network.proxy import Fault, Kind, Proxy
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


@dataclass
class Figures:
    """Counts over seeds; the second group is 0 where every promise held."""

    seeds: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    frames: int = 0
    events: int = 0
    most_sent_again: int = 0
    seconds: float = 0.0

    not_done: int = 0
    files_wrong: int = 0
    temporary_files: int = 0
    events_wrong: int = 0
    sent_too_often: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """How often a promise did not hold."""
        counts = self.not_done + self.files_wrong + self.temporary_files + self.events_wrong
        return counts + self.sent_too_often + len(self.problems)

    def table(self) -> str:
        """The figures as lines of text."""
        made = ", ".join(f"{kind} {count}" for kind, count in self.faults.most_common())
        lines = [
            f"seeds run                              {self.seeds}",
            f"faults made                            {self.faults.total()} ({made})",
            f"connections                            {self.connections}",
            f"result files / events compared         {self.frames} / {self.events}",
            f"most bytes sent again in one seed      {self.most_sent_again}",
            f"seconds, all seeds                     {self.seconds:.0f}",
            "",
            f"jobs that did not end as done          {self.not_done}",
            f"result files that are wrong or missing {self.files_wrong}",
            f"temporary files left in --out          {self.temporary_files}",
            f"jobs whose events were not told once   {self.events_wrong}",
            f"uploads that did not go on where they were {self.sent_too_often}",
            f"other problems                         {len(self.problems)}",
        ]
        return "\n".join([*lines, *(f"  {p}" for p in self.problems)]) + "\n"


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


def run_seeds(seeds: Iterable[int], folder: Path, *, minutes: float = 0.0, say: bool = False) -> Figures:
    """Run seeds one after the other on one server; none is begun after `minutes` (0 = no limit)."""
    shot = write_small_shot(folder / "shot", frames=2, size=(48, 64))
    server = ServerProcess(folder / "store", *SOON)
    total, begun = Figures(), time.monotonic()
    try:
        for seed in seeds:
            if minutes and time.monotonic() - begun > 60 * minutes:
                break
            before = total.broken
            run_seed(seed, folder / f"seed-{seed}", server, shot, total)
            if say:
                print(f"seed {seed}: {'ok' if total.broken == before else 'BROKEN'}", flush=True)
    finally:
        server.stop()
    return total


def run_seed(seed: int, folder: Path, server: ServerProcess, shot: SmallShot, total: Figures) -> None:
    """Run one and add what it showed."""
    proxy, begun = Proxy(server.address), time.monotonic()
    proxy.suffer(*faults_of(seed))
    total.seeds += 1
    try:
        # Half of the jobs are computed anew, half are found done but for their place.
        journey = travel(proxy, server.token, shot, folder, again=seed % 2 == 1, keepalive=QUICK)
        _judge(journey, proxy, server, total)
    except ClientError as error:
        total.problems.append(f"seed {seed}: {error.message}")
    finally:
        proxy.close()
    total.temporary_files += len(leftovers(folder))
    total.faults.update({kind.value: count for kind, count in proxy.made.items()})
    total.connections += proxy.connections
    total.seconds += time.monotonic() - begun


def _judge(journey: Journey, proxy: Proxy, server: ServerProcess, total: Figures) -> None:
    caller = Caller(server.address, server.token)
    try:
        wanted = expected_events(caller.watch(journey.job.id), journey.job.id)
    finally:
        caller.close()
    total.events += len(wanted)
    told = [e for e in journey.told if getattr(e, "job", "") == journey.job.id]
    # Of a job that was done already only the files are fetched.
    total.events_wrong += bool(told) and told != wanted
    total.frames += len(journey.job.outputs)
    total.not_done += journey.job.state != jobs_pb2.JOB_STATE_DONE
    total.files_wrong += len(wrong_files(journey))
    again = max(0, proxy.bytes_moved["up"] - journey.sent)
    total.most_sent_again = max(total.most_sent_again, again)
    total.sent_too_often += again > SENT_AGAIN_BYTES * (1 + sum(proxy.made.values()))
