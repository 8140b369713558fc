# SPDX-License-Identifier: Apache-2.0
"""`void remove` as a user runs it, a process from its start to its end, cut into phases by the events that it tells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.generated_shot import GeneratedShot
from benchmarks.server_process import ServerProcess

PHASES = ("start and greet", "read, send, preflight", "job", "fetch and end")

ROOT = Path(__file__).resolve().parents[2]


def write_shot(folder: Path, frames: int) -> None:
    """The smallest shot that the engine works on: `plate` and `roto` from frame 1001 on."""
    shot = GeneratedShot(96, 64)
    for index in range(frames):
        shot.write_plate(folder / "plate" / f"plate.{1001 + index}.exr", index)
        shot.write_matte(folder / "roto" / f"roto.{1001 + index}.exr", index)


def run(server: ServerProcess, shot: Path, out: Path) -> dict[str, float]:
    """Seconds by phase.

    Raises:
        RuntimeError: the command failed; says what it told.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "void_client", "remove", "--json", "--out", str(out)),
            *("--plate", str(shot / "plate" / "plate.####.exr")),
            *("--remove", str(shot / "roto" / "roto.####.exr")),
            *("--server", server.target.address, "--token-file", str(server.store / "token")),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    marks, told = {"end": 0.0}, list[str]()
    for line in process.stdout or ():
        told.append(line)
        event = json.loads(line)
        name = f"{event['event']} {event['state']}" if event["event"] == "state" else str(event["event"])
        marks.setdefault(name, time.perf_counter())
    if process.wait() != 0:
        raise RuntimeError("".join(told[-3:]))
    marks["end"] = time.perf_counter()
    # Without a state event the job was done before: it is found and its files are looked at.
    done = marks.get("state done", marks["job"])
    cuts = [began, marks["hashing"], marks["job"], done, marks["end"]]
    return {phase: b - a for phase, a, b in zip(PHASES, cuts[:-1], cuts[1:], strict=True)}
