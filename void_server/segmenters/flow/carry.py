# SPDX-License-Identifier: Apache-2.0
"""Key mattes carried through a shot: both ways from every key frame, and blended between two.

Between two key frames a frame has a shape from either side. Both are held, as distances at the reduced size, for the
frames of one span; plates are read one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F16, F32
from void_server.errors import InvalidInput
from void_server.segmenters.flow.carried import Carried, on_key
from void_server.segmenters.flow.distance import NOWHERE, blended, from_matte
from void_server.segmenters.flow.edges import plate_matte
from void_server.segmenters.flow.picture import Reduced, reduced
from void_server.segmenters.flow.step import step
from void_server.segmenters.keys import check_keys
from void_server.segmenters.protocol import Pictures, SegmentedFrame, Told

EMPTY = 0.02
"""Greatest value of a key matte that says that the object is not there."""


def segment_flow(
    frames: int,
    pictures: Pictures,
    keys: Mapping[int, F32],
    told: Told | None = None,
) -> Iterator[SegmentedFrame]:
    """Carries key mattes to all other frames; a `Segmenter`.

    An empty key matte says that the object is not there: nothing is carried from it or past it.

    Args:
        frames: how many the shot has.
        pictures: reads the picture of a position; each is asked for up to three times.
        keys: mattes by position, (H, W) float32 0..1.
        told: progress in steps, of which every frame has one or two.

    Raises:
        InvalidInput: the keys do not fit the shot.
    """
    check_keys(frames, keys)
    progress = _Progress(told, 0, _steps(frames, keys))
    for start, end in _spans(frames, keys):
        if start in keys:
            progress.one_more()
            yield SegmentedFrame(start, np.clip(keys[start], 0, 1).astype(np.float32), 1.0)
        yield from _between(start, end, pictures, keys, progress)


@dataclass
class _Progress:
    told: Told | None
    done: int
    total: int

    def one_more(self) -> None:
        self.done += 1
        if self.told is not None:
            self.told(self.done, self.total)


@dataclass(frozen=True)
class _Kept:
    """A shape until it is blended."""

    distance: F16
    trust: float


def _spans(frames: int, keys: Mapping[int, F32]) -> list[tuple[int, int]]:
    """Position of a key (or -1) and of the next one (or the number of frames)."""
    edges = [*sorted(keys), frames]
    spans = list(pairwise(edges))
    return spans if edges[0] == 0 else [(-1, edges[0]), *spans]


def _steps(frames: int, keys: Mapping[int, F32]) -> int:
    shown = {position for position, matte in keys.items() if _shows(matte)}
    carried = sum(
        (end - start - 1) * ((start in shown) + (end in shown)) for start, end in _spans(frames, keys)
    )
    return frames + carried


def _shows(matte: F32) -> bool:
    return bool((matte > EMPTY).any())


def _between(
    start: int, end: int, pictures: Pictures, keys: Mapping[int, F32], progress: _Progress
) -> Iterator[SegmentedFrame]:
    """The frames of a span without its key frames."""
    inside = range(start + 1, end)
    if not inside:
        return
    ahead = _carried(start, inside, pictures, keys, progress)
    behind = _carried(end, inside[::-1], pictures, keys, progress)
    for position in inside:
        progress.one_more()
        distance, trust = _joined(position, start, end, ahead.get(position), behind.get(position))
        if distance is None:
            yield SegmentedFrame(position, np.zeros_like(keys[next(iter(keys))], np.float32), trust)
        else:
            yield SegmentedFrame(position, plate_matte(_read(position, pictures, keys), distance), trust)


def _carried(
    key: int,
    positions: range,
    pictures: Pictures,
    keys: Mapping[int, F32],
    progress: _Progress,
) -> dict[int, _Kept]:
    """The key's shape on these positions, in their order; nothing where the key shows nothing or is none."""
    if key not in keys or not _shows(keys[key]):
        return {}
    anchor = _anchor(reduced(_read(key, pictures, keys)), keys[key])
    kept, here = {}, anchor
    for position in positions:
        here = step(here, reduced(_read(position, pictures, keys)), anchor)
        kept[position] = _Kept(here.distance.astype(np.float16), here.trust)
        progress.one_more()
    return kept


def _joined(
    position: int, start: int, end: int, ahead: _Kept | None, behind: _Kept | None
) -> tuple[F32 | None, float]:
    """The shape of a frame, None for none, and how far it is to be trusted."""
    known = [side for side in (ahead, behind) if side is not None]
    if not known:
        return None, 1.0
    if ahead is None or behind is None:
        return known[0].distance.astype(np.float32), known[0].trust
    near, far = ahead.trust / (position - start), behind.trust / (end - position)
    share = far / max(near + far, 1e-9)
    one, two = (side.distance.astype(np.float32) for side in (ahead, behind))
    return blended(one, two, share), ahead.trust * (1 - share) + behind.trust * share


def _anchor(frame: Reduced, matte: F32) -> Carried:
    height, width = frame.colour.shape[:2]
    small = cv2.resize(np.clip(matte, 0, 1), (width, height), interpolation=cv2.INTER_AREA)
    distance = from_matte(np.asarray(small, np.float32))
    if not (distance < 0).any():
        # What is too thin for the reduced picture still is what it is of.
        distance = from_matte(np.asarray(small / max(float(small.max()), 1e-6), np.float32))
    return on_key(frame, np.clip(distance, -NOWHERE, NOWHERE))


def _read(position: int, pictures: Pictures, keys: Mapping[int, F32]) -> F32:
    picture = pictures(position)
    size = keys[next(iter(keys))].shape
    if picture.shape != (*size, 3):
        raise InvalidInput(
            f"The picture at position {position} is {picture.shape[1]}x{picture.shape[0]}, the key mattes are "
            f"{size[1]}x{size[0]}.",
            fix="Draw the mattes on the shot's format.",
        )
    return picture
