# SPDX-License-Identifier: Apache-2.0
"""The workers of a server: what starts one, and the pools that its configuration asks for."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from void_server.configuration import RaySettings, ServerConfiguration
from void_server.frames.roots import Roots
from void_server.pool.local import LocalPool

if TYPE_CHECKING:
    from void_server.pool.ray_cluster import RayPool


def start_pools(configuration: ServerConfiguration) -> tuple[LocalPool | RayPool, LocalPool | RayPool]:
    """The pool of jobs, and that of previews, which with Ray is the same one.

    Raises:
        InvalidInput, PreconditionFailed: the cluster cannot be used, or none of its nodes.
    """
    if configuration.ray is not None:
        shared = _ray_pool(configuration, configuration.ray)
        return shared, shared
    command, seconds = worker_command(configuration), configuration.limits.unit_timeout_seconds
    # A worker of its own for clicks, started by the first: no job's long step keeps one waiting.
    return LocalPool(command, configuration.workers, seconds), LocalPool(command, 1, seconds)


def worker_command(configuration: ServerConfiguration) -> list[str]:
    """What starts one worker process."""
    limits = configuration.limits
    command = [sys.executable, "-m", "void_server.pool.worker", "--store", str(configuration.store)]
    for flag, value in (
        ("--memory-bytes", limits.worker_memory_bytes),
        ("--cache-bytes", limits.worker_cache_bytes),
        ("--min-free-bytes", limits.min_free_bytes),
        ("--max-pixels", limits.max_pixels),
        ("--max-channels", limits.max_channels),
    ):
        command += [flag, str(value)]
    ray = configuration.ray
    if ray.resource != "GPU" if ray is not None else configuration.workers > 1:
        command.append("--shared-gpu")
    if ray is not None:
        command.append("--end-with-parent")
    if configuration.vlm is not None:
        command += ["--vlm", str(configuration.vlm)]
    command += [f"--log-format={configuration.log_format}", f"--log-level={configuration.log_level}"]
    return command + Roots(configuration.roots).arguments()


def _ray_pool(configuration: ServerConfiguration, settings: RaySettings) -> RayPool:
    from void_server.pool.ray_cluster import RayPool

    # On the nodes relative paths would begin elsewhere.
    vlm = configuration.vlm.absolute() if configuration.vlm is not None else None
    there = replace(configuration, store=configuration.store.absolute(), vlm=vlm)
    shared = [*there.roots.values(), *([vlm] if vlm is not None else [])]
    seconds = there.limits.unit_timeout_seconds
    return RayPool(settings, worker_command(there), there.store, shared, seconds)
