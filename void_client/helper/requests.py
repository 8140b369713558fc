# SPDX-License-Identifier: Apache-2.0
"""What each request does; docs/helper_protocol.md has the table.

A function takes the request, whose form is checked, its task and the environment, and returns the reply.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias

from void.v1 import masks_pb2, server_pb2, types_pb2

from void_client import events
from void_client.bring import Brought, bring, bring_published, folder_of
from void_client.checks import checks
from void_client.colour_config import chosen_config, colour_space
from void_client.content import hash_files
from void_client.draft import draft_order, greeted, place_order
from void_client.errors import BadInput, ProtocolMismatch
from void_client.follow import ENDED, cancel_job, error_of, follow, get_job
from void_client.helper import PROTOCOL
from void_client.helper.orders import box, point, read_order, result_path, whole_path
from void_client.helper.task import Task, problem_data
from void_client.order import capabilities
from void_client.precedence import VARIABLES, Precedence
from void_client.reach import Reach
from void_client.results import ResultFolder, whole_file
from void_client.roots import shared_roots
from void_client.site import load_site
from void_client.stop import Stop
from void_client.transfer import download, upload
from void_client.version import version

Request: TypeAlias = Mapping[str, Any]
Environment: TypeAlias = Mapping[str, str]
Reply: TypeAlias = dict[str, object]

PREVIEW_LIMIT_S = 600.0
"""Longest wait for the matte of one frame: a server may load its model first."""


def hello(request: Request, task: Task, environment: Environment) -> Reply:
    """Greets a host of the same protocol."""
    if request["protocol"] != PROTOCOL:
        program = str(request["host"]).split(" ", 1)[0]
        raise ProtocolMismatch(
            f"The host speaks protocol {request['protocol']}, the helper {PROTOCOL}.",
            fix=f"Install plugin and helper of one release: void install {program}.",
            protocol=PROTOCOL,
        )
    return {
        "version": version(),
        "protocol": PROTOCOL,
        "python": platform.python_version(),
        "pid": os.getpid(),
    }


def site(request: Request, task: Task, environment: Environment) -> Reply:
    """Tells what the site file says."""
    found = load_site(environment)
    return {
        "file": found.file,
        "server": found.server,
        "token_file": found.token_file,
        "ca": found.ca,
        "output": found.output,
        "defaults": dict(found.defaults),
        "options": dict(found.options),
        "locked": sorted(found.locked),
    }


def ask_capabilities(request: Request, task: Task, environment: Environment) -> Reply:
    """Tells what a server can do."""
    with task.connected(_reach(request, _precedence(environment))) as connection:
        connection.greet(on_wait=lambda text: task(events.Notes((text,))))
        answer = capabilities(connection)
    return {
        "version": answer.version,
        "engines": [_plug(p) for p in answer.engines],
        "segmenters": [_plug(p) for p in answer.segmenters],
        "reasoners": [_plug(p) for p in answer.reasoners],
        "finders": [_plug(p) for p in answer.finders],
        "options": [_option(o) for o in answer.options],
        "limits": [
            {"name": limit.name, "value": limit.value, "unit": limit.unit, "help": limit.help}
            for limit in answer.limits
        ],
    }


def doctor(request: Request, task: Task, environment: Environment) -> Reply:
    """Checks what a removal needs."""

    def reach() -> Reach:
        return _reach(request, _precedence(environment))

    found = []
    for check in checks(reach, lambda: reach().roots(load_site(environment).roots)):
        task.check()
        found.append(asdict(check))
    return {"checks": found}


def submit(request: Request, task: Task, environment: Environment) -> Reply:
    """Places an order; ends once the server has accepted it."""
    accepted: list[events.Accepted] = []

    def tell(event: events.Event) -> None:
        if isinstance(event, events.Accepted):
            accepted.append(event)
        task(event)

    precedence, order = _precedence(environment), request["order"]
    reach, asked = _reach(request, precedence), read_order(order, precedence)
    draft = draft_order(asked.options, asked.frames, lambda: chosen_config(asked.ocio, environment))
    if draft.inputs and draft.inputs.notes:
        task(events.Notes(draft.inputs.notes))
    with greeted(lambda: task.connect(reach), draft, task) as (connection, server):
        shared = shared_roots(reach.roots(precedence.site.roots), server.roots)
        roots = () if order.get("upload") else shared
        _, folder = place_order(connection, server, draft, roots, order.get("again", False), tell)
    job = accepted[-1]
    return {
        "job": job.id,
        "request_id": job.request_id,
        "attempt": job.attempt,
        "created": job.created,
        "state": job.state,
        "directory": str(folder.root),
    }


def watch(request: Request, task: Task, environment: Environment) -> Reply:
    """Follows a job to its end, and writes its files as they are published."""
    with task.connected(_reach(request, _precedence(environment))) as connection:
        job = get_job(connection, request["job"])
        folder = folder_of(job, None, task)
        brought = bring(connection, job, folder, task, lambda take: follow(connection, job.id, task, take))
        return _brought(brought, folder)


def fetch(request: Request, task: Task, environment: Environment) -> Reply:
    """Writes what a job has published so far."""
    precedence, directory = _precedence(environment), request.get("directory", "")
    if directory and "output" in precedence.site.locked:
        raise precedence.site.refusal_of_change("output", "directory")
    place = result_path(directory, "The folder of the results") if directory else None
    with task.connected(_reach(request, precedence)) as connection:
        job = get_job(connection, request["job"])
        folder = folder_of(job, place, task)
        return _brought(bring_published(connection, job, folder, task), folder)


def cancel(request: Request, task: Task, environment: Environment) -> Reply:
    """Asks a job to stop."""
    with task.connected(_reach(request, _precedence(environment))) as connection:
        job = cancel_job(connection, get_job(connection, request["job"]).id)
    return {"job": job.id, "state": events.state_name(job.state)}


def preview(request: Request, task: Task, environment: Environment) -> Reply:
    """Writes the matte of one frame."""
    precedence, frame = _precedence(environment), request["frame"]
    out = result_path(request["out"], "The file of the matte")
    named = {role: request[role] for role in ("plate", "remove") if request.get(role)}
    paths = {role: Path(whole_path(path, role)) for role, path in named.items()}
    if out in paths.values():
        raise BadInput(f"The matte would overwrite {out}.", fix="Name another file.", file=str(out))
    config = chosen_config(precedence.settled("ocio", request.get("ocio", ""), "ocio"), environment)
    contents, unreadable = hash_files(((p, str(p)) for p in paths.values()), task)
    if unreadable:
        raise unreadable[0]
    archive = config.archive if config else None
    with task.connected(_reach(request, precedence)) as connection:
        upload(connection, [*contents.values(), *([archive] if archive else [])], task)
        files = {
            role: types_pb2.FrameFile(frame=frame, name=str(path), blob=contents[path].blob)
            for role, path in paths.items()
        }
        asked = masks_pb2.PreviewRequest(
            frame=files["plate"],
            segmenter=request.get("segmenter", ""),
            points=[point(p) for p in request.get("points", ()) if p["frame"] == frame],
            boxes=[box(b) for b in request.get("boxes", ()) if b["frame"] == frame],
            roto=files.get("remove"),
            colour=colour_space(request.get("colour", ""), config),
        )
        answer = connection.call(lambda s: s.masks.Preview, asked, timeout_s=PREVIEW_LIMIT_S)
        with whole_file(out) as file:
            download(connection, answer.matte, file, lambda _: None, Stop())
    return {"path": str(out)}


REQUESTS: dict[str, Callable[[Request, Task, Environment], Reply]] = {
    "hello": hello,
    "site": site,
    "capabilities": ask_capabilities,
    "doctor": doctor,
    "submit": submit,
    "watch": watch,
    "fetch": fetch,
    "cancel": cancel,
    "preview": preview,
}
"""By `do`; `stop` is the session's own."""


