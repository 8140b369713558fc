# SPDX-License-Identifier: Apache-2.0
"""A tiny Grounding DINO of random values, in a folder as transformers reads it: it finds nothing real."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import BertTokenizer, GroundingDinoConfig, GroundingDinoForObjectDetection

KNOWN = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
"""The signs by which the model parts its phrases have BERT's own numbers."""
WORDS = ("coffee", "cup", "##s", "saucer", "red", "square", "-")


def write_tiny_grounding(folder: Path) -> Path:
    """Leaves config.json, safetensors, a tokenizer and preprocessor_config.json."""
    torch.manual_seed(1)
    names = {number: word for word, number in KNOWN.items()}
    listed = [names.get(number, f"[unused{number}]") for number in range(1030)] + list(WORDS)
    BertTokenizer(vocab={word: number for number, word in enumerate(listed)}).save_pretrained(folder)
    backbone = {
        "model_type": "swin",
        "embed_dim": 12,
        "depths": [1, 1, 1, 1],
        "num_heads": [1, 1, 2, 2],
        "window_size": 2,
        "image_size": 32,
        "out_indices": [2, 3, 4],
    }
    text = {
        "model_type": "bert",
        "vocab_size": len(listed),
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 256,
    }
    configuration = GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_n_points=2,
        decoder_n_points=2,
        num_queries=10,
        disable_custom_kernels=True,
    )
    GroundingDinoForObjectDetection(configuration).eval().save_pretrained(folder)
    looks = {"size": {"shortest_edge": 64, "longest_edge": 96}}
    (folder / "preprocessor_config.json").write_text(json.dumps(looks))
    return folder
