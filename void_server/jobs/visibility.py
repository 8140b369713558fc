# SPDX-License-Identifier: Apache-2.0
"""Which blobs a caller may open: what it uploaded, and what a job that it may see reads or has published."""

from __future__ import annotations

from collections.abc import Iterable

from void_server.access.principals import Principal, View
from void_server.jobs.database import Database
from void_server.jobs.quota import check_owner_bytes

_OPENS = f"""
SELECT EXISTS (SELECT 1 FROM holding WHERE digest = :digest AND owner = :name)
    OR EXISTS (SELECT 1 FROM job_input JOIN job ON job.id = job_input.job_id
               WHERE digest = :digest AND {View.CONDITION})
    OR EXISTS (SELECT 1 FROM output JOIN job ON job.id = output.job_id
               WHERE digest = :digest AND removed IS NULL AND {View.CONDITION})
"""
_REMOVED = f"""
SELECT MAX(removed) FROM output JOIN job ON job.id = output.job_id WHERE digest = :digest AND {View.CONDITION}
"""


class Visibility:
    """Answers from the job database; everything else in the frame store (work in progress) opens for nobody.

    Args:
        max_owner_bytes: limit of the configuration; 0 = none.
    """

    def __init__(self, database: Database, max_owner_bytes: int = 0) -> None:
        self._db = database
        self._max_owner_bytes = max_owner_bytes

    def check_room(self, coming: int, principal: Principal) -> None:
        """Let an upload of so many bytes pass.

        Raises:
            LimitExceeded: the caller has too much in the store already.
        """
        with self._db.reading() as db:
            check_owner_bytes(db, principal.name, coming, self._max_owner_bytes)

    def uploaded(self, digest: str, size: int, principal: Principal) -> None:
        """Record that the caller sent all bytes of a blob."""
        with self._db.transaction() as db:
            db.execute("INSERT OR REPLACE INTO holding VALUES (?, ?, ?)", (digest, principal.name, size))

    def opens(self, digest: str, principal: Principal) -> bool:
        """Whether the caller may open this blob, if it is there."""
        return bool(self.among([digest], principal))

    def among(self, digests: Iterable[str], principal: Principal) -> set[str]:
        """Those of `digests` that the caller may open, if they are there."""
        who = {"name": principal.name, **principal.view.parameters}
        with self._db.reading() as db:
            return {d for d in digests if db.execute(_OPENS, {"digest": d, **who}).fetchone()[0]}

    def removed(self, digest: str, principal: Principal) -> float | None:
        """When a collection removed this result, in seconds since 1970; None if the caller might never open it."""
        with self._db.reading() as db:
            row = db.execute(_REMOVED, {"digest": digest, **principal.view.parameters}).fetchone()
        return None if row[0] is None else float(row[0])
