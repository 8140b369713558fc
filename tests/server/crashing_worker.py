# SPDX-License-Identifier: Apache-2.0
"""A worker process for the pool's tests: does what the task says, among it dying in every way that a worker can."""

import os
import signal
import sys
import time
from pathlib import Path

from void_server.errors import InvalidInput
from void_server.pool.messages import read_message, write_message

while (task := read_message(sys.stdin.buffer)) is not None:
    what = task["do"]
    if what == "echo":
        write_message(sys.stdout.buffer, {"ok": task["value"]})
    elif what in ("identity", "capabilities"):
        write_message(sys.stdout.buffer, {"ok": {}})
    elif what == "pid":
        write_message(sys.stdout.buffer, {"ok": os.getpid()})
    elif what == "error":
        write_message(sys.stdout.buffer, {"error": InvalidInput("no", fix="yes", frame=7).to_dict()})
    elif what == "sleep":
        time.sleep(task["seconds"])
        write_message(sys.stdout.buffer, {"ok": None})
    elif what == "exit":
        os._exit(3)
    elif what == "signal":
        os.kill(os.getpid(), task["signal"])
        time.sleep(10)
    elif what == "signal once":
        marker = Path(task["marker"])
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), task.get("signal", signal.SIGSEGV))
            time.sleep(10)
        write_message(sys.stdout.buffer, {"ok": "second try"})
    elif what == "steps":
        # Each step takes a while and leaves a line in a file; begun again, it goes on behind what it kept there.
        path = Path(task["marker"])
        done = len(path.read_text().splitlines()) if path.exists() else 0
        stopped = False
        while done < task["steps"] and not stopped:
            time.sleep(task["seconds"])
            done += 1
            with path.open("a") as file:
                file.write(f"{done}\n")
            every = int(task.get("keeps", 1))
            kept = every > 0 and done % every == 0
            write_message(sys.stdout.buffer, {"step": [done, task["steps"]], "kept": kept})
            stopped = not read_message(sys.stdin.buffer)["go"]
        write_message(sys.stdout.buffer, {"stopped": True} if stopped else {"ok": path.read_text().split()})
    elif what == "half an answer":
        sys.stdout.buffer.write(b"\x00\x00\x01\x00{")
        sys.stdout.buffer.flush()
        os._exit(0)
