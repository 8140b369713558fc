# SPDX-License-Identifier: Apache-2.0
"""The units of the clean-plate engine's analysis, which the reasoner's survey and the engine itself both have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from void_server.engines.cleanplate import SETTLE_REACH, SPAN
from void_server.engines.cleanplate import VERSION as CLEANPLATE_VERSION
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.keys import unit_key
from void_server.pipeline.known_shot import matte_contents
from void_server.pipeline.manifest import FrameRef, ShotManifest
from void_server.pipeline.units import unit


def proxy_units(
    kind: str,
    shot: ShotManifest,
    blobs: BlobFolder,
    mattes: Callable[[FrameRef], dict[str, Any]] = matte_contents,
) -> list[dict[str, Any]]:
    """Every frame reduced to what analysis needs; none where nothing is to be filled.

    Args:
        mattes: what the units read of a frame's mattes, for their keys.
    """
    if not any(f.active for f in shot.frames):
        return []
    digest = shot.store(blobs).digest
    units = []
    for position, frame in enumerate(shot.frames):
        key = unit_key(
            kind,
            engine=CLEANPLATE_VERSION,
            plate=frame.content,
            mattes=mattes(frame),
            view=shot.view,
            window=shot.window,
            colour=asdict(shot.colour),
            encoding=shot.encoding,
            settings={name: shot.settings[name] for name in ("quality", "margin")},
        )
        args = {"shot": digest, "position": position}
        units.append(unit(kind, key, f"{kind} of frame {frame.frame}", args, frame=frame.frame))
    return units


def motion_units(
    kind: str,
    shot: ShotManifest,
    blobs: BlobFolder,
    reads: Callable[[int], dict[str, Any]] = lambda _: {},
) -> list[dict[str, Any]]:
    """The motion between every two neighbours that have proxies.

    Args:
        reads: what the unit of a position reads beside the two proxies, for its key.
    """
    digest = shot.store(blobs).digest
    units = []
    for position, (a, b) in enumerate(pairwise(shot.frames)):
        if not a.proxy or not b.proxy:
            continue
        key = unit_key(
            kind,
            engine=CLEANPLATE_VERSION,
            pair=[a.proxy, b.proxy],
            quality=shot.settings["quality"],
            **reads(position),
        )
        args = {"shot": digest, "position": position}
        label = f"{kind.replace('_', ' ')} from frame {a.frame} to {b.frame}"
        units.append(unit(kind, key, label, args, frame=a.frame))
    return units


def anchor_units(kind: str, shot: ShotManifest, blobs: BlobFolder) -> list[dict[str, Any]]:
    """Each span of measured motions matched directly, from its first frame to its last."""
    digest = shot.store(blobs).digest
    units = []
    for start in range(0, len(shot.frames) - 1, SPAN):
        span = shot.frames[start : start + SPAN + 1]
        if not all(f.motion for f in span[:-1]):
            continue
        key = unit_key(
            kind,
            engine=CLEANPLATE_VERSION,
            ends=[span[0].proxy, span[-1].proxy],
            chain=[f.motion for f in span[:-1]],
        )
        args = {"shot": digest, "position": start}
        label = f"{kind.replace('_', ' ')} of frame {span[-1].frame} to {span[0].frame}"
        units.append(unit(kind, key, label, args, frame=span[0].frame))
    return units


def settle_units(kind: str, shot: ShotManifest, blobs: BlobFolder) -> list[dict[str, Any]]:
    """Each measured motion completed from the measurements of other times, and anchored."""
    digest = shot.store(blobs).digest
    units = []
    for position, frame in enumerate(shot.frames):
        if not frame.motion:
            continue
        first = max(0, position - SETTLE_REACH)
        near = shot.frames[first : position + SETTLE_REACH + 2]
        key = unit_key(
            kind,
            engine=CLEANPLATE_VERSION,
            near=[[f.proxy, f.motion] for f in near],
            first=first - position,
            anchoring=[frame.anchoring, position % SPAN],
        )
        args = {"shot": digest, "position": position}
        label = f"{kind.replace('_', ' ')} of the motion from frame {frame.frame}"
        units.append(unit(kind, key, label, args, frame=frame.frame))
    return units
