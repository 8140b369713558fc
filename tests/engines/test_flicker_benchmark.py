# SPDX-License-Identifier: Apache-2.0
"""The benchmark of flicker: the pairs that it measures, and the shot that it makes."""

from __future__ import annotations

import numpy as np

from benchmarks.flicker import _made, _pairs, main
from benchmarks.generated_shot import GeneratedShot
from benchmarks.quality.shots import Shot

FRAMES, PULSE = 6, 3


def shot(without: int | None = None) -> Shot:
    """Grey with fine texture, at rest; no matte on the frame at `without`."""
    wall = (0.3 + 0.05 * np.random.default_rng(1).random((90, 120, 3))).astype(np.float32)
    matte = np.zeros((90, 120), np.float32)
    matte[30:60, 40:80] = 1
    mattes = [np.zeros_like(matte) if at == without else matte for at in range(FRAMES)]
    return Shot("still", list(range(FRAMES)), [wall] * FRAMES, [], mattes, [np.zeros_like(matte)] * FRAMES)


def test_a_pulse_is_in_the_pairs_before_and_after_it():
    given = shot()
    pictures = [plate.copy() for plate in given.plates]
    pictures[PULSE][20:70, 30:90] *= 1.1
    pairs = _pairs(given, pictures)
    assert sorted(pairs) == list(range(1, FRAMES))
    restless = {position for position, pair in pairs.items() if pair.inside > 0.05}
    assert restless == {PULSE, PULSE + 1}


def test_a_frame_without_a_region_is_in_no_pair():
    given = shot(without=PULSE)
    assert sorted(_pairs(given, given.plates)) == [1, 2, FRAMES - 1]


def test_a_made_shot_s_mattes_cover_its_object_alone():
    made, generated = _made(3, 2), GeneratedShot(480, 270, 2)
    for frame, (plate, matte) in enumerate(zip(made.plates, made.remove, strict=True)):
        left, top, side = generated.matte_box(frame)
        assert matte.sum() == side * side
        assert (plate[matte == 1] == np.array([2.5, 0.2, 0.1], np.float16)).all()
        assert not (plate[matte == 0] == np.array([2.5, 0.2, 0.1], np.float16)).all(1).any()
        assert matte[top, left] == 1


def test_a_folder_without_a_shot_is_told(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "shot.json" in capsys.readouterr().err
