# SPDX-License-Identifier: Apache-2.0
"""The files that an order names, in the store or below a root, and which of them cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from void.v1 import jobs_pb2, types_pb2

from void_server.errors import InvalidInput, LimitExceeded, NotFound, SourceChanged, VoidError
from void_server.frames.blobs import BlobFolder
from void_server.frames.looks import Looks
from void_server.frames.rooted_file import FileStamp, RootedFile
from void_server.frames.roots import Roots
from void_server.jobs.canonical import SEQUENCES
from void_server.jobs.model import Problem

T = TypeVar("T")


def files_of(spec: jobs_pb2.JobSpec) -> Iterator[tuple[str, types_pb2.FrameFile]]:
    """Every file of an order with the name of its input."""
    for name in SEQUENCES:
        for file in getattr(spec.shot, name).files:
            yield name, file


def claim_paths(spec: jobs_pb2.JobSpec, roots: Roots, looks: Looks) -> list[Problem]:
    """Look at all files that an order names by path, and put the server's own stamp in place of the client's.

    Returns:
        one problem for each input with files that the server does not find as the caller says.

    Raises:
        InvalidInput: no such root.
        SourceUnavailable: a root does not answer.
    """

    def claim(file: types_pb2.FrameFile) -> RootedFile | NotFound | LimitExceeded:
        path = file.path
        try:
            return roots.claimed(path.root, path.relative, path.stamp.bytes, path.stamp.sample_digest)
        except (NotFound, LimitExceeded) as error:
            return error

    unusable: dict[tuple[str, bool], list[tuple[types_pb2.FrameFile, VoidError]]] = {}
    for role, file, found in _looked_at(spec, claim, roots, looks):
        if isinstance(found, RootedFile):
            _set_stamp(file.path.stamp, found.stamp)
        else:
            unusable.setdefault((role, isinstance(found, LimitExceeded)), []).append((file, found))
    return [
        _together(role, LimitExceeded.code if too_large else "path_differs", files)
        for (role, too_large), files in unusable.items()
    ]


def rooted_file(path: types_pb2.RootedPath) -> RootedFile:
    """A file below a root as an accepted order names it."""
    stamp = path.stamp
    seen = FileStamp(stamp.bytes, stamp.modified_ns, stamp.inode, stamp.changed_ns)
    return RootedFile(path.root, path.relative, seen)


def _set_stamp(stamp: types_pb2.FileStamp, seen: FileStamp) -> None:
    stamp.bytes, stamp.modified_ns = seen.bytes, seen.modified_ns
    stamp.inode, stamp.changed_ns = seen.inode, seen.changed_ns


def missing_inputs(spec: jobs_pb2.JobSpec, blobs: BlobFolder, roots: Roots, looks: Looks) -> list[Problem]:
    """One problem for each input file of an accepted order that is no longer what it was.

    Raises:
        SourceUnavailable: shared storage does not give a file just now.
    """
    return [*_missing_blobs(spec, blobs), *_changed_paths(spec, roots, looks)]


def _changed_paths(spec: jobs_pb2.JobSpec, roots: Roots, looks: Looks) -> Iterator[Problem]:
    def check(file: types_pb2.FrameFile) -> VoidError | None:
        try:
            roots.check(rooted_file(file.path))
        except (SourceChanged, InvalidInput) as error:
            return error
        return None

    for role, file, error in _looked_at(spec, check, roots, looks):
        if error is not None:
            yield _unusable(role, file, error.code, error)


def _looked_at(
    spec: jobs_pb2.JobSpec, look: Callable[[types_pb2.FrameFile], T], roots: Roots, looks: Looks
) -> Iterator[tuple[str, types_pb2.FrameFile, T]]:
    """Each file that is named by path, and what was seen of it; root by root."""
    by_root: dict[str, list[tuple[str, types_pb2.FrameFile]]] = {}
    for role, file in files_of(spec):
        if file.HasField("path"):
            by_root.setdefault(file.path.root, []).append((role, file))
    for root, named in by_root.items():
        roots.folder(root)
        for (role, file), found in zip(named, looks.at(root, look, [f for _, f in named]), strict=True):
            yield role, file, found


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


def _together(role: str, code: str, files: list[tuple[types_pb2.FrameFile, VoidError]]) -> Problem:
    """The problem that several files of one input have."""
    first, error = files[0]
    more = f" The same holds for {len(files) - 1} more files of {role}." if len(files) > 1 else ""
    return Problem(
        severity="error",
        code=code,
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
