# SPDX-License-Identifier: Apache-2.0
"""What no frame shows is completed once and carried to all frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.engines.scenes import Scene, psnr, scene
from void_server.engines.cleanplate import (
    CleanplateSettings,
    FrameFill,
    KeyFrame,
    carry_keys,
    complete_key,
    fill_frame,
    key_positions,
    unseen_part,
)

SIZE = (160, 240)


def tiles(frames: int = 6, pan: int = 2, *, regular: bool = True) -> Scene:
    """A panning camera before a tiled wall; a square is fixed to the wall, so that no frame shows what is behind."""
    height, width = SIZE
    random = np.random.default_rng(3)
    rows, columns = np.mgrid[:height, : width + pan * frames + 40]
    if regular:
        world = np.where((rows // 8 + columns // 8) % 2, 0.6, 0.15)[..., None] * np.array((1.0, 0.9, 0.7))
    else:
        world = random.random((height, columns.shape[1], 3)) * 0.5 + 0.1
    made = Scene([], [], [], [], [])
    for i in range(frames):
        clean = world[:, i * pan : i * pan + width].astype(np.float32)
        plate, remove = clean.copy(), np.zeros(SIZE, np.float32)
        left = 110 - i * pan
        plate[60:100, left : left + 40] = (0.9, 0.1, 0.1)
        remove[60:100, left : left + 40] = 1
        made.plates.append(plate)
        made.clean.append(clean)
        made.remove.append(remove)
        made.affected.append(np.zeros(SIZE, np.float32))
        made.keep.append(np.zeros(SIZE, np.float32))
    return made


def completed(
    made: Scene, settings: CleanplateSettings
) -> tuple[list[FrameFill], list[KeyFrame], list[FrameFill]]:
    """Fills, keys, and fills with the keys carried to them."""
    reader = made.reader(settings)
    fills = [fill_frame(i, reader, settings) for i in reader.frames]
    unseen = [i for i, fill in enumerate(fills) if unseen_part(fill, reader.proxy(i)) is not None]
    keys: list[KeyFrame] = []
    for position in key_positions(unseen):
        key = complete_key(position, fills[position], keys, reader, settings)
        keys += [key] if key is not None else []
    return fills, keys, [carry_keys(i, fill, keys, reader, settings) for i, fill in enumerate(fills)]


def test_regular_texture_goes_on_behind_what_never_moves():
    made = tiles()
    fills, keys, carried = completed(made, CleanplateSettings())
    assert len(keys) == 1
    for i in (0, keys[0].position, 5):
        assert psnr(made, i, carried[i]) > psnr(made, i, fills[i]) + 3


def test_all_frames_show_the_same_completion():
    _, keys, carried = completed(tiles(), CleanplateSettings(grain=False))
    key = keys[0].position
    x0, y0, _, _ = carried[key].box
    here = carried[key].colour[70 - y0 : 90 - y0, 120 - 2 * key - x0 : 140 - 2 * key - x0]
    for i in (key - 2, key + 2):
        left, top, _, _ = carried[i].box
        there = carried[i].colour[70 - top : 90 - top, 120 - 2 * i - left : 140 - 2 * i - left]
        assert np.abs(there - here).mean() < 0.03


def test_texture_that_cannot_be_foreseen_is_left_smooth_unless_asked_for():
    made = tiles(regular=False)
    _, keys, carried = completed(made, CleanplateSettings())
    assert keys == []
    _, keys, asked = completed(made, CleanplateSettings(unseen="texture"))
    assert len(keys) == 1
    x0, y0, _, _ = asked[2].box
    part = np.s_[70 - y0 : 90 - y0, 110 - x0 : 130 - x0]
    assert asked[2].colour[part].std() > 3 * carried[2].colour[part].std()


def test_smooth_is_kept_where_it_is_asked_for():
    fills, keys, carried = completed(tiles(), CleanplateSettings(unseen="smooth"))
    assert keys == []
    np.testing.assert_array_equal(carried[3].colour, fills[3].colour)


def test_a_completion_stays_synthesised_and_touches_nothing_else():
    fills, _, carried = completed(tiles(), CleanplateSettings())
    np.testing.assert_array_equal(carried[1].synthesised, fills[1].synthesised)
    np.testing.assert_array_equal(carried[1].confidence, fills[1].confidence)
    seen = fills[1].synthesised == 0
    np.testing.assert_array_equal(carried[1].colour[seen], fills[1].colour[seen])


def test_nothing_unseen_needs_no_key():
    made = scene(8, pan=(0, 3))
    _, keys, _ = completed(made, CleanplateSettings())
    assert keys == []


def test_a_narrow_gap_is_left_to_the_smooth_fill():
    made = tiles()
    reader = made.reader(CleanplateSettings())
    fill = fill_frame(2, reader, CleanplateSettings())
    thin = np.zeros_like(fill.synthesised)
    thin[:, 10:11] = 1
    assert unseen_part(replace(fill, synthesised=thin), reader.proxy(2)) is None
    assert unseen_part(fill, reader.proxy(2)) is not None


def test_keys_begin_in_the_middle_and_stand_apart():
    assert key_positions([]) == []
    assert key_positions([7]) == [7]
    assert key_positions(list(range(200))) == [100, 148, 196, 52, 4]
    assert key_positions([3, 4, 5, 300]) == [5, 300]


def test_a_later_key_shows_what_an_earlier_one_made_up():
    made = tiles(8)
    settings = CleanplateSettings()
    reader = made.reader(settings)
    fills = {i: fill_frame(i, reader, settings) for i in (4, 7)}
    first = complete_key(4, fills[4], [], reader, settings)
    assert first is not None
    second = complete_key(7, fills[7], [first], reader, settings)
    assert second is not None
    carried = carry_keys(7, fills[7], [first], reader, settings)
    assert np.abs(second.colour - carried.colour).mean() < 0.01


def test_a_key_survives_storage():
    key = KeyFrame(3, (1, 2, 3, 5), np.ones((3, 2, 3), np.float32))
    stored = KeyFrame.from_arrays(key.to_arrays())
    assert (stored.position, stored.box) == (3, (1, 2, 3, 5))
    np.testing.assert_array_equal(stored.colour, key.colour)
