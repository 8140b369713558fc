# SPDX-License-Identifier: Apache-2.0
"""The search for an object that words alone name, and what its boxes mean for the segmenter and the artist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from void_server.errors import InvalidInput, PreconditionFailed
from void_server.finders import named_phrases, noun_phrases
from void_server.frames.blobs import BlobFolder
from void_server.jobs.model import Problem
from void_server.jobs.words import GROUNDING, MODELS
from void_server.pipeline.find import DECIMALS
from void_server.pipeline.finders import grounding_folder, grounding_identity
from void_server.pipeline.findings import frame_list
from void_server.pipeline.keys import torch_numerics, unit_key
from void_server.pipeline.known_shot import known_shot
from void_server.pipeline.model_question import told_left
from void_server.pipeline.order import Order, Prompted
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit
from void_server.reasoners.vlm import FIND_VERSION, INSTEAD
from void_server.reasoners.vlm.site import VlmSite

GROUNDING_VERSION = "1"
"""Part of the key of what the local model found: raised with any change of how it looks."""


def plan_find(order: Order, results: Results, blobs: BlobFolder, site: VlmSite) -> Plan:
    """The search, where words are all that says what to remove.

    Raises:
        PreconditionFailed: there is nothing that could search.
        InvalidInput: the words name no thing.
    """
    if not order.in_words:
        return Plan()
    if not order.finder:
        raise PreconditionFailed(
            "This server has lost the model that was to find what the words name.",
            fix=f"Start it as before, or {INSTEAD}.",
        )
    told = _grounded(order) if order.finder == GROUNDING else _asked(order, site)
    shot = known_shot(order, results, blobs)
    key = unit_key(
        "find",
        plates=[f.content for f in shot.frames],
        frames=[f.frame for f in shot.frames],
        display=results.get("ingest", order.frames[0], "plate").info["display_window"],
        view=shot.view,
        window=shot.window,
        colour=asdict(shot.colour),
        encoding=shot.encoding,
        **told,
    )
    args = {"shot": shot.store(blobs).digest, "consent": order.cloud_consent, **told}
    return Plan([unit("find", key, "the search for what the words name", args)])


def _asked(order: Order, site: VlmSite) -> dict[str, Any]:
    return {
        "finder": order.finder,
        "version": FIND_VERSION,
        "model": site.told(order.finder),
        "instruction": order.instruction,
    }


def _grounded(order: Order) -> dict[str, Any]:
    phrases = named_phrases(order.options.find) or noun_phrases(order.instruction)
    if not phrases:
        raise InvalidInput(
            f'The instruction "{order.instruction}" names no thing to look for.',
            fix=f'Name it with --set find="coffee cup; saucer", or {INSTEAD}.',
        )
    return {
        "finder": GROUNDING,
        "version": GROUNDING_VERSION,
        "torch": torch_numerics(),
        "weights": grounding_identity(grounding_folder()),
        "phrases": list(phrases),
        "least_score": order.options.find_score,
    }


def found_prompts(results: Results) -> tuple[Prompted, ...]:
    """What was found, as the boxes of a user are read; empty where nothing was, or nothing was looked for."""
    found = results.find("find", None)
    return tuple(
        Prompted(box["frame"], tuple(box["place"]), number)
        for number, thing in enumerate(found.info["objects"] if found is not None else ())
        for box in thing["boxes"]
    )


def boxes_text(prompts: Iterable[Prompted]) -> str:
    """Boxes as `--boxes` takes them."""
    return "; ".join(f"{p.frame}:{','.join(_number(e) for e in p.place)},{p.object}" for p in prompts)


def _number(edge: float) -> str:
    return f"{edge:.{DECIMALS}f}".removesuffix(".0")


def find_notes(order: Order, results: Results) -> list[str]:
    """What was found, what left for that, and how to correct it."""
    found = results.find("find", None)
    if found is None:
        return []
    info = found.info
    notes = [told_left(info)] if "sent" in info else []
    for thing in info["objects"]:
        notes.append(f"Found: {thing['name']} on frames {frame_list(b['frame'] for b in thing['boxes'])}.")
    if info["objects"]:
        how = f"and --reasoner {order.reasoner}" if order.reasoner in MODELS else "and without --instruction"
        boxes = boxes_text(found_prompts(results))
        notes.append(f"To correct it, give the same command with --boxes '{boxes}' {how}.")
    return notes


def nothing_found(order: Order, results: Results) -> list[dict[str, Any]]:
    """An error where the search found nothing."""
    found = results.find("find", None)
    if found is None or found.info["objects"]:
        return []
    problem = Problem(
        severity="error",
        code="nothing_found",
        message=f'Nothing of "{order.instruction}" was found on the frames that were looked at.{_best(found.info)}',
        fix="Give points, a box or a roto (--points, --boxes, --remove), or name the thing in other words.",
    )
    return [asdict(problem)]


def _best(info: Mapping[str, Any]) -> str:
    """The best scores of the local model, of which none was enough; empty for other finders."""
    if "best_scores" not in info:
        return ""
    scores = ", ".join(f"{phrase} {score:.2f}" for phrase, score in info["best_scores"].items())
    return (
        f" The best scores were: {scores}; --set find_score=NUMBER takes less, --set find=NAMES other names."
    )
