# SPDX-License-Identifier: Apache-2.0
"""Options of `void-server serve` that say where units run."""

from __future__ import annotations

import argparse

from void_server.configuration import RaySettings
from void_server.errors import InvalidInput


def add_ray_options(parser: argparse.ArgumentParser) -> None:
    """Add `--pool` and the options of a Ray cluster."""
    parser.add_argument(
        "--pool",
        choices=("local", "ray"),
        default="local",
        help="where units run: local worker processes, or a worker for each GPU of a Ray cluster (docs/ray.md)"
        " (default %(default)s)",
    )
    parser.add_argument("--ray-address", metavar="HOST:PORT", help="with --pool ray: the cluster's head node")
    parser.add_argument(
        "--ray-resource",
        metavar="NAME",
        help="with --pool ray: a worker is started for each one that a node offers; GPU, CPU, or a name that nodes"
        " were started with (default GPU)",
    )
    parser.add_argument(
        "--ray-without-token",
        action="store_true",
        help="with --pool ray: use a cluster that asks nobody for a token: whoever reaches it can run code on each"
        " of its nodes",
    )


def ray_settings(options: argparse.Namespace) -> RaySettings | None:
    """What they say; None for local workers.

    Raises:
        InvalidInput: they do not fit together.
    """
    if options.pool == "ray":
        if not options.ray_address:
            raise InvalidInput(
                "--pool ray needs --ray-address.", fix="Give HOST:PORT of the cluster's head node."
            )
        return RaySettings(options.ray_address, options.ray_resource or "GPU", options.ray_without_token)
    if options.ray_address or options.ray_resource or options.ray_without_token:
        raise InvalidInput("--ray-address and its like are for --pool ray.", fix="Give --pool ray too.")
    return None
