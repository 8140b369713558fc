# SPDX-License-Identifier: Apache-2.0
"""Opens a database of an earlier schema again and again, each time killed after one statement more.

A process of its own, because it forks: `python -m tests.server.killed_migration OLD FOLDER`. Prints how often it was
killed, and ends with 1 where a killed one was not whole or did not become what an undisturbed one becomes.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.server.old_stores import content, version
from void_server.jobs import migrations
from void_server.jobs.database import SCHEMA_VERSION, Database

_connect = sqlite3.connect


class Dying(sqlite3.Connection):
    """Kills its process when `left` statements were executed."""

    left = 0

    def execute(self, *args: Any) -> sqlite3.Cursor:
        done = super().execute(*args)
        Dying.left -= 1
        if Dying.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done


def main(old: Path, folder: Path) -> int:
    # What a migration records as now is the same each time.
    migrations.time = SimpleNamespace(time=lambda: 1.0)
    before = content(old)
    wanted = content(_opened(_copy(old, folder / "undisturbed")))
    versions, kills = set[int](), 0
    while _killed_after(kills + 1, path := _copy(old, folder / f"killed_{kills + 1}")):
        kills += 1
        seen = version(path)
        versions.add(seen)
        if seen == version(old) and content(path) != before:
            print(f"after statement {kills} the old database is changed")
            return 1
        if content(_opened(path)) != wanted:
            print(f"killed after statement {kills} it becomes another database")
            return 1
    print(kills, *sorted(versions))
    return 0


def _killed_after(statements: int, path: Path) -> bool:
    child = os.fork()
    if child == 0:
        Dying.left = statements
        sqlite3.connect = lambda *args, **named: _connect(*args, **named, factory=Dying)
        Database(path)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _opened(path: Path) -> Path:
    Database(path).close()
    assert version(path) == SCHEMA_VERSION
    return path


def _copy(old: Path, target: Path) -> Path:
    shutil.copy(old, target)
    return target


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
