# SPDX-License-Identifier: Apache-2.0
"""Where the plugin keeps its files, and JSON files that are whole or not there."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from typing import Any, Dict, Mapping

Json = Dict[str, Any]

LOG_LIMIT_BYTES = 2 * 2**20


def data_folder(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str:
    """The user's data folder of VOID, the same that `void` uses, with `resolve` behind it."""
    named = environment.get("VOID_DATA_DIR")
    home = os.path.expanduser("~")
    if named:
        data = os.path.abspath(named)
    elif platform == "win32":
        data = os.path.join(environment.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local"), "void")
    elif platform == "darwin":
        data = os.path.join(home, "Library", "Application Support", "void")
    else:
        data = os.path.join(environment.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share"), "void")
    return os.path.join(data, "resolve")


def write_json(path: str, value: Json) -> None:
    """Write a file whole, or leave the one that is there.

    Raises:
        OSError: it cannot be written.
    """
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=".void_", suffix=".part", dir=folder)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(name)
        raise


def read_json(path: str) -> Json:
    """What a file holds; empty where it is not there or holds something else."""
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def log_path(folder: str) -> str:
    """The plugin's log; begun anew where it has grown over two megabytes."""
    path = os.path.join(folder, "log", "resolve.log")
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path) and os.path.getsize(path) > LOG_LIMIT_BYTES:
            os.replace(path, path + ".1")
    return path


def log(folder: str, text: str) -> None:
    """Add lines to the log; where it cannot be written nothing else happens."""
    with contextlib.suppress(OSError), open(
        log_path(folder), "a", encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write("{} {}\n".format(time.strftime("%Y-%m-%d %H:%M:%S"), text))
