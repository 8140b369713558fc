# SPDX-License-Identifier: Apache-2.0
"""What can go wrong for an artist, in words that name the node and say what to do."""

from __future__ import annotations

from void_line.errors import Told


class NodeError(Told):
    """Something that the artist can put right."""


class Cancelled(NodeError):
    """The artist cancelled the rendering of the inputs."""
