# SPDX-License-Identifier: Apache-2.0
"""The recordings in `golden/`, and how near to them is near."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from void_server.engines.void.memory import MemoryPlan
from void_server.engines.void.placement import PlacedTransformer, PlacedVAE
from void_server.engines.void.transformer import load_transformer
from void_server.engines.void.vae import VoidVAE

GOLDEN = Path(__file__).parent / "golden"
BASE = GOLDEN / "tiny" / "base"
OVERLAY = GOLDEN / "tiny" / "void_pass1.safetensors"
PROMPT = "A ball rolls off the table."
SIZE = (64, 96)

STAGE = 1e-5
"""Greatest rel-rms of a stage in float32; processors differ in their last bits."""
END = 1e-4
"""Greatest error of a frame, 0..1, from clip to clip."""

CPU = torch.device("cpu")
FULL = MemoryPlan("full", None, 1, 0)

torch.set_num_threads(1)


@cache
def recording(name: str) -> dict[str, Tensor]:
    return load_file(GOLDEN / f"{name}.safetensors")


@cache
def vae() -> VoidVAE:
    return VoidVAE.load(BASE / "vae", torch.float32)


@cache
def transformer(dtype: torch.dtype = torch.float32):
    return load_transformer(BASE / "transformer" / "config.json", OVERLAY, dtype)


@cache
def clip(kind: str) -> Tensor:
    """`frame` as (n, h, w, 3) RGB, `mask` as (n, h, w), uint8."""
    flag = cv2.IMREAD_COLOR_RGB if kind == "frame" else cv2.IMREAD_GRAYSCALE
    files = sorted((GOLDEN / "clips" / "short").glob(f"{kind}.*.png"))
    return torch.from_numpy(np.stack([cv2.imread(str(file), flag) for file in files]))


def rel_rms(found: Tensor, wanted: Tensor) -> float:
    assert found.shape == wanted.shape
    error = (found.double() - wanted.double()).square().mean().sqrt()
    return float(error / wanted.double().square().mean().sqrt())


def placed(**how) -> tuple[PlacedTransformer, PlacedVAE]:
    """The recorded models, on the processor."""
    return PlacedTransformer(transformer(), CPU, **how), PlacedVAE(vae(), CPU)
