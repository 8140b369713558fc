# SPDX-License-Identifier: Apache-2.0
"""The engine run over a whole shot in this process, with the blend that would be published, timed by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shots import Shot
from void_server.conform.blend import blend_matte, composite
from void_server.engines.cleanplate import (
    SPAN,
    CleanplateSettings,
    FrameFill,
    KeyFrame,
    PairMotion,
    ProxyFrame,
    anchor_span,
    anchored,
    carry_keys,
    complete_key,
    estimate_pair,
    fill_frame,
    key_positions,
    low_band,
    prepare_frame,
    settle_pair,
    steadied,
    steady_gain,
    unseen_part,
)
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.quadmask.regions import Quadmask
from void_server.reasoners.motion import (
    AGREEING_FRAMES,
    SURVEY_SETTINGS,
    agree,
    propose_frame,
    proposed_matte,
    sort_movers,
)

Reasoner = Literal["artist", "motion", "none"]

GROW, FEATHER = 2, 4
"""Pixels; the defaults of the pipeline."""
PLATES_HELD = 16


@dataclass
class Run:
    """A finished shot.

    Attributes:
        pictures: (H, W, 3) of the plate's type, as published.
        differing: samples whose bits differ from the plate where the blend matte is 0; must be 0.
        figures: what the engine said of each frame.
        seconds: compute a frame (a pair, for motion) by stage.
        affected: (H, W) float32 0..1, the affected matte that was used.
        fills: the engine's fill of each frame, before it was blended.
        reader: the shot with its analysis, as the engine read it.
    """

    pictures: list[NDArray[Any]] = field(default_factory=list)
    differing: int = 0
    figures: list[dict[str, float]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    affected: list[NDArray[np.float32]] = field(default_factory=list)
    fills: list[FrameFill] = field(default_factory=list)
    reader: Reader | None = None


@dataclass(frozen=True)
class Reader:
    """A `ShotReader`, or a `SurveyReader`, over what was prepared; plates in float32 are held for a few frames only."""

    proxies: list[ProxyFrame]
    motions: list[PairMotion]
    read: Callable[[int], NDArray[np.float32]]

    @property
    def frames(self) -> range:
        return range(len(self.proxies))

    def proxy(self, position: int) -> ProxyFrame:
        return self.proxies[position]

    def motion(self, position: int) -> PairMotion:
        return self.motions[position]

    def plate(self, position: int) -> NDArray[np.float32]:
        return self.read(position)

    def clean_plate(self, position: int) -> None:
        return None

    def stroke(self, position: int) -> None:
        return None


def run_engine(shot: Shot, settings: CleanplateSettings, *, reasoner: Reasoner) -> Run:
    """Removes the object; the reasoner says where the affected region comes from, `artist` being the true matte."""
    run = Run()
    count = len(shot.plates)
    nothing = np.zeros(shot.remove[0].shape, np.float32)

    @lru_cache(maxsize=PLATES_HELD)
    def plate(position: int) -> NDArray[np.float32]:
        return shot.plates[position].astype(np.float32)

    with _timed(run, "encoding", count):
        encoding = ShotEncoding.from_statistics([FrameStatistics.of(plate(i)) for i in range(count)])
    affected = shot.affected if reasoner == "artist" else [nothing] * count
    if reasoner == "motion":
        with _timed(run, "reasoner", count):
            affected = proposed(shot, plate, encoding)
    run.affected = affected
    with _timed(run, "prepare", count):
        proxies = [
            prepare_frame(plate(i), shot.remove[i], affected[i], nothing, encoding.to_uint8, settings)
            for i in range(count)
        ]
    with _timed(run, "motion", max(count - 1, 1)):
        measured = Reader(
            proxies, [estimate_pair(one, two, settings) for one, two in pairwise(proxies)], plate
        )
    with _timed(run, "anchor", max(count - 1, 1)):
        corrections = _corrections(measured)
    with _timed(run, "settle", max(count - 1, 1)):
        motions = [anchored(settle_pair(i, measured), corrections[i]) for i in range(count - 1)]
    reader = Reader(proxies, motions, plate)
    with _timed(run, "fill", count):
        alone = [fill_frame(i, reader, settings) for i in range(count)]
    with _timed(run, "complete", count):
        fills = _completed(alone, reader, settings)
    with _timed(run, "steady", count):
        fills = _steadied(fills, alone, reader) if settings.steady else fills
    run.fills, run.reader = fills, reader
    with _timed(run, "blend", count):
        for i, fill in enumerate(fills):
            _publish(run, shot.plates[i], fill.box, fill.colour, Quadmask(shot.remove[i], affected[i]).region)
    run.figures = [fill.figures for fill in fills]
    return run


def _corrections(measured: Reader) -> list[NDArray[np.float64]]:
    """What the anchors give each pair."""
    pairs = len(measured.proxies) - 1
    return [c for start in range(0, pairs, SPAN) for c in anchor_span(start, measured).corrections]


def _completed(fills: list[FrameFill], reader: Reader, settings: CleanplateSettings) -> list[FrameFill]:
    """The fills with what no frame shows completed on key frames and carried to the others."""
    unseen = [i for i, fill in enumerate(fills) if unseen_part(fill, reader.proxy(i)) is not None]
    keys: list[KeyFrame] = []
    for position in key_positions(unseen):
        key = complete_key(position, fills[position], keys, reader, settings)
        keys += [key] if key is not None else []
    if not keys:
        return fills
    needing = set(unseen)
    return [carry_keys(i, f, keys, reader, settings) if i in needing else f for i, f in enumerate(fills)]


def _steadied(fills: list[FrameFill], alone: list[FrameFill], reader: Reader) -> list[FrameFill]:
    """The fills under the light of their neighbours, each as it was filled alone."""
    lows = {i: low for i, fill in enumerate(alone) if (low := low_band(i, fill, reader)) is not None}
    return [
        steadied(fill, steady_gain(i, lows, reader)) if i in lows else fill for i, fill in enumerate(fills)
    ]


def proposed(
    shot: Shot, plate: Callable[[int], NDArray[np.float32]], encoding: ShotEncoding
) -> list[NDArray[np.float32]]:
    """(H, W) float32 0..1 a frame: what the reasoner `motion` proposes, as the pipeline places it."""
    nothing = np.zeros(shot.remove[0].shape, np.float32)
    proxies = [
        prepare_frame(plate(i), matte, nothing, nothing, encoding.to_uint8, SURVEY_SETTINGS)
        for i, matte in enumerate(shot.remove)
    ]
    measured = Reader(
        proxies, [estimate_pair(one, two, SURVEY_SETTINGS) for one, two in pairwise(proxies)], plate
    )
    settled = [anchored(settle_pair(i, measured), c) for i, c in enumerate(_corrections(measured))]
    survey = Reader(proxies, settled, plate)
    movers = sort_movers(survey, encoding.decode)
    found = [propose_frame(i, survey, encoding.decode, movers) for i in range(len(proxies))]
    agreed = [
        agree(own, [p for p in found[max(0, i - AGREEING_FRAMES) : i + AGREEING_FRAMES + 1] if p is not own])
        for i, own in enumerate(found)
    ]
    return [
        np.minimum(proposed_matte(region, matte.shape), 1 - matte)
        for region, matte in zip(agreed, shot.remove, strict=True)
    ]


def _publish(
    run: Run,
    plate: NDArray[Any],
    box: tuple[int, int, int, int],
    colour: NDArray[np.float32],
    region: NDArray[np.bool_],
) -> None:
    blend = blend_matte(region, None, grow=GROW, feather=FEATHER, dtype=plate.dtype)
    picture = composite(plate, colour, blend, at=box[:2]).colour
    bits = np.uint16 if plate.dtype == np.float16 else np.uint32
    run.differing += int(np.count_nonzero((picture.view(bits) != plate.view(bits))[blend == 0]))
    run.pictures.append(picture)


@contextmanager
def _timed(run: Run, stage: str, count: int) -> Iterator[None]:
    start = time.perf_counter()
    yield
    run.seconds[stage] = (time.perf_counter() - start) / count


def reference_seconds(shot: Shot, clock: Callable[[], float] = time.perf_counter) -> float:
    """The yardstick of speed: two DIS-MEDIUM flows at 960 x 540 and one cubic RGB remap at plate size."""
    height, width = shot.plates[0].shape[:2]
    plate = shot.plates[0].astype(np.float32)
    views = [
        cv2.resize((np.clip(p, 0, 1) * 255).astype(np.uint8), (960, 540))
        for p in (shot.plates[0], shot.plates[-1])
    ]
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in views]
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32) + 0.3, np.arange(height, dtype=np.float32) + 0.3
    )
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    times = []
    for _ in range(3):
        start = clock()
        flow.calc(grey[0], grey[1], None)
        flow.calc(grey[1], grey[0], None)
        cv2.remap(plate, columns, rows, cv2.INTER_CUBIC)
        times.append(clock() - start)
    return min(times)
