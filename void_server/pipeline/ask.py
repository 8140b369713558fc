# SPDX-License-Identifier: Apache-2.0
"""The units of the reasoners `openai` and `gemini`: `ask` a model about the shot, and its `effects` on a frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from void_server.engines.cleanplate.arrays import F32
from void_server.errors import PreconditionFailed
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.segment import cropped, pictures_of
from void_server.pipeline.shot import StoredShot
from void_server.reasoners.vlm import (
    Answer,
    Asked,
    Bounds,
    Permission,
    Question,
    Record,
    ask_gemini,
    ask_openai,
    belongings_at,
    effects_at,
    parse_answer,
    question,
    read_key,
)
from void_server.reasoners.vlm.errors import ConsentMissing, Stopped, VlmError
from void_server.reasoners.vlm.site import VlmSite

Step = Callable[[int, int], None]
Answered = tuple[dict[str, StoredBlob], dict[str, Any]]

KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY"}


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
    raised: list[BaseException] = []

    def stop() -> bool:
        try:
            step(0, 1)
        except Exception as error:  # noqa: BLE001 - what ends the work is raised again below
            raised.append(error)
        return bool(raised)

    try:
        asked = _asked(
            args["reasoner"], asking, site, Permission(site.local_endpoints, args["consent"]), stop
        )
    except Stopped:
        raise raised[0] from None
    except VlmError as error:
        # The record does not cross to the server's process; the words do.
        said = error.message = f"{error.message}{_left(error.record)}"
        # Without consent nobody may be asked in another way either: the user has to know.
        if not args["fall_back"] or isinstance(error, ConsentMissing):
            raise
        left = error.record.to_dict() if error.record is not None else None
        return {}, {"fallback": said, "sent": left, "passing": True}
    return {"answer": blobs.add_bytes(asked.text.encode())}, _told(asked, asking)


def _left(record: Record | None) -> str:
    if record is None or not record.requests:
        return ""
    return f" {len(record.sent)} pictures and texts of the shot had gone to {record.host} ({record.address}) by then."


def _asked(
    reasoner: str, asking: Question, site: VlmSite, permission: Permission, stop: Callable[[], bool]
) -> Asked:
    if reasoner == "gemini" and site.gemini is not None:
        key = read_key(site.gemini_key, KEY_VARIABLES[reasoner])
        return ask_gemini(asking, site.gemini, key, permission, stop)
    if reasoner == "openai" and site.openai is not None:
        key = read_key(site.openai_key, KEY_VARIABLES[reasoner])
        return ask_openai(asking, site.openai, key, permission, stop)
    # The job was accepted by a server that had one.
    raise PreconditionFailed(
        f"This server was started without a model for the reasoner {reasoner}.",
        fix="Start it with --vlm as before, then give the same command again.",
    )


def _told(asked: Asked, asking: Question) -> dict[str, Any]:
    answer = asked.answer
    return {
        "bounds": asdict(asking.bounds),
        "scene": answer.scene,
        "confidence": answer.confidence,
        "affected": [{"noun": a.noun, "kind": a.kind.value, "why": a.why} for a in answer.affected],
        "belongings": [{"noun": b.noun, "why": b.why} for b in answer.belongings],
        "cost": asked.cost,
        "repaired": asked.repaired,
        "sent": asked.record.to_dict(),
    }


def effects(shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder) -> Answered:
    """Leave the blob `effects`: `affected` and `remove`, mattes (h, w) float16 with `affected_at` and `remove_at`, the
    x and y of their first pixel on the common window.

    Args:
        args: `position`, `answer` (digest of what the model wrote) and `bounds` that it keeps to.
    """
    bounds = Bounds(**args["bounds"])
    answer = _answer(blobs, args["answer"], bounds)
    frame, size = shot.manifest.frames[args["position"]].frame, shot.window.shape
    found = effects_at(answer, bounds, frame, size)
    affected = np.max([np.zeros(size, np.float32), *(e.matte for e in found)], axis=0)
    remove = belongings_at(answer, bounds, frame, size)
    arrays = _named("affected", affected) | _named("remove", remove)
    kinds = sorted({effect.kind.value for effect in found})
    return {"effects": store_arrays(blobs, arrays)}, {
        "affects": round(float((affected > 0).mean()), 6),
        "removes": round(float((remove > 0).mean()), 6),
        "kinds": kinds,
    }


def _answer(blobs: BlobFolder, digest: str, bounds: Bounds) -> Answer:
    return parse_answer(blobs.path(digest).read_text(encoding="utf-8"), bounds)


def _named(name: str, matte: F32) -> dict[str, Any]:
    stored = cropped(matte)
    return {name: stored["values"], f"{name}_at": stored["at"]}
