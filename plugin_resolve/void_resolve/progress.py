# SPDX-License-Identifier: Apache-2.0
"""Progress as text: UIManager has no documented bar."""

from __future__ import annotations

from typing import Any

WIDTH = 40


def bar(done: int, total: int, width: int = WIDTH) -> str:
    """A bar of characters with n of N; empty where nothing is counted."""
    if total <= 0:
        return ""
    done = min(max(done, 0), total)
    full = width * done // total
    return f"[{'#' * full}{'.' * (width - full)}] {done}/{total}"


def eta(seconds: float | None) -> str:
    """Time left; empty where nobody knows."""
    if seconds is None or seconds < 0:
        return ""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d} left" if hours else f"{minutes}:{left:02d} left"


def noted(progress: Any) -> str:
    """A `work.Progress` for the log, where a stage begins."""
    of_clips = f"clip {progress.clip[0]}/{progress.clip[1]}: " if progress.clip[1] > 1 else ""
    return f"{of_clips}{progress.stage}" + (f": {progress.text}" if progress.text else "")


def line(progress: Any) -> str:
    """A `work.Progress` as one line: which clip of several, stage, n/N, time left, words."""
    counted = f"{progress.done}/{progress.total}" if progress.total > 0 else ""
    of_clips = f"clip {progress.clip[0]}/{progress.clip[1]}" if progress.clip[1] > 1 else ""
    parts = (of_clips, progress.stage, counted, eta(progress.eta_seconds), progress.text)
    return " · ".join(part for part in parts if part)
