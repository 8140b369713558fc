# SPDX-License-Identifier: Apache-2.0
"""How the helper process is started: its command, its environment, its log."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from typing import Mapping

from void_line.errors import HelperGone

VARIABLE = "VOID_HELPER"
"""A helper's command, instead of the installed one."""

INSTALLED = "void_helper.json"
"""Beside the package: `{"command": [...]}`, as `void install` writes it."""

LOG_LIMIT_BYTES = 2 * 2**20

# Hosts and pipelines set these for their own interpreter and libraries; another Python must not see them.
_SCRUBBED = ("PYTHON", "LD_", "DYLD_", "QT_", "QML", "NUKE_", "FN_")
_SCRUBBED_NAMES = ("TCL_LIBRARY", "TK_LIBRARY", "__PYVENV_LAUNCHER__", "VIRTUAL_ENV")


def helper_command(environment: Mapping[str, str] = os.environ, windows: bool = os.name == "nt") -> list[str]:
    """The command of the helper.

    Raises:
        HelperGone: none is installed.
    """
    named = environment.get(VARIABLE, "")
    if named:
        return shlex.split(named, posix=not windows)
    file = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), INSTALLED)
    try:
        with open(file, encoding="utf-8") as stream:
            command = json.load(stream)["command"]
    except (OSError, ValueError, KeyError, TypeError):
        command = None
    if isinstance(command, list) and command and all(isinstance(part, str) for part in command):
        return command
    found = shutil.which("void-helper", path=environment.get("PATH", ""))
    if found:
        return [found]
    raise HelperGone(
        "The helper of VOID is not installed.", "Run `void install`, then start this program again."
    )


def helper_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of the helper: this one without what belongs to the host's own interpreter."""
    return {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith(_SCRUBBED) and name.upper() not in _SCRUBBED_NAMES
    }


def log_file() -> str:
    """Where the helper's log goes; its folder is made. A log of over two megabytes is begun anew."""
    folder = os.environ.get("VOID_LOG_DIR") or os.path.join(os.path.expanduser("~"), ".nuke", "void_log")
    try:
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "helper.log")
        if os.path.exists(path) and os.path.getsize(path) > LOG_LIMIT_BYTES:
            os.replace(path, path + ".1")
        with open(path, "ab"):
            return path
    except OSError:
        return os.devnull
