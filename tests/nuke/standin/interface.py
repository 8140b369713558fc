# SPDX-License-Identifier: Apache-2.0
"""What the artist sees: messages, progress, menus; and the undo stack (2.1, 2.3, N64 to N69)."""

from __future__ import annotations

from typing import Any, Callable

from tests.nuke.standin.application import Application, current


class Messages:
    """nuke.message, ask, tprint, error and warning, kept on the application."""

    def __init__(self, app: Application) -> None:
        self.app = app

    def _shown(self, what: str, text: Any) -> str:
        """N64: without the interface nothing can be shown or asked (2.3)."""
        if not isinstance(text, str):
            raise TypeError(f"{what} takes text")
        if not self.app.gui:
            raise RuntimeError(f"{what} needs the interface")
        return text

    def message(self, text: str) -> None:
        self.app.messages.append(self._shown("message", text))

    def ask(self, text: str) -> bool:
        """The next of the test's answers."""
        self.app.questions.append(self._shown("ask", text))
        if not self.app.answers:
            raise RuntimeError(f"the test has no answer to: {text}")
        return self.app.answers.pop(0)

    def tprint(self, *values: Any, sep: str = " ", end: str = "\n", **more: Any) -> None:
        self.app.printed.append(sep.join(str(value) for value in values) + end)

    def error(self, text: str) -> None:
        self.app.errors.append(text)

    def warning(self, text: str) -> None:
        self.app.warnings.append(text)


class ProgressTask:
    """N65 to N67: a bar that takes int 0 to 100, and goes away when the object does (2.3)."""

    alive: list[Any] = []  # noqa: RUF012 - emptied by each session
    cancelled: Callable[[str], bool] = staticmethod(lambda name: False)
    history: list[tuple[str, Any]] = []  # noqa: RUF012

    def __init__(self, name: str = "") -> None:
        self._app = current()
        self._app.on_main_thread("ProgressTask()")
        if not isinstance(name, str):
            raise TypeError("ProgressTask takes a name")
        if not self._app.gui:
            raise RuntimeError("ProgressTask needs the interface")
        self._name = name
        ProgressTask.alive.append(id(self))

    def setMessage(self, text: str) -> None:  # noqa: N802
        self._app.on_main_thread("ProgressTask.setMessage")
        if not isinstance(text, str):
            raise TypeError("setMessage takes text")
        ProgressTask.history.append((self._name, text))

    def setProgress(self, percent: int) -> None:  # noqa: N802
        self._app.on_main_thread("ProgressTask.setProgress")
        if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= 100:
            raise TypeError(f"setProgress takes an int from 0 to 100, not {percent!r}")
        ProgressTask.history.append((self._name, percent))

    def isCancelled(self) -> bool:  # noqa: N802
        self._app.on_main_thread("ProgressTask.isCancelled")
        return bool(ProgressTask.cancelled(self._name))

    def __del__(self) -> None:
        if id(self) in ProgressTask.alive:
            ProgressTask.alive.remove(id(self))


class UndoStack:
    """N68, N69: named blocks that balance, and a switch that is turned back."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.open: list[str] = []
        self.disabled = 0
        self.blocks: list[tuple[str, int]] = []
        self.loose: list[str] = []
        self._changes = 0

    def change(self, what: str) -> None:
        """Counts a change: of the open block, or one that an artist would have to undo by itself."""
        if self.disabled:
            return
        if self.open:
            self._changes += 1
        else:
            self.loose.append(what)

    def begin(self, name: str) -> None:
        if not self.open:
            self._changes = 0
        self.open.append(name)

    def end(self) -> None:
        if not self.open:
            self.app.breach("undo", "N68", "Undo.end without begin")
            return
        name = self.open.pop()
        if not self.open:
            self.blocks.append((name, self._changes))


class Undo:
    """nuke.Undo: `with nuke.Undo("name"):`, Undo.begin(name) … Undo.end(), Undo().disable() … enable()."""

    def __init__(self, name: str = "Undo") -> None:
        self._block = name

    def __enter__(self) -> Any:
        _undo().begin(self._block)
        return self

    def __exit__(self, *error: Any) -> None:
        _undo().end()

    @staticmethod
    def begin(name: str = "Undo") -> None:
        if not isinstance(name, str):
            raise TypeError("Undo.begin takes a name")
        _undo().begin(name)

    @staticmethod
    def end() -> None:
        _undo().end()

    @staticmethod
    def name(name: str) -> None:
        if _undo().open:
            _undo().open[-1] = name

    @staticmethod
    def disable() -> None:
        _undo().disabled += 1

    @staticmethod
    def enable() -> None:
        if not _undo().disabled:
            current().breach("undo", "N69", "Undo.enable without disable")
        else:
            _undo().disabled -= 1

    @staticmethod
    def disabled() -> bool:
        return bool(_undo().disabled)


def _undo() -> UndoStack:
    app = current()
    app.on_main_thread("Undo")
    undo: UndoStack = app.script.undo
    return undo


class Menu:
    """A menu or toolbar: its commands by name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._items: dict[str, Any] = {}

    def name(self) -> str:
        return self._name

    def items(self) -> list[Any]:
        return list(self._items.values())

    def addMenu(self, name: str, icon: str = "", **more: Any) -> Any:  # noqa: N802
        if not isinstance(name, str):
            raise TypeError("addMenu takes a name")
        return self._items.setdefault(name, Menu(name))

    def addCommand(  # noqa: N802
        self, name: str, command: Any = None, shortcut: str = "", icon: str = "", **more: Any
    ) -> Any:
        """A path with / makes the menus on its way."""
        if not isinstance(name, str) or not (
            command is None or callable(command) or isinstance(command, str)
        ):
            raise TypeError("addCommand takes a name and text or what can be called")
        head, slash, rest = name.partition("/")
        if slash:
            return self.addMenu(head).addCommand(rest, command, shortcut, icon)
        self._items[name] = Command(name, command)
        return self._items[name]

    def addSeparator(self, **more: Any) -> None:  # noqa: N802
        self._items[f"-{len(self._items)}"] = None

    def findItem(self, path: str) -> Any:  # noqa: N802
        head, slash, rest = path.partition("/")
        found = self._items.get(head)
        return found.findItem(rest) if slash and isinstance(found, Menu) else found

    def menu(self, name: str) -> Any:
        found = self._items.get(name)
        return found if isinstance(found, Menu) else None


class Command:
    """An entry of a menu."""

    def __init__(self, name: str, command: Any) -> None:
        self._name, self._command = name, command

    def name(self) -> str:
        return self._name

    def invoke(self) -> None:
        """What a click does."""
        if isinstance(self._command, str):
            current().script.run_text(self._command, current().script.root)
        elif self._command is not None:
            self._command()
