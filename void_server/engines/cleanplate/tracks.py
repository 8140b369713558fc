# SPDX-License-Identifier: Apache-2.0
"""Where the pixels of one frame are in other frames: vectors composed frame by frame, pictures never.

docs/cleanplate.md, step 4. Since only positions are carried along, the plate is sampled once, at the end, and no
softening adds up.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate import camera
from void_server.engines.cleanplate.arrays import F32, U8, Bools, finite_pixels, touched
from void_server.engines.cleanplate.motion import FlowField
from void_server.engines.cleanplate.other_times import MotionReader
from void_server.engines.cleanplate.proxy import HOLE
from void_server.engines.cleanplate.settings import CleanplateSettings
from void_server.engines.cleanplate.shot import ShotReader

ROW = 1024
"""Point lists are folded into rows of this length for cv2.remap, whose pictures may not be longer than 32,766."""


@dataclass(frozen=True)
class Candidate:
    """A frame that may lend to the target, for N tracked points.

    Attributes:
        frame: its position in the shot.
        offset: its position less the target's; 0 only for a clean plate of the target itself.
        points: (N, 2) float32, proxy position (x, y) of each point in it.
        visible: (N,) bool, the track is unbroken and arrives on background.
        error: (N,) float32, round-trip error summed along the track, proxy pixels.
        painted: True when the artist's clean plate of the frame lends, not its plate.
    """

    frame: int
    offset: int
    points: F32
    visible: Bools
    error: F32
    painted: bool = False


def follow(
    target: int, points: F32, wanted: Bools, shot: ShotReader, settings: CleanplateSettings
) -> list[Candidate]:
    """Follows points of the target both ways through the shot.

    Args:
        target: position of the frame.
        points: (N, 2) float32 proxy positions (x, y).
        wanted: (N,) bool, the points that need a source; a direction ends when each of them has enough.
        shot: the shot.
        settings: the engine's settings.

    Returns:
        The candidates, nearest first, a past frame before the future frame at the same distance.
    """
    both = [
        candidate
        for direction in (-1, 1)
        for candidate in _follow_one_way(target, direction, points, wanted, shot, settings)
    ]
    clean = painted(target, shot)
    if clean is not None:
        shown = ~_touches(~clean, points)
        both.append(Candidate(target, 0, points, shown, np.zeros(len(points), np.float32), painted=True))
    return sorted(both, key=lambda candidate: (abs(candidate.offset), candidate.offset))


def track_to(target: int, frame: int, points: F32, shot: ShotReader) -> Candidate:
    """Where points of the target are in one other frame, whatever stands before them there.

    Args:
        target, frame: positions of two different frames.
        points: (N, 2) float32 proxy positions (x, y) in the target.
        shot: the shot.
    """
    direction = 1 if frame > target else -1
    alive, error = np.ones(len(points), bool), np.zeros(len(points), np.float32)
    for at in range(target, frame, direction):
        points, still, missed = step(field_between(at, direction, shot), points)
        alive, error = alive & still, error + missed
    return Candidate(frame, frame - target, points, alive, error, painted=True)


def field_between(frame: int, direction: int, shot: MotionReader) -> FlowField:
    """The motion from a frame to the next in a direction."""
    return shot.motion(frame).forward if direction > 0 else shot.motion(frame - 1).backward


def painted(frame: int, shot: ShotReader) -> Bools | None:
    """(h, w) bool: where the artist's clean plate of a frame has samples; None where there is none."""
    clean = shot.clean_plate(frame)
    return None if clean is None else ~touched(~finite_pixels(clean), shot.proxy(frame).size)


def offsets(reach: int) -> list[int]:
    """Distances at which a frame is looked at as a source: each near one, then 15 % further each time."""
    chosen: list[int] = []
    distance = 1
    while distance <= reach:
        chosen.append(distance)
        distance = max(distance + 1, round(distance * 1.15))
    return chosen


