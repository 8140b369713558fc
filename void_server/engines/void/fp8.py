# SPDX-License-Identifier: Apache-2.0
"""Matrices of 8-bit floats, multiplied as such: half the memory of bfloat16, and on GPUs of compute capability 8.9 and
newer about twice the rate.

Each row of a weight and each token has its own scale, so that its largest value becomes the largest of float8 e4m3.
This is not the official "qfloat8", which stores 8 bits and computes with 16 (and whose weights are overwritten anyway).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import ScalingType

FLOAT8 = torch.float8_e4m3fn
LARGEST = torch.finfo(FLOAT8).max
"""448."""
SMALLEST_SCALE = 1e-12
"""For rows of zeros."""
SIDES = 16
"""Sides of a matrix must be multiples of it, as the GPU's instruction wants them."""
CAPABILITY = (8, 9)
"""Of the oldest GPUs that multiply 8-bit floats (NVIDIA Ada)."""


class Float8Linear(nn.Module):
    """A linear layer with float8 weights; inputs are brought to float8 token by token.

    Args:
        of: the layer that it stands for; its sides are multiples of `SIDES`.
    """

    values: Tensor
    scales: Tensor

    def __init__(self, of: nn.Linear) -> None:
        super().__init__()
        values, scales = _scaled(of.weight.detach())
        self.register_buffer("values", values)
        self.register_buffer("scales", scales)
        self.bias = of.bias

    def forward(self, tokens: Tensor) -> Tensor:
        rows = tokens.reshape(-1, tokens.shape[-1])
        values, scales = _scaled(rows)
        found: Tensor = functional.scaled_mm(
            values,
            self.values.t(),
            scales,
            ScalingType.RowWise,
            self.scales.t(),
            ScalingType.RowWise,
            output_dtype=torch.bfloat16,
        ).to(tokens.dtype)
        if self.bias is not None:
            found = found + self.bias
        return found.view(*tokens.shape[:-1], -1)


def to_float8(block: nn.Module) -> int:
    """Replace the large matrices of a transformer block, in place; what scales and shifts tokens stays as it is.

    Returns:
        how many there were.
    """
    found = [
        (parent, name, layer)
        for path, parent in block.named_modules()
        for name, layer in parent.named_children()
        if isinstance(layer, nn.Linear)
        and "norm" not in path
        and not any(s % SIDES for s in layer.weight.shape)
    ]
    for parent, name, layer in found:
        setattr(parent, name, Float8Linear(layer))
    return len(found)


def _scaled(rows: Tensor) -> tuple[Tensor, Tensor]:
    """(n, d) as float8, and (n, 1) float32 scales that give the values back."""
    scales = (rows.abs().amax(dim=1, keepdim=True).to(torch.float32) / LARGEST).clamp(min=SMALLEST_SCALE)
    return (rows / scales).clamp(-LARGEST, LARGEST).to(FLOAT8), scales
