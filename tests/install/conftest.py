# SPDX-License-Identifier: Apache-2.0
"""A Python in which void is installed for itself, as `python -I` wants it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import void.v1

from tests.client.conftest import ROOT
from tests.install.user import PACKAGES

CONTRACT = Path(next(iter(void.v1.__path__))).parents[1]


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its program; read only."""
    folder = tmp_path_factory.mktemp("python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "void.pth").write_text(f"{ROOT}\n{CONTRACT}\n{PACKAGES}\n")
    return folder / "bin" / "python"
