# SPDX-License-Identifier: Apache-2.0
"""What this release's workers can do, as the server passes it on in GetCapabilities."""

from __future__ import annotations

from typing import Any

from void_server.pipeline.engine_choice import ENGINE_MAX_FRAMES, missing_for_void
from void_server.pipeline.keys import package_versions
from void_server.pipeline.options import CATALOGUE

STAGES = (
    "ingest",
    "preflight",
    "survey",
    "survey_motion",
    "survey_anchor",
    "survey_settle",
    "tie",
    "propose",
    "associate",
    "prepare",
    "motion",
    "anchor",
    "settle",
    "fill",
    "complete",
    "carry",
    "steady",
    "generate",
    "conform",
    "publish",
    "review",
    "report",
)


def capabilities() -> dict[str, Any]:
    """Engines, segmenters, reasoners, options and stages, JSON-ready."""
    return {
        "stages": list(STAGES),
        "engines": [
            _plug(
                "cleanplate",
                "Rebuilds the background from other frames at plate resolution, in linear light; CPU, no weights.",
                max_frames=ENGINE_MAX_FRAMES["cleanplate"],
            ),
            _plug(
                "void",
                "The VOID diffusion model: makes up what would be there without the object; weights, best with a GPU.",
                unavailable=missing_for_void(),
                max_frames=ENGINE_MAX_FRAMES["void"],
            ),
        ],
        "segmenters": [
            _plug("roto", "The artist's matte as it is."),
            _plug(
                "flow",
                "Roto on key frames, carried by flow.",
                unavailable="not available yet in this release.",
            ),
            _plug("sam2", "Points or boxes through SAM2.", unavailable="not available yet in this release."),
        ],
        "reasoners": [
            _plug("none", "Nothing beyond the removed object is affected."),
            _plug("artist", "The affected matte that the artist drew."),
            _plug(
                "motion",
                "Proposes shadows and reflections from the plate: what moves with the object, without a model."
                " What is drawn as affected is a hint.",
            ),
            _plug(
                "openai",
                "A vision model behind an OpenAI-compatible server.",
                unavailable="not available yet in this release.",
            ),
            _plug("gemini", "Google's Gemini.", unavailable="not available yet in this release."),
        ],
        "options": [o.to_dict() for o in CATALOGUE],
        "packages": package_versions(),
    }


def _plug(name: str, description: str, *, unavailable: str = "", max_frames: int = 0) -> dict[str, Any]:
    return {
        "name": name,
        "description": description,
        "available": not unavailable,
        "unavailable_reason": unavailable,
        "max_frames": max_frames,
    }
