# SPDX-License-Identifier: Apache-2.0
"""A modelled Nuke for one test: installed into sys.modules, watched, and judged when the test is over."""

from __future__ import annotations

import gc
import sys
import types
from typing import Any, Callable

from tests.nuke.standin import api, interface
from tests.nuke.standin.application import Application, Violation
from tests.nuke.standin.execution import Execution
from tests.nuke.standin.network import Network
from tests.nuke.standin.pictures import Source
from tests.nuke.standin.script import Script
from tests.nuke.standin.threads import MainThread

MODULES = ("nuke", "nukescripts", "nukescripts.utils", "nukescripts.panels")


class BrokenRules(AssertionError):
    """The test broke rules of Nuke that it did not expect to."""


class Menus:
    """nuke.menu and nuke.toolbar."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.named = {
            name: interface.Menu(name) for name in ("Nodes", "Nuke", "Pane", "Node Graph", "Viewer")
        }

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Name and call of each."""
        return {"menu": self.menu, "toolbar": self.menu}

    def menu(self, name: str, *more: Any) -> Any:
        """Menus are there with the interface alone (2.1)."""
        if not self.app.gui:
            raise RuntimeError("there are no menus without the interface")
        return self.named.get(name)


class Session:
    """What a test does with the modelled Nuke besides what plugin code calls.

    Attributes:
        app: version, mode, messages and breaches.
        nuke: the module.
        execution: what renders are to do, and what was rendered.
    """

    def __init__(self, version: str = "16.0v4", gui: bool = True, env: dict[str, Any] | None = None) -> None:
        self.app = Application(version, gui, env)
        Script(self.app)
        self.app.script.undo = interface.UndoStack(self.app)
        self.execution = self.app.execution = Execution(self.app)
        self.threads = MainThread(self.app)
        self.network = Network(self.app)
        self.menus = Menus(self.app)
        self.nuke = api.build(self.app, self.threads, self.network, self.menus)
        self._expected: list[str] = []
        self._before: dict[str, Any] = {}
        interface.ProgressTask.alive.clear()
        interface.ProgressTask.history.clear()
        interface.ProgressTask.cancelled = staticmethod(lambda name: False)

    def install(self) -> Session:
        """Puts the modules where `import nuke` finds them."""
        self._before = {name: sys.modules.get(name) for name in MODULES}
        scripts, utils, panels = (types.ModuleType(name) for name in MODULES[1:])
        utils.executeDeferred = self._deferred
        panels.registerWidgetAsPanel = lambda *args, **more: self.app.panels.append(args)
        scripts.utils, scripts.panels = utils, panels
        sys.modules.update(zip(MODULES, (self.nuke, scripts, utils, panels)))
        return self

    def _deferred(self, call: Callable[..., Any], args: Any = (), kwargs: Any = None) -> None:
        from tests.nuke.standin.threads import Call

        self.threads.waiting.put(Call(call, args, kwargs))

    def remove(self) -> None:
        """Takes the modules away again."""
        for name, module in self._before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module

    @property
    def violations(self) -> list[Violation]:
        """Breaches so far."""
        return self.app.violations

    @property
    def undo(self) -> interface.UndoStack:
        """Blocks of undo, and changes outside of any."""
        found: interface.UndoStack = self.app.script.undo
        return found

    def expect(self, kind: str) -> None:
        """Says that this test breaks rules of a kind; it fails if it then does not."""
        self._expected.append(kind)

    def process_events(self, until: Callable[[], bool] | None = None, timeout: float = 10.0) -> None:
        """Runs the interface's event loop until a condition holds."""
        self.threads.process_events(until, timeout)

    def click(self, node: Any, knob: str) -> None:
        """The artist presses a button: it runs in no undo block, outside of any group."""
        node[knob].execute()

    def user_sets(self, node: Any, knob: str, value: Any) -> None:
        """The artist sets a knob in the panel: knobChanged is called in every version."""
        node[knob].setValue(value)
        if self.app.major < 17:
            self.app.script.callbacks.knob_changed(node, node[knob])

    def source(self, node: Any, source: Source) -> None:
        """Gives a node pixels of the test's own."""
        self.app.script.sources[node] = source

    def read(self, text: str) -> list[Any]:
        """Reads a script's text into the open script, as a paste does."""
        return self.network.read(text)

    def judge(self) -> None:
        """Fails the test for what it broke and did not expect, and for what it left open."""
        self.threads.close()
        gc.collect()
        for name in self.undo.open:
            self.app.breach("undo", "N68", f"the undo block {name} was not ended")
        if self.undo.disabled:
            self.app.breach("undo", "N69", "undo was disabled and not enabled")
        if len(self.app.script.context) > 1:
            self.app.breach("group", "N08", f"{self.app.script.context[-1]._path()} was not left")
        if interface.ProgressTask.alive:
            self.app.breach("progress", "N67", "a ProgressTask was not released")
        kinds = {one.kind for one in self.app.violations}
        missing = [kind for kind in self._expected if kind not in kinds]
        left = [one for one in self.app.violations if one.kind not in self._expected]
        if left or missing:
            lines = [f"{one.rule} {one.kind}: {one.text}" for one in left]
            lines += [f"expected, and did not happen: {kind}" for kind in missing]
            raise BrokenRules("\n".join(lines))
