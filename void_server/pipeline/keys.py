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
        "extensions": extensions(),
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


LISTING = Path("/proc/cpuinfo")
"""Where Linux tells of the processor."""
VECTOR_CODE = (
    "sse",
    "ssse",
    "avx",
    "amx",
    "fma",
    "f16c",
    "bmi",
    "popcnt",
    "pclmul",
    "vpclmul",
    "sha",
    "gfni",
    "vaes",
)
"""How the names begin of x86 extensions that libraries choose their code by."""


def processor(listing: Path = LISTING) -> str:
    """Model name of the processor. Virtual machines often tell but its family."""
    return _told(listing, "model name") or platform.processor() or platform.machine()


def extensions(listing: Path = LISTING) -> str:
    """Extensions of the processor that libraries choose vector code by, in order; empty where nothing tells.

    Two machines of one model name may have others: what a virtual machine is given is its host's choice.
    """
    arm = _told(listing, "Features").split()
    return " ".join(sorted(arm or (f for f in _told(listing, "flags").split() if f.startswith(VECTOR_CODE))))


def _told(listing: Path, name: str) -> str:
    """The first value of that name; empty where there is none."""
    lines = listing.read_text(errors="replace").splitlines() if listing.exists() else []
    return next(
        (text.strip() for key, _, text in (line.partition(":") for line in lines) if key.strip() == name), ""
    )
