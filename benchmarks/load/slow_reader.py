# SPDX-License-Identifier: Apache-2.0
"""A client at the end of a slow link, that takes of its Watch a message now and then.

The link is what makes it slow, not a pause between two reads: gRPC would take what fits into its window ahead of the
reader, and the server would notice nothing of a reader of small files.
"""

from __future__ import annotations

import hashlib
import io
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from void.v1 import jobs_pb2

from benchmarks.load.artist import PAUSE_AFTER_FAILURE_S, Tell
from benchmarks.load.plan import LONG_FRAMES, Plan, order
from benchmarks.overlap.link import Link
from void_client.connection import Connection, Retries
from void_client.content import content_of_bytes
from void_client.errors import ClientError, status_of
from void_client.events import Event
from void_client.follow import ENDED, cancel_job, get_job
from void_client.order import submit
from void_client.stop import Stop, Stopped
from void_client.target import Target
from void_client.transfer import download, upload

Work = Callable[[Connection, Connection], None]


class SlowReader:
    """Two threads: one downloads the same large file again and again, one watches long jobs.

    Args: as `benchmarks.load.artist.Artist`.
    """

    def __init__(self, plan: Plan, client: int, tell: Tell, stop: Stop) -> None:
        self._plan, self._client, self._tell_all, self._stop = plan, client, tell, stop
        self._user = plan.user(client)
        self._turn = 0
        self._seen = 0

    def run(self) -> None:
        """Work until it is told to stop."""
        token = self._plan.tokens[self._user]
        fast = Target(self._plan.address, token)
        with Link(self._plan.address, 0, self._plan.slow_bytes_per_s) as link:
            slow = Target(link.address, token)
            with Connection(lambda: fast) as sends, Connection(lambda: slow) as reads:
                loader = threading.Thread(target=self._repeat, args=(self._download, sends, reads))
                loader.start()
                self._repeat(self._watch, sends, reads)
                loader.join()

    def _repeat(self, work: Work, sends: Connection, reads: Connection) -> None:
        while not self._stop.requested:
            try:
                work(sends, reads)
            except Stopped:
                return
            except (ClientError, grpc.RpcError) as error:
                if not self._stop.requested:
                    self._tell("failure", kind=type(error).__name__, text=f"slow reader: {error}"[:300])
                self._stop.sleep(PAUSE_AFTER_FAILURE_S)

    def _download(self, sends: Connection, reads: Connection) -> None:
        data = random.Random(self._plan.seed).randbytes(self._plan.slow_blob_bytes)
        content = content_of_bytes("slow.bin", data)
        upload(sends, [content], _quiet)
        began = time.monotonic()
        with io.BytesIO() as file:
            download(reads, content.blob, file, lambda _: None, self._stop)
            if hashlib.sha256(file.getvalue()).hexdigest() != content.digest:
                self._tell("wrong", text=content.digest)
        self._tell("slow download", s=time.monotonic() - began, bytes=len(data))

    def _watch(self, sends: Connection, reads: Connection) -> None:
        number = 10**6 * (self._client + 1) + self._turn
        self._turn += 1
        wanted = order(Path(self._plan.shot), number, f"/{self._user}/slow/{number}", LONG_FRAMES)
        upload(sends, wanted.contents, _quiet)
        job_id = submit(sends, wanted.spec, False, _quiet).job.id
        self._seen, ended, retries = 0, False, Retries(reads.policy, self._stop.sleep)
        try:
            while not ended:
                try:
                    self._take(sends, reads, job_id)
                    ended = True
                except grpc.RpcError as error:
                    # As `void_client.follow` does: a broken connection is no failure, another watch goes on behind it.
                    if self._stop.requested or not retries.absorb(error):
                        raise
                    self._tell("slow watch begun again", text=str(status_of(error)))
        finally:
            if self._stop.requested:
                cancel_job(sends, job_id)
        self._tell("slow watch", events=self._seen)

    def _take(self, sends: Connection, reads: Connection, job_id: str) -> None:
        """Read a watch to its end, behind the last event that was seen."""
        request = jobs_pb2.WatchRequest(id=job_id, from_event=self._seen + 1)
        call = reads.stubs.jobs.Watch(request, metadata=reads.metadata)
        with self._stop.tracking(call):
            for message in call:
                if message.HasField("event"):
                    if message.event.sequence != self._seen + 1:
                        text = f"slow reader: {message.event.sequence} after {self._seen}"
                        self._tell("failure", kind="EventLost", text=text)
                    self._seen = message.event.sequence
                # Hardly at all while the job goes on; what is left then is taken, to see that nothing is missing.
                if get_job(sends, job_id).state not in ENDED:
                    self._stop.sleep(self._plan.slow_pause_s)

    def _tell(self, what: str, **more: Any) -> None:
        self._tell_all({"what": what, "at": time.time(), "user": self._user, "client": self._client, **more})


def _quiet(event: Event) -> None:
    """Nobody looks at a single event here."""
