# SPDX-License-Identifier: Apache-2.0
"""Which engine an order gets, and why."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from void_server.errors import VoidError
from void_server.pipeline.new_code import forbids_models
from void_server.pipeline.void_weights import void_weights, weight_sets

ENGINE_MAX_FRAMES = {"cleanplate": 4096, "void": 480, "none": 4096}
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
    # Where the default weights are missing but others are there, they are looked at when they are asked for.
    return _missing_packages() or ("" if weight_sets() else _missing_weights()) or forbids_models()


def _missing_packages() -> str:
    absent = [name for name in VOID_PACKAGES if find_spec(name) is None]
    return (
        f"not installed: {', '.join(absent)}. Install void-for-hosts[void] on the server." if absent else ""
    )


def _missing_weights() -> str:
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
    if _missing_packages() or _missing_weights():
        return Choice("cleanplate", "void is not set up on this server")
    if not _has_gpu():
        return Choice("cleanplate", "the server has no GPU; --engine void runs on the processor, slowly")
    return Choice("void", "its weights and a GPU are there")


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())
