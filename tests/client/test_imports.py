# SPDX-License-Identifier: Apache-2.0
"""The client stays light: an artist's machine gets grpcio and protobuf, nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import void_client

LOAD_ALL = """
import importlib, pkgutil, sys, void_client
for module in pkgutil.walk_packages(void_client.__path__, "void_client."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""

# grpc loads its own sister packages where they are installed.
ALLOWED = {"void_client", "void", "google", "grpc", "grpc_health", "grpc_reflection", "grpc_tools"}
ALLOWED |= {"cython_runtime", "typing_extensions"}
# What reads TOML before Python 3.11.
ALLOWED |= {"tomli"}


def test_every_module_together_loads_grpcio_protobuf_and_the_standard_library_only() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD_ALL],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(void_client.__file__).parents[1],
        # A measuring run would load coverage.py into it.
        env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
    ).stdout.split()
    foreign = {
        name
        for name in loaded
        if name not in sys.stdlib_module_names and not name.startswith(("_", "sitecustomize"))
    }
    assert foreign <= ALLOWED


def test_no_module_names_the_server_package_as_an_import() -> None:
    sources = Path(void_client.__file__).parent.rglob("*.py")
    assert [
        p.name
        for p in sources
        if "import void_server" in p.read_text() or "from void_server" in p.read_text()
    ] == []
