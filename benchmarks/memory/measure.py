# SPDX-License-Identifier: Apache-2.0
"""One generated shot through a real server, with the memory of its processes sampled all the while.

Frames are made, sent and deleted one at a time, so that the disk holds the store alone. Nothing is left out of the
work: every stage runs on every frame at full size; only the object is small.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from void.v1 import jobs_pb2, types_pb2

from benchmarks.generated_shot import GeneratedShot
from benchmarks.memory.processes import MemorySampler
from benchmarks.server_process import ServerProcess
from void_client import events
from void_client.connection import Connection
from void_client.content import Content, content_of_file
from void_client.follow import cancel_job, error_of, follow
from void_client.order import submit
from void_client.transfer import upload

FIRST_FRAME = 1001

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """What one shot took.

    Attributes:
        frames: how many.
        peak: greatest sum of PSS of server and workers, bytes.
        peaks: the same by phase.
        high_water_marks: VmHWM of each process, the server first, bytes.
        seconds: from the submit to the end of the job.
        store_bytes: what the store holds at the end.
        reached: where the time limit ended it, such as "publish 120/300"; empty when it was computed whole.
    """

    frames: int
    peak: int
    peaks: dict[str, int]
    high_water_marks: tuple[int, ...]
    seconds: float
    store_bytes: int
    reached: str = ""


class _OutOfTime(Exception):
    pass


def measure(
    shot: GeneratedShot,
    frames: int,
    folder: Path,
    options: tuple[str, ...] = (),
    tell: Tell = print,
    limit_s: float = float("inf"),
) -> Measured:
    """Compute `frames` frames of `shot` on a server of its own.

    Args:
        folder: an empty folder for frames and store; what is in it is the caller's to remove.
        options: of `void-server serve`, such as `--workers`.
        tell: told now and then how far it is.
        limit_s: the job is left after so many seconds, sending included; what was seen until then is told.

    Raises:
        ClientError: the job failed.
    """
    store = folder / "store"
    deadline = time.monotonic() + limit_s
    with (
        ServerProcess(store, *options) as server,
        server.connect() as connection,
        MemorySampler(server.pid) as sampler,
    ):
        # A moment at rest, as the ground of what follows.
        time.sleep(1.0)
        spec = _send(connection, shot, frames, folder, sampler, tell)
        began = time.monotonic()
        reached = _compute(connection, spec, sampler, tell, deadline)
        seconds = time.monotonic() - began
        size = sum(f.stat().st_size for f in store.rglob("*") if f.is_file())
    marks = tuple(sampler.high_water_marks.values())
    return Measured(frames, sampler.peak, sampler.peaks, marks, seconds, size, reached)


def _send(
    connection: Connection,
    shot: GeneratedShot,
    frames: int,
    folder: Path,
    sampler: MemorySampler,
    tell: Tell,
) -> jobs_pb2.JobSpec:
    sampler.phase = "sending"
    spec = jobs_pb2.JobSpec(kind=jobs_pb2.JOB_KIND_REMOVE)
    last = FIRST_FRAME + frames - 1
    spec.shot.range.CopyFrom(types_pb2.FrameRange(first=FIRST_FRAME, last=last, step=1))
    spec.shot.plate.pattern, spec.shot.remove.pattern = "plate.####.exr", "roto.####.exr"
    spec.settings.engine = "auto"
    spec.output.CopyFrom(types_pb2.OutputPlace(directory="/nowhere", name="memory", padding=4))
    for index in range(frames):
        plate, matte = folder / "plate.exr", folder / "roto.exr"
        shot.write_plate(plate, index)
        shot.write_matte(matte, index)
        number = FIRST_FRAME + index
        for path, sequence in ((plate, spec.shot.plate), (matte, spec.shot.remove)):
            content = replace(content_of_file(path, path.name), name=path.name)
            _send_one(connection, content)
            sequence.files.add(frame=number, name=f"{path.stem}.{number}.exr", blob=content.blob)
            path.unlink()
        if (index + 1) % 20 == 0:
            tell(f"  sent {index + 1} of {frames} frames")
    return spec


def _send_one(connection: Connection, content: Content) -> None:
    upload(connection, [content], lambda _: None)


def _compute(
    connection: Connection, spec: jobs_pb2.JobSpec, sampler: MemorySampler, tell: Tell, deadline: float
) -> str:
    """Follow the job to its end, or to the deadline; returns where that was."""
    began, reached = time.monotonic(), ""

    def on_event(event: events.Event) -> None:
        nonlocal reached
        if isinstance(event, events.StageBegan):
            tell(
                f"  {time.monotonic() - began:7.0f} s  {event.stage}  peak so far {sampler.peak / 1e9:.2f} GB"
            )
            sampler.phase = event.stage
        if isinstance(event, events.Progressed):
            reached = f"{event.stage} {event.done}/{event.total}"
        if time.monotonic() > deadline:
            raise _OutOfTime

    job = submit(connection, spec, False, on_event).job
    try:
        ended = follow(connection, job.id, on_event)
    except _OutOfTime:
        cancel_job(connection, job.id)
        return reached
    if failure := error_of(ended):
        raise failure
    return ""
