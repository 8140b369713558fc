# SPDX-License-Identifier: Apache-2.0
"""Somebody who runs `void install HOST`, and what lies in their home folder."""

from __future__ import annotations

import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.client.conftest import clean_environment

PACKAGES = sysconfig.get_paths()["purelib"]
"""Where the packages of the tests' own Python lie."""


@dataclass
class User:
    """Has a home folder of their own, and the Python that the helper is to run on."""

    host: ClassVar[str]
    home: Path
    python: Path

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment(HOME=str(self.home))
        environment.pop("PYTHONPATH")
        environment.pop("XDG_DATA_HOME", None)
        command = [str(self.python), "-m", "void_client", "install", self.host, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=self.home, timeout=120
        )


def state(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder; None for folders."""
    return {
        p.relative_to(folder).as_posix(): None if p.is_dir() else p.read_bytes() for p in folder.rglob("*")
    }
