# SPDX-License-Identifier: Apache-2.0
"""A SAM2 model from a checkpoint, in the package that reads it."""

from __future__ import annotations

from pathlib import Path

from void_server.errors import PreconditionFailed
from void_server.segmenters.sam2.predictor import VideoPredictor


def load_predictor(checkpoint: Path, device: str = "cpu") -> VideoPredictor:
    """Loads a model; nothing is fetched.

    Args:
        checkpoint: a folder in transformers' format (config.json and safetensors), or an official file such as
            sam2.1_hiera_large.pt.
        device: as PyTorch names it, such as "cuda:0".

    Raises:
        PreconditionFailed: the checkpoint or a package is not there.
        InvalidInput: it is no checkpoint of SAM2.
        DataLoss: it is damaged.
        OSError: it cannot be read.
    """
    if not checkpoint.exists():
        raise PreconditionFailed(
            "There is no checkpoint of SAM2.",
            fix="Run: void-server weights fetch sam2",
            file=str(checkpoint),
        )
    return _of_folder(checkpoint, device) if checkpoint.is_dir() else _of_file(checkpoint, device)


def _of_folder(folder: Path, device: str) -> VideoPredictor:
    try:
        from void_server.segmenters.sam2.transformers_predictor import TransformersPredictor
    except ImportError as error:
        raise PreconditionFailed(
            f"SAM2 from a folder needs PyTorch and transformers: {error}.",
            fix="Install them: pip install 'void-for-hosts[void]'",
            file=str(folder),
        ) from error
    return TransformersPredictor.load(folder, device)


def _of_file(file: Path, device: str) -> VideoPredictor:
    try:
        from void_server.segmenters.sam2.sam2_predictor import Sam2Predictor

        return Sam2Predictor.load(file, device)
    except ImportError as error:
        raise PreconditionFailed(
            f"SAM2 from a .pt file needs PyTorch and the package sam2: {error}.",
            fix="Run: make sam2 (docs/masks.md says what it installs), or give a folder in transformers' format.",
            file=str(file),
        ) from error
