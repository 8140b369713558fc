# SPDX-License-Identifier: Apache-2.0
"""The plugin from a press to files in the comp, in whatever Python runs this; no pytest, no package.

    python3.9 tests/nuke/under.py SHOT FOLDER VERSION

The modelled Nuke is of the standard library alone. It has no pixels then: a render copies the files of the Read
before it, and what a Read says of its pictures is given here. Helper and server run in another Python, which the
environment names (tests.nuke.seat.helper_variables). Prints one JSON object.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
for _folder in (ROOT, ROOT / "plugin_nuke", ROOT / "plugin_line"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from tests.nuke.seat import Seat  # noqa: E402
from tests.nuke.standin import Session, Source, substitution  # noqa: E402

FIRST, LAST, SIZE = 1001, 1003, (96, 72)
CHANNELS = {"plate": ("rgba.red", "rgba.green", "rgba.blue"), "roto": ("rgba.alpha",)}
FOREIGN = ("numpy", "OpenEXR", "grpc", "google", "yaml", "pytest")


def copies(write: Any, frame: int, view: str, path: str) -> None:
    """A renderer: the file of the Read that is before a Write."""
    picture = write._app.script.picture
    text = picture.origin(write)._knobs["file"]._evaluated(frame)
    shutil.copyfile(substitution.numbered(text, frame, view), path)


def read(seat: Seat, shot: str, name: str) -> Any:
    """A Read of the shot, which says of its pictures what there is to say."""
    node = seat.read(f"{shot}/{name}/{name}.%04d.exr", FIRST, LAST)
    seat.session.source(node, Source(frames=(FIRST, LAST), size=SIZE, channels=CHANNELS[name]))
    return node


def every_module() -> list[str]:
    """Imports all modules of the plugin; their names."""
    names = []
    for package in ("void_line", "void_nuke", "void_smoke"):
        path = importlib.import_module(package).__path__
        names += [f"{package}.{found.name}" for found in pkgutil.iter_modules(path)]
    for name in names:
        importlib.import_module(name)
    return names


def main() -> None:
    """Remove, masks only, save, open again."""
    shot, folder, version = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    session = Session(version).install()
    session.execution.renderer = copies
    seat = Seat(session, folder)
    said: dict[str, Any] = {"python": list(sys.version_info[:2]), "modules": every_module()}
    node = seat.add_node(read(seat, shot, "plate"), read(seat, shot, "roto"))
    seat.press("void_remove_button")
    said["remove"] = [seat.wait(), seat.status, [str(path) for path in seat.results(1)]]
    seat.press("void_masks_button")
    said["masks"] = [seat.wait(), seat.status, [str(path) for path in seat.results(2, "matte")]]
    seat.press("void_version_down")
    shown = node.node("Result")["file"].evaluate(FIRST)
    name = node.fullName()
    seat.nuke.scriptSave(str(seat.script))
    seat.nuke.scriptOpen(str(seat.script))
    opened = seat.nuke.toNode(name)
    said["shown"] = [shown, opened.node("Result")["file"].evaluate(FIRST), opened["void_version"].value()]
    said["messages"] = seat.messages
    said["foreign"] = [name for name in FOREIGN if name in sys.modules]
    seat.leave()
    session.judge()
    print(json.dumps(said))


if __name__ == "__main__":
    main()
