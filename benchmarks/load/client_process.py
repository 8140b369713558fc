# SPDX-License-Identifier: Apache-2.0
"""A process of one or more clients: reads what to do from its standard input, writes what it measured as JSON lines,
ends when its input does.

Clients are processes, as they are at artists' desks: none waits for another's interpreter lock, and their memory is not
the server's. A short test puts several into one, as threads, because each process takes half a second to start.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from benchmarks.load.artist import Artist
from benchmarks.load.plan import Plan
from benchmarks.load.slow_reader import SlowReader
from void_client.stop import Stop


def main() -> int:
    """The first line names the clients and the slow ones among them, the second is the plan."""
    clients: dict[str, list[int]] = json.loads(sys.stdin.readline())
    plan = Plan.from_json(sys.stdin.readline())
    stop, lock = Stop(), threading.Lock()

    def tell(record: dict[str, Any]) -> None:
        line = json.dumps(record)
        with lock:
            print(line, flush=True)

    everybody = [Artist(plan, number, tell, stop).run for number in clients["artists"]]
    everybody += [SlowReader(plan, number, tell, stop).run for number in clients["slow"]]
    threads = [threading.Thread(target=run) for run in everybody]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.request()
    for thread in threads:
        thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
