# SPDX-License-Identifier: Apache-2.0
"""An artist's seat: a modelled Nuke with a saved script and a VOID node; helper and server are real."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.nuke.standin import Session

if TYPE_CHECKING:
    from tests.small_shot import SmallShot

ROOT = Path(__file__).parents[2]
GIZMOS = ROOT / "gizmos"
GIZMO = GIZMOS / "VOID.gizmo"
_TREE = f"PYTHONPATH={ROOT}:{ROOT / 'build' / 'contract'}"
HELPER = shlex.join(["env", _TREE, sys.executable, "-u", "-m", "void_client.helper"])
"""The command of this tree's helper, whatever tree the environment's own packages are of."""

ENDED = ("done", "failed", "cancelled")


def forget_plugin() -> None:
    """Let the plugin be imported anew: its modules hold the Nuke of the test before."""
    for name in [n for n in sys.modules if n == "void_nuke" or n.startswith("void_nuke.")]:
        del sys.modules[name]


class Seat:
    """One Nuke with one artist.

    Attributes:
        session: the modelled Nuke.
        nuke: its module.
        folder: of the script; results go to `void/` below it.
        node: the VOID node.
        variables: the environment in which the helper is found.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        self.session, self.nuke, self.folder = session, session.nuke, folder
        self.script = folder / "comp.nk"
        forget_plugin()
        self.plugin = importlib.import_module("void_nuke.session").SESSION
        self.follow = importlib.import_module("void_nuke.follow")
        self.nuke.root()["colorManagement"].setValue("Nuke")
        self.nuke.scriptSaveAs(str(self.script))
        self.node: Any = None
        self.variables: dict[str, str] = {}

    def read(self, pattern: str, first: int, last: int) -> Any:
        """A Read of a sequence."""
        read = self.nuke.nodes.Read()
        read["file"].fromUserText(f"{pattern} {first}-{last}")
        return read

    def add_node(self, plate: Any, remove: Any = None) -> Any:
        """A VOID node behind a plate, as the menu makes it."""
        for other in self.nuke.selectedNodes():
            other.setSelected(False)
        self.nuke.nodePaste(str(GIZMO))
        self.node = self.nuke.selectedNode()
        self.node.setName("VOID1")
        self.node.setInput(0, plate)
        if remove is not None:
            self.node.setInput(1, remove)
        return self.node

    def with_shot(self, shot: SmallShot) -> Any:
        """A VOID node behind a Read of a plate, with a Read of its roto."""
        plate = self.read(f"{shot.folder}/plate/plate.%04d.exr", shot.first, shot.last)
        roto = self.read(f"{shot.folder}/roto/roto.%04d.exr", shot.first, shot.last)
        return self.add_node(plate, roto)

    def press(self, knob: str, node: Any = None) -> None:
        """The artist presses a button."""
        self.session.click(node or self.node, knob)

    def wait(self, *states: str, node: Any = None, timeout: float = 120.0) -> str:
        """Let Nuke go on until the node is in a state; without one, until its job has ended."""
        at = node or self.node
        self.session.process_events(lambda: at["void_state"].value() in (states or ENDED), timeout)
        return str(at["void_state"].value())

    def sent(self, knob: str = "void_masks_button", really: bool = False) -> dict[str, Any]:
        """Press a button, and tell the order that goes to the helper for it, or would go."""
        orders: list[dict[str, Any]] = []
        submit = self.plugin.submit

        def told(record: dict[str, Any], server: dict[str, str], order: dict[str, Any]) -> None:
            orders.append(order)
            if really:
                submit(record, server, order)

        self.plugin.submit = told
        try:
            self.press(knob)
        finally:
            del self.plugin.submit
        assert orders, self.messages
        return orders[0]

    def record(self, version: int = 1, below: str = "") -> dict[str, Any]:
        """What a version's folder says of its job."""
        folder = self.folder / "void" / str(self.node.name()) / below / f"v{version:03d}"
        return dict(json.loads((folder / "job.json").read_text(encoding="utf-8")))

    def log(self, version: int = 1) -> str:
        """The log of a version's job."""
        folder = self.folder / "void" / str(self.node.name()) / f"v{version:03d}"
        return (folder / "job.log").read_text(encoding="utf-8")

    @property
    def status(self) -> str:
        """The status line."""
        return str(self.node["void_status"].value())

    @property
    def messages(self) -> list[str]:
        """What was shown in windows, each of which the artist has to close."""
        return [str(text) for text in self.session.app.messages]

    def results(self, version: int = 1, below: str = "") -> list[Path]:
        """EXR files of a version."""
        folder = self.folder / "void" / str(self.node.name()) / f"v{version:03d}" / below
        return sorted(folder.glob("*.exr"))

    def leave(self) -> None:
        """Nuke quits: the helper's line is closed."""
        self.plugin.close()


def helper_variables(data: Path) -> dict[str, str]:
    """The environment in which the plugin finds a helper of this tree, with a server of its own."""
    return {
        "VOID_HELPER": HELPER,
        "VOID_DATA_DIR": str(data),
        "VOID_LOG_DIR": str(data / "log"),
    }


def stop_local_server(data: Path) -> None:
    """End the server of a data folder, if one serves."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        os.kill(json.loads((data / "local" / "endpoint.json").read_text())["pid"], signal.SIGTERM)