def _follow_one_way(
    target: int, direction: int, points: F32, wanted: Bools, shot: ShotReader, settings: CleanplateSettings
) -> list[Candidate]:
    looked_at = set(offsets(settings.frames_each_way))
    alive, error, seen = (
        np.ones(len(points), bool),
        np.zeros(len(points), np.float32),
        np.zeros(len(points), int),
    )
    candidates: list[Candidate] = []
    reached = range(1, settings.frames_each_way + 1)
    frames = [target + direction * distance for distance in reached]
    given = {
        frame for frame in frames if 0 <= frame < len(shot.frames) and shot.clean_plate(frame) is not None
    }
    for distance, frame in zip(reached, frames, strict=True):
        if not 0 <= frame < len(shot.frames):
            break
        points, still, missed = step(field_between(frame - direction, direction, shot), points)
        alive, error = alive & still, error + missed
        if not alive[wanted].any():
            break
        if frame in given:
            given.discard(frame)
            clean = painted(frame, shot)
            shown = alive if clean is None else alive & ~_touches(~clean, points)
            candidates.append(Candidate(frame, frame - target, points, shown, error, painted=True))
            seen += shown
        elif distance in looked_at:
            visible = alive & ~_touches(occupied(frame, shot), points)
            candidates.append(Candidate(frame, frame - target, points, visible, error))
            seen += visible
            # More than is needed, so that there is a choice; still more of them would only be further away.
            if not given and (seen[wanted & alive] >= settings.candidates).all():
                break
    return candidates


def step(field: FlowField, points: F32) -> tuple[F32, Bools, F32]:
    """One frame further: positions, whether the motion there is valid and inside the frame, round-trip error."""
    height, width = field.valid.shape
    moved = camera.apply(field.matrix, points + _residual(field, points))
    across, down = np.ascontiguousarray(moved[:, 0]), np.ascontiguousarray(moved[:, 1])
    inside = (across >= 0) & (down >= 0) & (across <= width - 1) & (down <= height - 1)
    column = np.clip(np.rint(points[:, 0]), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(points[:, 1]), 0, height - 1).astype(np.intp)
    place = row * width + column
    return moved, inside & field.valid.ravel()[place], field.error.ravel()[place].astype(np.float32)


def _residual(field: FlowField, points: F32) -> F32:
    """(N, 2) float32 residual at points; only the part of the field around them is looked at."""
    if len(points) == 0:
        return np.zeros((0, 2), np.float32)
    height, width = field.valid.shape
    x0, x1 = (int(np.clip(v, 0, width - 1)) for v in (points[:, 0].min(), points[:, 0].max()))
    y0, y1 = (int(np.clip(v, 0, height - 1)) for v in (points[:, 1].min(), points[:, 1].max()))
    part = field.residual[y0 : y1 + 2, x0 : x1 + 2].astype(np.float32)
    return sample(part, points - np.array((x0, y0), np.float32))


def occupied(frame: int, shot: MotionReader) -> Bools:
    """(h, w) bool: where a frame shows no background: in the hole, and where something moves on its own."""
    hole = shot.proxy(frame).where(HOLE)
    if len(shot.frames) < 2:
        return hole
    motion = shot.motion(min(frame, len(shot.frames) - 2))
    return hole | (motion.backward.moving if frame == len(shot.frames) - 1 else motion.forward.moving)


def _touches(mask: Bools, points: F32) -> Bools:
    """True where any of the four pixels around the point belongs to the mask."""
    return np.asarray(sample(mask.astype(np.float32), points) > 0)


def sample(picture: F32 | U8, points: F32) -> F32:
    """Bilinear samples of (h, w) or (h, w, c) at (N, 2) positions (x, y): (N,) or (N, c). Border repeated."""
    count = len(points)
    if count == 0:
        return np.zeros((0, *picture.shape[2:]), np.float32)
    padded = np.zeros((-(-count // ROW) * ROW, 2), np.float32)
    padded[:count] = points
    columns, rows = (np.ascontiguousarray(padded[:, axis].reshape(-1, ROW)) for axis in (0, 1))
    found = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(-1, *picture.shape[2:])[:count], np.float32)
