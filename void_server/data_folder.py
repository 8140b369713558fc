# SPDX-License-Identifier: Apache-2.0
"""Where the user's data for VOID lies."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_folder() -> Path:
    """The user's data folder for VOID: $VOID_DATA_DIR, else the platform's place."""
    if chosen := os.environ.get("VOID_DATA_DIR"):
        return Path(chosen)
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))) / "void"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "void"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "void"