def _precedence(environment: Environment) -> Precedence:
    return Precedence(load_site(environment), environment)


def _reach(request: Request, precedence: Precedence) -> Reach:
    given, environment = request.get("server", {}), precedence.environment

    def one(name: str, word: str) -> str:
        settled = precedence.settled(name, given.get(word, ""), f"server.{word}")
        return settled or environment.get(VARIABLES.get(name, ""), "")

    # Nobody's shell has replaced a tilde here.
    files = [os.path.expanduser(one(name, name)) for name in ("token_file", "ca", "cert", "key")]  # noqa: PTH111
    return Reach(one("server", "address"), *files)


def _brought(brought: Brought, folder: ResultFolder) -> Reply:
    problem = error_of(brought.job) if brought.job.state in ENDED else None
    return {
        "job": brought.job.id,
        "state": events.state_name(brought.job.state),
        "directory": str(folder.root),
        "files": brought.files,
        "problem": problem_data(problem) if problem else None,
    }


def _plug(plug: server_pb2.Plug) -> Reply:
    return {
        "name": plug.name,
        "description": plug.description,
        "available": plug.available,
        "unavailable_reason": plug.unavailable_reason,
        "max_frames": plug.max_frames,
    }


def _option(option: server_pb2.Option) -> Reply:
    return {
        "name": option.name,
        "type": option.type,
        "choices": list(option.choices),
        # JSON has no infinity.
        "minimum": option.minimum if isfinite(option.minimum) else None,
        "maximum": option.maximum if isfinite(option.maximum) else None,
        "default_value": option.default_value,
        "help": option.help,
    }
