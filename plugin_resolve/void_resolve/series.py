# SPDX-License-Identifier: Apache-2.0
"""Several clips, one after the other: each a job of its own, and the failure of one is not that of the others."""

from __future__ import annotations

from typing import Any, Callable, List, Sequence, Tuple

from void_resolve.selection import Picked

Ended = List[Tuple[str, Any]]
"""Each clip that was begun, as `2/3 NAME`, and its outcome."""


def one_after_the_other(
    clips: Sequence[Picked], cancelled: Callable[[], bool], run: Callable[[int, Picked], Any]
) -> tuple[Ended, list[str]]:
    """Run for each clip until the artist cancels; returns how each ended, and which were not begun.

    Args:
        run: takes the clip's number, counted from 1, and the clip; returns a `work.Outcome`.
    """
    ended: Ended = []
    names = [f"{number}/{len(clips)} {clip.name}" for number, clip in enumerate(clips, 1)]
    for number, clip in enumerate(clips, 1):
        if cancelled() or (ended and ended[-1][1].state == "cancelled"):
            break
        ended.append((names[number - 1], run(number, clip)))
    return ended, names[len(ended) :]


def summary(ended: Ended, not_begun: Sequence[str], make: Any) -> Any:
    """One outcome of all.

    Args:
        make: `work.Outcome`.
    """
    states = [outcome.state for _, outcome in ended]
    count = len(ended) + len(not_begun)
    lines = [f"{states.count('done')} of {count} clips are done."]
    lines += [
        f"{name}: {outcome.text or outcome.state}" for name, outcome in ended if outcome.state != "done"
    ]
    if not_begun:
        lines.append(f"Not begun: {', '.join(not_begun)}.")
    ends = (*states, "cancelled") if not_begun else tuple(states)
    state = next((each for each in ("cancelled", "failed") if each in ends), "done")
    clicks = tuple(f"{name}: {click}" for name, outcome in ended for click in outcome.clicks)
    return make(state, "\n".join(lines), "", "", clicks)
