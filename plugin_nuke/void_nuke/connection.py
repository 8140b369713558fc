# SPDX-License-Identifier: Apache-2.0
"""The button Test connection: what is wrong with server, token and storage, and what the server can do."""

from __future__ import annotations

import os
from typing import Any

from void_nuke import display
from void_nuke.session import SESSION
from void_nuke.values import server_of

LISTED = "void_options.txt"
"""Beside the helper's log: engines, segmenters, reasoners, finders and options of the server that was asked last."""


def test(node: Any) -> None:
    """Ask without waiting; the answer comes in a window, and the server's options in a file that it names."""
    server = server_of(node)

    def checked(message: dict[str, Any]) -> None:
        error = message.get("error")
        if error:
            display.tell(str(error["message"]), str(error.get("fix") or ""))
            return
        checks = message["reply"]["checks"]
        said = "\n".join(f"{c['result']}: {c['subject']}: {c['seen']} {c['fix']}".strip() for c in checks)
        SESSION.ask("capabilities", {"server": server}, lambda answer: display.tell(said, _listed(answer)))

    SESSION.ask("doctor", {"server": server}, checked)


def _listed(answer: dict[str, Any]) -> str:
    """Write what the server can do into a file; a sentence that names it, empty where there is nothing to name."""
    log = SESSION.helper().log
    if "reply" not in answer or log == os.devnull:
        return ""
    path = os.path.join(os.path.dirname(log), LISTED)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(listing(answer["reply"]))
    except OSError as error:
        return f"What the server can do could not be written into {path}: {error.strerror or error}."
    return f"What this server can do, with all of its options: {path}"


def listing(can: dict[str, Any]) -> str:
    """The reply to `capabilities` as lines."""
    lines = []
    for kind in ("engines", "segmenters", "reasoners", "finders"):
        lines.append(f"{kind}:" if kind != "finders" else "finders, of what the instruction alone names:")
        # A helper of an earlier release tells no finders.
        lines += [
            f"  {plug['name']}: {'ready' if plug['available'] else plug['unavailable_reason']}"
            for plug in can.get(kind, ())
        ]
    lines.append("options, for 'more options' as NAME=VALUE:")
    for option in can["options"]:
        values = ", ".join(option["choices"]) or option["type"]
        if option["type"] in ("integer", "number"):
            values += f" from {option['minimum']} to {option['maximum']}"
        lines.append(f"  {option['name']}={option['default_value']}  ({values}) {option['help']}")
    return "\n".join(lines) + "\n"
