# SPDX-License-Identifier: Apache-2.0
"""Whatever the shot, a fill is finite and no worse than smoothing each frame over its hole by itself.

The measure is that of benchmarks.quality: PSNR of the hole on display-like values (x / (1 + x), then sRGB), its mean
over the frames, against the baseline `pull_push`.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest

from benchmarks.quality.baselines import pull_push
from benchmarks.quality.scores import view
from benchmarks.quality.shots import Shot
from tests.engines.odd_shots import SIZE, Camera, crossing, shot
from tests.engines.scenes import Scene, encode8, result, texture
from void_server.engines.cleanplate import (
    Anchoring,
    CleanplateSettings,
    PairMotion,
    ProxyFrame,
    anchor_span,
    anchored,
    estimate_pair,
    fill_frame,
    prepare_frame,
    settle_pair,
    span_start,
)
from void_server.plates.encoding import FrameStatistics, ShotEncoding

WORSE_BY = 0.1
"""dB that the engine may be below the baseline."""
MOST = 80.0
"""dB beyond which a picture is simply right; so that one frame without error does not decide a mean."""
HEIGHT, WIDTH = SIZE


def exposed(factors: dict[int, float]) -> Callable[[int, np.ndarray], np.ndarray]:
    return lambda i, picture: picture * np.float32(factors.get(i, 1.0))


def barred(value: float, rows: int = 12, columns: int = 0) -> Callable[[int, np.ndarray], np.ndarray]:
    def finish(_: int, picture: np.ndarray) -> np.ndarray:
        picture = picture.copy()
        picture[:rows] = picture[-rows:] = value
        if columns:
            picture[:, :columns] = picture[:, -columns:] = value
        return picture

    return finish


def lamps() -> np.ndarray:
    """A dim world with lamps of up to 60,000."""
    world = 0.2 * texture(3 * HEIGHT + 60, 3 * WIDTH + 60)
    random = np.random.default_rng(5)
    for _ in range(160):
        row, column = random.integers(0, world.shape[0] - 4), random.integers(0, world.shape[1] - 4)
        world[row : row + 4, column : column + 4] = 60000.0 ** random.random()
    return world


def one_like_the_other(i: int, picture: np.ndarray) -> np.ndarray:
    """Every frame another picture: nothing can be borrowed. The object is taken out with the rest, its matte stays."""
    return texture(HEIGHT, WIDTH, 50 + i)


def waves(i: int, picture: np.ndarray) -> np.ndarray:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    swell = np.sin(columns / 9 + 1.3 * i) * np.sin(rows / 6 - 0.9 * i) + np.sin(
        (rows + columns) / 15 + 2.1 * i
    )
    return picture * (1 + 0.35 * swell[..., None]).astype(np.float32)


PAN = Camera(pan=(0.7, 2.3))
CASES: dict[str, Callable[[], Scene]] = {
    "locked off": lambda: shot(),
    "pan": lambda: shot(camera=PAN),
    "zoom and roll": lambda: shot(camera=Camera(zoom=1.015, roll=0.6)),
    "fast pan": lambda: shot(camera=Camera(pan=(0.0, 13.0))),
    "odd size": lambda: shot(6, size=(157, 233), camera=PAN),
    "tiny": lambda: shot(size=(17, 31)),
    "tiny upright, pan": lambda: shot(size=(31, 17), camera=Camera(pan=(0.0, 0.8))),
    "black bars": lambda: shot(camera=PAN, finish=barred(0.0)),
    "no samples beyond the data window": lambda: shot(camera=PAN, finish=barred(np.nan, 9, 14)),
    "object over the end of the data window": lambda: shot(
        camera=PAN, squares=crossing(SIZE, top=0.0), finish=barred(np.nan, 9, 14)
    ),
    "enters and leaves": lambda: shot(9, camera=PAN, squares=crossing(SIZE, start=-0.3, speed=0.18)),
    "cut at the edge": lambda: shot(camera=PAN, squares=crossing(SIZE, top=-0.12)),
    "cut at the edge, moving along it": lambda: shot(squares=crossing(SIZE, top=0.85, speed=0.07)),
    "several objects": lambda: shot(
        camera=PAN,
        squares=lambda i: [(20, 10 + 14 * i, 22, 22), (55, 130 - 14 * i, 26, 18), (70.0, 60, 14, 14)],
    ),
    "shadow, in the affected matte": lambda: shot(camera=PAN, shadow=0.5),
    "shadow, in no matte": lambda: shot(camera=PAN, shadow=0.5, shadow_in_matte=False),
    "40 % of the frame, moving": lambda: shot(
        camera=PAN, squares=lambda i: [(0, -40.0 + 12 * i, HEIGHT, 64)]
    ),
    "40 % of the frame, at rest": lambda: shot(squares=lambda i: [(18, 50, 60, 102)]),
    "object that never moves": lambda: shot(squares=lambda i: [(35, 60, 30, 30)]),
    "object at rest in the picture, pan": lambda: shot(
        camera=Camera(pan=(0.0, 4.0)), squares=lambda i: [(35, 60, 26, 26)]
    ),
    "slow object": lambda: shot(camera=PAN, squares=crossing(SIZE, speed=0.012, start=0.4)),
    "1 frame": lambda: shot(1),
    "2 frames": lambda: shot(2, squares=crossing(SIZE, speed=0.3)),
    "2 frames, pan": lambda: shot(2, camera=PAN, squares=crossing(SIZE, speed=0.1)),
    "2 frames, object at rest": lambda: shot(2, squares=crossing(SIZE, speed=0.0)),
    "black frames within": lambda: shot(camera=PAN, finish=exposed({3: 0.0, 4: 0.0})),
    "black throughout": lambda: shot(4, finish=exposed(dict.fromkeys(range(8), 0.0))),
    "fade to black": lambda: shot(camera=PAN, finish=exposed({i: 0.4**i for i in range(8)})),
    "flash": lambda: shot(camera=PAN, finish=exposed({4: 4.0})),
    "flash, locked off": lambda: shot(finish=exposed({2: 4.0, 5: 0.25})),
    "HDR up to 60,000": lambda: shot(camera=PAN, world=lamps()),
    "HDR up to 60,000, locked off": lambda: shot(world=lamps()),
    "noise": lambda: shot(camera=PAN, grain=0.15),
    "waves": lambda: shot(finish=waves),
    "no two frames alike": lambda: shot(6, finish=one_like_the_other),
    "blur that changes": lambda: shot(
        camera=Camera(pan=(0.0, 3.0), blur=lambda i: (0.0, 0.5, 2.0, 4.0)[i % 4])
    ),
    "hard cut within": lambda: shot(
        finish=lambda i, picture: picture if i < 4 else np.ascontiguousarray(picture[::-1, ::-1])
    ),
}


def filled(made: Scene, settings: CleanplateSettings | None = None) -> list[np.ndarray]:
    settings = settings or CleanplateSettings()
    reader = made.reader(settings)
    encoding = ShotEncoding.from_statistics([FrameStatistics.of(plate) for plate in made.plates])
    for i, plate in enumerate(made.plates):
        mattes = (made.remove[i], made.affected[i], made.keep[i])
        reader.proxies[i] = prepare_frame(plate, *mattes, encoding.to_uint8, settings)
    pictures = []
    for i in reader.frames:
        fill = fill_frame(i, reader, settings)
        assert np.isfinite(fill.colour).all()
        pictures.append(result(made, i, fill))
    return pictures


def hole_psnr(made: Scene, pictures: list[np.ndarray]) -> float:
    """Mean over the frames; of display-like pictures. Samples without a truth do not count."""
    figures = []
    for i, picture in enumerate(pictures):
        hole = ((made.remove[i] > 0) | (made.affected[i] > 0)) & np.isfinite(made.clean[i]).all(-1)
        if hole.any():
            error = np.square(picture[hole].astype(np.float64) - view(made.clean[i])[hole]).mean()
            figures.append(min(MOST, -10 * np.log10(max(float(error), 1e-12))))
    return float(np.mean(figures))


def against_the_baseline(made: Scene, settings: CleanplateSettings | None = None) -> tuple[float, float]:
    """Mean PSNR of the engine and of the baseline."""
    region = [np.maximum(*mattes) for mattes in zip(made.remove, made.affected, strict=True)]
    plain = Shot("", [], made.plates, made.clean, region, made.affected)
    engine = [view(picture) for picture in filled(made, settings)]
    return hole_psnr(made, engine), hole_psnr(made, pull_push(plain))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_shot_is_filled_worse_than_by_smoothing_each_frame(case):
    engine, plain = against_the_baseline(case())
    assert engine >= plain - WORSE_BY


@pytest.mark.parametrize("grain", [True, False])
def test_a_dark_shot_that_is_mostly_noise_is_no_worse(grain):
    made = shot(camera=PAN, grain=0.5, finish=exposed(dict.fromkeys(range(8), 0.02)))
    engine, plain = against_the_baseline(made, CleanplateSettings(grain=grain))
    assert engine >= plain - WORSE_BY


@pytest.mark.parametrize(
    "case", ["pan", "black bars", "flash", "HDR up to 60,000", "40 % of the frame, moving"]
)
def test_previews_are_no_worse_either(case):
    engine, plain = against_the_baseline(CASES[case](), CleanplateSettings(quality="preview"))
    assert engine >= plain - WORSE_BY


class Endless:
    """A `ShotReader` of a long shot that makes each picture and motion when it is asked, and keeps a few."""

    def __init__(self, frames: int, settings: CleanplateSettings) -> None:
        self.frames = range(frames)
        self._world = texture(48, 64 + 500)
        self._settings = settings
        self.proxy = lru_cache(8)(self._proxy)
        self.measured = lru_cache(96)(self._measured)
        self.anchoring = lru_cache(4)(self._anchoring)
        self.motion = lru_cache(8)(self._motion)

    def plate(self, position: int) -> np.ndarray:
        picture = self._world[:, position : position + 64].copy()
        picture[15:35, 20:40] = 0.9
        return picture

    def clean_plate(self, position: int) -> None:
        return None

    def _proxy(self, position: int) -> ProxyFrame:
        remove, nothing = np.zeros((48, 64), np.float32), np.zeros((48, 64), np.float32)
        remove[15:35, 20:40] = 1
        return prepare_frame(self.plate(position), remove, nothing, nothing, encode8, self._settings)

    def _measured(self, position: int) -> PairMotion:
        return estimate_pair(self.proxy(position), self.proxy(position + 1), self._settings)

    def _anchoring(self, start: int) -> Anchoring:
        return anchor_span(start, Before(self))

    def _motion(self, position: int) -> PairMotion:
        found = self.anchoring(span_start(position))
        settled = settle_pair(position, Before(self))
        return anchored(settled, found.corrections[position - span_start(position)])


@dataclass(frozen=True)
class Before:
    """The motions of `Endless` before they are settled."""

    reader: Endless

    @property
    def frames(self) -> range:
        return self.reader.frames

    def proxy(self, position: int) -> ProxyFrame:
        return self.reader.proxy(position)

    def motion(self, position: int) -> PairMotion:
        return self.reader.measured(position)


def test_500_frames_need_no_more_memory_than_90():
    """Both are longer than what a frame is filled from: its reach, and what its motion is settled from."""
    settings = CleanplateSettings(reach=5)
    peaks = []
    for frames in (90, 500):
        reader = Endless(frames, settings)
        reader.proxy(0)
        tracemalloc.start()
        for target in (frames // 2 - 1, frames // 2, frames // 2 + 1):
            fill_frame(target, reader, settings)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.15 * peaks[0]
