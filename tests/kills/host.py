# SPDX-License-Identifier: Apache-2.0
"""A host such as Nuke with its `void-helper`: the helper gets killed, the host starts it again and finds its job."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.client.conftest import ROOT, clean_environment
from tests.kills.actors import END_SECONDS, Server
from tests.kills.works import Work
from tests.small_shot import SmallShot

SUBMIT, WATCH = 1, 2
"""Ids of the host's requests."""
DONE, FAILED = 0, 1


class Host:
    """Places one order through its helper and watches it.

    As the plugins do, it remembers the job that it was told of and watches that one after its helper died; where it
    was told of none, it places the same order again.
    """

    name = "helper"

    def __init__(self, folder: Path, server: Server, shot: SmallShot, work: Work) -> None:
        self.out = folder / "out"
        self.runs: list[list[dict[str, Any]]] = []
        self.code: int | None = None
        self.doubled_answers = 0
        self._server = server
        self._order = work.asked(shot, self.out)
        self._job = ""
        self._log = (folder / "helper.log").open("ab")
        self._site = folder / "site.toml"
        roots = f"[[roots]]\nname = 'proj'\npaths = ['{server.shared}']\n" if server.shared else ""
        self._site.write_text(roots)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the helper and ask it for what is wanted."""
        self.code = None
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "void_client.helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=clean_environment(
                VOID_SERVER=self._server.address,
                VOID_TOKEN_FILE=str(self._server.store / "token"),
                VOID_SITE_CONFIG=str(self._site),
            ),
            cwd=ROOT,
        )
        said: list[dict[str, Any]] = []
        self.runs.append(said)
        self._reader = threading.Thread(target=self._read, args=(self._process, said), daemon=True)
        self._reader.start()
        if self._job:
            said.append({"event": "job", "id": self._job, "created": False})
            self._ask(WATCH, "watch", job=self._job)
        else:
            self._ask(SUBMIT, "submit", order=self._order)

    def kill(self) -> None:
        """kill -9 of the helper; the host lives."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def wait(self) -> int:
        """Wait for the end of the watch, then leave."""
        until = time.monotonic() + END_SECONDS
        while self.code is None:
            if time.monotonic() > until:
                raise TimeoutError("the helper does not come to an end")
            time.sleep(0.01)
        self._process.stdin.close()
        self._process.wait(10)
        self._reader.join()
        return self.code

    def close(self) -> None:
        """End a helper that still runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._log.close()

    def last_words(self) -> str:
        """What the helper said last."""
        said = [str(e.get("message", e)) for e in self.runs[-1][-1:]]
        return f"helper: {' '.join(said).replace(self._server.address, 'SERVER')}"

    def _ask(self, number: int, do: str, **fields: Any) -> None:
        try:
            self._process.stdin.write(json.dumps({"id": number, "do": do, **fields}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            # Killed in between; the host starts it again.
            pass

    def _read(self, process: subprocess.Popen[bytes], said: list[dict[str, Any]]) -> None:
        answered = set[int]()
        for line in process.stdout:
            # The last line of a killed process may be cut.
            if not line.endswith(b"\n"):
                break
            message = json.loads(line)
            if "event" in message:
                said.append(message["event"])
                continue
            self.doubled_answers += message["id"] in answered
            answered.add(message["id"])
            self._end_of(message, said)
        process.stdout.close()

    def _end_of(self, message: dict[str, Any], said: list[dict[str, Any]]) -> None:
        if "error" in message:
            said.append(message["error"] | {"event": "error"})
            self.code = FAILED
        elif message["id"] == SUBMIT:
            self._job = message["reply"]["job"]
            said.append({"event": "job", "id": self._job, "created": message["reply"]["created"]})
            self._ask(WATCH, "watch", job=self._job)
        else:
            said.append(message["reply"] | {"event": "end"})
            self.code = DONE if message["reply"]["state"] == "done" else FAILED
