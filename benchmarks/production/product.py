# SPDX-License-Identifier: Apache-2.0
"""One `void remove` in path mode against a real server: wall and processor time by phase, memory, units."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.memory.processes import MemorySampler, cpu_seconds
from benchmarks.server_process import ServerProcess

ROOT = "bench"


@dataclass(frozen=True)
class Ran:
    """What one order took.

    Attributes:
        seconds: from the command's start to its end, results written.
        phases: wall seconds by what the command told last; `checking` is the server's look at all files, ingest.
        cpu: processor seconds of server, workers and command by the same phases.
        units: how many units were computed, by stage.
        unit_seconds: their worker time, by stage.
        encoded: of each published frame, how many of its lines were compressed.
        same: results that another order had left with the same bytes.
        peak: greatest PSS of server and workers together, bytes.
    """

    seconds: float
    phases: dict[str, float]
    cpu: dict[str, float]
    units: Counter[str]
    unit_seconds: dict[str, float]
    encoded: list[int]
    same: int
    peak: int


def remove(
    server: ServerProcess, folder: Path, out: Path, settings: Mapping[str, str], *, network: bool = False
) -> Ran:
    """Run the command on `folder`, which holds `plate` and `roto`.

    Args:
        network: the server is another's, of which `folder` is a root, and its results come over the network; else it
            is the user's own, which sees the whole machine, and they are copied out of its store.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    sampler = MemorySampler(server.pid)
    last, earlier = _recorded(server.store)
    address = ("--server", server.target.address, "--token-file", str(server.token_file))
    reached = (*address, "--root", f"{ROOT}={folder}") if network else ("--local",)
    command = [
        *(sys.executable, "-m", "void_client", "remove", "--json", *reached),
        *(
            "--plate",
            str(folder / "plate" / "plate.####.exr"),
            "--remove",
            str(folder / "roto" / "roto.####.exr"),
        ),
        *("--out", str(out), "--reasoner", "none", "--engine", "cleanplate"),
        *(word for name, value in settings.items() for word in ("--set", f"{name}={value}")),
    ]
    own = {} if network else {"VOID_DATA_DIR": str(server.store.parents[1])}
    with sampler:
        began = time.perf_counter()
        phases, cpu = _follow(command, began, server.pid, own)
        seconds = time.perf_counter() - began
    rows = _units(server.store, last)
    units, unit_seconds = Counter[str](), defaultdict[str, float](float)
    for kind, _, _, taken in rows:
        units[kind] += 1
        unit_seconds[kind] += taken
    published = [(blobs, info) for kind, blobs, info, _ in rows if kind == "publish"]
    encoded = [info["encoded_lines"] for _, info in published]
    same = sum(blobs["result"] in earlier for blobs, _ in published)
    return Ran(seconds, phases, cpu, units, dict(unit_seconds), encoded, same, sampler.peak)


def _follow(
    command: list[str], began: float, server: int, named: Mapping[str, str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Wall and processor seconds by phase."""
    wall, cpu = defaultdict[str, float](float), defaultdict[str, float](float)
    phase, since, spent = "start", began, cpu_seconds(server)

    def pass_on(new: str, now: float, taken: float) -> None:
        nonlocal phase, since, spent
        wall[phase] += now - since
        cpu[phase] += taken - spent
        phase, since, spent = new, now, taken

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **named}) as process:
        said = ""
        for line in process.stdout or ():
            event, now = json.loads(line), time.perf_counter()
            said, new = line, _phase(event, phase)
            if new != phase:
                pass_on(new, now, cpu_seconds(server, process.pid))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The command's own time is known to the last once it has ended.
    client = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    pass_on(phase, time.perf_counter(), cpu_seconds(server) + client)
    if process.returncode:
        raise RuntimeError(f"void remove ended with {process.returncode}: {said}")
    return dict(wall), dict(cpu)


def _phase(event: Mapping[str, Any], phase: str) -> str:
    kind = event["event"]
    if kind == "stage":
        return str(event["stage"])
    if kind == "state" and event["state"] == "done":
        return "fetching the rest"
    if kind in ("looking", "hashing") and phase == "start":
        return "looking at files"
    if kind == "progress" and phase in ("start", "looking at files"):
        return "checking"
    return "accepted" if kind == "job" else phase


def _recorded(store: Path) -> tuple[int, set[str]]:
    """The newest unit's number, and the results that were published so far."""
    rows = _units(store, 0)
    with contextlib.closing(sqlite3.connect(store / "void.sqlite3")) as db:
        number = db.execute("SELECT COALESCE(MAX(number), 0) FROM unit_result").fetchone()[0]
    return number, {blobs["result"] for kind, blobs, _, _ in rows if kind == "publish"}


def _units(store: Path, after: int) -> list[tuple[str, dict[str, str], dict[str, Any], float]]:
    """Kind, blobs, info and worker seconds of the units recorded after a number."""
    with contextlib.closing(sqlite3.connect(store / "void.sqlite3")) as db:
        rows = db.execute(
            "SELECT kind, blobs, info, seconds FROM unit_result WHERE number > ?", (after,)
        ).fetchall()
    return [(k, json.loads(b), json.loads(i), s) for k, b, i, s in rows if not k.startswith("last ")]
