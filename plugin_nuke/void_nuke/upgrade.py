# SPDX-License-Identifier: Apache-2.0
"""A node of an older release becomes one of this release, with its values, links and place."""

from __future__ import annotations

import os
from typing import Any

import nuke

from void_nuke.display import DONE, show
from void_nuke.errors import NodeError
from void_nuke.fingerprint import fingerprint
from void_nuke.knob import BUTTON, TAB, TEXT
from void_nuke.knobs import KNOBS, NODE_VERSION, RENAMED
from void_nuke.main_thread import undo_step
from void_nuke.result import LAYERS, MATTES, RESULT

_OF_EVERY_NODE = (
    "label",
    "note_font",
    "note_font_size",
    "note_font_color",
    "disable",
    "hide_input",
    "postage_stamp",
)
_NOT_COPIED = ("void_node_version",)


def gizmo_file(name: str = "VOID") -> str:
    """The file of a group of this release.

    Raises:
        NodeError: it is not beside the plugin.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    for folder in (os.path.join(here, "..", "gizmos"), os.path.join(here, "..", "..", "gizmos")):
        path = os.path.normpath(os.path.join(folder, f"{name}.gizmo"))
        if os.path.isfile(path):
            return path.replace("\\", "/")
    raise NodeError(f"{name}.gizmo is not beside the plugin.", "Run `void install nuke` again.")


def upgrade(node: Any) -> Any:
    """Put a node of this release in a node's place; returns it.

    Raises:
        NodeError: it is of this release, or of a later one.
    """
    version = int(node["void_node_version"].value())
    if version == NODE_VERSION:
        raise NodeError(f"{node.name()} is of the installed release already.")
    if version > NODE_VERSION:
        raise NodeError(
            f"{node.name()} is of a later release.", "Install that release with `void install nuke`."
        )
    path = gizmo_file()
    with undo_step(f"{node.name()}: Upgrade node"), node.parent():
        return _replaced(node, path)


def _replaced(node: Any, path: str) -> Any:
    name, place = str(node.name()), (int(node.xpos()), int(node.ypos()))
    said = str(node["void_status"].value())
    before = [node.input(number) for number in range(node.inputs())]
    behind = [
        (other, number)
        for other in node.dependent()
        for number in range(other.inputs())
        if other.input(number) is node or _same(other.input(number), node)
    ]
    for other in nuke.selectedNodes():
        other.setSelected(False)
    nuke.nodePaste(path)
    new = nuke.selectedNode()
    for number, other in enumerate(before):
        new.setInput(number, other)
    copy_values(node, new)
    _copy_inside(node, new)
    for other, number in behind:
        other.setInput(number, new)
    nuke.delete(node)
    new.setName(name)
    new.setXYpos(*place)
    show(new, str(new["void_state"].value()), said)
    if str(new["void_state"].value()) == DONE:
        # It is of other knobs than the old release's, and nothing has changed.
        new["void_fingerprint"].setValue(fingerprint(new))
    return new


def _same(one: Any, other: Any) -> bool:
    return one is not None and one.fullName() == other.fullName()


def copy_values(old: Any, new: Any) -> None:
    """Give a node the values that another one has in the same knobs, expressions and animation too."""
    names = [k.name for k in KNOBS if k.kind not in (BUTTON, TAB, TEXT) and k.name not in _NOT_COPIED]
    before = {new_name: old_name for old_name, new_name in RENAMED.items()} if _is_first(old) else {}
    for name in (*names, *_OF_EVERY_NODE):
        was = before.get(name, "" if name in before.values() else name)
        if was and old.knob(was) is not None and new.knob(name) is not None:
            new[name].fromScript(old[was].toScript())


def _is_first(node: Any) -> bool:
    return int(node["void_node_version"].value()) <= 1


def _copy_inside(old: Any, new: Any) -> None:
    """What the node's own Reads show."""
    for name in (RESULT, LAYERS, MATTES):
        source, target = old.node(name), new.node(name)
        if source is None or target is None:
            continue
        for knob in ("file", "first", "last", "origfirst", "origlast", "raw", "colorspace", "premultiplied"):
            target[knob].fromScript(source[knob].toScript())
        for knob in ("frame_mode", "frame"):
            target[knob].fromScript(source[knob].toScript())
