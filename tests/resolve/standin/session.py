# SPDX-License-Identifier: Apache-2.0
"""One Resolve for one test: what a script sees, what the test makes happen, what must be as it was."""

from __future__ import annotations

import builtins
from collections import deque
from collections.abc import Iterable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from tests.resolve.standin.application import BMD, Resolve
from tests.resolve.standin.calls import Call, Gate, Handle
from tests.resolve.standin.failures import FAULTS
from tests.resolve.standin.jobs import STATUS
from tests.resolve.standin.stage import Stage
from tests.resolve.standin.windows import Dispatcher, UIManager


class Session:
    """A running Resolve with a project, and its calls from the first one on."""

    def __init__(
        self,
        sources: Path,
        version: str = "20.3.2",
        language: str = "en",
        edition: str = "Studio",
        fault: str | Iterable[str] = (),
        hang_seconds: float = 0.0,
    ) -> None:
        faults = frozenset([fault] if isinstance(fault, str) else fault)
        if unknown := faults - FAULTS.keys():
            raise ValueError(f"no such fault: {unknown}")
        if language not in STATUS:
            raise ValueError(f"no such language: {language}")
        self.gate = Gate(version, faults, hang_seconds)
        self.application = Resolve(self.gate, edition)
        self.stage = Stage(self.application, sources, language)
        self.resolve = Handle(self.application)
        self.events: deque[tuple[str, str]] = deque()
        self.remember()

    @property
    def calls(self) -> list[Call]:
        return self.gate.calls

    @property
    def violations(self) -> list[str]:
        return self.gate.violations

    @property
    def hangs(self) -> list[str]:
        return self.gate.hangs

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    def menu_globals(self) -> dict[str, Any]:
        """What Resolve injects into a menu script; `__file__` is not among it (section 1.4)."""
        fusion = Handle(self.application.fusion)
        bmd = BMD(self.resolve, self._dispatcher)
        return {"resolve": self.resolve, "fusion": fusion, "fu": fusion, "app": fusion, "bmd": bmd}

    def run_script(self, path: Path, *, stdout: bool = True) -> dict[str, Any]:
        """Run a file as the Scripts menu does: without `__file__`, and perhaps without stdout (R18p)."""
        names = {"__name__": "__main__", "__builtins__": builtins, **self.menu_globals()}
        with nullcontext() if stdout else redirect_stdout(None):
            exec(compile(path.read_text(encoding="utf-8"), "<string>", "exec"), names)
        return names

    def external(self, name: str) -> Handle | None:
        """For `DaVinciResolveScript.scriptapp` in a process of its own: None in the free edition (R18q)."""
        return self.resolve if name == "Resolve" and self.application.edition == "Studio" else None

    def _dispatcher(self, ui: UIManager) -> Dispatcher:
        return Dispatcher(self.gate, ui, self.events, self.sleep)

    def click(self, name: str, event: str = "Clicked") -> None:
        """The artist will press this; the events come in order as soon as a loop runs."""
        self.events.append((name, event))

    def sleep(self, seconds: float) -> None:
        """For the script's `time.sleep`: time passes in Resolve, and none in the test."""
        project = self.application.manager.project
        if project is not None:
            project.pass_time(seconds)

    def now(self) -> float:
        """For the script's `time.monotonic`."""
        return self.stage.project.clock

    def open_dialog(self) -> None:
        """A modal dialog: GetCurrentPage is None, and every write fails (R01e)."""
        self.gate.dialog = True

    def close_dialog(self) -> None:
        self.gate.dialog = False

    def close_project(self) -> None:
        self.application.manager.project = None

    def close_timeline(self) -> None:
        self.stage.project.current = None

    def fail_at(self, number: int) -> None:
        """The call of this number, counted from the next one as 1, fails in its own way."""
        self.gate.fail_at(number)

    def kill_at(self, number: int) -> None:
        """The script is killed during that call, which Resolve still does."""
        self.gate.kill_at(number)

    def restart(self) -> None:
        """Resolve goes on, and a new script may call it; what was rendering has ended."""
        self.gate.killed = False
        self.stage.project.running = []
        self.stage.project.late = []

    def cancel_at(self, number: int) -> None:
        """The artist cancels during that call: `cancelled` is True then, and `on_cancel` was called."""
        self.gate.cancel_at(number)

    def cancelled(self) -> bool:
        return self.gate.cancelled

    def on_cancel(self, callback: Any) -> None:
        self.gate.on_cancel = callback

    def quit_at(self, number: int, how: str = "raise") -> None:
        """Resolve ends at that call: it and all later ones `raise` or `hang` (R17)."""
        self.gate.quit_at(number, how)

    def quit_while_rendering(self, percent: int = 37, how: str = "raise") -> None:
        """Resolve ends when a render has come this far."""
        self.stage.project.quits_at = (percent, how)

    def turn_into(self, what: str) -> None:
        """The clip under the playhead becomes something else: see `Stage.turn_into`."""
        self.stage.turn_into(what)
        self.remember()

    def remember(self) -> None:
        """From here on this is how all must be: for tests that changed the project themselves."""
        self.before = self.state()

    def forgive(self) -> list[str]:
        """For a test that harms on purpose: the violations so far, which no longer count."""
        found = list(self.violations)
        self.violations.clear()
        return found

    def state(self) -> dict[str, Any]:
        """All that must be as it was, by name."""
        project = self.stage.project
        pool = project.pool
        return {
            "page": self.application.page,
            "current timeline": project.current.name if project.current else None,
            "timelines": [timeline.name for timeline in project.timelines],
            "playheads": {timeline.name: timeline.playhead for timeline in project.timelines},
            "marks": {timeline.name: dict(timeline.marks) for timeline in project.timelines},
            "markers": {t.name: {f: dict(m) for f, m in t.markers.items()} for t in project.timelines},
            "timelines' settings": {timeline.name: dict(timeline.own) for timeline in project.timelines},
            "tracks": {timeline.name: _tracks(timeline) for timeline in project.timelines},
            "current bin": pool.current.path(),
            "bins": [folder.path() for folder in pool.root.everything()],
            "clips": {f.path(): [_clip(clip) for clip in f.clips] for f in pool.root.everything()},
            "mattes": {clip.id: [matte.shown() for matte in clip.mattes] for clip in pool.clips()},
            "items' markers": _markers(project.timelines),
            "render presets": list(project.presets),
            "render settings": project.state_of_render(),
            "jobs": [job.state() for job in project.jobs],
            "project settings": dict(project.settings),
        }

    def assert_restored(self, *, result: bool = False, stopped: bool = False) -> None:
        """Everything is as it was, and nobody was harmed.

        `result`: new tracks, bins, clips, mattes and markers are what the artist asked for; those that were
        there are still as they were. `stopped`: the artist cancelled, and StopRendering marked other people's
        waiting jobs too, as it does.
        """
        assert not self.violations, self.violations
        assert not self.hangs, self.hangs
        now, before = self.state(), dict(self.before)
        if result:
            for name in ("bins", "clips", "tracks", "mattes", "items' markers"):
                _assert_kept(name, before.pop(name), now.pop(name))
        if stopped:
            now["jobs"], before["jobs"] = [j[0] for j in now["jobs"]], [j[0] for j in before["jobs"]]
        changed = [_difference(name, before[name], now[name]) for name in before if before[name] != now[name]]
        assert not changed, "not restored: " + "; ".join(changed)


