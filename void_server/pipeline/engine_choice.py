# SPDX-License-Identifier: Apache-2.0
"""Which engine an order gets, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from void_server.errors import VoidError
from void_server.pipeline.void_weights import void_weights

ENGINE_MAX_FRAMES = {"cleanplate": 4096, "void": 480}
"""Most frames of one job, by engine: a plan lists every frame, and 4096 keep it under the message limit. `void` works
on the whole clip at once, and holds it in memory."""

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


def chosen(wanted: str, frames: int) -> Choice:
    """The engine for what was asked for: `cleanplate`, `void`, or `auto` (also empty), and for so many frames."""
    if wanted not in ("", "auto"):
        return Choice(wanted)
    found = _automatic()
    if found.engine == "void" and frames > ENGINE_MAX_FRAMES["void"]:
        return Choice("cleanplate", f"void takes {ENGINE_MAX_FRAMES['void']} frames at most")
    return found


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
