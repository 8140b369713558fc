# SPDX-License-Identifier: Apache-2.0
"""Whom a command wants to reach over the network, child processes included: by strace, else by a preloaded library.

A recorder sees what is tried, also where it fails; the namespace of `alone` makes sure that it fails. An address is
foreign unless it is loopback, or unspecified, which Linux takes as loopback. A look-up of a name is a contact too: it
shows as a message to the resolver's port 53, or by its name.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.offline.alone import isolated

WAYS = ("strace", "preload")
TRACED = "connect,sendto,sendmsg,sendmmsg"

_CALL = re.compile(rf"\b({TRACED.replace(',', '|')})\(")
_FOUR = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_SIX = re.compile(r'sin6_port=htons\((\d+)\),.*?inet_pton\(AF_INET6, "([^"]+)"')
_NOTED = re.compile(r"(\w+) (\S+) (\d+)")


class NoWitness(Exception):
    """Neither strace nor a C compiler is there."""


@dataclass(frozen=True)
class Contact:
    """Somebody whom a process wanted to reach: by which call, an address (or name), and a port."""

    call: str
    whom: str
    port: int

    @property
    def foreign(self) -> bool:
        try:
            address = ipaddress.ip_address(self.whom.partition("%")[0])
        except ValueError:
            return True
        mapped = getattr(address, "ipv4_mapped", None)
        return not ((mapped or address).is_loopback or address.is_unspecified)


@dataclass(frozen=True)
class Recorded:
    """How a command ended, what it said, and whom it wanted to reach."""

    code: int
    said: str
    contacts: tuple[Contact, ...]

    @property
    def foreign(self) -> list[Contact]:
        return [c for c in self.contacts if c.foreign]


def way_of_this_machine() -> str:
    """How this machine records.

    Raises:
        NoWitness: it cannot.
    """
    if shutil.which("strace"):
        return "strace"
    if _compiler():
        return "preload"
    raise NoWitness(
        "NOT CHECKED: neither strace nor a C compiler is installed, so nothing sees who is contacted"
    )


def record(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    way: str = "",
    *,
    limit_s: float = 240,
) -> Recorded:
    """Run a command in a namespace with loopback only, and record whom it wants to reach.

    Args:
        command: what to run.
        folder: for the record; the command runs there.
        environment: of the command.
        way: one of `WAYS`; empty = this machine's.
        limit_s: longest time.
    """
    way = way or way_of_this_machine()
    log = folder / "contacts"
    log.touch()
    command = isolated(command)
    if way == "strace":
        # The filter in the kernel stops a process at these calls only.
        tracer = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={TRACED}", "-e", "signal=none"]
        command = [*tracer, "-o", str(log), *command]
        extra = {}
    else:
        extra = {"LD_PRELOAD": str(_library(folder)), "CONTACTS_FILE": str(log)}
    said = folder / "said"
    with said.open("wb") as out:
        ran = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**environment, **extra},
            cwd=folder,
            timeout=limit_s,
            check=False,
        )
    parse = _traced if way == "strace" else _noted
    contacts = (parse(line) for line in log.read_text(errors="replace").splitlines())
    return Recorded(ran.returncode, said.read_text(errors="replace"), tuple(c for c in contacts if c))


def _traced(line: str) -> Contact | None:
    call = _CALL.search(line)
    where = _FOUR.search(line) or _SIX.search(line)
    return Contact(call[1], where[2], int(where[1])) if call and where else None


def _noted(line: str) -> Contact | None:
    found = _NOTED.fullmatch(line)
    return Contact(found[1], found[2], int(found[3])) if found else None


def _compiler() -> str | None:
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def _library(folder: Path) -> Path:
    compiler = _compiler()
    if compiler is None:
        raise NoWitness("no C compiler is installed")
    library = folder / "contacts.so"
    source = Path(__file__).with_name("contacts.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True
    )
    return library


def bare_environment(home: Path) -> dict[str, str]:
    """An environment with a home of its own, and nothing of the developer's."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "VOID_DATA_DIR": str(home / "data"),
    }
