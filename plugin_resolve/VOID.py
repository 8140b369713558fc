# SPDX-License-Identifier: Apache-2.0
"""An entry of Resolve's menu Workspace > Scripts: finds the installed package and runs it.

`void install resolve` writes the two values below. `__file__` is undefined where Resolve runs this, and names of this
file may be out of reach of its functions: they are handed all that they use. Standard library only, Python 3.8.
"""

INSTALLED = ""
ENTRY = "main"


def _show(title: str, text: str, names: dict) -> None:
    """A window with a text; raises where none can be opened."""
    fusion = names.get("fusion")
    ui = (fusion if fusion is not None else names.get("fu")).UIManager
    if getattr(ui, "VGroup", None) is None:
        ui = ui()
    dispatcher = names["bmd"].UIDispatcher(ui)
    body = [
        ui.Label({"ID": "Text", "Text": text, "WordWrap": True}),
        ui.Button({"ID": "Leave", "Text": "Close"}),
    ]
    window = dispatcher.AddWindow({"ID": "VoidStart", "WindowTitle": title}, [ui.VGroup({}, body)])

    def leave(_event: object) -> None:
        dispatcher.ExitLoop()

    window.On.Leave.Clicked = leave
    window.On.VoidStart.Close = leave
    window.Show()
    dispatcher.RunLoop()
    window.Hide()


def _tell(title: str, text: str, details: str, names: dict, show: object) -> None:
    """Say what went wrong, once: to the console, to a file, and in a window where there is one."""
    import contextlib
    import os
    import sys
    import tempfile

    log = os.path.join(tempfile.gettempdir(), "VOID_start.log")
    try:
        with open(log, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{text}\n{details}\n")
        text = f"{text}\n\nDetails: {log}"
    except OSError:
        pass
    try:
        if sys.stdout is not None:
            print(text)
    except (OSError, ValueError):
        pass
    # The text is in the log; where no window opens there is nothing else to be done.
    with contextlib.suppress(Exception):
        show(title, text, names)


def _run(installed: str, entry: str, names: dict, show: object, tell: object) -> None:
    """Run the package's entry; whatever fails is told, and never raised into Resolve."""
    import importlib
    import os
    import sys
    import traceback

    own = names.get("__file__")
    package = installed or (os.path.dirname(os.path.abspath(own)) if own else "")
    try:
        if not os.path.isdir(os.path.join(package, "void_resolve")):
            raise ImportError(f"there is no package of VOID at {package!r}")
        if package not in sys.path:
            sys.path.insert(0, package)
        module = importlib.import_module("void_resolve." + entry)
    except Exception as error:  # noqa: BLE001 - Resolve would show a traceback to an artist
        text = f"VOID cannot start: {error}.\nRun `void install resolve` again."
        tell("VOID", text, traceback.format_exc(), names, show)
        return
    try:
        module.run(names)
    except Exception as error:  # noqa: BLE001 - as above
        text = f"VOID stopped: {type(error).__name__}: {error}"
        tell("VOID", text, traceback.format_exc(), names, show)


_run(INSTALLED, ENTRY, globals(), _show, _tell)
