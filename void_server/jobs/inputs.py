# SPDX-License-Identifier: Apache-2.0
"""The files that an order names, and which of them the store lacks."""

from __future__ import annotations

from collections.abc import Iterator

from void.v1 import jobs_pb2, types_pb2

from void_server.frames.blobs import BlobFolder
from void_server.jobs.canonical import SEQUENCES
from void_server.jobs.model import Problem


def files_of(spec: jobs_pb2.JobSpec) -> Iterator[tuple[str, types_pb2.FrameFile]]:
    """Every file of an order with the name of its input."""
    for name in SEQUENCES:
        for file in getattr(spec.shot, name).files:
            yield name, file


def missing_inputs(spec: jobs_pb2.JobSpec, blobs: BlobFolder) -> list[Problem]:
    """One problem for each input file of the order that is no longer in the store."""
    problems = [
        Problem(
            severity="error",
            code="blob_missing",
            message=f"{role} {file.name} of frame {file.frame} is no longer in the server's store.",
            fix="Give the same command again: it uploads what is missing, and goes on with what is finished.",
            input=role,
            frames=(file.frame,),
            file=file.name,
        )
        for role, file in files_of(spec)
        if not blobs.has(file.blob.digest)
    ]
    archive = spec.shot.colour.archive.digest
    if archive and not blobs.has(archive):
        problems.append(
            Problem(
                severity="error",
                code="blob_missing",
                message="The OCIO archive is no longer in the server's store.",
                fix="Give the same command again: it uploads what is missing.",
                input="ocio",
            )
        )
    return problems
