# SPDX-License-Identifier: Apache-2.0
"""Small shots made in code, whose background is known: a square moves before a textured plane seen by a camera."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from void_server.engines.cleanplate import (
    Anchoring,
    CleanplateSettings,
    FrameFill,
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

HEIGHT, WIDTH = 150, 240


def texture(height: int, width: int, seed: int = 1) -> np.ndarray:
    """(height, width, 3) float32 in about 0.05..0.8, with detail at several sizes."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for cell in (3, 7, 17, 41):
        grid = random.random((height // cell + 3, width // cell + 3, 3)).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(0.05 + 0.75 * (total / 4 - 0.25) / 0.5, 0.05, 0.9).astype(np.float32)


def encode8(linear: np.ndarray) -> np.ndarray:
    """A fixed logarithmic encoding of 1/1024 to 1 (and beyond, clipped) to 8 bits."""
    light = np.maximum(np.nan_to_num(linear), 0)
    return np.clip(np.round((np.log2(light + 2**-10) + 10) * 25.5), 0, 255).astype(np.uint8)


@dataclass
class Scene:
    """A shot and its truth; all lists have one picture a frame. `painted` are the artist's own clean plates."""

    plates: list[np.ndarray]
    clean: list[np.ndarray]
    remove: list[np.ndarray]
    affected: list[np.ndarray]
    keep: list[np.ndarray]
    painted: dict[int, np.ndarray] = field(default_factory=dict)

    def reader(self, settings: CleanplateSettings) -> Reader:
        return Reader(self, settings)

    def fill(self, target: int, settings: CleanplateSettings | None = None) -> FrameFill:
        settings = settings or CleanplateSettings()
        return fill_frame(target, self.reader(settings), settings)


@dataclass
class Reader:
    """A `ShotReader` over a scene, and a survey of it without hint strokes; remembers what was asked for."""

    scene: Scene
    settings: CleanplateSettings
    proxies: dict[int, ProxyFrame] = field(default_factory=dict)
    motions: dict[int, PairMotion] = field(default_factory=dict)
    anchors: dict[int, Anchoring] = field(default_factory=dict)
    measured: Measured = field(init=False)
    plates_read: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.measured = Measured(self)

    @property
    def frames(self) -> range:
        return range(len(self.scene.plates))

    def proxy(self, position: int) -> ProxyFrame:
        if position not in self.proxies:
            s = self.scene
            self.proxies[position] = prepare_frame(
                s.plates[position],
                s.remove[position],
                s.affected[position],
                s.keep[position],
                encode8,
                self.settings,
            )
        return self.proxies[position]

    def motion(self, position: int) -> PairMotion:
        if position not in self.motions:
            start = span_start(position)
            if start not in self.anchors:
                self.anchors[start] = anchor_span(start, self.measured)
            correction = self.anchors[start].corrections[position - start]
            self.motions[position] = anchored(settle_pair(position, self.measured), correction)
        return self.motions[position]

    def plate(self, position: int) -> np.ndarray:
        self.plates_read.append(position)
        return self.scene.plates[position]

    def clean_plate(self, position: int) -> np.ndarray | None:
        return self.scene.painted.get(position)

    def stroke(self, position: int) -> np.ndarray | None:
        return None


@dataclass
class Measured:
    """A `MotionReader` of a reader's motions before they are settled."""

    reader: Reader
    motions: dict[int, PairMotion] = field(default_factory=dict)

    @property
    def frames(self) -> range:
        return self.reader.frames

    def proxy(self, position: int) -> ProxyFrame:
        return self.reader.proxy(position)

    def motion(self, position: int) -> PairMotion:
        if position not in self.motions:
            self.motions[position] = estimate_pair(
                self.proxy(position), self.proxy(position + 1), self.reader.settings
            )
        return self.motions[position]


def scene(
    frames: int = 12,
    *,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    pan: tuple[float, float] = (0.0, 0.0),
    zoom: float = 1.0,
    square: int = 26,
    start: tuple[float, float] = (60.0, 20.0),
    speed: tuple[float, float] = (0.0, 14.0),
    shadow: bool = False,
    grain: float = 0.0,
    exposure: list[float] | None = None,
    seed: int = 1,
) -> Scene:
    """A square of `square` pixels crosses the picture.

    Args:
        size: (height, width).
        pan: camera motion, (down, across) pixels a frame.
        zoom: magnification a frame about the centre.
        start, speed: (row, column) of the square's corner in the picture, and its motion a frame.
        shadow: a darker patch of half the light lies below the square and moves with it; it is in the affected matte.
        grain: standard deviation of noise in the plates, in relation to their value; the truth has none.
        exposure: a factor for each frame.
    """
    height, width = size
    world = texture(3 * height, 3 * width, seed)
    random = np.random.default_rng(seed + 100)
    made = Scene([], [], [], [], [])
    for i in range(frames):
        centre = np.array([1.5 * width + pan[1] * i, 1.5 * height + pan[0] * i])
        scale = 1 / zoom**i
        matrix = np.array(
            [[scale, 0, centre[0] - scale * width / 2], [0, scale, centre[1] - scale * height / 2]],
            np.float64,
        )
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        clean = cv2.warpAffine(world, matrix, (width, height), flags=flags) * (exposure[i] if exposure else 1)
        plate, remove, affected = clean.copy(), np.zeros(size, np.float32), np.zeros(size, np.float32)
        top, left = round(start[0] + speed[0] * i), round(start[1] + speed[1] * i)
        rows, columns = slice(max(0, top), max(0, top + square)), slice(max(0, left), max(0, left + square))
        if shadow:
            below = slice(max(0, top + square), max(0, top + square + square // 2))
            plate[below, columns] *= 0.5
            affected[below, columns] = 1
        plate[rows, columns] = (0.9, 0.1, 0.1)
        remove[rows, columns] = 1
        noise = random.normal(0, 1, plate.shape) * grain
        made.plates.append((plate * (1 + noise)).astype(np.float32))
        made.clean.append(clean.astype(np.float32))
        made.remove.append(remove)
        made.affected.append(affected)
        made.keep.append(np.zeros(size, np.float32))
    return made


def without_object(made: Scene) -> Scene:
    """The same shot with mattes that are empty."""
    nothing = [np.zeros_like(matte) for matte in made.remove]
    return replace(made, remove=nothing, affected=nothing)


def result(made: Scene, target: int, filled: FrameFill) -> np.ndarray:
    """The plate with the fill put into its box."""
    x0, y0, x1, y1 = filled.box
    picture = made.plates[target].copy()
    picture[y0:y1, x0:x1] = filled.colour
    return picture


def psnr(made: Scene, target: int, filled: FrameFill) -> float:
    """Peak signal to noise, dB, of the region against the truth, on 8-bit encoded values."""
    inside = (made.remove[target] > 0) | (made.affected[target] > 0)
    difference = encode8(result(made, target, filled)).astype(float) - encode8(made.clean[target])
    return float(10 * np.log10(255**2 / max(np.square(difference[inside]).mean(), 1e-6)))
