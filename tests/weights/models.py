# SPDX-License-Identifier: Apache-2.0
"""Small files that are valid as what they stand for: safetensors by the format's own description, JSON, text."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
OVERLAYS = ("void_pass1.safetensors", "void_pass2.safetensors")


def safetensors(header: object, data: bytes) -> bytes:
    """A safetensors file of this header."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensors(name: str, size: int = 4096) -> bytes:
    """A whole safetensors file with two tensors; its bytes depend on `name`."""
    data = (name.encode() * 2 * size)[: 2 * size]
    entry = {"dtype": "U8", "shape": [size]}
    header = {
        "__metadata__": {"format": "pt"},
        "b": entry | {"data_offsets": [size, 2 * size]},
        "a": entry | {"data_offsets": [0, size]},
    }
    return safetensors(header, data)


def index(shards: tuple[str, ...] = SHARDS) -> bytes:
    weight_map = {f"encoder.{number}.weight": name for number, name in enumerate(shards)}
    return json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}).encode()


def base_files(single: bool = False) -> dict[str, bytes]:
    """The base folder by path: the text encoder in shards with an index, or in one file."""
    config = b'{"_class_name": "X"}'
    files = {
        "LICENSE": b"The CogVideoX License\n",
        "scheduler/scheduler_config.json": config,
        "transformer/config.json": config,
        "vae/config.json": config,
        "vae/diffusion_pytorch_model.safetensors": tensors("vae"),
        "tokenizer/tokenizer_config.json": config,
        "tokenizer/spiece.model": b"\n\x0espiece",
        "tokenizer/special_tokens_map.json": config,
        "tokenizer/added_tokens.json": config,
        "text_encoder/config.json": config,
    }
    if single:
        return files | {"text_encoder/model.safetensors": tensors("t5")}
    return (
        files
        | {"text_encoder/model.safetensors.index.json": index()}
        | {f"text_encoder/{name}": tensors(name) for name in SHARDS}
    )


def overlay_files() -> dict[str, bytes]:
    return {name: tensors(name) for name in OVERLAYS}


def sam2_files() -> dict[str, bytes]:
    return {f"sam2.1_hiera_{size}.pt": f"PK {size}".encode() * 100 for size in ("large", "tiny")}


def sam2_folder(size: str = "large") -> dict[str, bytes]:
    """A model of SAM2 in transformers' format, by path, with what else its repository holds."""
    return {
        "config.json": b'{"model_type": "sam2_video"}',
        "model.safetensors": tensors(f"sam2 {size}"),
        "processor_config.json": b'{"target_size": 1024}',
        "README.md": b"# SAM2",
    }


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def weights(folder: Path, single: bool = False) -> Path:
    """A weights folder with base and void, whole, as if copied by hand."""
    write(folder / "base", base_files(single))
    return write(folder, overlay_files())
