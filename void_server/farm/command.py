# SPDX-License-Identifier: Apache-2.0
"""The commands `void-server openjd`, and `openjd-session` and `openjd-shot`, which its template runs."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from void_server.farm.session import start, stop
from void_server.farm.task import run_shot
from void_server.farm.template import job_template, read_farm_job
from void_server.frames.durable import write_file

SUFFIX = ".openjd.json"

_DESCRIPTION = """\
Writes an Open Job Description template (jobtemplate-2023-09) for a file of shots, as `void batch` reads it. Each shot
is a task; a session starts a server of its own, which keeps the model from shot to shot, and ends it.

  void-server openjd shots.toml            writes shots.openjd.json beside it
  openjd check shots.openjd.json
  openjd run shots.openjd.json --step Shots

Any farm that runs Open Job Description takes the template, AWS Deadline Cloud among them. Workers need void-for-hosts
with the extra [server], and must see the frames under the paths of the file; relative ones begin at its folder.
"""


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to `void-server`; `run` of the parsed options returns the exit code."""
    raw = argparse.RawDescriptionHelpFormatter
    write = commands.add_parser(
        "openjd", help="write a template for render farms", description=_DESCRIPTION, formatter_class=raw
    )
    write.add_argument("file", type=Path, metavar="SHOTS.toml", help="the shots")
    write.add_argument(
        "--out", type=Path, metavar="FILE", help="the template (default: SHOTS.openjd.json beside the file)"
    )
    write.add_argument("--gpu", action="store_true", help="a task needs a GPU (for the engine void)")
    write.set_defaults(run=_write)
    session = commands.add_parser(
        "openjd-session", help="start or stop the server of a farm's session (the template runs it)"
    )
    session.add_argument("action", choices=("start", "stop"))
    session.add_argument("--data", type=Path, required=True, metavar="DIR", help="a folder of the session")
    session.add_argument("--workers", type=int, default=1, help="worker processes (default %(default)s)")
    session.set_defaults(run=_session)
    shot = commands.add_parser("openjd-shot", help="run one shot as a farm's task (the template runs it)")
    shot.add_argument("--file", type=Path, required=True, metavar="SHOTS.toml", help="the shots")
    shot.add_argument("--shot", required=True, metavar="NAME", help="which of them")
    shot.set_defaults(run=_shot)


def _write(options: argparse.Namespace, _default_store: Path) -> int:
    out: Path = options.out or options.file.with_suffix(SUFFIX)
    job = read_farm_job(options.file, out, gpu=options.gpu)
    write_file(out, (json.dumps(job_template(job), indent=2) + "\n").encode())
    named = "" if job.default_file else "; give it with --job-param ShotFile=…"
    print(f"{out}: {len(job.shots)} shots{named}")
    return 0


def _session(options: argparse.Namespace, _default_store: Path) -> int:
    tell = partial(print, flush=True)
    if options.action == "start":
        start(options.data.absolute(), options.workers, tell)
    else:
        stop(options.data.absolute(), tell)
    return 0


def _shot(options: argparse.Namespace, _default_store: Path) -> int:
    return run_shot(options.file, options.shot, partial(print, flush=True))
