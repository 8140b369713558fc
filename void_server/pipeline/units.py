# SPDX-License-Identifier: Apache-2.0
"""What a plan is made of: units, problems and notes, JSON-ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """What a stage has to do.

    Attributes:
        units: in the form of `void_server.jobs.stage.Unit`.
        problems: in the form of `void_server.jobs.model.Problem`; an error ends the job.
        notes: sentences for the user.
    """

    units: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def unit(
    kind: str,
    key: str,
    label: str,
    args: Mapping[str, Any],
    *,
    frame: int | None = None,
    role: str = "",
    publishes: Mapping[str, str] | None = None,
    subject: str = "",
    earlier: str = "",
) -> dict[str, Any]:
    """A unit in the form of `void_server.jobs.stage.Unit`."""
    return {
        "kind": kind,
        "key": key,
        "label": label,
        "frame": frame,
        "role": role,
        "args": dict(args),
        "publishes": dict(publishes or {}),
        "subject": subject,
        "earlier": earlier,
    }
