# SPDX-License-Identifier: Apache-2.0
"""The process through which a server speaks to a Ray cluster: requests on standard input, replies on standard output.

A process of its own, because Ray ends the process that is connected to a cluster a minute after its head node is lost,
and prints to its standard output. Messages are framed as those of `void_server.pool.messages`.

Server to driver: `{"id": n, "do": "nodes"}`, `{"id": n, "do": "start", "worker": w, "node": …, "resource": …,
"command": […], "timeout": …}`, `{"id": n, "do": "call", "worker": w, "method": …, "arguments": […]}`,
`{"id": n, "do": "end", "worker": w}`; in any order and number.
Driver to server: first `{"ready": …}` or `{"failed": text}`; then `{"id": n, "ok": …}`, `{"id": n, "lost": text}` when
worker or node is gone, or `{"id": n, "defect": text}`.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

import ray
import ray.exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from void_server.pool.messages import read_message, write_message
from void_server.pool.process import EXIT_GRACE_SECONDS
from void_server.pool.ray_node import NodeWorker

MAX_CALLS = 1024
"""At once; each holds a thread while its worker computes."""
MAX_TEXT = 400
"""Characters of an error of Ray's that are told; it may add pages of advice."""


def main(arguments: list[str] | None = None) -> None:
    """Serve requests until standard input closes."""
    parser = argparse.ArgumentParser(prog="void_server.pool.ray_driver", description=__doc__)
    parser.add_argument("--address", required=True, help="HOST:PORT of the cluster's head node")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s ray %(levelname)s %(message)s")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        context = ray.init(
            address=options.address, namespace="void-server", log_to_driver=False, configure_logging=False
        )
    except Exception as error:  # noqa: BLE001 - told to the server, whatever it is
        write_message(replies, {"failed": in_words(error)})
        return
    write_message(replies, {"ready": {"dashboard": context.dashboard_url or ""}})
    Driver(replies).serve(sys.stdin.buffer)
    with contextlib.suppress(Exception):
        ray.shutdown()
    # Threads may still wait for workers that are now ended.
    os._exit(0)


class Driver:
    """Answers requests, each in a thread.

    Args:
        replies: where to.
    """

    def __init__(self, replies: IO[bytes]) -> None:
        self._replies = replies
        self._lock = threading.Lock()
        self._workers: dict[int, Any] = {}

    def serve(self, requests: IO[bytes]) -> None:
        """Return when the requests end."""
        threads = ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="call")
        while (request := read_message(requests)) is not None:
            threads.submit(self._answer, request)

    def _answer(self, request: dict[str, Any]) -> None:
        reply: dict[str, Any]
        try:
            reply = {"ok": self._do(request)}
        except ray.exceptions.RayTaskError as error:
            reply = {"defect": in_words(error)}
        except ray.exceptions.RayError as error:
            reply = {"lost": in_words(error)}
        except Exception as error:  # noqa: BLE001 - told to the server, whatever it is
            reply = {"defect": f"{type(error).__name__}: {in_words(error)}"}
        with self._lock, contextlib.suppress(OSError):
            write_message(self._replies, {"id": request["id"]} | reply)

    def _do(self, request: dict[str, Any]) -> Any:
        what = request["do"]
        if what == "nodes":
            return [
                {"id": n["NodeID"], "address": n["NodeManagerAddress"], "resources": n["Resources"]}
                for n in ray.nodes()
                if n["Alive"]
            ]
        if what == "start":
            self._workers[request["worker"]] = _start(request)
            return None
        if what == "call":
            method = getattr(self._workers[request["worker"]], request["method"])
            return ray.get(method.remote(*request["arguments"]))
        if what == "end":
            return self._end(self._workers.pop(request["worker"], None))
        raise ValueError(f"there is no request {what!r}")

    @staticmethod
    def _end(worker: Any) -> None:
        if worker is None:
            return
        # One that is not idle, or not there, is not waited for.
        with contextlib.suppress(ray.exceptions.RayError):
            ray.get(worker.close.remote(), timeout=EXIT_GRACE_SECONDS + 1)
        ray.kill(worker)


def _start(request: dict[str, Any]) -> Any:
    resource = request["resource"]
    needs: dict[str, Any] = {"num_cpus": 0, "num_gpus": 0}
    if resource in ("CPU", "GPU"):
        needs[f"num_{resource.lower()}s"] = 1
    else:
        needs["resources"] = {resource: 1}
    place = NodeAffinitySchedulingStrategy(request["node"], soft=False)
    actor = ray.remote(NodeWorker).options(max_restarts=0, scheduling_strategy=place, **needs)
    return actor.remote(request["command"], request["timeout"])


def in_words(error: Exception) -> str:
    """The line of one of Ray's errors that says what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    if isinstance(error, ray.exceptions.RayTaskError) or getattr(error, "actor_init_failed", False):
        return lines[-1][:MAX_TEXT]
    line = next((line for line in lines if " because " in line), lines[0])
    # Ray appends what may commonly be the cause.
    return line.partition(" Some common causes")[0][:MAX_TEXT]


if __name__ == "__main__":
    main()
