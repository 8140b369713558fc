# SPDX-License-Identifier: Apache-2.0
"""A node's side of the pool, without Ray around it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pool.cluster import descendants, wait_for
from void_server.configuration import RaySettings, ServerConfiguration
from void_server.pool.ray_node import NodeWorker
from void_server.workers import worker_command

Make = Callable[..., NodeWorker]

HOLDER = """
import subprocess, sys
worker = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
worker.wait()
"""


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes one in this process, whose umask it sets."""
    before = os.umask(0o022)
    yield lambda: NodeWorker(["python"], 60.0)
    os.umask(before)


def test_each_root_that_a_node_does_not_see_is_named(make, tmp_path):
    (tmp_path / "probe").write_text("text")
    shared = [str(tmp_path), "/mnt/none"]
    missing = make().look(str(tmp_path / "probe"), "text", str(tmp_path / "answer"), shared)
    assert missing == ["/mnt/none: not there"] and (tmp_path / "answer").read_text() == "text"


def test_another_folder_under_the_store_s_path_is_told_as_such(make, tmp_path):
    (tmp_path / "probe").write_text("of another store")
    missing = make().look(str(tmp_path / "probe"), "text", str(tmp_path / "answer"), [])
    assert missing == [f"{tmp_path / 'probe'} is another file there"]


def test_a_store_that_is_read_only_there_is_told(make, tmp_path):
    (tmp_path / "probe").write_text("text")
    (missing,) = make().look(str(tmp_path / "probe"), "text", "/proc/answer", [])
    assert missing.startswith("/proc/answer: ")


def test_what_a_node_leaves_in_the_store_is_for_its_account_alone(make, tmp_path):
    (tmp_path / "probe").write_text("text")
    make().look(str(tmp_path / "probe"), "text", str(tmp_path / "answer"), [])
    assert (tmp_path / "answer").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_worker_ends_with_the_process_that_started_it_though_its_input_is_open(tmp_path):
    command = [sys.executable, "-m", "void_server.pool.worker", "--store", str(tmp_path), "--end-with-parent"]
    with subprocess.Popen([sys.executable, "-c", HOLDER, *command], stdin=subprocess.PIPE) as holder:
        wait_for(lambda: bool(descendants(holder.pid)))
        (worker,) = descendants(holder.pid)
        wait_for(lambda: "OpenImageIO" in Path(f"/proc/{worker}/maps").read_text())
        holder.kill()
        wait_for(lambda: not running(worker), seconds=5)


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


@pytest.mark.parametrize(("resource", "shared"), [("GPU", False), ("CPU", True), ("void", True)])
def test_workers_of_a_gpu_each_keep_their_models_on_it_and_others_do_not(tmp_path, resource, shared):
    command = worker_command(
        ServerConfiguration(tmp_path, tmp_path / "token", workers=8, ray=RaySettings("h:1", resource))
    )
    assert ("--shared-gpu" in command) is shared and "--end-with-parent" in command
