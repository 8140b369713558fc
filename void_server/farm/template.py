# SPDX-License-Identifier: Apache-2.0
"""The Open Job Description template of a batch: a server for the session, shots as tasks.

Open Job Description, "Template Schemas", jobtemplate-2023-09
(github.com/OpenJobDescription/openjd-specifications/wiki/2023-09-Template-Schemas), which is also the source of the
limits below.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from void_server.errors import InvalidInput

SPECIFICATION = "jobtemplate-2023-09"
MOST_VALUES = 1024
"""Values that a task parameter may list; more shots are several steps."""
LONGEST_NAME = 128
"""Characters of a job's name."""
START_SECONDS, STOP_SECONDS = 600, 180
"""Longest time for a server to start, and to end."""
CANCEL_SECONDS = 120
"""Between the word that a task is to end and its end by force: one unit of work may have to be finished first."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class FarmJob:
    """What a template is made of.

    Attributes:
        title: the job's name.
        shots: names of the shots, at least one.
        default_file: the file of shots as the template names it by itself, relative to the template; empty = whoever
            submits names it.
        gpu: whether a task needs a GPU.
    """

    title: str
    shots: tuple[str, ...]
    default_file: str
    gpu: bool


def read_farm_job(file: Path, template: Path, *, gpu: bool) -> FarmJob:
    """What a file of `void batch` holds, as far as a farm must know it.

    Args:
        template: where the template will lie.

    Raises:
        InvalidInput: the file cannot be read, or names no shot.
    """
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror or error}.", file=str(file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} is no TOML: {error}.", file=str(file)) from error
    shots = tree.get("shots")
    if not isinstance(shots, dict) or not shots:
        raise InvalidInput(f"{file} names no shot.", fix="Write a table for each, such as [shots.sh010].")
    wrong = next((name for name in shots if not _NAME.fullmatch(name)), None)
    if wrong is not None:
        raise InvalidInput(f"{wrong!r} is no name of a shot.", fix="`void batch --check` tells all problems.")
    title = " ".join(str(tree.get("title") or file.stem).split())[:LONGEST_NAME]
    folder = template.absolute().parent.resolve()
    place = file.absolute().resolve()
    # A default may not lead out of the template's folder.
    default = place.relative_to(folder).as_posix() if place.is_relative_to(folder) else ""
    return FarmJob(title or file.stem, tuple(shots), default, gpu)


def job_template(job: FarmJob) -> dict[str, Any]:
    """The template, JSON-ready."""
    return {
        "specificationVersion": SPECIFICATION,
        "name": job.title,
        "description": "Object removal by VOID: each task is a shot of the file ShotFile.",
        "parameterDefinitions": _parameters(job),
        "jobEnvironments": [_environment()],
        "steps": [
            _step(number, job.shots[first : first + MOST_VALUES], gpu=job.gpu)
            for number, first in enumerate(range(0, len(job.shots), MOST_VALUES), 1)
        ],
    }


def _parameters(job: FarmJob) -> list[dict[str, Any]]:
    file: dict[str, Any] = {
        "name": "ShotFile",
        "type": "PATH",
        "objectType": "FILE",
        "dataFlow": "IN",
        "description": "TOML table of shots, as void batch reads it; workers must see its frames.",
    }
    if job.default_file:
        file["default"] = job.default_file
    return [
        file,
        {
            "name": "VoidServer",
            "type": "STRING",
            "default": "void-server",
            "description": "The program void-server on the workers.",
        },
        {
            "name": "Workers",
            "type": "INT",
            "minValue": 1,
            "default": 1,
            "description": "Worker processes of a session: one for a GPU; for the engine cleanplate one a core.",
        },
    ]


def _environment() -> dict[str, Any]:
    data = "{{Session.WorkingDirectory}}/void"
    start = ["openjd-session", "start", "--data", data, "--workers", "{{Param.Workers}}"]
    stop = ["openjd-session", "stop", "--data", data]
    return {
        "name": "VoidServer",
        "description": "A server on this worker that keeps the model from one shot to the next.",
        "script": {
            "actions": {
                "onEnter": {"command": "{{Param.VoidServer}}", "args": start, "timeout": START_SECONDS},
                "onExit": {"command": "{{Param.VoidServer}}", "args": stop, "timeout": STOP_SECONDS},
            }
        },
    }


def _step(number: int, shots: Sequence[str], *, gpu: bool) -> dict[str, Any]:
    run = {
        "command": "{{Param.VoidServer}}",
        "args": ["openjd-shot", "--file", "{{Param.ShotFile}}", "--shot", "{{Task.Param.Shot}}"],
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": CANCEL_SECONDS},
    }
    step: dict[str, Any] = {
        "name": "Shots" if number == 1 else f"Shots{number}",
        "parameterSpace": {
            "taskParameterDefinitions": [{"name": "Shot", "type": "STRING", "range": list(shots)}]
        },
        "script": {"actions": {"onRun": run}},
    }
    if gpu:
        step["hostRequirements"] = {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}
    return step
