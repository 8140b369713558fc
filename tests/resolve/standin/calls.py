# SPDX-License-Identifier: Apache-2.0
"""What a script holds of Resolve, and the one gate that each of its calls passes.

A script never sees a model: it sees handles, a new one for each answer, so that two handles of one object are
not equal and only GetUniqueId tells (facts, section 2.2). The gate records every call, and makes calls fail,
cancel, hang.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.resolve.standin.failures import failure_of, is_write, under_a_dialog
from tests.resolve.standin.versions import available, first_versions


class Hang(BaseException):
    """The call never came back. No `except Exception` gets past it, as none gets past a real hang."""


class Killed(BaseException):
    """The script was killed during a call: nothing of it reaches Resolve any more, also not what would put back."""


class ResolveGone(RuntimeError):
    """What a call raises after Resolve has quit (R17a)."""


class WrongThread(AssertionError):
    """A call from another thread than the script's main one: Resolve deadlocks or crashes (section 1.4)."""


class NotModelled(AssertionError):
    """The method exists in Resolve, but the stand-in knows nothing of it."""


@dataclass(frozen=True)
class Call:
    """One call, as it was made, and what it gave."""

    number: int
    script_class: str
    method: str
    arguments: tuple[Any, ...]
    result: Any = None

    def __str__(self) -> str:
        return f"{self.number}: {self.script_class}.{self.method}{self.arguments!r} -> {self.result!r}"


class Scripted:
    """A model of something that a script can hold. Its class names its methods in the table of versions."""

    script_class: ClassVar[str]
    hidden: ClassVar[frozenset[str]] = frozenset()
    stale = False

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def attributes(self) -> dict[str, Any]:
        """What is there without a call."""
        return {}


class Handle:
    """What a script holds: it has every attribute, and those that Resolve does not know are None (R02a)."""

    __slots__ = ("__model", "__weakref__")

    def __init__(self, model: Scripted) -> None:
        self.__model = model

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        model = self.__model
        gate = model.gate
        attributes = model.attributes()
        if name in attributes:
            gate.check_thread(f"{model.script_class}.{name}")
            return gate.wrap(attributes[name])
        if available(model.script_class, name, gate.version):
            return Method(model, name)
        return None

    def __dir__(self) -> list[str]:
        model = self.__model
        names = first_versions(model.script_class)
        known = {name for name in names if available(model.script_class, name, model.gate.version)}
        return sorted((known - model.hidden) | set(model.attributes()))

    def __repr__(self) -> str:
        return f"<{self.__model.script_class} of the stand-in>"


class Method:
    """A method of a handle. Resolve's methods take arguments by position only."""

    __slots__ = ("model", "name")

    def __init__(self, model: Scripted, name: str) -> None:
        self.model = model
        self.name = name

    def __call__(self, *arguments: Any) -> Any:
        return self.model.gate.perform(self.model, self.name, arguments)


def model_of(value: Any) -> Any:
    """The model behind a handle, for tests that look behind the scene."""
    return value._Handle__model if isinstance(value, Handle) else value


@dataclass
class Gate:
    """Every call of a script goes through `perform`; the test decides here which of them fail."""

    version: str
    faults: frozenset[str] = frozenset()
    hang_seconds: float = 0.0
    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    main_thread: threading.Thread = field(default_factory=threading.current_thread)
    dialog: bool = False
    gone: str | None = None
    cancelled: bool = False
    on_cancel: Callable[[], None] | None = None
    _failing: set[int] = field(default_factory=set)
    _cancelling: set[int] = field(default_factory=set)
    killed: bool = False
    on_call: Callable[[int], None] | None = None
    _quitting: dict[int, str] = field(default_factory=dict)
    _killing: set[int] = field(default_factory=set)

    def kill_at(self, number: int) -> None:
        """The script is killed after the call of this number, counted from the next one as 1, was done."""
        self._killing.add(len(self.calls) + number)

    def fail_at(self, number: int) -> None:
        """The call of this number, counted from the next one as 1, fails in its own way."""
        self._failing.add(len(self.calls) + number)

    def cancel_at(self, number: int) -> None:
        """The artist cancels while the call of this number runs, counted from the next one as 1."""
        self._cancelling.add(len(self.calls) + number)

    def quit_at(self, number: int, how: str = "raise") -> None:
        """Resolve is gone from this call on; calls then `raise` or `hang` (R17)."""
        self._quitting[len(self.calls) + number] = how

    def violate(self, what: str) -> None:
        """Something happened that harms an artist. The fixture fails the test in the end."""
        self.violations.append(what)

    def hang(self, what: str) -> None:
        """The call does not come back. The test waits for the deadline only."""
        self.hangs.append(what)
        time.sleep(self.hang_seconds)
        raise Hang(what)

    def check_thread(self, what: str) -> None:
        """Only the main thread may call (R16a)."""
        if threading.current_thread() is not self.main_thread:
            self.violate(f"{what} from thread {threading.current_thread().name}")
            raise WrongThread(what)

    def perform(self, model: Scripted, name: str, arguments: tuple[Any, ...]) -> Any:
        called = f"{model.script_class}.{name}"
        self.check_thread(called)
        if self.killed:
            raise Killed(called)
        number = len(self.calls) + 1
        if self.on_call is not None:
            self.on_call(number)
        self.calls.append(Call(number, model.script_class, name, arguments))
        self.gone = self._quitting.pop(number, self.gone)
        if self.gone == "hang":
            self.hang(f"{called} after Resolve has quit")
        if self.gone:
            raise ResolveGone(f"{called}: Resolve has quit")
        if number in self._cancelling:
            self.cancelled = True
            if self.on_cancel is not None:
                self.on_cancel()
        result = self._result(model, name, arguments, fails=number in self._failing)
        self.calls[number - 1] = Call(number, model.script_class, name, arguments, result)
        if number in self._killing:
            self.killed = True
            raise Killed(called)
        return result

    def _result(self, model: Scripted, name: str, arguments: tuple[Any, ...], *, fails: bool) -> Any:
        if self.dialog and (is_write(name) or name == "GetCurrentPage"):
            return under_a_dialog(name)
        if fails:
            return failure_of(name)
        if model.stale:
            return "" if name == "GetUniqueId" else None
        implementation = getattr(model, name, None)
        if implementation is None:
            raise NotModelled(f"{model.script_class}.{name}")
        return self.wrap(implementation(*(unwrap(argument) for argument in arguments)))

    def wrap(self, value: Any) -> Any:
        """Models as handles, in lists and dictionaries too."""
        if isinstance(value, Scripted):
            return Handle(value)
        if isinstance(value, list | tuple):
            return [self.wrap(each) for each in value]
        if isinstance(value, dict):
            return {key: self.wrap(each) for key, each in value.items()}
        return value


def unwrap(value: Any) -> Any:
    """Handles as models, in lists and dictionaries too."""
    if isinstance(value, list | tuple):
        return [unwrap(each) for each in value]
    if isinstance(value, dict):
        return {key: unwrap(each) for key, each in value.items()}
    return model_of(value)
