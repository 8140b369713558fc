# SPDX-License-Identifier: Apache-2.0
"""The units of the reasoners that ask a vision-language model: one question for the shot, and its answer by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from void_server.frames.blobs import BlobFolder
from void_server.pipeline.ground import check_ground, ground_of, read_by_ground
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import known_shot, survey_contents
from void_server.pipeline.model_question import told_left
from void_server.pipeline.order import VLM_REASONERS, Order
from void_server.pipeline.results import Results
from void_server.pipeline.units import Plan, unit
from void_server.reasoners.vlm import PROMPT_VERSION
from void_server.reasoners.vlm.site import VlmSite

FELL_BACK = "The model of the reasoner {} did not answer, and the reasoner motion does it instead: {}"


def plan_ask(order: Order, results: Results, blobs: BlobFolder, site: VlmSite) -> Plan:
    """The question; an answer that is recorded is not asked for again."""
    if order.reasoner not in VLM_REASONERS:
        return Plan()
    check_ground(order)
    shot = known_shot(order, results, blobs)
    told = {"reasoner": order.reasoner, "instruction": order.instruction}
    key = unit_key(
        "ask",
        prompt=PROMPT_VERSION,
        model=site.told(order.reasoner),
        plates=[f.content for f in shot.frames],
        mattes=[survey_contents(f) for f in shot.frames],
        frames=[f.frame for f in shot.frames],
        view=shot.view,
        window=shot.window,
        colour=asdict(shot.colour),
        encoding=shot.encoding,
        **told,
    )
    args = {
        "shot": shot.store(blobs).digest,
        "consent": order.cloud_consent,
        "fall_back": order.options.fall_back == "motion",
        **told,
    }
    return Plan([unit("ask", key, "the question to the model", args)])


def plan_effects(order: Order, results: Results, blobs: BlobFolder) -> Plan:
    """What the answer means on each frame; and what is to be told of it."""
    asked = results.find("ask", None)
    if asked is None:
        return Plan()
    if "fallback" in asked.info:
        return Plan(notes=[FELL_BACK.format(order.reasoner, asked.info["fallback"])])
    shot = known_shot(order, results, blobs)
    digest, units = shot.store(blobs).digest, []
    ground = ground_of(order, asked.info)
    for position, frame in enumerate(shot.frames):
        told = {"answer": asked.blobs["answer"], "bounds": asked.info["bounds"], "ground": ground}
        seen = read_by_ground(shot, frame) if ground else {}
        key = unit_key(
            "effects", frame=frame.frame, window=shot.window, prompt=PROMPT_VERSION, **seen, **told
        )
        args = {"shot": digest, "position": position, **told}
        units.append(unit("effects", key, f"effects on frame {frame.frame}", args, frame=frame.frame))
    return Plan(units, notes=_notes(asked.info))


def _notes(info: Mapping[str, Any]) -> list[str]:
    found = info["affected"]
    said = [
        f"Affected: {thing['noun']} ({thing['kind'].replace('_', ' ')}). {thing['why']}" for thing in found
    ]
    return [told_left(info), *said, f"Without the object: {info['scene']}"]
