# SPDX-License-Identifier: Apache-2.0
"""A batch on its way: a few shots at a time are ordered, followed and written; a shot that fails stops no other."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from void.v1 import jobs_pb2, server_pb2

from void_client import events
from void_client.batch.shots import ShotWish
from void_client.batch.state import DONE, FAILED, SUBMITTED, BatchState, ShotState
from void_client.bring import bring_published
from void_client.connection import Connection
from void_client.draft import Draft, place_order
from void_client.errors import (
    AccessRefused,
    ClientError,
    RequestRefused,
    ServerUnreachable,
    SpecRefused,
)
from void_client.events import Sink
from void_client.follow import ENDED, cancel_job, error_of, get_job
from void_client.results import ResultFolder
from void_client.roots import Root

FIRST_POLL_S, LONGEST_POLL_S = 0.2, 5.0
"""Pause between two looks at the jobs: longer and longer while none ends."""
OPEN_JOBS = "max_open_jobs"
"""The server's limit of jobs that have not ended; it stands in the refusal of one more."""


@dataclass(frozen=True)
class Shot:
    """A shot that was checked.

    Attributes:
        wish: as the file has it.
        draft: its order as far as it can be made without a server; without findings.
        folder: where its results go.
        fingerprint: see `state.fingerprint`.
    """

    wish: ShotWish
    draft: Draft
    folder: ResultFolder
    fingerprint: str

    @property
    def name(self) -> str:
        """Its key in the file."""
        return self.wish.name


@dataclass(frozen=True)
class Ended:
    """How a shot ended in this run: its state, and how far the batch is."""

    shot: Shot
    state: ShotState
    done: int
    total: int


