# SPDX-License-Identifier: Apache-2.0
"""pip as this bundle needs it: it builds our own wheel, and downloads those of others for a target."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wheelhouse.targets import Target

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
SOURCES = (
    *("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "protos", "void_client", "void_server"),
    *("plugin_nuke", "plugin_resolve", "plugin_line", "gizmos"),
)
"""What our own wheel is made of."""

SOURCE_DATE_EPOCH = "1767225600"
"""The date of every file in our own wheel, 2026-01-01, so that the same sources make the same bytes
(reproducible-builds.org, SOURCE_DATE_EPOCH); one in the environment goes first."""

_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
_LINES_OF_FAILURE = 6


class PipFailed(Exception):
    """pip could not do it; the message holds its last lines."""


def build_own_wheel(folder: Path) -> Path:
    """Build our own wheel into a folder, from a copy of the sources: the working tree is left alone.

    Raises:
        PipFailed: it does not build.
    """
    with tempfile.TemporaryDirectory(prefix="void-sources-") as name:
        copy = Path(name)
        for source in filter(lambda name: (ROOT / name).exists(), SOURCES):
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, copy / source, ignore=ignored)
            else:
                shutil.copy2(ROOT / source, copy / source)
        out = copy / "dist"
        # The environment of the developer holds the pinned build tools.
        _run("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(copy))
        built = next(out.glob("*.whl"))
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(built, folder / built.name))


def download(target: Target, requirements: Sequence[str], folder: Path) -> None:
    """Let pip choose and download wheels for a target.

    Args:
        target: what they are for.
        requirements: what is wanted; a path of a wheel, with extras, is a requirement too.
        folder: where they go.

    Raises:
        PipFailed: there are none that go together, or the index does not answer.
    """
    platforms = [part for tag in target.platform.tags for part in ("--platform", tag)]
    _run(
        *("download", "--only-binary=:all:", *platforms, "--python-version", target.python),
        *("--implementation", "cp", "--abi", target.abi, "--constraint", str(CONSTRAINTS)),
        *("--dest", str(folder), *requirements),
    )


def _run(*arguments: str) -> None:
    environment = {"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH, **os.environ}
    ran = subprocess.run([*_PIP, *arguments], capture_output=True, text=True, check=False, env=environment)
    if ran.returncode:
        last = "\n".join((ran.stdout + ran.stderr).strip().splitlines()[-_LINES_OF_FAILURE:])
        raise PipFailed(f"pip {arguments[0]} failed:\n{last}")
