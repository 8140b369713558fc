# SPDX-License-Identifier: Apache-2.0
"""In what the reports of two workers differ: a worker that differs would compute other bits under the same key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST_TOLD = 6
"""Differences that are told; the rest is counted."""


def differences(first: Any, other: Any) -> str:
    """What differs, as "numerics.packages.numpy is 2.4.6, there 2.4.5"; empty when nothing does.

    Args:
        first, other: JSON-ready values; a list of objects that have names is read as one by name.
    """
    ours, theirs = dict(_leaves(first)), dict(_leaves(other))
    named = [
        f"{name or 'the report'} is {_shown(ours, name)}, there {_shown(theirs, name)}"
        for name in sorted(ours.keys() | theirs.keys())
        if name not in ours or name not in theirs or ours[name] != theirs[name]
    ]
    rest = [f"and {len(named) - MOST_TOLD} more"] if len(named) > MOST_TOLD else []
    return "; ".join(named[:MOST_TOLD] + rest)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, list) and value and all(isinstance(v, dict) and "name" in v for v in value):
        value = {str(v["name"]): v for v in value}
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _shown(leaves: dict[str, Any], name: str) -> str:
    return str(leaves[name])[:80] if name in leaves else "absent"