def _difference(name: str, old: Any, new: Any) -> str:
    """Of lists only what was lost and what was added."""
    if isinstance(old, list):
        return f"{name} lost {[e for e in old if e not in new]}, got {[e for e in new if e not in old]}"
    return f"{name} was {old}, is {new}"


def _tracks(timeline: Any) -> list[tuple[Any, ...]]:
    return [
        (kind, track.name, track.enabled, track.locked, tuple(_item(item) for item in track.items))
        for kind, tracks in timeline.tracks.items()
        for track in tracks
    ]


def _item(item: Any) -> tuple[Any, ...]:
    return (
        *(item.id, item.start, item.duration, item.enabled, item.version, repr(item.versions)),
        *(tuple(item.properties.items()), len(item.takes), item.take, item.colour),
        tuple(comp.text for comp in item.comps),
        item.group.name if item.group else "",
    )


def _markers(timelines: Any) -> dict[str, list[str]]:
    tracks = [track for timeline in timelines for tracks in timeline.tracks.values() for track in tracks]
    return {item.id: [repr(marker) for marker in item.markers.items()] for t in tracks for item in t.items}


def _clip(clip: Any) -> tuple[Any, ...]:
    values = {key: value for key, value in clip.properties().items() if key != "Usage"}
    return clip.id, tuple(values.items()), tuple(clip.metadata.items())


def _assert_kept(name: str, before: Any, now: Any) -> None:
    """Everything of before is there, in its order; more may be."""
    if isinstance(before, dict):
        for key, old in before.items():
            assert key in now, f"{name}: {key} is gone"
            _assert_kept(f"{name} of {key}", old, now[key])
        return
    remaining = iter(now)
    missing = [each for each in before if each not in remaining]
    assert not missing, f"{name}: {missing} is not as it was; there is {now}"
