# SPDX-License-Identifier: Apache-2.0
"""Which finders this server has, and what the others lack."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from void_server.errors import PreconditionFailed
from void_server.jobs.words import GROUNDING
from void_server.pipeline.new_code import forbids_models
from void_server.pipeline.void_weights import identities
from void_server.reasoners.vlm.site import VlmSite
from void_server.weights.folder import Paths, weights_folder

NO_MODEL = "not set up: the server was started without a model; see --vlm in docs/vlm_reasoners.md."


def missing_for_finders(site: VlmSite) -> dict[str, str]:
    """What keeps each finder from working here, by its name; empty where nothing does."""
    return {
        GROUNDING: missing_for_grounding(),
        "openai": "" if site.openai is not None else NO_MODEL,
        "gemini": missing_for_gemini(site),
    }


def finders_of(site: VlmSite) -> frozenset[str]:
    """The finders that work here."""
    return frozenset(name for name, missing in missing_for_finders(site).items() if not missing)


def missing_for_grounding() -> str:
    """What the local text-grounding model lacks. Nothing large is read or imported."""
    try:
        grounding_folder()
    except (PreconditionFailed, OSError) as error:
        return f"not ready: {error}"
    return forbids_models()


def missing_for_gemini(site: VlmSite) -> str:
    """What keeps Gemini from being asked."""
    if site.gemini is None:
        return NO_MODEL
    # A part of a package that is missing altogether cannot be looked for.
    if find_spec("google") is None or find_spec("google.genai") is None:
        return "not installed: google-genai. Install void-for-hosts[cloud] on the server."
    return ""


def grounding_folder() -> Path:
    """The folder of the text-grounding model, in transformers' format.

    Raises:
        PreconditionFailed: it is not there, or cannot be read here.
    """
    folder = Paths(weights_folder()).grounding
    if not (folder / "config.json").is_file():
        raise PreconditionFailed(
            f"There is no text-grounding model in {folder}.",
            fix="Put one there: config.json, safetensors and tokenizer, such as those of grounding-dino-tiny.",
            file=str(folder),
        )
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise PreconditionFailed(
            "The server has a text-grounding model and not the packages that read it.",
            fix="Install void-for-hosts[void] on the server.",
            file=str(folder),
        )
    return folder


def grounding_identity(folder: Path) -> dict[str, str]:
    """What tells the model from others, for keys and papers, by file."""
    return identities(folder)
