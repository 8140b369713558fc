# SPDX-License-Identifier: Apache-2.0
"""Which engine an order gets, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from void_server.errors import VoidError
from void_server.pipeline.void_weights import void_weights

VOID_PACKAGES = ("torch", "diffusers", "transformers", "sentencepiece", "accelerate")


@dataclass(frozen=True)
class Choice:
    """An engine, and a reason for it that goes behind its name; empty where it was asked for by name."""

    engine: str
    why: str = ""


def missing_for_void() -> str:
    """What keeps the engine `void` from running here; empty where nothing does. Nothing large is read or imported."""
    absent = [name for name in VOID_PACKAGES if find_spec(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)}. Install void-for-hosts[void] on the server."
    try:
        void_weights(passes=1)
    except (VoidError, OSError) as error:
        return f"not ready: {error}"
    return ""


def chosen(wanted: str) -> Choice:
    """The engine for what was asked for: `cleanplate`, `void`, or `auto` (also empty)."""
    return Choice(wanted) if wanted not in ("", "auto") else _automatic()


@cache
def _automatic() -> Choice:
    if missing_for_void():
        return Choice("cleanplate", "void is not set up on this server")
    if not _has_gpu():
        return Choice("cleanplate", "the server has no GPU; --engine void runs on the processor, slowly")
    return Choice("void", "its weights and a GPU are there")


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())
