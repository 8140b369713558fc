# SPDX-License-Identifier: Apache-2.0
"""UIManager and its dispatcher (facts, section 1.6): windows, elements, timers, one loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tests.resolve.standin.calls import Gate

ELEMENTS = frozenset(
    (
        *("Label", "Button", "CheckBox", "ComboBox", "SpinBox", "Slider", "LineEdit", "TextEdit", "Tree"),
        *("TabBar", "ColorPicker", "VGroup", "HGroup", "VGap", "HGap", "Stack"),
    )
)


class Element:
    """A control: its properties are attributes, an unknown one is None."""

    def __init__(self, gate: Gate, kind: str, properties: dict[str, Any], children: list[Element]) -> None:
        self.__dict__.update(properties)
        self.__dict__.update(_gate=gate, _kind=kind, _children=children)
        name = properties.get("ID", "")
        if name and not name.isidentifier():
            gate.violate(f"the ID {name!r} is no identifier, and becomes an attribute's name")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __setattr__(self, name: str, value: Any) -> None:
        self._gate.check_thread(f"{self._kind}.{name}")
        self.__dict__[name] = value

    def everything(self) -> list[Element]:
        return [self, *(each for child in self._children for each in child.everything())]

    def AddItem(self, text: str) -> None:
        self.__dict__.setdefault("Items", []).append(text)

    def AddItems(self, texts: list[str]) -> None:
        self.__dict__.setdefault("Items", []).extend(texts)

    def Clear(self) -> None:
        self.__dict__["Items"] = []


class Timer:
    """Its event arrives at `disp.On.Timeout`, with its ID as `who`."""

    def __init__(self, gate: Gate, properties: dict[str, Any]) -> None:
        self.gate = gate
        self.ID = properties.get("ID", "")
        self.Interval = properties.get("Interval", 1000)
        self.running = False

    def Start(self) -> None:
        self.gate.check_thread("Timer.Start")
        self.running = True

    def Stop(self) -> None:
        self.gate.check_thread("Timer.Stop")
        self.running = False


class UIManager:
    """Makes elements: `ui.Button({"ID": "Remove"})`, `ui.VGroup({}, [...])`, `ui.Timer({...})`."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.timers: list[Timer] = []

    def __getattr__(self, kind: str) -> Callable[..., Any] | None:
        if kind not in ELEMENTS:
            if kind.startswith("__"):
                raise AttributeError(kind)
            return None

        def element(*parts: Any) -> Element:
            self.gate.check_thread(kind)
            properties = next((dict(part) for part in parts if isinstance(part, dict)), {})
            children = next((part for part in parts if isinstance(part, list)), [])
            return Element(self.gate, kind, properties, children)

        return element

    def Timer(self, properties: dict[str, Any]) -> Timer:
        self.gate.check_thread("Timer")
        self.timers.append(Timer(self.gate, properties))
        return self.timers[-1]


class Handlers:
    """`win.On.Remove.Clicked = function`."""

    def __init__(self) -> None:
        self.__dict__["_found"] = {}

    def __getattr__(self, name: str) -> SimpleNamespace:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._found.setdefault(name, SimpleNamespace())


class Window:
    def __init__(self, gate: Gate, properties: dict[str, Any], children: Any) -> None:
        self.gate = gate
        self.ID = properties.get("ID", "")
        self.On = Handlers()
        self.shown = False
        children = children if isinstance(children, list) else [children]
        self.elements = {e.ID: e for child in children for e in child.everything() if e.ID}

    def GetItems(self) -> dict[str, Element]:
        self.gate.check_thread("Window.GetItems")
        return dict(self.elements)

    def Find(self, name: str) -> Element | None:
        self.gate.check_thread("Window.Find")
        return self.elements.get(name)

    def Show(self) -> None:
        self.gate.check_thread("Window.Show")
        self.shown = True

    def Hide(self) -> None:
        self.gate.check_thread("Window.Hide")
        self.shown = False


class Dispatcher:
    """Delivers what the test scripted with `Session.clicks`, then timeouts, until ExitLoop."""

    def __init__(self, gate: Gate, ui: UIManager, events: deque, sleep: Callable[[float], None]) -> None:
        self.gate = gate
        self.ui = ui
        self.events = events
        self.sleep = sleep
        self.windows: list[Window] = []
        self.On = SimpleNamespace()
        self.looping = False
        self.leaving = False

    def AddWindow(self, properties: dict[str, Any], children: Any) -> Window:
        self.gate.check_thread("AddWindow")
        self.windows.append(Window(self.gate, properties, children))
        return self.windows[-1]

    def RunLoop(self) -> None:
        """A loop inside of a loop never ends (R16b), nor does one that nothing can leave."""
        self.gate.check_thread("RunLoop")
        if self.looping:
            self.gate.violate("RunLoop inside of RunLoop")
            self.gate.hang("RunLoop inside of RunLoop")
        self.looping, self.leaving = True, False
        for _ in range(10_000):
            if self.leaving:
                break
            if self.events:
                self._deliver(*self.events.popleft())
            elif not self._tick():
                self.looping = False
                self.gate.hang("RunLoop: nothing can leave it")
        else:
            self.looping = False
            self.gate.hang("RunLoop: 10 000 events, and nobody left it")
        self.looping = False

    def ExitLoop(self) -> None:
        self.gate.check_thread("ExitLoop")
        self.leaving = True

    def _deliver(self, name: str, event: str) -> None:
        for window in self.windows:
            handler = getattr(getattr(window.On, name), event, None)
            if handler is not None:
                handler({"who": name, "what": event})

    def _tick(self) -> bool:
        running = [timer for timer in self.ui.timers if timer.running]
        if not running:
            return False
        timer = min(running, key=lambda each: each.Interval)
        self.sleep(timer.Interval / 1000)
        handler = getattr(self.On, "Timeout", None)
        if handler is not None:
            handler({"who": timer.ID, "what": "Timeout"})
        return True
