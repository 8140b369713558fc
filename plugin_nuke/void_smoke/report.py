# SPDX-License-Identifier: Apache-2.0
"""The report: what was seen, without names of people or machines, as one JSON file and as a few lines."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import nuke
from void_nuke.knobs import NODE_VERSION

from void_smoke.bench import DIFFERS, NOT_CHECKED, OK, Bench, Outcome

VERSION = 1
"""Of the report's form."""

EDITIONS = ("nc", "indie", "assist", "studio", "nukex")

CANNOT = {
    "N20": "a call on another thread may end Nuke",
    "N21": "it would hang Nuke",
    "N27": "it would not end",
    "N28": "it would show errors to the artist",
    "N42": "it would fill the script",
    "N53": "the model is stricter than Nuke on purpose, and nothing relies on it",
    "N67": "Python does not see whether a bar is gone",
}
"""Rules that no check is of, and why."""


def build(
    bench: Bench,
    outcomes: Sequence[Outcome],
    scenes: list[dict[str, Any]],
    steps: list[dict[str, Any]],
    log: list[str],
    seconds: float,
) -> dict[str, Any]:
    """The whole report."""
    results = [one.result for one in outcomes] + [str(one["result"]) for one in (*scenes, *steps)]
    report = {
        "report": VERSION,
        "nuke": str(nuke.NUKE_VERSION_STRING),
        "edition": next((name for name in EDITIONS if _environment(name)), "nuke"),
        "mode": bench.mode,
        "os": platform.platform(),
        "python": platform.python_version(),
        "node_version": NODE_VERSION,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(seconds, 1),
        "counts": {result: results.count(result) for result in (OK, DIFFERS, NOT_CHECKED)},
        "checks": [one._asdict() for one in outcomes],
        "cannot_be_checked": dict(CANNOT),
        "scenes": scenes,
        "removal": steps,
        "log": log,
    }
    short = _without_names(report, bench.folder)
    assert isinstance(short, dict)
    return short


def _environment(name: str) -> bool:
    try:
        return bool(nuke.env[name])
    except KeyError:
        return False


def _without_names(value: Any, folder: str) -> Any:
    if isinstance(value, dict):
        return {key: _without_names(one, folder) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_names(one, folder) for one in value]
    return plain(value, folder) if isinstance(value, str) else value


def plain(text: str, folder: str) -> str:
    """A text without the checks' own folder, the home folder, the user's name and the machine's."""
    home = os.path.expanduser("~")
    for path, short in ((folder, "CHECKS"), (home, "~")):
        for spelt in {path, path.replace("\\", "/"), path.replace("/", "\\"), os.path.realpath(path)}:
            if len(spelt) > 1:
                text = text.replace(spelt, short)
    for name, short in ((_user(), "USER"), (platform.node(), "HOST")):
        if len(name) > 1:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", short, text)
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except Exception:  # noqa: BLE001 - it differs by system and version what is raised where there is none
        return ""


def write(report: dict[str, Any], path: str) -> None:
    """Write a report, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=".void-", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1, ensure_ascii=False)
            file.write("\n")
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def summary(report: dict[str, Any]) -> str:
    """What a person wants to know first."""
    counts = report["counts"]
    lines = [
        f"Nuke {report['nuke']} ({report['edition']}, {report['mode']}), Python {report['python']}, {report['os']}:",
        f"{counts[OK]} as assumed, {counts[DIFFERS]} different, {counts[NOT_CHECKED]} not checked.",
    ]
    lines += [
        f"differs: {one['rule']} {one['says']}. Seen: {one['seen']}"
        for one in report["checks"]
        if one["result"] == DIFFERS
    ]
    named = [(one["scene"], one) for one in report["scenes"]] + [
        (one["step"], one) for one in report["removal"]
    ]
    lines += [f"differs: {name}. Seen: {one['seen']}" for name, one in named if one["result"] == DIFFERS]
    return "\n".join(lines)
