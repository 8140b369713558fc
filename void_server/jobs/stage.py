# SPDX-License-Identifier: Apache-2.0
"""One stage of a job: its units are looked up, computed where they are not recorded, and published as they finish."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from void_server.errors import InvalidInput, NotFound, SetAside, VoidError, WorkerCrashed
from void_server.frames.blobs import BlobFolder
from void_server.jobs.model import Output, UnitResult
from void_server.jobs.store import JobStore
from void_server.logs import said_now, unit_name
from void_server.metrics.figures import Figures, StageFigures
from void_server.pool.messages import OnCrash, OnStep, TaskStopped
from void_server.pool.schedule import Turn
from void_server.retries import MAX_CRASHES

POLL_SECONDS = 0.1
LAST_OF = "last {}"
"""Kind under which the last result of alike units is recorded."""
FAULTS = frozenset({signal.SIGSEGV, signal.SIGFPE, signal.SIGILL})
"""Signals by which a process ends through what it did with its input. SIGABRT is not among them: a library that gets no
memory may abort."""


class Pool(Protocol):
    """Where units run: the local worker processes, or a cluster."""

    def submit(
        self,
        message: dict[str, Any],
        turn: Turn | None = None,
        on_step: OnStep | None = None,
        on_crash: OnCrash | None = None,
    ) -> Future[Any]:
        """Queue a task; `void_server.pool.schedule` says when it has its turn (None = at once).

        `on_step` and `on_crash` are called from other threads. A task that tells of steps may leave its worker to
        others where it keeps what it did, and goes on later; whoever waits does not notice. The future fails with the
        worker's `VoidError`, with `TaskStopped` when `on_step` asked for it, or with `WorkerCrashed` when workers died
        `void_server.retries.MAX_CRASHES` times over it, or `on_crash` wanted no further try. Cancelling the future
        takes a waiting task out of the queue.
        """
        ...

    def load(self) -> dict[str, float]:
        """Worker seconds by owner, of which the older count less."""
        ...


Sign = Callable[[bytes], bytes]
"""Signs a sidecar: takes its JSON and returns the same with a signature."""


class Stopped(Exception):
    """The stage was left between two units: the job is being cancelled, or the server stops."""


@dataclass(frozen=True)
class Unit:
    """The smallest piece of recorded work, as a plan lists it.

    Attributes:
        kind: which function of the worker computes it.
        key: hash of exactly what it reads, its settings, its version and the numerics key.
        label: for messages, such as "fill of frame 1012".
        frame: frame number, or None for a unit of the whole shot.
        role: the input that it looks at, such as "plate"; may be empty.
        args: what the worker needs.
        publishes: output kind by name of the unit's blob.
        subject: the uploaded file that the unit is there to judge, as its findings call it; a worker that dies over
            it is a finding about the file, not a failure of the job. Empty for other units.
        earlier: a key that units share whose results are mostly alike: each finds the last one's result in its
            `args["earlier"]`, as blobs and info, and may save work with it, but computes the same. Empty for none.
    """

    kind: str
    key: str
    label: str
    frame: int | None
    role: str
    args: dict[str, Any]
    publishes: dict[str, str] = field(default_factory=dict)
    subject: str = ""
    earlier: str = ""

    @staticmethod
    def from_dict(value: dict[str, Any]) -> Unit:
        """From the JSON form that workers send."""
        return Unit(
            kind=value["kind"],
            key=value["key"],
            label=value["label"],
            frame=value.get("frame"),
            role=value.get("role", ""),
            args=value["args"],
            publishes=value.get("publishes", {}),
            subject=value.get("subject", ""),
            earlier=value.get("earlier", ""),
        )

    def message(self, earlier: UnitResult | None = None) -> dict[str, Any]:
        """The task for a worker."""
        found = {"earlier": {"blobs": earlier.blobs, "info": earlier.info}} if earlier is not None else {}
        return {"do": "unit", "kind": self.kind, "label": self.label, "args": self.args | found}


class Stage:
    """Runs the units of one plan.

    Args:
        job_id: the job that outputs are published for; None publishes nothing.
        after: only results recorded after this number serve; None = any.
        should_stop: asked between units.
        on_progress: called with (done, total, ETA in seconds or -1).
        sign: for sidecars that are published; None leaves them as they are.
        figures: told what happens to the units; None = nobody asks.
    """

    def __init__(
        self,
        *,
        store: JobStore,
        blobs: BlobFolder,
        pool: Pool,
        turn: Turn,
        job_id: str | None,
        after: int | None,
        should_stop: Callable[[], bool],
        on_progress: Callable[[int, int, float], None],
        sign: Sign | None = None,
        figures: StageFigures | None = None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._pool = pool
        self._turn = turn
        self._job_id = job_id
        self._after = after
        self._should_stop = should_stop
        self._on_progress = on_progress
        self._sign = sign
        self._figures = figures or Figures().of_stage("")

    def run(self, units: list[Unit]) -> list[dict[str, Any]]:
        """Finish all units; returns their results in the order of `units`, in the form that plans read.

        Raises:
            Stopped: `should_stop` said so; units in hand were finished and recorded first, or, where they have steps,
                left at the next one.
            VoidError: a unit failed; the others in hand were finished and recorded first.
        """
        with self._store.needs.in_hand():
            return self._run(units)

    def _run(self, units: list[Unit]) -> list[dict[str, Any]]:
        results: dict[int, UnitResult] = {}
        pending: dict[Future[Any], int] = {}
        steps = _Steps()
        died = self._store.crashes(self._job_id) if self._job_id is not None else {}
        known = self._store.take_units([unit.key for unit in units], self._job_id, self._after)
        for index, unit in enumerate(units):
            count, crash = died.get(unit.key, (0, None))
            recorded = self._if_there(known.get(unit.key))
            if recorded is not None:
                results[index] = recorded
                self._publish(unit, recorded)
            elif crash is not None and count >= MAX_CRASHES:
                failed: Future[Any] = Future()
                failed.set_exception(crash)
                pending[failed] = index
            else:
                message = unit.message(self._found(unit.earlier) if unit.earlier else None)
                message["log"] = said_now() | {"unit": unit_name(unit.key)}
                on_crash = told_of_crashes(self._store, self._job_id, unit.key, self._figures)
                pending[self._pool.submit(message, self._turn, steps.told, on_crash)] = index
        reused = len(results)
        self._figures.reused(reused)
        started = time.monotonic()
        self._on_progress(reused, len(units), -1.0 if pending else 0.0)
        failure: VoidError | None = None
        stopped = False
        while pending:
            finished, _ = wait(pending, POLL_SECONDS, FIRST_COMPLETED)
            for future in finished:
                index = pending.pop(future)
                if future.cancelled():
                    continue
                try:
                    results[index] = self._record(units[index], future.result())
                except TaskStopped:
                    stopped = True
                except WorkerCrashed as error:
                    if units[index].subject:
                        results[index] = self._record_killer(units[index], error)
                    else:
                        failure = failure or _located(set_aside(error, units[index].label), units[index])
                except VoidError as error:
                    failure = failure or _located(error, units[index])
            computed = len(results) - reused
            if finished and computed and not failure:
                eta = (time.monotonic() - started) / computed * len(pending)
                self._on_progress(len(results), len(units), eta)
            if len(units) == 1 and not finished and (told := steps.fresh()) is not None:
                self._on_progress(*told)
            stopped = stopped or self._should_stop()
            if failure or stopped:
                steps.stop()
                for future in pending:
                    future.cancel()
        if failure:
            raise failure
        if stopped or self._should_stop():
            raise Stopped
        return [_for_plan(units[i], results[i]) for i in range(len(units))]

    def _found(self, key: str) -> UnitResult | None:
        """The recorded result under a key, if all its blobs are there."""
        return self._if_there(self._store.unit_result(key, self._after))

    def _if_there(self, result: UnitResult | None) -> UnitResult | None:
        if result is None or len(self._blobs.touch(result.blobs.values())) < len(set(result.blobs.values())):
            return None
        sizes = (self._blobs.size(digest) == result.sizes[name] for name, digest in result.blobs.items())
        return result if all(sizes) else None

    def _record(self, unit: Unit, answer: dict[str, Any]) -> UnitResult:
        result = UnitResult(
            key=unit.key,
            kind=unit.kind,
            blobs={name: blob["digest"] for name, blob in answer["blobs"].items()},
            sizes={name: blob["size"] for name, blob in answer["blobs"].items()},
            info=answer["info"],
            seconds=answer["seconds"],
        )
        if self._if_there(result) is None:
            raise NotFound(
                f"The result of {unit.label} is not in the store.", fix="See to the server's disk."
            )
        self._figures.computed(result.seconds)
        # What went wrong outside, such as a model that did not answer, may go right the next time.
        if not result.info.get("passing"):
            self._store.record_unit(result, self._job_id)
            if unit.earlier:
                last = replace(result, key=unit.earlier, kind=LAST_OF.format(unit.kind))
                self._store.record_unit(last, self._job_id)
        elif self._job_id is not None:
            self._store.needs.add(self._job_id, result.blobs.values())
        self._publish(unit, result)
        return result

    def _record_killer(self, unit: Unit, crash: WorkerCrashed) -> UnitResult:
        """What is known of a file that ended its worker.

        After a fault in the decoder it is recorded, so that the file ends no worker again; a worker that was ended
        for another reason, such as memory or time, may do better next time.
        """
        problem = _finding(unit.subject, crash)
        result = UnitResult(unit.key, unit.kind, {}, {}, {"problem": problem.to_dict()}, 0.0)
        if isinstance(problem, InvalidInput):
            self._store.record_unit(result, self._job_id)
        return result

    def _publish(self, unit: Unit, result: UnitResult) -> None:
        if self._job_id is None:
            return
        for name, kind in unit.publishes.items():
            digest, size = result.blobs[name], result.sizes[name]
            if kind == "sidecar" and self._sign is not None:
                # Not recorded with the unit, whose key knows nothing of the site's.
                signed = self._blobs.add_bytes(self._sign(b"".join(self._blobs.read(digest))))
                digest, size = signed.digest, signed.size
            self._store.add_output(self._job_id, Output(kind, unit.frame or 0, digest, size))


class _Steps:
    """The steps of the units in hand, as the pool's threads tell of them, and whether they are to end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._told: tuple[int, int, float] | None = None
        self._stop = threading.Event()

    def told(self, done: int, total: int) -> bool:
        """For the pool; see `OnStep`."""
        passed = time.monotonic() - self._began
        self._told = (done, total, passed / done * (total - done) if done else -1.0)
        return not self._stop.is_set()

    def fresh(self) -> tuple[int, int, float] | None:
        """(done, total, ETA in seconds or -1) if a step was told of since the last call."""
        told, self._told = self._told, None
        return told

    def stop(self) -> None:
        """Ask the units in hand to end at their next step."""
        self._stop.set()


