# SPDX-License-Identifier: Apache-2.0
"""The files that an order names, in the store or below a root, and which of them cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from void.v1 import jobs_pb2, types_pb2

from void_server.errors import NotFound, VoidError
from void_server.frames.blobs import BlobFolder
from void_server.frames.roots import FileStamp, RootedFile, Roots
from void_server.jobs.canonical import SEQUENCES
from void_server.jobs.model import Problem

T = TypeVar("T")

LOOKS_AT_ONCE = 8
"""Files on shared storage looked at at once: each costs a few round trips of a network file system."""


def files_of(spec: jobs_pb2.JobSpec) -> Iterator[tuple[str, types_pb2.FrameFile]]:
    """Every file of an order with the name of its input."""
    for name in SEQUENCES:
        for file in getattr(spec.shot, name).files:
            yield name, file


def claim_paths(spec: jobs_pb2.JobSpec, roots: Roots) -> list[Problem]:
    """Look at all files that an order names by path, and put the server's own stamp in place of the client's.

    Returns:
        one problem for each input with files that the server does not find as the caller says.

    Raises:
        InvalidInput: no such root.
    """
    named = _named_by_path(spec)

    def claim(file: types_pb2.FrameFile) -> RootedFile | NotFound:
        path = file.path
        try:
            return roots.claimed(path.root, path.relative, path.stamp.bytes, path.stamp.tail_digest)
        except NotFound as error:
            return error

    differing: dict[str, list[tuple[types_pb2.FrameFile, NotFound]]] = {}
    for (role, file), found in zip(named, _looked_at(claim, [f for _, f in named]), strict=True):
        if isinstance(found, RootedFile):
            stamp = file.path.stamp
            stamp.bytes, stamp.modified_ns, stamp.inode = (
                found.stamp.bytes,
                found.stamp.modified_ns,
                found.stamp.inode,
            )
        else:
            differing.setdefault(role, []).append((file, found))
    return [_differing(role, files) for role, files in differing.items()]


def rooted_file(path: types_pb2.RootedPath) -> RootedFile:
    """A file below a root as an accepted order names it."""
    stamp = path.stamp
    return RootedFile(path.root, path.relative, FileStamp(stamp.bytes, stamp.modified_ns, stamp.inode))


def missing_inputs(spec: jobs_pb2.JobSpec, blobs: BlobFolder, roots: Roots) -> list[Problem]:
    """One problem for each input file of an accepted order that is no longer what it was."""
    return [*_missing_blobs(spec, blobs), *_changed_paths(spec, roots)]


def _changed_paths(spec: jobs_pb2.JobSpec, roots: Roots) -> Iterator[Problem]:
    def check(file: types_pb2.FrameFile) -> VoidError | None:
        try:
            roots.check(rooted_file(file.path))
        except VoidError as error:
            return error
        return None

    named = _named_by_path(spec)
    for (role, file), error in zip(named, _looked_at(check, [f for _, f in named]), strict=True):
        if error is not None:
            yield _unusable(role, file, error.code, error)


def _named_by_path(spec: jobs_pb2.JobSpec) -> list[tuple[str, types_pb2.FrameFile]]:
    return [(role, file) for role, file in files_of(spec) if file.HasField("path")]


def _looked_at(look: Callable[[types_pb2.FrameFile], T], files: list[types_pb2.FrameFile]) -> list[T]:
    with ThreadPoolExecutor(LOOKS_AT_ONCE, "roots") as pool:
        return list(pool.map(look, files))


def _unusable(role: str, file: types_pb2.FrameFile, code: str, error: VoidError) -> Problem:
    return Problem(
        severity="error",
        code=code,
        message=error.message,
        fix=error.fix,
        input=role,
        frames=(file.frame,),
        file=file.name,
    )


def _differing(role: str, files: list[tuple[types_pb2.FrameFile, NotFound]]) -> Problem:
    first, error = files[0]
    more = f" The same holds for {len(files) - 1} more files of {role}." if len(files) > 1 else ""
    return Problem(
        severity="error",
        code="path_differs",
        message=error.message + more,
        fix=error.fix,
        input=role,
        frames=tuple(file.frame for file, _ in files),
        file=first.name,
    )


def _missing_blobs(spec: jobs_pb2.JobSpec, blobs: BlobFolder) -> list[Problem]:
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
        if not file.HasField("path") and not blobs.has(file.blob.digest)
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
