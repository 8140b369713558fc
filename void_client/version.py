# SPDX-License-Identifier: Apache-2.0
"""The version of the installed client."""

from __future__ import annotations

from importlib import metadata

DISTRIBUTION = "void-for-hosts"


def version() -> str:
    """Version of the installed distribution; `unknown` when run from a folder without installing it."""
    try:
        return metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "unknown"
