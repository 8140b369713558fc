# SPDX-License-Identifier: Apache-2.0
"""What the command `void-server store` may ask, of a running server or of a store that no server has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from void_server.access.audit import AuditLog
from void_server.configuration import Limits, audit_file
from void_server.errors import InvalidInput
from void_server.frames.blobs import BlobFolder
from void_server.frames.filesystems import check_local
from void_server.frames.uploads import Uploads
from void_server.jobs.database import Database, DatabaseDamaged
from void_server.jobs.store import JobStore
from void_server.lock import LockFile, LockHeld
from void_server.storage.door import ask
from void_server.storage.service import Storage

Ask = Callable[[dict[str, Any]], dict[str, Any]]


def answer(storage: Storage, audit: AuditLog, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request: `do` is "report", "collect", "pin" or "unpin", the latter two with `job`.

    Raises:
        VoidError: it cannot be done.
    """
    do, job = request.get("do"), str(request.get("job", ""))
    if do == "report":
        return {"census": storage.report().to_dict()}
    if do == "collect":
        with audit.attempt("console", "store collect"):
            removed = storage.collect()
        return {"files": removed.files, "bytes": removed.size}
    if do in ("pin", "unpin"):
        with audit.attempt("console", f"store {do}", job) as attempt:
            attempt.subject = storage.pin(job) if do == "pin" else storage.unpin(job)
            return {"job": attempt.subject}
    raise InvalidInput(f"There is no request {do!r}.")


@contextmanager
def at(store: Path) -> Iterator[Ask]:
    """Asks the running server of a store, or where none runs keeps others away and does it here.

    Raises:
        InvalidInput: the database is damaged.
        PreconditionFailed: see `ask` and `check_local`.
    """
    try:
        lock = LockFile(store / "lock")
    except LockHeld:
        yield lambda request: ask(store, request)
        return
    try:
        check_local(store)
        with _alone(store) as storage:
            audit = AuditLog(audit_file(store), Limits.max_audit_bytes)
            yield lambda request: answer(storage, audit, request)
    finally:
        lock.release()


@contextmanager
def _alone(store: Path) -> Iterator[Storage]:
    try:
        database = Database(store / "void.sqlite3")
    except DatabaseDamaged as error:
        raise InvalidInput(
            f"The database of the store {store} is damaged ({error}).",
            fix="Start the server once: it keeps the damaged file aside and takes its jobs from their manifests.",
        ) from error
    try:
        blobs = BlobFolder(store)
        yield Storage(database, blobs, Uploads(blobs, Limits.max_blob_bytes), JobStore(database))
    finally:
        database.close()
