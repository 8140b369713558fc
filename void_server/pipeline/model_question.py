# SPDX-License-Identifier: Apache-2.0
"""A question put to the model of a reasoner, with the site's and the job's leave; and how what left is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from void_server.errors import PreconditionFailed
from void_server.reasoners.vlm import Asked, Permission, Question, Record, ask_gemini, ask_openai, read_key
from void_server.reasoners.vlm.errors import Stopped, VlmError
from void_server.reasoners.vlm.site import VlmSite

T = TypeVar("T")
Step = Callable[[int, int], None]

KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "gemini": "GEMINI_API_KEY"}
LEFT = "When the model was asked, {} pictures and {} texts of this shot went to {} ({}), {}. {}"


def put(question: Question[T], reasoner: str, site: VlmSite, consent: bool, step: Step) -> Asked[T]:
    """What the model answers.

    Args:
        reasoner: `openai` or `gemini`.
        site: which models there are.
        consent: whether frames may leave the building for this job.
        step: polled while it waits; it may raise to end the work.

    Raises:
        VlmError: the model may not be asked, or does not answer; its message tells what had left by then.
        PreconditionFailed: this server has no such model.
    """
    raised: list[BaseException] = []

    def stop() -> bool:
        try:
            step(0, 1)
        except Exception as error:  # noqa: BLE001 - what ends the work is raised again below
            raised.append(error)
        return bool(raised)

    try:
        return _asked(question, reasoner, site, Permission(site.local_endpoints, consent), stop)
    except Stopped:
        raise raised[0] from None
    except VlmError as error:
        # The record does not cross to the server's process; the words do.
        error.message = f"{error.message}{_left(error.record)}"
        raise


def papers(asked: Asked[T]) -> dict[str, Any]:
    """What is kept of any question, JSON-ready."""
    return {"cost": asked.cost, "repaired": asked.repaired, "sent": asked.record.to_dict()}


def told_left(info: Mapping[str, Any]) -> str:
    """What went where and what it cost, for the user; `info` has `papers`."""
    sent = info["sent"]
    pictures = sum(s["what"].startswith("Picture") for s in sent["sent"])
    where = "the site's own" if sent["local"] else "outside of the site"
    return LEFT.format(
        pictures, len(sent["sent"]) - pictures, sent["host"], sent["address"], where, info["cost"]
    )


def _left(record: Record | None) -> str:
    if record is None or not record.requests:
        return ""
    return f" {len(record.sent)} pictures and texts of the shot had gone to {record.host} ({record.address}) by then."


def _asked(
    question: Question[T], reasoner: str, site: VlmSite, permission: Permission, stop: Callable[[], bool]
) -> Asked[T]:
    if reasoner == "gemini" and site.gemini is not None:
        key = read_key(site.gemini_key, KEY_VARIABLES[reasoner])
        return ask_gemini(question, site.gemini, key, permission, stop)
    if reasoner == "openai" and site.openai is not None:
        key = read_key(site.openai_key, KEY_VARIABLES[reasoner])
        return ask_openai(question, site.openai, key, permission, stop)
    # The job was accepted by a server that had one.
    raise PreconditionFailed(
        f"This server was started without a model for the reasoner {reasoner}.",
        fix="Start it with --vlm as before, then give the same command again.",
    )
