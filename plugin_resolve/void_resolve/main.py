# SPDX-License-Identifier: Apache-2.0
"""VOID, from Resolve's menu: looks where it runs, then opens the window, or goes the way without one."""

from __future__ import annotations

import os
from typing import Any, Mapping

from void_line.helper import Helper

from void_resolve.console import Console, say, show_dialog
from void_resolve.errand import Bench
from void_resolve.errors import LOST, ArtistError
from void_resolve.history import History
from void_resolve.host import Host
from void_resolve.keeping import data_folder, log, write_json
from void_resolve.screen import Ui, find_ui, show_text
from void_resolve.window import Window
from void_resolve.words import WORDS

NEEDS = "VOID needs DaVinci Resolve Studio, 19.1 or newer."


def run(names: Mapping[str, Any], work: Any | None = None) -> None:
    """Run VOID with the globals of a menu script.

    Args:
        names: what Resolve has injected.
        work: what does the work, instead of the module of that name.
    """
    folder = data_folder()
    os.environ.setdefault("VOID_LOG_DIR", os.path.join(folder, "log"))
    ui: Ui | None = None
    try:
        host = Host.find(names)
        ui = find_ui(host.fusion, host.bmd)
        host.check_edition()
        host.page()
    except ArtistError as error:
        refuse(folder, ui, str(error))
        return
    except LOST as error:
        refuse(folder, ui, f"Resolve does not answer ({error}).")
        return
    start(host, ui, folder, _work() if work is None else work)


def head_of(host: Host) -> str:
    """The first line of the first screen."""
    return f"{host.product} {'.'.join(map(str, host.version))}. {NEEDS}"


def start(host: Host, ui: Ui | None, folder: str, work: Any) -> None:
    """Open the window, or go the way without one; the helper ends with it."""
    host.unfinished = os.path.join(folder, "unfinished")
    helper_of = f"resolve {'.'.join(map(str, host.version))}"
    bench = Bench(
        host, work, folder, History(os.path.join(folder, "history")), lambda: Helper(helper_of, WORDS)
    )
    try:
        settings = bench.settings(os.path.join(folder, "settings.json"))
        if ui is not None:
            Window(bench, ui, settings, head_of(host)).run()
        else:
            Console(bench, settings, head_of(host)).run()
    finally:
        bench.close()


def refuse(folder: str, ui: Ui | None, text: str) -> None:
    """Say why VOID does not go on, by everything that is there; a screen of its own where windows are."""
    text = f"{text}\n\n{NEEDS}" if NEEDS not in text else text
    log(folder, text)
    say(text)
    try:
        write_json(os.path.join(folder, "status.json"), {"state": "failed", "text": text})
    except OSError as error:
        say(f"The status file cannot be written: {error}")
    if ui is None:
        show_dialog("VOID", text)
    else:
        show_text(ui, "VOID", text)


def _work() -> Any:
    from void_resolve import work

    return work
