# SPDX-License-Identifier: Apache-2.0
"""The module `nuke`: its names, and nothing else; another name is an AttributeError (N03)."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Callable

from tests.nuke.standin import interface, knob_kinds, nodes, tcl
from tests.nuke.standin.application import Application
from tests.nuke.standin.callbacks import KINDS
from tests.nuke.standin.formats import Format, FrameRange, format_of
from tests.nuke.standin.knobs import Flag, Knob
from tests.nuke.standin.layers import Layer
from tests.nuke.standin.substitution import substitute
from tests.nuke.standin.threads import MainThread


class NukeModule(types.ModuleType):
    """What `import nuke` gives a test."""


class MakesNodes:
    """nuke.nodes: `nuke.nodes.Read(file=…)` neither splices nor opens a panel (N05)."""

    def __init__(self, app: Application, network: Any) -> None:
        self._app, self._network = app, network

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        def make(**values: Any) -> Any:
            self._app.on_main_thread(f"nuke.nodes.{kind}")
            return self._network.make(kind, values)

        return make


def _threaded(app: Application, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*args: Any, **keywords: Any) -> Any:
        app.on_main_thread(f"nuke.{name}")
        return call(*args, **keywords)

    checked.__name__, checked.__doc__ = name, call.__doc__
    return checked


def build(app: Application, threads: MainThread, network: Any, menus: Any) -> NukeModule:
    """The module of one application."""
    module = NukeModule("nuke")
    messages = interface.Messages(app)
    for name in ("message", "ask", "tprint", "error", "warning"):
        setattr(module, name, _threaded(app, name, getattr(messages, name)))
    for name, call in {**_script_calls(app), **network.calls(), **menus.calls()}.items():
        setattr(module, name, _threaded(app, name, call))
    for kind in KINDS:
        add, remove = f"add{kind}", f"remove{kind}"
        setattr(module, add, _threaded(app, add, _registers(app, kind, True)))
        setattr(module, remove, _threaded(app, remove, _registers(app, kind, False)))
    module.executeInMainThread = threads.execute
    module.executeInMainThreadWithResult = threads.execute_with_result
    module.execute = _threaded(app, "execute", app.execution.execute)
    for kind_of_knob in knob_kinds.ALL.values():
        setattr(module, kind_of_knob.__name__, kind_of_knob)
    for flag in Flag:
        if flag is not Flag.HIDDEN:
            setattr(module, flag.name, int(flag))
    module.WRITE_NON_DEFAULT_ONLY, module.TO_SCRIPT = 2, 16
    module.Knob, module.Node, module.Group = Knob, nodes.Node, nodes.Group
    module.Layer, module.Format, module.FrameRange = Layer, Format, FrameRange
    module.Undo, module.ProgressTask = interface.Undo, interface.ProgressTask
    module.nodes = MakesNodes(app, network)
    module.env, module.GUI, module.rawArgs = app.env, app.gui, ["nuke"] if app.gui else ["nuke", "-t"]
    module.NUKE_VERSION_STRING = app.version
    module.NUKE_VERSION_MAJOR, module.NUKE_VERSION_MINOR = app.major, app.minor
    return module


def _registers(app: Application, kind: str, add: bool) -> Callable[..., None]:
    def register(*args: Any, **keywords: Any) -> None:
        (app.script.callbacks.add if add else app.script.callbacks.remove)(kind, *args, **keywords)

    return register


def _script_calls(app: Application) -> dict[str, Callable[..., Any]]:
    def script_name() -> str:
        """N61: raises for a script that was never saved (2.3)."""
        name = str(app.script.root._knobs["name"]._value)
        if name == "Root":
            raise RuntimeError("the script has no name")
        return name

    def script_directory() -> str:
        name = str(app.script.root._knobs["name"]._value)
        return "" if name == "Root" else str(Path(name).parent)

    def this_node() -> Any:
        return app.this[-1][0] if app.this else None

    def this_knob() -> Any:
        return app.this[-1][1] if app.this else None

    def add_format(text: str) -> Format:
        made = format_of(text)
        app.script.formats[made.name()] = made
        return made

    def add_view(name: str) -> None:
        if name not in app.script.views:
            knob = app.script.root._knobs["views"]
            knob.setValue("\n".join([*app.script.views, name]))

    def run_tcl(*words: str) -> str:
        """subst and value are modelled."""
        if words[0] == "subst" and len(words) == 2:
            node = app.this[-1][0] if app.this else app.script.root
            return substitute(words[1], node, app.script.frame())
        raise NotImplementedError(f"the stand-in does not know Tcl's {tcl.quote(' '.join(words))}")

    def layers(node: Any = None) -> list[str]:
        if node is None:
            return list(app.script.layers.table)
        return list(dict.fromkeys(channel.split(".")[0] for channel in node.channels()))

    def set_frame(*args: int) -> Any:
        if args:
            app.script.root._knobs["frame"].setValue(int(args[0]))
        return app.script.frame()

    return {
        "root": lambda: app.script.root,
        "Root": lambda: app.script.root,
        "scriptName": script_name,
        "script_directory": script_directory,
        "thisNode": this_node,
        "thisKnob": this_knob,
        "thisGroup": lambda: app.script.context[-1],
        "views": lambda: list(app.script.views),
        "addView": add_view,
        "frame": set_frame,
        "tcl": run_tcl,
        "layers": layers,
        "channels": lambda: [one for name in app.script.layers.table for one in app.script.layers.of(name)],
        "addFormat": add_format,
        "formats": lambda: list(app.script.formats.values()),
        "usingOcio": lambda: app.script.root._knobs["colorManagement"]._value == "OCIO",
    }
