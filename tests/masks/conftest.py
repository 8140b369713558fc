# SPDX-License-Identifier: Apache-2.0
"""`void-server mask` in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from void_server.main import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `void-server mask …`."""

    def mask(*arguments: str | Path) -> Ran:
        capfd.readouterr()
        code = main(["mask", *map(str, arguments)])
        told = capfd.readouterr()
        return Ran(code, told.out, told.err)

    return mask
