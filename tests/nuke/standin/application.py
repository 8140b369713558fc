# SPDX-License-Identifier: Apache-2.0
"""One modelled Nuke: its version and mode, what it holds, and every breach of a rule that it saw.

Sections are those of the project's facts about Nuke (NUKE_FACTS); `rules.RULES` lists each rule by its id.
"""

from __future__ import annotations

import re
import threading
from typing import Any, Callable, NamedTuple

PYTHONS = {14: (3, 9), 15: (3, 10), 16: (3, 11), 17: (3, 11)}
"""1.1: Python of each major version that is promised."""

EDITIONS = ("nukex", "studio", "assist", "indie", "nc")
REACHABLE = 10
"""2.1: about as many nodes does the Python API of Indie and Non-commercial reach."""


class Violation(NamedTuple):
    """A breach of a rule.

    Attributes:
        kind: word that a test expects it by, such as hang, thread or bad value.
        rule: id in `rules.RULES`.
        text: what happened.
    """

    kind: str
    rule: str
    text: str


class Deleted(ValueError):
    """A Python object outlived what it stood for (N02)."""


class Application:
    """What the modules `nuke` and `nukescripts` of one test are about."""

    def __init__(self, version: str = "16.0v4", gui: bool = True, env: dict[str, Any] | None = None) -> None:
        found = re.fullmatch(r"(\d+)\.(\d+)v(\d+)", version)
        if not found or int(found[1]) not in PYTHONS:
            raise ValueError(f"{version} is not a version that is modelled")
        self.version = version
        self.major, self.minor, self.release = (int(part) for part in found.groups())
        self.gui = gui
        self.violations: list[Violation] = []
        self.main_thread = threading.current_thread()
        self.env = self._environment(env or {})
        self.printed: list[str] = []
        self.messages: list[str] = []
        self.questions: list[str] = []
        self.answers: list[bool] = []
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.panels: list[Any] = []
        self.reached: set[Any] = set()
        self.executing = False
        self.button_inside = False
        self.in_knob_changed = 0
        self.loading = 0
        self.this: list[tuple[Any, Any]] = []
        self.script: Any = None
        _CURRENT[:] = [self]

    def _environment(self, env: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = dict.fromkeys(EDITIONS, False)
        values.update(
            {
                "NukeVersionMajor": self.major,
                "NukeVersionMinor": self.minor,
                "NukeVersionRelease": self.release,
                "NukeVersionString": self.version,
                "WIN32": False,
                "MACOS": False,
                "LINUX": True,
                "gui": self.gui,
                "interactive": self.gui,
                "threads": 2,
            }
        )
        for name in env:
            if name not in values:
                raise KeyError(f"nuke.env has no {name}")
        values.update(env)
        return values

    @property
    def strict(self) -> bool:
        """N31: since 17 the bindings are pybind11 and take no argument of another kind (2.3)."""
        return self.major >= 17

    def breach(self, kind: str, rule: str, text: str) -> None:
        """Keeps a breach for the end of the test."""
        self.violations.append(Violation(kind, rule, text))

    def on_main_thread(self, what: str) -> None:
        """N20: every call into Nuke is made on the main thread (decision 9)."""
        if threading.current_thread() is not self.main_thread:
            text = f"{what} on the thread {threading.current_thread().name}"
            self.breach("thread", "N20", text)
            raise RuntimeError(f"{text}: only the main thread may call Nuke")

    def reach(self, node: Any) -> Any:
        """N63: the eleventh node is out of reach of Indie's and Non-commercial's API (2.1)."""
        if node is not None and (self.env["indie"] or self.env["nc"]):
            self.reached.add(node)
            if len(self.reached) > REACHABLE:
                raise RuntimeError(f"this edition reaches {REACHABLE} nodes through Python")
        return node


_CURRENT: list[Application] = []


def current() -> Application:
    """The application of the running test."""
    return _CURRENT[-1]


def guarded(kind: type) -> type:
    """Makes every public method of a class ask for the main thread, and for what it stands for (N02, N20)."""
    special = ("__getitem__", "__setitem__", "__enter__", "__exit__", "__contains__", "__len__")
    for name, value in list(vars(kind).items()):
        if callable(value) and not isinstance(value, type) and (name in special or not name.startswith("_")):
            setattr(kind, name, checked(value))
    return kind


def checked(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same method, refused off the main thread and on what was deleted."""

    def call(self: Any, *args: Any, **keywords: Any) -> Any:
        self._app.on_main_thread(f"{type(self).__name__}.{method.__name__}")
        self._alive()
        return method(self, *args, **keywords)

    call.__name__, call.__doc__ = method.__name__, method.__doc__
    return call