class BatchRun:
    """Takes shots to their ends.

    Args:
        connection: the server.
        server: what it can do.
        shots: those that are checked.
        roots: storage that the server mounts too.
        state: what is remembered.
        at_most: jobs of this batch that have not ended, at a time.
        on_event: told how far it is.
        on_ended: told of each shot that ended.
    """

    def __init__(
        self,
        connection: Connection,
        server: server_pb2.GetCapabilitiesResponse,
        shots: Sequence[Shot],
        roots: Sequence[Root],
        state: BatchState,
        at_most: int,
        on_event: Sink,
        on_ended: Callable[[Ended], None],
    ) -> None:
        self._connection, self._server, self._roots = connection, server, roots
        self._state, self._at_most = state, at_most
        self._on_event, self._on_ended = on_event, on_ended
        self._total = len(shots)
        self._waiting = deque(shots)
        self._flying: dict[str, Shot] = {}
        self._done = 0
        self._computed = 0
        self._begun = time.monotonic()
        self._full = False

    @property
    def flying(self) -> int:
        """Jobs that were accepted and have not ended, as far as is known."""
        return len(self._flying)

    @property
    def done(self) -> int:
        """Shots that ended, well or not."""
        return self._done

    def run(self) -> None:
        """Go on until every shot ended.

        Raises:
            ServerUnreachable, AccessRefused: the server is gone; what is recorded stays.
            KeyboardInterrupt: Ctrl-C was pressed; the same.
        """
        pause = FIRST_POLL_S
        self._tell()
        while self._waiting or self._flying:
            self._fill()
            ended = [shot for shot in list(self._flying.values()) if self._look(shot)]
            pause = FIRST_POLL_S if ended else min(pause * 1.5, LONGEST_POLL_S)
            if ended:
                self._full = False
            elif self._flying or self._full:
                self._tell()
                time.sleep(pause)
                # Jobs of others than this batch end too.
                self._full = self._full and bool(self._flying)

    def _fill(self) -> None:
        while self._waiting and len(self._flying) < self._at_most and not self._full:
            shot = self._waiting.popleft()
            if self._is_done(shot):
                known = self._state.get(shot.name)
                self._end(shot, known or ShotState(DONE, "", shot.fingerprint))
            else:
                self._begin(shot)

    def _is_done(self, shot: Shot) -> bool:
        known = self._state.get(shot.name, of=shot.fingerprint)
        sidecar = shot.folder.path(jobs_pb2.OUTPUT_KIND_SIDECAR, 0)
        return known is not None and known.state == DONE and sidecar is not None and sidecar.is_file()

    def _begin(self, shot: Shot) -> None:
        try:
            job = self._remembered(shot) or self._order(shot)
        except (ServerUnreachable, AccessRefused):
            raise
        except RequestRefused as error:
            if OPEN_JOBS not in str(error):
                self._fail(shot, "", error)
                return
            self._waiting.appendleft(shot)
            self._full = True
        except ClientError as error:
            self._fail(shot, "", error)
        else:
            self._state.set(shot.name, ShotState(SUBMITTED, job.id, shot.fingerprint))
            self._flying[shot.name] = shot

    def _remembered(self, shot: Shot) -> jobs_pb2.Job | None:
        """The job of an earlier run, if it may still serve."""
        known = self._state.get(shot.name, of=shot.fingerprint)
        if known is None or not known.job:
            return None
        with suppress(RequestRefused):
            job = get_job(self._connection, known.job)
            return job if job.state not in ENDED or job.state == jobs_pb2.JOB_STATE_DONE else None
        return None

    def _order(self, shot: Shot) -> jobs_pb2.Job:
        job, _ = place_order(self._connection, self._server, shot.draft, self._roots, False, self._quietly)
        return job

    def _look(self, shot: Shot) -> bool:
        """Whether the shot's job ended; then its results are written."""
        job_id = self._job_id(shot)
        try:
            job = get_job(self._connection, job_id)
            if job.state not in ENDED:
                return False
            problem = error_of(job)
            if problem is None:
                bring_published(self._connection, job, shot.folder, self._quietly)
        except (ServerUnreachable, AccessRefused):
            raise
        except ClientError as error:
            problem = error
        del self._flying[shot.name]
        self._computed += 1
        if problem is not None:
            self._fail(shot, job_id, problem)
        else:
            self._end(shot, ShotState(DONE, job_id, shot.fingerprint))
        return True

    def _job_id(self, shot: Shot) -> str:
        known = self._state.get(shot.name)
        return known.job if known is not None else ""

    def _fail(self, shot: Shot, job: str, error: ClientError) -> None:
        self._end(shot, ShotState(FAILED, job, shot.fingerprint, message_of(error)))

    def _end(self, shot: Shot, state: ShotState) -> None:
        self._done += 1
        self._state.set(shot.name, state)
        self._on_ended(Ended(shot, state, self._done, self._total))
        self._tell()

    def _tell(self) -> None:
        left = self._total - self._done
        elapsed = time.monotonic() - self._begun
        eta = elapsed / self._computed * left if self._computed else None
        self._on_event(events.Progressed("shots", 0, 0, self._done, self._total, eta if left else 0.0))

    def _quietly(self, event: events.Event) -> None:
        """Of what a single order tells, a person with hundreds needs that the connection broke."""
        if isinstance(event, (events.Reconnecting, events.Moving)):
            self._on_event(event)


def message_of(error: ClientError) -> str:
    """An error in one line; of several problems the first, and how many more there are."""
    if not isinstance(error, SpecRefused) or not error.problems:
        return str(error)
    findings = sorted((events.finding(p) for p in error.problems), key=lambda f: f.severity)
    more = f" ({len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{findings[0].message} {findings[0].fix}".strip() + more


def most_at_a_time(wanted: int, limits: Mapping[str, int]) -> int:
    """How many jobs may be under way: what is wanted, and not more than the server lets one user have."""
    allowed = limits.get(OPEN_JOBS, 0)
    return max(1, min(wanted, allowed) if allowed > 0 else wanted)


def cancel_all(
    connection: Connection, state: BatchState, shots: Sequence[str]
) -> list[tuple[str, str, ClientError | None]]:
    """Ask every job of a batch to stop that was submitted and has not ended; returns shot, job, and what went wrong."""
    asked: list[tuple[str, str, ClientError | None]] = []
    for name in shots:
        known = state.get(name)
        if known is None or known.state != SUBMITTED or not known.job:
            continue
        try:
            cancel_job(connection, known.job)
            asked.append((name, known.job, None))
        except (ServerUnreachable, AccessRefused):
            raise
        except ClientError as error:
            asked.append((name, known.job, error))
    return asked
