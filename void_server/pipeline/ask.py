# SPDX-License-Identifier: Apache-2.0
"""The units of the reasoners `openai` and `gemini`: `ask` a model about the shot, and its `effects` on a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from void_server.engines.cleanplate.arrays import F32
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.ground import grounder
from void_server.pipeline.model_question import papers, put
from void_server.pipeline.segment import cropped, pictures_of
from void_server.pipeline.shot import StoredShot
from void_server.reasoners.vlm import (
    Answer,
    Asked,
    Bounds,
    EffectsQuestion,
    belongings_at,
    effects_at,
    parse_answer,
    question,
)
from void_server.reasoners.vlm.errors import ConsentMissing, VlmError
from void_server.reasoners.vlm.site import VlmSite

Step = Callable[[int, int], None]
Answered = tuple[dict[str, StoredBlob], dict[str, Any]]


def ask(shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder, site: VlmSite, step: Step) -> Answered:
    """Leave the blob `answer`, what the model wrote; and tell what left this machine, where to, and what it cost.

    Args:
        args: `reasoner`, `instruction`, `consent`, and `fall_back`: whether another reasoner may do it where the model
            does not answer; then nothing is left, and `fallback` says why.
        site: which models there are.
        step: polled while it waits; it may raise to end the work.

    Raises:
        VlmError: the model may not be asked, or does not answer.
    """
    frames = [frame.frame for frame in shot.manifest.frames]
    asking = question(
        frames,
        pictures_of(shot, 0),
        lambda position: shot.drawn(position, shot.window).remove,
        instruction=args["instruction"],
    )
    try:
        asked = put(asking, args["reasoner"], site, args["consent"], step)
    except VlmError as error:
        # Without consent nobody may be asked in another way either: the user has to know.
        if not args["fall_back"] or isinstance(error, ConsentMissing):
            raise
        left = error.record.to_dict() if error.record is not None else None
        return {}, {"fallback": error.message, "sent": left, "passing": True}
    return {"answer": blobs.add_bytes(asked.text.encode())}, _told(asked, asking)


def _told(asked: Asked[Answer], asking: EffectsQuestion) -> dict[str, Any]:
    answer = asked.answer
    return {
        "bounds": asdict(asking.bounds),
        "scene": answer.scene,
        "confidence": answer.confidence,
        "affected": [{"noun": a.noun, "kind": a.kind.value, "why": a.why} for a in answer.affected],
        "belongings": [{"noun": b.noun, "why": b.why} for b in answer.belongings],
        **papers(asked),
    }


def effects(shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder, step: Step) -> Answered:
    """Leave the blob `effects`: `affected` and `remove`, mattes (h, w) float16 with `affected_at` and `remove_at`, the
    x and y of their first pixel on the common window.

    Args:
        args: `position`, `answer` (digest of what the model wrote), `bounds` that it keeps to, and `ground`, what
            outlines the things in it (see `ground_of`).
        step: polled while that works; it may raise to end the work.

    Raises:
        PreconditionFailed: that model is not there.
    """
    bounds = Bounds(**args["bounds"])
    answer = _answer(blobs, args["answer"], bounds)
    frame, size = shot.manifest.frames[args["position"]].frame, shot.window.shape
    ground, outlines = grounder(shot, args, bounds, lambda: step(0, 1))
    found = effects_at(answer, bounds, frame, size, ground)
    affected = np.max([np.zeros(size, np.float32), *(e.matte for e in found)], axis=0)
    remove = belongings_at(answer, bounds, frame, size, ground)
    arrays = _named("affected", affected) | _named("remove", remove)
    kinds = sorted({effect.kind.value for effect in found})
    return {"effects": store_arrays(blobs, arrays)}, {
        "affects": round(float((affected > 0).mean()), 6),
        "removes": round(float((remove > 0).mean()), 6),
        "kinds": kinds,
        "outlines": outlines,
    }


def _answer(blobs: BlobFolder, digest: str, bounds: Bounds) -> Answer:
    return parse_answer(blobs.path(digest).read_text(encoding="utf-8"), bounds)


def _named(name: str, matte: F32) -> dict[str, Any]:
    stored = cropped(matte)
    return {name: stored["values"], f"{name}_at": stored["at"]}
