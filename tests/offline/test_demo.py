# SPDX-License-Identifier: Apache-2.0
"""The demo, client, server and workers, wants nobody beyond loopback, and needs nobody."""

from __future__ import annotations

import shlex
import subprocess
import sys
import warnings
from pathlib import Path

from tests.client.conftest import ROOT
from tests.offline.contacts import NoWitness, bare_environment, record, way_of_this_machine

FRAMES = "1010-1011"
"""Two frames of the twenty: every stage runs."""


def demo_arguments(out: Path) -> list[str]:
    """What `make demo` gives the command `void`, with fewer frames and another place for the results."""
    told = subprocess.run(
        ["make", "--no-print-directory", "-n", "-o", ".venv/.server", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    command = next(line for line in told.replace("\\\n", " ").splitlines() if "void remove" in line)
    arguments = shlex.split(command)[1:]
    for option, value in (("--range", FRAMES), ("--out", str(out))):
        arguments[arguments.index(option) + 1] = value
    for option in ("--plate", "--remove", "--affected"):
        at = arguments.index(option) + 1
        arguments[at] = str(ROOT / arguments[at])
    return arguments


def test_the_demo_contacts_nobody_beyond_loopback(tmp_path: Path) -> None:
    """Takes about 15 s: a whole removal under a tracer."""
    command = [sys.executable, "-m", "void_client", *demo_arguments(tmp_path / "out")]
    environment = bare_environment(tmp_path) | {"PYTHONPATH": str(ROOT)}
    try:
        way = way_of_this_machine()
    except NoWitness as nobody:
        warnings.warn(str(nobody), stacklevel=1)
        return
    recorded = record(command, tmp_path, environment, way)
    assert recorded.code == 0, recorded.said
    assert recorded.foreign == []
    # Client to server, at least: a recorder that saw nothing would prove nothing.
    assert {"127.0.0.1", "::ffff:127.0.0.1"} & {c.whom for c in recorded.contacts}
    assert (tmp_path / "out" / "demo.1011.exr").exists()
