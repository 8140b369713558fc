# SPDX-License-Identifier: Apache-2.0
"""The lines of Python that the node holds: what its buttons and its callbacks run, with or without the plugin."""

from __future__ import annotations

ACTIONS = {
    "void_remove_button": "remove",
    "void_preview_button": "preview",
    "void_masks_button": "masks",
    "void_rerun_button": "rerun",
    "void_cancel_button": "cancel",
    "void_version_up": "version_up",
    "void_version_down": "version_down",
    "void_version_latest": "version_latest",
    "void_reload": "reload",
    "void_open_folder": "open_folder",
    "void_job_log": "job_log",
    "void_reconnect": "reconnect",
    "void_test": "test",
    "void_upgrade": "upgrade",
}
"""What a button does: a name of `buttons.press`."""

_FOUND = '__import__("importlib.util", fromlist=("x",)).find_spec("void_nuke")'
_MISSING = "VOID is not installed here: the node shows its files, its buttons need `void install nuke`."


def button_line(action: str) -> str:
    """The one line of Python that a button holds; without the plugin it says so instead."""
    call = f'__import__("void_nuke.buttons", fromlist=("x",)).press("{action}")'
    return f'{call} if {_FOUND} else nuke.message("{_MISSING}")'


ON_CREATE = f'__import__("void_nuke.node", fromlist=("x",)).on_create() if {_FOUND} else None'
KNOB_CHANGED = f'__import__("void_nuke.node", fromlist=("x",)).knob_changed() if {_FOUND} else None'
"""What the group's own callbacks hold; silent without the plugin."""
