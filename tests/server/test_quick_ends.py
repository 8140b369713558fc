# SPDX-License-Identifier: Apache-2.0
"""What is not waited for: a server that ends, and a worker that begins."""

from __future__ import annotations

import subprocess
import sys
import time

from void_server.frames.blobs import BlobFolder
from void_server.frames.looks import Looks
from void_server.frames.roots import Roots
from void_server.jobs.database import Database
from void_server.jobs.history import History
from void_server.jobs.runner import Runner
from void_server.jobs.store import JobStore


class PatientStore(JobStore):
    """Waits for changes as long as it is let."""

    def wait_for_change(self, seen: int, timeout: float) -> int:
        return super().wait_for_change(seen, 20.0)


def test_a_runner_without_jobs_ends_at_once(tmp_path):
    database = Database(tmp_path / "void.sqlite3")
    runner = Runner(
        PatientStore(database), BlobFolder(tmp_path), Roots({}), Looks(), None, [], History(database)
    )
    runner.start()
    time.sleep(0.2)
    began = time.monotonic()
    runner.stop()
    assert time.monotonic() - began < 10


def test_a_worker_begins_without_what_only_a_report_needs():
    code = "import sys, void_server.pipeline.session; print({'matplotlib', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
