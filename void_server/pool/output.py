# SPDX-License-Identifier: Apache-2.0
"""What a worker writes to its standard error, brought into the server's log where that is one of JSON lines.

Lines of the worker's own log pass as they are. What else appears there (a library in C, the last words of a process
that dies) becomes the message of a line, with what the worker was at.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import IO

from void_server.logs import pass_on, saying

log = logging.getLogger(__name__)

MOST_LINE_BYTES = 64 << 10
"""A longer line is cut into several."""


def relay(stream: IO[bytes], pid: int, at: Callable[[], dict[str, str]]) -> None:
    """Bring over what comes from `stream` until it closes, in a thread of its own.

    Args:
        at: what the worker is at.
    """

    def run() -> None:
        with stream:
            while line := stream.readline(MOST_LINE_BYTES):
                text = line.decode("utf-8", errors="replace").rstrip()
                if _is_log_line(text):
                    pass_on(text)
                elif text:
                    with saying(**at(), worker=str(pid)):
                        log.warning("%s", text)

    threading.Thread(target=run, name=f"output-{pid}", daemon=True).start()


def _is_log_line(text: str) -> bool:
    if not text.startswith('{"time": '):
        return False
    try:
        return "logger" in json.loads(text)
    except ValueError:
        return False
