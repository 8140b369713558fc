# SPDX-License-Identifier: Apache-2.0
"""What the window's tests need besides a modelled Resolve: a `work` and a helper that do as the test says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from void_resolve.errand import Bench
from void_resolve.history import History
from void_resolve.host import Host
from void_resolve.settings import Settings, Site

OUT = "/results"


class Request(NamedTuple):
    """As `work.Request`, without anything that is left out."""

    look: str
    matte: str
    matte_pattern: str
    matte_track: str
    matte_tool: str
    points: tuple
    affected_pattern: str
    handles: int
    quality: str
    engine: str
    reasoner: str
    prompt: str
    instruction: str
    seed: str
    out: str
    server: dict
    cloud_consent: bool
    options: dict
    matte_files: str
    segmenter: str
    item: tuple = ("", "")
    of_several: bool = False


class Progress(NamedTuple):
    stage: str
    done: int = 0
    total: int = 0
    eta_seconds: float | None = None
    text: str = ""
    clip: tuple = (0, 0)


class Picked(NamedTuple):
    timeline_id: str
    item_id: str
    name: str


class Outcome(NamedTuple):
    state: str
    text: str
    folder: str = ""
    job: str = ""
    clicks: tuple = ()


SITE: dict[str, Any] = {
    **dict.fromkeys(("file", "server", "token_file", "ca", "output"), ""),
    "defaults": {},
    "options": {},
    "locked": [],
}
"""What a helper answers where there is no site file."""


class Work:
    """The module `work`: `script` is called in place of all that it does."""

    Request, Progress, Outcome = Request, Progress, Outcome

    def __init__(self, script: Any = None) -> None:
        self.script = script or (
            lambda *_: Outcome("done", "It lies above.", "/results/v001", "job-1", ("Wire it.",))
        )
        self.requests: list[Any] = []
        self.clips = [Picked("t", "i", "shot.[1001-1040].exr")]
        self.taken_back: Any = []

    def picked(self, host):
        return self.clips

    def remove(self, host, request, helper, told, cancelled, pause):
        self.requests.append(request)
        return self.script(told, cancelled, pause)

    def reattach(self, host, record, helper, told, cancelled, pause):
        self.requests.append(record)
        return self.script(told, cancelled, pause)

    def take_back(self, host):
        if isinstance(self.taken_back, Exception):
            raise self.taken_back
        return self.taken_back


class Helper:
    """A helper that answers `site`."""

    def __init__(self, **site: Any) -> None:
        self.answer: Any = {"reply": {**SITE, **site}}
        self.alive = True
        self.closed = False
        self.servers: list[Any] = []
        self.abilities: Any = None

    def ask(self, do, fields, timeout):
        assert (do, fields) == ("site", {}) and timeout > 0
        return self.answer

    def request(self, do, fields, on_event, on_end):
        assert do == "capabilities"
        self.servers.append(fields["server"])
        if self.abilities:
            on_end(self.abilities)
        return 1

    def close(self):
        self.closed, self.alive = True, False

    def kill(self):
        raise AssertionError("it has ended by itself")


class Face:
    """A session with a bench; time passes in the model alone."""

    def __init__(self, session: Any, folder: Path, work: Work | None = None) -> None:
        self.session, self.folder = session, folder
        self.names = session.menu_globals()
        self.host = Host.find(self.names)
        self.work = work or Work()
        self.helper = Helper()
        self.history = History(str(folder / "history"), session.now)
        self.bench = Bench(
            self.host, self.work, str(folder), self.history, lambda: self.helper, session.now, session.sleep
        )

    def settings(self, site: Site | None = None, **values: Any) -> Settings:
        """The artist's settings, with a folder for results."""
        path = self.folder / "settings.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"out": OUT, **values}))
        return Settings(str(path), site or Site())

    def log(self) -> str:
        return (self.folder / "log" / "resolve.log").read_text()


def sent(folder: Path, job: str = "job-7") -> Progress:
    """What `work` tells once a job is accepted, with its record in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "job.json").write_text(
        json.dumps({"job": job, "folder": str(folder), "returned": {"job": job}})
    )
    return Progress("accepted", text=f"Job {job} is accepted; its record is {folder}.")
