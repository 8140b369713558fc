# SPDX-License-Identifier: Apache-2.0
"""What this release's workers can do, as the server passes it on in GetCapabilities."""

from __future__ import annotations

from typing import Any

from void_server.pipeline.engine_choice import ENGINE_MAX_FRAMES, missing_for_void
from void_server.pipeline.finders import missing_for_finders
from void_server.pipeline.keys import package_versions
from void_server.pipeline.option_catalogue import CATALOGUE, Option
from void_server.pipeline.sam2_weights import missing_for_sam2
from void_server.pipeline.void_weights import DEFAULT, weight_sets
from void_server.reasoners.vlm.site import VlmSite

STAGES = (
    "ingest",
    "preflight",
    "find",
    "segment",
    "ask",
    "effects",
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
    "differ",
    "regions",
    "encode",
    "generate",
    "compare",
    "conform",
    "grain",
    "publish",
    "review",
    "report",
)


def capabilities(vlm: VlmSite | None = None) -> dict[str, Any]:
    """Engines, segmenters, reasoners, finders, options and stages, JSON-ready.

    Args:
        vlm: the models that may be asked; None for none.
    """
    missing = missing_for_finders(vlm or VlmSite())
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
                "Roto on some frames, carried to all others by motion and colour; no weights.",
            ),
            _plug(
                "sam2",
                "Points, boxes or roto on some frames, carried to all others by the model SAM2; weights.",
                unavailable=missing_for_sam2(),
            ),
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
                "A vision model behind an OpenAI-compatible server, such as the site's own.",
                unavailable=missing["openai"],
            ),
            _plug(
                "gemini",
                "Google's Gemini; frames leave the building, with --cloud-consent only.",
                unavailable=missing["gemini"],
            ),
        ],
        "finders": [
            _plug(
                "grounding",
                "A text-grounding model on the server finds what an instruction names; nothing leaves.",
                unavailable=missing["grounding"],
            ),
            _plug(
                "openai",
                "The model of the reasoner openai is asked where the object is.",
                unavailable=missing["openai"],
            ),
            _plug(
                "gemini",
                "The model of the reasoner gemini is asked where the object is, with --cloud-consent only.",
                unavailable=missing["gemini"],
            ),
        ],
        "options": [_option(o) for o in CATALOGUE],
        "packages": package_versions(),
    }


def _option(option: Option) -> dict[str, Any]:
    """As JSON-ready values; what there is to choose of weights is this server's."""
    told = option.to_dict()
    return told | {"choices": [DEFAULT, *weight_sets()]} if option.name == "weights" else told


def _plug(name: str, description: str, *, unavailable: str = "", max_frames: int = 0) -> dict[str, Any]:
    """As JSON-ready values; `unavailable` is what this server lacks for it, empty where nothing."""
    return {
        "name": name,
        "description": description,
        "available": not unavailable,
        "unavailable_reason": unavailable,
        "max_frames": max_frames,
    }
