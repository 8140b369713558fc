# SPDX-License-Identifier: Apache-2.0
"""The real system calls of a server, in their order: by strace, else by a preloaded library made by the C compiler."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.client.conftest import ROOT, clean_environment

TRACED = "fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,sendmsg"
_SYNCS = ("fsync", "fdatasync")


@dataclass(frozen=True)
class Call:
    """A call that was made: its name, and its arguments as text (paths for descriptors)."""

    name: str
    text: str


class NoWitness(Exception):
    """Neither strace nor a C compiler is there."""


class RecordedServer:
    """`void-server serve` whose calls are recorded.

    Args:
        way: "strace" or "preload"; empty takes strace where it is installed.

    Raises:
        NoWitness: the machine has nothing to record with.
    """

    def __init__(self, folder: Path, way: str = "") -> None:
        self.store = folder / "store"
        self.way = way or ("strace" if shutil.which("strace") else "preload")
        self._log = folder / "calls"
        command, environment = self._command(folder)
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=(folder / "server.log").open("ab"),
            text=True,
            env=environment,
            cwd=ROOT,
            start_new_session=True,
        )
        assert self._process.stdout
        self.address = self._process.stdout.readline().split()[-1]
        self.token = (self.store / "token").read_text().strip()

    def _command(self, folder: Path) -> tuple[list[str], dict[str, str]]:
        serve = [sys.executable, "-m", "void_server", "serve", "--listen", "127.0.0.1:0", "--workers", "1"]
        serve += ["--store", str(self.store)]
        if self.way == "strace":
            tracer = ["strace", "-f", "-y", "-s", "65536", "-e", f"trace={TRACED}", "-o", str(self._log)]
            return [*tracer, *serve], clean_environment()
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise NoWitness("Neither strace nor a C compiler is installed: the order of syncs is not proved.")
        library = folder / "recorded_calls.so"
        source = Path(__file__).with_name("recorded_calls.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        return serve, clean_environment(LD_PRELOAD=str(library), CALLS_FILE=str(self._log))

    def calls(self) -> list[Call]:
        """End the server and return what it did, in the order in which the calls began."""
        os.killpg(self._process.pid, 15)
        self._process.wait(30)
        return [
            call for line in self._log.read_text(errors="replace").splitlines() if (call := _parsed(line))
        ]


def _parsed(line: str) -> Call | None:
    # `123 fsync(7</store/jobs>) = 0`, or in two parts where another thread came between; without number preloaded.
    match = re.match(r"(?:\d+ +)?(?:<\.\.\. )?(\w+)(?:\(| resumed>)(.*)", line)
    if match is None:
        return None
    return Call(match[1], match[2])


def position(calls: list[Call], names: tuple[str, ...], text: str, start: int = 0) -> int:
    """Where the first of these calls with this text (a regular expression) stands, from `start` on.

    Raises:
        AssertionError: it was not made there.
    """
    for index in range(start, len(calls)):
        if calls[index].name in names and re.search(text, calls[index].text):
            return index
    raise AssertionError(f"no {' or '.join(names)} of {text} after call {start} of {len(calls)}")


def sync_of(calls: list[Call], path: str, start: int = 0) -> int:
    """As `position`, of a sync of a path that ends so."""
    return position(calls, _SYNCS, path + r"[>)]", start)
