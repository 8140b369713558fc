# SPDX-License-Identifier: Apache-2.0
"""A whole job as `void remove` does it: files are sent, the order is placed, watched, and its results are written."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from void.v1 import jobs_pb2

from tests.client.conftest import FAST
from tests.network.proxy import Proxy
from tests.server.calls import spec_of
from tests.small_shot import SmallShot
from void_client import events
from void_client.bring import bring
from void_client.connection import Connection, RetryPolicy
from void_client.content import content_of_bytes, content_of_file
from void_client.follow import client_event, follow
from void_client.keepalive import Keepalive
from void_client.results import PARTIAL_PREFIX, WRITTEN_KINDS, ResultFolder
from void_client.target import Target
from void_client.transfer import upload

BALLAST_BYTES = 3 << 20
"""Of a file that is sent besides the shot, so that a fault has a chunk to happen in."""


@dataclass
class Journey:
    """What became of one job that went through a network.

    Attributes:
        told: its events, without progress and breaks.
        job: as it ended.
        out: where the results are.
        sent: bytes of the files that had to be sent.
        seconds: of the whole.
    """

    out: Path
    sent: int = 0
    seconds: float = 0.0
    told: list[events.Event] = field(default_factory=list)
    job: jobs_pb2.Job = field(default_factory=jobs_pb2.Job)

    def take(self, event: events.Event) -> None:
        """Told by the client."""
        if not isinstance(event, events.Progressed | events.Moving | events.Reconnecting | events.Written):
            self.told.append(event)


def travel(
    proxy: Proxy,
    token: str,
    shot: SmallShot,
    out: Path,
    *,
    again: bool = False,
    ca: bytes | None = None,
    policy: RetryPolicy = FAST,
    keepalive: Keepalive | None = None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Journey:
    """Go the whole way through a proxy.

    Args:
        on_stage: called before `upload`, `submit` and `watch`, so that a test may let something happen there.
    """
    begun, journey = time.monotonic(), Journey(out)
    files = [p for name in ("plate", "roto", "affected") for p in shot.files(name).values()]
    contents = [content_of_file(p, str(p)) for p in files]
    contents.append(content_of_bytes("ballast", os.urandom(BALLAST_BYTES)))
    journey.sent = sum(c.size for c in contents)
    folder = ResultFolder(out, "shot", 4)
    folder.prepare()
    with Connection(lambda: Target(proxy.address, token, ca=ca), policy, keepalive) as connection:
        on_stage("upload")
        upload(connection, contents, journey.take)
        on_stage("submit")
        request = jobs_pb2.SubmitRequest(spec=spec_of(shot, str(out)), again=again)
        job = connection.call(lambda s: s.jobs.Submit, request, repeatable=not again).job
        on_stage("watch")
        journey.job = bring(
            connection, job, folder, journey.take, lambda take: follow(connection, job.id, journey.take, take)
        ).job
    journey.seconds = time.monotonic() - begun
    return journey


def expected_events(responses: Iterable[jobs_pb2.WatchResponse], job_id: str) -> list[events.Event]:
    """What a client must have been told of these messages of a whole watch."""
    durable = [r.event for r in responses if r.HasField("event")]
    written = [e for e in durable if not e.HasField("output") or e.output.kind in WRITTEN_KINDS]
    return [client_event(job_id, e) for e in written]


def wrong_files(journey: Journey) -> list[str]:
    """Result files that are not there whole, bit by bit, and whatever else lies in the folder."""
    place = ResultFolder(journey.out, "shot", 4)
    wanted = {
        place.path(o.kind, o.frame): o.blob.digest for o in journey.job.outputs if o.kind in WRITTEN_KINDS
    }
    found = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in journey.out.rglob("*") if p.is_file()}
    return sorted(str(p) for p in wanted.keys() | found.keys() if wanted.get(p) != found.get(p))


def leftovers(out: Path) -> list[Path]:
    """Temporary files."""
    return [p for p in out.rglob("*") if p.name.startswith(PARTIAL_PREFIX)]
