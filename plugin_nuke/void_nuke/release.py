# SPDX-License-Identifier: Apache-2.0
"""Whether a node has the knobs and the network of the installed plugin."""

from __future__ import annotations

from typing import Any

from void_nuke.errors import NodeError
from void_nuke.knobs import NODE_VERSION


def is_of_this_release(node: Any) -> bool:
    """Whether it is; another one lacks knobs and nodes that are used here."""
    return int(node["void_node_version"].value()) == NODE_VERSION


def check_release(node: Any) -> None:
    """Refuse a node of another release.

    Raises:
        NodeError: it is one.
    """
    if not is_of_this_release(node):
        raise NodeError(
            f"{node.name()} is of another release than the installed plugin.",
            "Press Upgrade node on the tab Server.",
        )