def told_of_crashes(store: JobStore, job_id: str | None, task: str, figures: StageFigures) -> OnCrash:
    """What counts the workers that died over a task, and ends its tries; durably for a task of a job."""
    deaths = 0

    def told(crash: WorkerCrashed) -> bool:
        nonlocal deaths
        deaths = deaths + 1 if job_id is None else store.record_crash(job_id, task, crash)
        figures.died(again=deaths < MAX_CRASHES)
        return deaths < MAX_CRASHES

    return told


def set_aside(crash: WorkerCrashed, label: str) -> SetAside:
    """What ends a job over a task of which workers died `MAX_CRASHES` times."""
    return SetAside(
        f"{MAX_CRASHES} workers ended in {label}: the last one {crash.how}. The job is set aside and not tried again by"
        " itself.",
        fix="See the server's log; if memory ran out, use fewer --workers, more memory or --preview. Then the same"
        " command makes a new attempt, which goes on behind what is finished.",
    )


def _finding(file: str, crash: WorkerCrashed) -> VoidError:
    """Whether the file is to blame for the end of the worker that read it."""
    how = f"the worker process that read it {crash.how}."
    if crash.signal in FAULTS:
        return InvalidInput(
            f"{file} cannot be read: {how}",
            fix="Render or copy the file again; if other files end like this too, see the server's log.",
            file=file,
        )
    return WorkerCrashed(
        f"{file} could not be looked at: {how}",
        fix="Give the same command again. If this stays, the server has too little memory or time for the file: use"
        " fewer --workers, or raise --worker-memory-bytes or --unit-timeout-seconds.",
        file=file,
        signal=crash.signal,
        how=crash.how,
    )


def _located(error: VoidError, unit: Unit) -> VoidError:
    if error.frame is None:
        error.frame = unit.frame
    return error


def _for_plan(unit: Unit, result: UnitResult) -> dict[str, Any]:
    return {
        "kind": unit.kind,
        "key": unit.key,
        "frame": unit.frame,
        "role": unit.role,
        "blobs": result.blobs,
        "sizes": result.sizes,
        "info": result.info,
        "seconds": result.seconds,
    }
