# SPDX-License-Identifier: Apache-2.0
"""Unit keys: the hash of exactly what a unit reads, its settings, its version and the numerics key."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

NUMERIC_PACKAGES = ("numpy", "opencv-python-headless", "OpenImageIO", "opencolorio", "isal")
"""Packages whose version can change a bit of a result."""
TORCH_PACKAGES = ("torch", "diffusers", "transformers")
"""The same of the engine `void`."""

PIPELINE_VERSION = 1
"""Raised by any change of the pipeline's own steps that can change a bit of a result."""


@cache
def numerics() -> dict[str, Any]:
    """What decides the bits beside inputs and settings, as JSON-ready values."""
    return {
        "device": "cpu",
        "model": processor(),
        "dtype": "float32",
        "threads": 1,
        "python": platform.python_version(),
        "packages": package_versions(),
    }


def package_versions(names: Sequence[str] = NUMERIC_PACKAGES) -> dict[str, str]:
    """Installed versions of packages."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


@cache
def torch_numerics() -> dict[str, Any]:
    """What decides the bits of the engine `void` beside `numerics`, as JSON-ready values; PyTorch is imported."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return {"device": device, "packages": package_versions(TORCH_PACKAGES)}


def unit_key(kind: str, **reads: Any) -> str:
    """The key of a unit, 64 hexadecimal digits.

    Args:
        kind: name of the unit's function.
        reads: JSON-ready values: content digests of what it reads, settings, engine version.
    """
    facts = {"kind": kind, "version": PIPELINE_VERSION, "numerics": numerics(), "reads": reads}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def processor() -> str:
    """Model name of the processor: libraries choose vector code by it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
