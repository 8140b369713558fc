# SPDX-License-Identifier: Apache-2.0
"""Prompt embeddings: T5 v1.1, 226 tokens, padding attended, as VOID was trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoTokenizer, T5EncoderModel

TOKENS = 226
"""Of a prompt, padded or cut (`max_text_seq_length` of the transformer)."""


def token_ids(prompt: str, tokenizer_folder: Path) -> Tensor:
    """(1, 226) int64 ids of a prompt, taken as it is: no template, no change of case.

    Raises:
        OSError: a file of the tokenizer is missing.
    """
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, local_files_only=True)
    found = tokenizer(
        prompt,
        padding="max_length",
        max_length=TOKENS,
        truncation=True,
        add_special_tokens=True,
        return_tensors="pt",
    )
    ids: Tensor = found.input_ids
    return ids


@torch.no_grad()
def embeddings(
    prompts: Sequence[str], base_folder: Path, dtype: torch.dtype, device: torch.device
) -> list[Tensor]:
    """(1, 226, d) embedding of each prompt, on the CPU; the encoder is loaded once for all, and let go again.

    Args:
        prompts: each describes what remains in the shot.
        base_folder: holds `tokenizer/` and `text_encoder/` in the official layout.
        dtype: of the encoder.
        device: where it is computed.

    Raises:
        OSError: a file is missing or cannot be read.
    """
    ids = [token_ids(prompt, base_folder / "tokenizer") for prompt in prompts]
    model = T5EncoderModel.from_pretrained(base_folder / "text_encoder", dtype=dtype, local_files_only=True)
    encoder = model.eval().to(device)
    # No mask for the padding: neither T5 nor the transformer was given one.
    return [encoder(tokens.to(device))[0].to("cpu", dtype) for tokens in ids]
