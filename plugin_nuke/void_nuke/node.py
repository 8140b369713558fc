# SPDX-License-Identifier: Apache-2.0
"""A VOID node's life in a script: made, loaded, changed. Cheap, silent, and without effect outside of Nuke's window."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

import nuke
from void_line.errors import HelperGone

from void_nuke import display, fingerprint, result
from void_nuke.errors import NodeError
from void_nuke.folders import join, read_record, version_name, versions_in
from void_nuke.knobs import KNOBS
from void_nuke.main_thread import UNHEARD, outside_undo, unheard
from void_nuke.release import is_of_this_release
from void_nuke.session import SESSION, void_nodes
from void_nuke.values import versions_folder

SITE_VARIABLE = "VOID_SITE_CONFIG"
_WATCHED = ("showPanel", "inputChange")
_OF_SITE = {"engine": "void_engine", "reasoner": "void_reasoner", "seed": "void_seed"}
_LOCKED = {
    "server": "void_server",
    "token_file": "void_token_file",
    "ca": "void_ca",
    "output": "void_output",
    "cloud_consent": "void_cloud_consent",
    "preview": "void_preview_button",
    **_OF_SITE,
}


def quietly(call: Callable[[], None]) -> None:
    """Do something for which an artist did not ask: an error of it is printed, and nothing else."""
    try:
        call()
    except Exception:  # noqa: BLE001 - loading a script must not fail for us
        traceback.print_exc()


def on_create() -> None:
    """The group's `onCreate`: runs on load and paste, too, when the group may not be entered."""
    if nuke.GUI and os.environ.get(SITE_VARIABLE):
        node = nuke.thisNode()
        quietly(lambda: _ask_site(node, new=False))


def knob_changed() -> None:
    """The group's `knobChanged`."""
    if not nuke.GUI:
        return
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if is_of_this_release(node) and str(node.fullName()) not in UNHEARD:
        with unheard(node):
            quietly(lambda: _changed(node, str(knob.name())))


def _changed(node: Any, knob: str) -> None:
    if knob == "void_version":
        _version_chosen(node, int(node["void_version"].value()))
    elif knob in _WATCHED or knob in fingerprint.OWN:
        show_staleness(node)


def _version_chosen(node: Any, version: int) -> None:
    if result.show_version(node, versions_folder(node), version):
        show_staleness(node)
    elif version and str(node["void_state"].value()) not in display.UNDER_WAY:
        display.show(
            node,
            str(node["void_state"].value()),
            f"{version_name(version)} is not there; the picture is that of the version before",
        )


def show_staleness(node: Any) -> None:
    """Say of a node that is done whether its inputs or settings have changed since."""
    state = str(node["void_state"].value())
    if state not in (display.DONE, display.STALE):
        return
    stale = fingerprint.fingerprint(node) != str(node["void_fingerprint"].value())
    if stale and state == display.DONE:
        with outside_undo():
            display.show(node, display.STALE, "stale: inputs or settings changed since this version")
    elif not stale and state == display.STALE:
        with outside_undo():
            display.show(node, display.DONE)


def after_load() -> None:
    """Bring in what ended while Nuke was closed: to be called once a script is loaded."""
    if not nuke.GUI:
        return
    for node in list(void_nodes()):
        quietly(lambda node=node: bring_in(node))  # type: ignore[misc]


def bring_in(node: Any) -> None:
    """Follow a node's job again where the script says that it runs, or where its folder knows of a newer one."""
    from void_nuke.buttons import reconnect

    if not is_of_this_release(node):
        return
    if str(node["void_state"].value()) in display.UNDER_WAY or _has_newer(node):
        try:
            reconnect(node)
        except (NodeError, HelperGone) as error:
            with outside_undo():
                display.show(node, display.FAILED, f"failed: {error}")


def before_close() -> None:
    """A script is closed: its jobs go on on the server, and are found again when it is opened."""
    quietly(SESSION.close)


def _has_newer(node: Any) -> bool:
    """Whether a job was sent that the script knows nothing of, because Nuke ended before it was saved."""
    if nuke.root().name() in ("", "Root"):
        return False
    try:
        folder = versions_folder(node)
    except NodeError:
        # A press will say so; nobody asked for it now.
        return False
    latest = versions_in(folder)[-1:]
    if not latest or latest[0] <= int(node["void_version"].value()):
        return False
    record = read_record(join(folder, version_name(latest[0])))
    return bool(record and record.get("job") and record.get("node") == str(node.fullName()))


def create(name: str = "VOID") -> Any:
    """Make a node behind the selected one, as Nuke does with every node of its menus."""
    node = nuke.createNode(name)
    if name == "VOID" and os.environ.get(SITE_VARIABLE):
        quietly(lambda: _ask_site(node, new=True))
    return node


def _ask_site(node: Any, new: bool) -> None:
    """Lock what the site locks, and give a new node its defaults."""

    def answered(message: dict[str, Any]) -> None:
        try:
            node.fullName()
        except ValueError:
            # It was deleted meanwhile; its name may be another's now.
            return
        # One of another release gets them with its upgrade, which makes it anew.
        if "reply" in message and is_of_this_release(node):
            with outside_undo():
                apply_site(node, message["reply"], new)

    SESSION.ask("site", {}, answered)


def apply_site(node: Any, site: dict[str, Any], new: bool) -> None:
    """The site's locks, and its defaults on a new node's knobs that have the release's.

    Args:
        site: reply of the helper.
        new: whether the artist has just made the node; another one's values are the artist's.
    """
    by_option = {knob.option: knob for knob in KNOBS if knob.option}
    release = {knob.name: knob.default for knob in KNOBS}
    wanted = {_OF_SITE[name]: value for name, value in site["defaults"].items() if name in _OF_SITE}
    wanted.update(
        {by_option[name].name: value for name, value in site["options"].items() if name in by_option}
    )
    # What is named after the plate is known with the order alone; the helper then keeps to it.
    fixed_output = site["output"] if "{" not in site["output"] else ""
    if fixed_output:
        wanted["void_output"] = f"{fixed_output.rstrip('/')}/[value name]"
    locked = [_LOCKED[name] for name in site["locked"] if name in _LOCKED]
    if not fixed_output:
        locked = [name for name in locked if name != "void_output"]
    options = [name[len("options.") :] for name in site["locked"] if name.startswith("options.")]
    locked += [by_option[name].name for name in options if name in by_option]
    with unheard(node):
        for name, value in wanted.items():
            untouched = str(node[name].toScript()).strip('{}"') == release[name]
            if name in locked or (new and untouched):
                _give(node[name], str(value))
        for name in locked:
            node[name].setEnabled(False)


def _give(knob: Any, value: str) -> None:
    if knob.Class() == "Enumeration_Knob" and value not in knob.values():
        print(f"VOID: the site's {knob.name()} '{value}' is none of {', '.join(knob.values())}.")
        return
    knob.fromScript("true" if value == "on" else "false" if value == "off" else value)
