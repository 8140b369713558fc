# SPDX-License-Identifier: Apache-2.0
"""Records of the jobs that were sent from here: a file for each, so that a restart of Resolve loses none."""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from typing import Callable

from void_resolve.keeping import Json, read_json, write_json

KEPT = 200
"""Records that are kept; beyond that the oldest ended ones go."""

FRESH_SECONDS = 30.0
"""A running record that was written so lately is followed by another window."""

ENDED = ("done", "failed", "cancelled")

_NAME = re.compile(r"[0-9A-Za-z_-]+\.json")


class History:
    """The records in a folder.

    Each holds `ticket`, `state` ("running", "done", "failed", "cancelled"), `text`, `job`, `folder`, `created`,
    `updated`, `pid`, `request`, and what `work` told to be kept.
    """

    def __init__(self, folder: str, now: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._now = now

    def begin(self, **fields: object) -> Json:
        """A record of something that starts now, written at once."""
        now = self._now()
        ticket = "{}-{}".format(time.strftime("%Y%m%d-%H%M%S", time.gmtime(now)), uuid.uuid4().hex[:8])
        record: Json = {
            "ticket": ticket,
            "state": "running",
            "text": "",
            "job": "",
            "folder": "",
            "created": now,
        }
        record.update(fields)
        self._prune()
        return self.update(record)

    def update(self, record: Json, **fields: object) -> Json:
        """Change a record and write it whole."""
        record.update(fields, updated=self._now(), pid=os.getpid())
        write_json(os.path.join(self.folder, "{}.json".format(record["ticket"])), record)
        return record

    def all(self) -> list[Json]:
        """The records, the newest first; files that are no records are passed over."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        found = [read_json(os.path.join(self.folder, name)) for name in names if _NAME.fullmatch(name)]
        records = [each for each in found if _is_record(each)]
        return sorted(records, key=lambda each: (each["created"], each["ticket"]), reverse=True)

    def can_reattach(self, record: Json) -> bool:
        """Whether a job went out under this record whose result is not here, and nobody follows it."""
        if not record.get("job") or record["state"] == "done":
            return False
        return not self.followed_elsewhere(record)

    def followed_elsewhere(self, record: Json) -> bool:
        """Whether another VOID window writes this record."""
        fresh = self._now() - float(record.get("updated", 0.0)) < FRESH_SECONDS
        return record["state"] == "running" and record.get("pid") != os.getpid() and fresh

    def _prune(self) -> None:
        for record in self.all()[KEPT:]:
            if record["state"] in ENDED:
                with contextlib.suppress(OSError):
                    os.remove(os.path.join(self.folder, "{}.json".format(record["ticket"])))


def line_of(record: Json) -> str:
    """A record as one line of a list."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record["created"]))
    clip = record.get("clip") or record["ticket"]
    job = " · job {}".format(str(record["job"])[:8]) if record.get("job") else ""
    return "{} · {} · {}{}".format(when, clip, record["state"], job)


def _is_record(value: Json) -> bool:
    return (
        isinstance(value.get("ticket"), str)
        and isinstance(value.get("state"), str)
        and isinstance(value.get("created"), (int, float))
    )
