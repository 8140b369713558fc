# SPDX-License-Identifier: Apache-2.0
"""What must be the same on two machines for the same unit to have the same bits on both."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import void_server
from void_server.errors import VoidError
from void_server.pipeline.engine_choice import missing_for_void
from void_server.pipeline.finders import grounding_folder, grounding_identity, missing_for_grounding
from void_server.pipeline.keys import (
    PIPELINE_VERSION,
    TORCH_PACKAGES,
    numerics,
    package_versions,
    torch_numerics,
)
from void_server.pipeline.sam2_weights import missing_for_sam2, sam2_checkpoint, sam2_identity
from void_server.pipeline.void_weights import DEFAULT, raft_identity, weight_sets, weights_identity


def identity() -> dict[str, Any]:
    """The numerics key, this program's own code, and the weights, as JSON-ready values.

    PyTorch is imported only where a model that needs it can be used.
    """
    void, sam2, grounding = not missing_for_void(), not missing_for_sam2(), not missing_for_grounding()
    models = void or sam2 or grounding
    return {
        "code": code_digest(),
        "pipeline": PIPELINE_VERSION,
        "numerics": numerics(),
        "torch": torch_numerics() if models else {"packages": package_versions(TORCH_PACKAGES)},
        "weights": {name: _set_identity(name) for name in (DEFAULT, *weight_sets())} if void else {},
        "sam2": _told(lambda: sam2_identity(sam2_checkpoint())) if sam2 else {},
        "grounding": _told(lambda: grounding_identity(grounding_folder())) if grounding else {},
    }


def code_digest(folder: Path = Path(void_server.__file__).parent) -> str:
    """SHA-256 over the names and bytes of all Python files of a package, of this one unless another is given."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _set_identity(name: str) -> dict[str, dict[str, str]]:
    passes = {f"pass {n}": _told(lambda n=n: weights_identity(n, name)) for n in (1, 2)}  # type: ignore[misc]
    return passes | {"raft": _told(lambda: raft_identity(name))}


def _told(ask: Callable[[], dict[str, str]]) -> dict[str, str]:
    try:
        return ask()
    except VoidError as error:
        return {"missing": error.message}
