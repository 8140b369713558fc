# SPDX-License-Identifier: Apache-2.0
"""Places in a source are corrected by what the ring shows, and only where that holds beside it too."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.engines.scenes import Reader, Scene, psnr, scene
from void_server.engines.cleanplate import CleanplateSettings, fill
from void_server.engines.cleanplate.refine import FURTHEST, refine
from void_server.engines.cleanplate.sources import Source, choose
from void_server.engines.cleanplate.tracks import follow
from void_server.engines.cleanplate.workbox import WorkBox

TARGET = 4
SETTINGS = CleanplateSettings()


@dataclass
class Chosen:
    """The sources of the frame TARGET, and what is needed to refine them."""

    reader: Reader
    sources: list[Source]
    pixels: np.ndarray
    in_hole: np.ndarray
    on_ring: np.ndarray

    @classmethod
    def of(cls, made: Scene) -> Chosen:
        reader = made.reader(SETTINGS)
        proxy = reader.proxy(TARGET)
        box = WorkBox.around(proxy)
        assert box is not None
        pixels, in_hole, on_ring = fill._tracked(proxy, box)
        found = follow(TARGET, pixels.astype(np.float32), in_hole, reader, SETTINGS)
        sources = choose(found, proxy, pixels, in_hole, on_ring, reader, SETTINGS)
        return cls(reader, sources, pixels, in_hole, on_ring)

    @property
    def unit(self) -> float:
        return self.reader.proxy(TARGET).unit

    def displaced(self, by: tuple[float, float]) -> list[Source]:
        return [replace(s, points=s.points + np.array(by, np.float32)) for s in self.sources]

    def refined(self, sources: list[Source]) -> list[Source]:
        proxy = self.reader.proxy(TARGET)
        box = WorkBox.around(proxy)
        assert box is not None
        return refine(sources, proxy, box, self.pixels, self.on_ring, self.reader, SETTINGS)

    def misses(self, sources: list[Source]) -> float:
        """Median distance, in proxy pixels, of the hole's places from where they were chosen."""
        apart = [
            np.hypot(*(s.points - right.points)[self.in_hole & right.visible].T)
            for s, right in zip(sources, self.sources, strict=True)
        ]
        return float(np.median(np.concatenate(apart)))


def test_a_shift_that_the_ring_shows_is_taken_back_in_the_hole():
    chosen = Chosen.of(scene(8, size=(300, 480), square=52, pan=(0, 3)))
    wrong = chosen.displaced((0.4, -0.25))
    assert chosen.misses(wrong) == pytest.approx(np.hypot(0.4, 0.25), abs=1e-3)
    assert chosen.misses(chosen.refined(wrong)) < 0.22


def test_it_works_through_a_change_of_exposure():
    chosen = Chosen.of(
        scene(8, size=(300, 480), square=52, pan=(0, 3), exposure=[1, 1.4, 0.7, 1, 1, 2, 0.8, 1])
    )
    assert chosen.misses(chosen.refined(chosen.displaced((0.4, -0.25)))) < 0.22


def test_right_places_stay_where_they_are():
    chosen = Chosen.of(scene(8, size=(300, 480), square=52, pan=(0, 3)))
    assert chosen.misses(chosen.refined(chosen.sources)) < 0.1


def test_a_source_that_shows_noise_is_not_bent_to_fit():
    chosen = Chosen.of(scene(8, size=(300, 480), square=52))
    for i, proxy in chosen.reader.proxies.items():
        if i != TARGET:
            noise = np.random.default_rng(i).integers(0, 255, proxy.picture.shape, np.uint8)
            chosen.reader.proxies[i] = replace(proxy, picture=noise)
    assert chosen.misses(chosen.refined(chosen.sources)) < 0.05


def test_no_place_moves_further_than_the_limit():
    chosen = Chosen.of(scene(8, size=(300, 480), square=52, pan=(0, 3)))
    wrong = chosen.displaced((6 * chosen.unit, 0.0))
    for before, after in zip(wrong, chosen.refined(wrong), strict=True):
        moved = np.abs(after.points - before.points)[before.visible]
        assert moved.max() <= 1.5 * FURTHEST * chosen.unit


def test_a_frame_whose_motion_was_measured_a_little_wrong_is_filled_better(monkeypatch):
    made = scene(8, size=(300, 480), square=52, pan=(0, 3))
    right, wrong = made.reader(SETTINGS), made.reader(SETTINGS)
    for i in range(7):
        found = right.motion(i)
        shift = np.array([[1, 0, 0.12], [0, 1, 0], [0, 0, 1]])
        wrong.motions[i] = replace(
            found,
            forward=replace(found.forward, matrix=shift @ found.forward.matrix),
            backward=replace(found.backward, matrix=np.linalg.inv(shift) @ found.backward.matrix),
        )
    refined = psnr(made, TARGET, fill.fill_frame(TARGET, wrong, SETTINGS))
    monkeypatch.setattr(fill, "refine", lambda sources, *_: sources)
    assert refined > psnr(made, TARGET, fill.fill_frame(TARGET, wrong, SETTINGS)) + 4
