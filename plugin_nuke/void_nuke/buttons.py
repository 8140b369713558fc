# SPDX-License-Identifier: Apache-2.0
"""What the buttons of a VOID node do. An error of ours is told in words and never reaches Nuke."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from typing import Any

import nuke
from void_line.command import helper_environment
from void_line.errors import HelperGone

from void_nuke import connection, display, result, work
from void_nuke.errors import Cancelled, NodeError
from void_nuke.folders import LOG, join, read_record, version_name, versions_in
from void_nuke.main_thread import outside_undo, undo_step, unheard
from void_nuke.node import bring_in, show_staleness
from void_nuke.release import check_release
from void_nuke.session import SESSION
from void_nuke.values import server_of, versions_folder

LOG_LINES = 40
"""Last lines of a job's log that its window shows; the file has all."""


def press(action: str) -> None:
    """Do what a button of the node says that Nuke is at.

    Args:
        action: a value of `callbacks.ACTIONS`.
    """
    node = nuke.thisNode()
    if not nuke.GUI:
        # A farm's machine only reads files: it has no artist, and often no licence for more.
        raise RuntimeError(f"{node.name()}: this works in Nuke's window only; here the node shows its files.")
    try:
        _ACTIONS[action](node)
    except Cancelled as cancelled:
        with outside_undo():
            display.show(node, display.CANCELLED, str(cancelled))
    except (NodeError, HelperGone) as error:
        display.tell(error.message, error.fix)
    except Exception as error:  # noqa: BLE001 - Nuke would show a traceback to an artist
        traceback.print_exc()
        display.tell(
            f"{node.name()}: {action} failed inside of the plugin: {error}",
            "The script editor's output has the details; please report them.",
        )


def _cancel(node: Any) -> None:
    record = result.record_of(node)
    if not SESSION.cancel(str(record.get("ticket", ""))):
        raise NodeError(
            f"{node.name()} has no job that this Nuke follows.", "Press Reconnect to follow its job."
        )
    with outside_undo():
        display.show(node, display.CANCELLING)


def _reload(node: Any) -> None:
    check_release(node)
    folder, version = versions_folder(node), int(node["void_version"].value())
    if not result.show_version(node, folder, version):
        raise NodeError(
            f"{node.name()}: there are no results of {version_name(version)} in {folder}.",
            "Choose another version on the tab Output.",
        )


def _version(node: Any, choose: str) -> None:
    check_release(node)
    folder, shown = versions_folder(node), int(node["void_version"].value())
    there = [v for v in versions_in(folder) if read_record(join(folder, version_name(v)))]
    ahead = {
        "up": [v for v in there if v > shown],
        "down": [v for v in reversed(there) if v < shown],
        "latest": there[-1:],
    }[choose]
    if not ahead:
        raise NodeError(f"{node.name()}: {folder} has no other version in that direction.")
    with undo_step(f"{node.name()}: {version_name(ahead[0])}"):
        node["void_version"].setValue(ahead[0])
        result.show_version(node, folder, ahead[0])
    show_staleness(node)


def _open_folder(node: Any) -> None:
    folder = join(versions_folder(node), version_name(int(node["void_version"].value())))
    if not os.path.isdir(folder):
        raise NodeError(f"{node.name()}: {folder} is not there.", "Press Remove to make a version.")
    if sys.platform == "win32":
        os.startfile(folder.replace("/", "\\"))
        return
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    try:
        subprocess.Popen([opener, folder], stdin=subprocess.DEVNULL, env=helper_environment(), close_fds=True)
    except OSError as error:
        raise NodeError(f"{node.name()}: no program opens folders here.", f"It is {folder}.") from error


def _job_log(node: Any) -> None:
    path = join(versions_folder(node), version_name(int(node["void_version"].value())), LOG)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise NodeError(f"{node.name()}: there is no log of this version.", f"It would be {path}.") from error
    display.tell("\n".join(lines[-LOG_LINES:]), path)


def reconnect(node: Any) -> None:
    """Follow the node's job again, or that of its version's folder, which a crash may have left out of the script.

    Raises:
        NodeError: there is none, or the node is of another release.
    """
    check_release(node)
    folder = versions_folder(node)
    record = result.record_of(node)
    latest = versions_in(folder)[-1:]
    newer = read_record(join(folder, version_name(latest[0]))) if latest else None
    if newer and _same_node(node, newer) and newer["version"] > record.get("version", 0):
        record = newer
    if not record:
        raise NodeError(f"{node.name()} has no job yet.", "Press Remove.")
    if SESSION.follows(record["ticket"]):
        return
    record["folder"] = folder
    on_disk = read_record(join(folder, version_name(record["version"]))) or {}
    record["job"] = record.get("job") or on_disk.get("job", "")
    if not record["job"]:
        with outside_undo():
            display.show(
                node, display.IDLE, "the last job was not accepted yet when Nuke ended; press Remove again"
            )
        return
    with outside_undo(), unheard(node):
        node["void_version"].setValue(record["version"])
        result.keep_record(node, record)
        display.show(node, display.RUNNING, "looking for the job")
    server = server_of(node)
    server["address"] = server["address"] or on_disk.get("server", "")
    try:
        SESSION.watch({**record, "server": server["address"]}, server)
    except HelperGone as gone:
        with outside_undo():
            display.show(node, display.FAILED, f"failed: {gone}")
        raise


def _same_node(node: Any, record: dict[str, Any]) -> bool:
    return bool(record.get("name")) and record.get("node") == str(node.fullName())


def _upgrade(node: Any) -> None:
    # Only here, because it makes nodes, which nothing else does.
    from void_nuke.upgrade import upgrade

    bring_in(upgrade(node))


_ACTIONS = {
    "remove": lambda node: work.begin(node, "remove"),
    "preview": lambda node: work.begin(node, "preview"),
    "masks": lambda node: work.begin(node, "masks"),
    "rerun": lambda node: work.begin(node, "rerun"),
    "cancel": _cancel,
    "reload": _reload,
    "version_up": lambda node: _version(node, "up"),
    "version_down": lambda node: _version(node, "down"),
    "version_latest": lambda node: _version(node, "latest"),
    "open_folder": _open_folder,
    "job_log": _job_log,
    "reconnect": reconnect,
    "test": connection.test,
    "upgrade": _upgrade,
}
