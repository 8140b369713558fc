# SPDX-License-Identifier: Apache-2.0
"""Which checkpoint the segmenter `sam2` runs with on this machine."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from void_server.errors import PreconditionFailed
from void_server.pipeline.new_code import forbids_models
from void_server.pipeline.void_weights import identities
from void_server.weights.folder import Paths, weights_folder

SIZES = ("large", "base_plus", "small", "tiny")
"""Of the published checkpoints, the best first."""


def sam2_checkpoint() -> Path:
    """A folder in transformers' format, else an official .pt file where the package sam2 is installed; the largest.

    Raises:
        PreconditionFailed: there is none that can be read here.
    """
    folder = Paths(weights_folder()).sam2
    folders = [f.parent for f in folder.glob("*/config.json")] if folder.is_dir() else []
    files = list(folder.glob("*.pt")) if folder.is_dir() else []
    if folders and find_spec("transformers") is not None:
        return min(folders, key=_rank)
    if files and find_spec("sam2") is not None:
        return min(files, key=_rank)
    if folders or files:
        raise PreconditionFailed(
            "The server has a checkpoint of SAM2 and not the package that reads it.",
            fix="Install void-for-hosts[void] for a folder in transformers' format; for a .pt file run: make sam2",
            file=str(folder),
        )
    raise PreconditionFailed(
        f"There is no checkpoint of SAM2 in {folder}.",
        fix="Run: void-server weights fetch sam2 (without a network: void-server weights import FOLDER)",
        file=str(folder),
    )


def sam2_identity(checkpoint: Path) -> dict[str, str]:
    """What tells a checkpoint from others, for keys and papers, by file; see `weights_identity`."""
    return identities(checkpoint)


def missing_for_sam2() -> str:
    """What keeps the segmenter from running here; empty where nothing does. Nothing large is read or imported."""
    try:
        sam2_checkpoint()
    except (PreconditionFailed, OSError) as error:
        return f"not ready: {error}"
    return forbids_models()


def _rank(path: Path) -> tuple[int, str]:
    name = path.name.replace("-", "_")
    return next((n for n, size in enumerate(SIZES) if size in name), len(SIZES)), name
