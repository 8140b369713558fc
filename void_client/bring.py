# SPDX-License-Identifier: Apache-2.0
"""Brings the results of a job to where its order says, while it runs or afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from void.v1 import jobs_pb2

from void_client.connection import Connection
from void_client.delivery import Delivery
from void_client.events import Sink
from void_client.follow import ENDED
from void_client.results import ResultFolder, check_spares_inputs, result_folder, tell_older_frames

OnOutput = Callable[[jobs_pb2.Output], None]


@dataclass(frozen=True)
class Brought:
    """What became of a job: how it ended, or stands, and the number of its files that are whole on disk."""

    job: jobs_pb2.Job
    files: int


def folder_of(job: jobs_pb2.Job, directory: Path | None, on_event: Sink) -> ResultFolder:
    """Where the results of a job that is on the server go, proven to be writable.

    Args:
        job: the job.
        directory: instead of the order's own.
        on_event: told of older frames that stay there.

    Raises:
        BadInput: it cannot be written to, or results would lie on inputs.
        ServerDefect: the job names files that would lie elsewhere.
    """
    folder = result_folder(job.spec.output, job.spec.settings.preview, directory, job.id)
    frames = [f.frame for f in job.spec.shot.plate.files]
    check_spares_inputs(folder, frames, _named_inputs(job))
    folder.prepare()
    tell_older_frames(folder, frames, on_event)
    return folder


def bring(
    connection: Connection,
    job: jobs_pb2.Job,
    folder: ResultFolder,
    on_event: Sink,
    follow: Callable[[OnOutput], jobs_pb2.Job],
) -> Brought:
    """Write the outputs of a job as they are published, to its end.

    Args:
        connection: the server.
        job: as it is now.
        folder: where the outputs go.
        on_event: told each file written.
        follow: follows the job to its end and tells its outputs; returns the ended job.

    Raises:
        ClientError: the connection stayed broken, or a file could not be fetched or written.
    """
    if job.state in ENDED:
        return bring_published(connection, job, folder, on_event)
    with Delivery(connection, folder, on_event) as delivery:
        ended = follow(delivery.take)
        return Brought(ended, delivery.finish(ended.outputs))


def bring_published(
    connection: Connection, job: jobs_pb2.Job, folder: ResultFolder, on_event: Sink
) -> Brought:
    """Write the outputs that a job has published by now.

    Raises: as `bring`.
    """
    with Delivery(connection, folder, on_event) as delivery:
        return Brought(job, delivery.fetch_all(job.outputs))


def _named_inputs(job: jobs_pb2.Job) -> list[Path]:
    shot = job.spec.shot
    given = (shot.plate, shot.remove, shot.affected, shot.keep, shot.quadmask, shot.clean_plate)
    return [Path(f.name) for sequence in given for f in sequence.files]
