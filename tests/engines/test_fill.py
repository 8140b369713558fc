# SPDX-License-Identifier: Apache-2.0
"""What filling a frame promises, on shots whose background is known."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from safetensors.numpy import load, save

from tests.engines.scenes import HEIGHT, WIDTH, Scene, psnr, result, scene, texture, without_object
from void_server.engines.cleanplate import CleanplateSettings, FrameFill, fill_frame


@pytest.mark.parametrize("grain", [True, False])
@pytest.mark.parametrize(
    ("camera", "least"),
    [
        pytest.param({}, 45, id="locked off"),
        pytest.param({"pan": (0.0, 3.4)}, 33, id="pan"),
        pytest.param({"pan": (1.3, -2.6)}, 33, id="diagonal"),
        pytest.param({"zoom": 1.012}, 33, id="zoom"),
    ],
)
def test_the_background_behind_the_object_comes_back(camera, least, grain):
    made = scene(**camera)
    filled = made.fill(5, CleanplateSettings(grain=grain))
    assert psnr(made, 5, filled) > least
    assert filled.figures["coverage"] > 0.99


@pytest.mark.parametrize(("grain", "tolerance"), [(False, 2e-5), (True, 0.03)])
def test_a_locked_off_shot_without_grain_gives_back_the_samples_of_other_frames(grain, tolerance):
    made = scene()
    filled = made.fill(5, CleanplateSettings(grain=grain))
    np.testing.assert_allclose(result(made, 5, filled), made.clean[5], rtol=tolerance, atol=1e-6)


def test_a_shadow_in_the_affected_matte_is_filled_like_the_object():
    made = scene(shadow=True)
    assert psnr(made, 5, made.fill(5)) > 45


def test_a_fill_takes_the_exposure_of_its_own_frame():
    made = scene(exposure=[1.0, 1.3, 0.8, 1.1, 0.7, 1.25, 0.9, 1.2, 0.75, 1.3, 0.85, 1.0])
    for target in (4, 5):
        assert psnr(made, target, made.fill(target)) > 36


def test_grain_of_real_frames_is_kept_and_averaged_away_only_on_request():
    made = scene(grain=0.05)
    inside = made.remove[5] > 0

    def grain_left(settings):
        return float((result(made, 5, made.fill(5, settings)) / made.clean[5] - 1)[inside].std())

    assert grain_left(CleanplateSettings(grain=True)) == pytest.approx(0.05, rel=0.2)
    assert grain_left(CleanplateSettings(grain=False)) < 0.036


def test_the_shots_first_and_last_frame_are_filled_from_one_side():
    made = scene(pan=(0.0, 3.0))
    assert psnr(made, 0, made.fill(0)) > 31
    assert psnr(made, 11, made.fill(11)) > 31


def test_an_object_that_enters_and_leaves_at_the_edge_is_filled():
    made = scene(start=(60.0, -20.0), speed=(0.0, 25.0))
    for target in (0, 10):
        filled = made.fill(target)
        assert filled.box[0] == 0 or filled.box[2] == WIDTH
        assert psnr(made, target, filled) > 40


def test_a_frame_with_empty_mattes_gives_an_empty_fill_and_reads_no_plate():
    made = without_object(scene(3))
    settings = CleanplateSettings()
    reader = made.reader(settings)
    filled = fill_frame(1, reader, settings)
    assert filled.empty
    assert filled.colour.shape == (0, 0, 3)
    assert reader.plates_read == []


def test_only_the_chosen_sources_are_read():
    made = scene()
    settings = CleanplateSettings(quality="preview")
    reader = made.reader(settings)
    filled = fill_frame(5, reader, settings)
    assert len(set(reader.plates_read) - {5}) == filled.figures["sources"] <= settings.source_frames


def test_reach_limits_how_far_a_background_is_looked_for():
    made = scene(start=(60.0, 60.0), speed=(0.0, 4.0), square=20)
    near = made.fill(6, CleanplateSettings(reach=2))
    far = made.fill(6, CleanplateSettings(reach=6))
    assert near.figures["coverage"] < 0.9
    assert far.figures["coverage"] > 0.99


def test_what_no_frame_shows_is_synthesised_and_said_so():
    made = scene(4, speed=(0.0, 0.0))
    filled = made.fill(1)
    x0, y0, x1, y1 = filled.box
    inside = (made.remove[1] > 0)[y0:y1, x0:x1]
    assert filled.figures["coverage"] == 0
    assert (filled.synthesised[inside] == 1).all()
    assert (filled.borrowed[inside] == 0).all()
    assert (filled.confidence[inside] == 0).all()
    known = made.plates[1][made.remove[1] == 0]
    assert (filled.colour[inside] >= known.min(0)).all()
    assert (filled.colour[inside] <= known.max(0)).all()


def test_a_synthesised_fill_carries_nothing_of_the_object():
    made = scene(2, speed=(0.0, 0.0))
    grey = [np.full_like(plate, 0.2) for plate in made.plates]
    for plate, matte in zip(grey, made.remove, strict=True):
        plate[matte > 0] = (50.0, 0.0, 0.0)
    filled = replace(made, plates=grey).fill(0)
    np.testing.assert_allclose(filled.colour, 0.2, rtol=1e-3)


def test_an_unseen_patch_inside_a_borrowed_area_continues_the_borrowed_colours_around_it():
    made = scene(9, speed=(0.0, 0.0))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    bright = np.hypot(rows - 75, columns - 120) < 40
    patch = (abs(rows - 75) < 5) & (abs(columns - 120) < 5)
    lit = [
        np.where(bright, 0.8, 0.1).astype(np.float32)[..., None].repeat(3, axis=2) * texture(HEIGHT, WIDTH)
    ] * 9
    everywhere, here = patch.astype(np.float32), (np.hypot(rows - 75, columns - 120) < 60).astype(np.float32)
    filled = replace(made, plates=lit, remove=[everywhere] * 4 + [here] + [everywhere] * 4).fill(4)
    x0, y0, _, _ = filled.box
    assert filled.synthesised[75 - y0, 120 - x0] == 1
    around = lit[0][65:85, 110:130].mean()
    assert filled.colour[75 - y0, 120 - x0].mean() == pytest.approx(around, rel=0.25)


@pytest.fixture(scope="module")
def misplaced() -> tuple[Scene, dict[int, FrameFill]]:
    """A camera that pans by a pixel a frame. On frame 5 alone a strip beside the object stands four pixels off, as if
    nearer. Frames 4 to 6 are filled.
    """
    made = scene(pan=(0.0, 1.0), start=(60.0, 100.0), speed=(0.0, -5.0), square=40)
    for picture in (made.plates[5], made.clean[5]):
        picture[55:105, 115:119] = picture[59:109, 115:119].copy()
    return made, {i: made.fill(i) for i in (4, 5, 6)}


def test_what_other_frames_show_is_not_made_up_where_they_disagree_beside_it(misplaced):
    _, fills = misplaced
    assert fills[5].figures["coverage"] == 1
    assert fills[5].synthesised.max() == 0


def test_a_fill_does_not_jump_on_a_frame_whose_surroundings_disagree(misplaced):
    made, fills = misplaced
    # What stands at a column of frame 5 stands a pixel further right on frame 4.
    before, here, after = (
        np.roll(result(made, i, fills[i]), i - 5, axis=1)[62:98, 77:113] for i in (4, 5, 6)
    )
    assert np.abs(here - before).mean() < 0.015
    assert np.abs(here - after).mean() < 0.015
    assert psnr(made, 5, fills[5]) > 42


def test_nothing_of_a_glaring_object_enters_a_fill_that_is_partly_borrowed():
    made = scene(start=(60.0, 60.0), speed=(0.0, 4.0), square=24)
    for plate, matte in zip(made.plates, made.remove, strict=True):
        plate[...] = 0.2
        plate[matte > 0] = 60000.0
    filled = made.fill(6, CleanplateSettings(reach=2))
    assert 0.1 < filled.figures["coverage"] < 0.9
    np.testing.assert_allclose(filled.colour, 0.2, rtol=1e-3)


def test_every_part_of_a_pixel_is_accounted_for():
    made = scene(pan=(0.0, 2.0), speed=(0.0, 4.0), square=30)
    filled = made.fill(5)
    for part in (filled.confidence, filled.borrowed, filled.synthesised):
        assert part.dtype == np.float32
        assert part.min() >= 0
        assert part.max() <= 1
    assert (filled.borrowed + filled.synthesised <= 1 + 1e-6).all()
    x0, y0, x1, y1 = filled.box
    inside = (made.remove[5] > 0)[y0:y1, x0:x1]
    np.testing.assert_allclose((filled.borrowed + filled.synthesised)[inside], 1, atol=1e-6)


@pytest.mark.parametrize("margin", [0, 5, 16])
def test_the_fill_reaches_the_margin_around_the_region(margin):
    made = scene()
    filled = made.fill(5, CleanplateSettings(margin=margin))
    x0, y0, x1, y1 = filled.box
    rows, columns = np.nonzero(made.remove[5])
    assert x0 <= columns.min() - margin
    assert x1 >= columns.max() + 1 + margin
    assert y0 <= rows.min() - margin
    assert y1 >= rows.max() + 1 + margin


def test_within_the_box_unfilled_pixels_are_the_plates_own():
    made = scene()
    filled = made.fill(5, CleanplateSettings(margin=0))
    x0, y0, x1, y1 = filled.box
    untouched = (filled.borrowed == 0) & (filled.synthesised == 0)
    assert untouched.any()
    np.testing.assert_array_equal(filled.colour[untouched], made.plates[5][y0:y1, x0:x1][untouched])


def test_what_the_artist_keeps_needs_no_fill():
    made = scene(3)
    made.keep = [np.ones_like(matte) for matte in made.remove]
    assert made.fill(1).empty


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_shots_are_filled(frames):
    made = scene(frames, speed=(0.0, 60.0))
    filled = made.fill(0)
    assert np.isfinite(filled.colour).all()
    assert psnr(made, 0, filled) > (40 if frames == 2 else 12)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (31, 57), (57, 31), (2, 90)])
def test_odd_and_tiny_sizes_are_filled(size):
    made = scene(3, size=size, square=max(1, min(size) // 3), start=(0.0, 0.0), speed=(0.0, size[1] / 2))
    filled = made.fill(0)
    assert not filled.empty
    assert np.isfinite(filled.colour).all()


@pytest.mark.parametrize("share", [0.4, 0.9, 1.0])
def test_a_hole_of_most_of_the_frame_is_filled_with_finite_colours_of_the_shot(share):
    made = scene(3)
    wide = np.zeros((HEIGHT, WIDTH), np.float32)
    wide[:, : round(share * WIDTH)] = 1
    made.remove = [wide] * 3
    filled = made.fill(1)
    assert np.isfinite(filled.colour).all()
    assert filled.colour.min() >= made.plates[1].min() - 1e-3
    assert filled.colour.max() <= made.plates[1].max() + 1e-3


def test_where_nothing_is_known_the_frames_median_colour_is_taken():
    made = scene(1)
    made.remove = [np.ones((HEIGHT, WIDTH), np.float32)]
    filled = made.fill(0)
    np.testing.assert_allclose(
        filled.colour[75, 120], np.median(made.plates[0].reshape(-1, 3), axis=0), rtol=1e-4
    )


@pytest.mark.parametrize("level", [0.0, 0.18, 60000.0])
def test_flat_frames_are_filled_with_their_own_level(level):
    made = scene(5)
    flat = [np.full_like(plate, level) for plate in made.plates]
    filled = replace(made, plates=flat).fill(2)
    np.testing.assert_allclose(filled.colour, level, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_never_lent_and_spread_nowhere(poison):
    made = scene()
    for i in (3, 4, 6, 7):
        made.plates[i][60:70, 70:130] = poison
        made.plates[i][5, 5] = poison
    made.plates[5][62:66, 92:99] = poison
    made.plates[5][0, 0] = poison
    filled = made.fill(5)
    assert np.isfinite(filled.colour).all()
    assert psnr(made, 5, filled) > 40


def test_negative_samples_survive():
    made = scene()
    for plate, clean in zip(made.plates, made.clean, strict=True):
        shown = plate == clean
        clean[60:90, 70:130, 1] = -0.02
        plate[shown] = clean[shown]
    filled = made.fill(5)
    inside = (made.remove[5] > 0) & (made.clean[5][..., 1] < 0)
    assert inside.any()
    np.testing.assert_allclose(result(made, 5, filled)[inside][:, 1], -0.02, rtol=0.2)


def test_a_highlight_of_60000_comes_back_without_negative_rings():
    made = scene(pan=(0.0, 2.5))
    for i, (plate, clean, matte) in enumerate(zip(made.plates, made.clean, made.remove, strict=True)):
        column = round(118 - 2.5 * i)
        clean[70:73, column : column + 3] = 60000.0
        plate[matte == 0] = clean[matte == 0]
    filled = made.fill(5)
    assert filled.colour.min() >= 0
    assert result(made, 5, filled)[made.remove[5] > 0].max() > 20000


@pytest.mark.parametrize("quality", ["final", "preview"])
def test_the_same_input_gives_the_same_bits(quality):
    settings = CleanplateSettings(quality=quality)
    made = scene(8, pan=(0.7, 2.1), grain=0.03)
    first = made.fill(4, settings)
    cv2.setRNGSeed(12345)
    second = made.fill(4, settings)
    for name, array in first.to_arrays().items():
        assert array.tobytes() == second.to_arrays()[name].tobytes(), name


def test_a_plate_larger_than_the_proxy_is_filled_at_its_own_resolution():
    made = scene(6, size=(338, 1200), square=90, start=(120.0, 100.0), speed=(0.0, 130.0), pan=(0.0, 5.3))
    filled = made.fill(2)
    assert made.reader(CleanplateSettings()).proxy(2).size == (270, 960)
    assert psnr(made, 2, filled) > 33
    inside = made.remove[2] > 0
    truth, got = (
        cv2.Laplacian(p, cv2.CV_32F)[inside].std() for p in (made.clean[2], result(made, 2, filled))
    )
    assert got / truth > 0.9


def test_a_fill_survives_storage():
    filled = scene(6).fill(3)
    again = FrameFill.from_arrays(load(save(filled.to_arrays())))
    assert again.box == filled.box
    assert again.figures == filled.figures
    for name, array in filled.to_arrays().items():
        np.testing.assert_array_equal(array, again.to_arrays()[name])


def test_an_empty_fill_survives_storage():
    filled = without_object(scene(1)).fill(0)
    assert FrameFill.from_arrays(filled.to_arrays()).empty


def test_a_track_that_returns_badly_lowers_the_confidence():
    made = scene()
    sure, unsure = (made.reader(CleanplateSettings()) for _ in range(2))
    for i in range(11):
        motion = unsure.motion(i)
        forward, backward = (
            replace(f, error=f.error + np.float16(0.3)) for f in (motion.forward, motion.backward)
        )
        unsure.motions[i] = replace(motion, forward=forward, backward=backward)
    first, second = (fill_frame(5, reader, CleanplateSettings()) for reader in (sure, unsure))
    assert second.figures["confidence"] < 0.8 * first.figures["confidence"]


def test_disagreement_around_the_hole_lowers_the_confidence():
    grainy = scene(grain=0.25).fill(5)
    assert grainy.figures["ring_error"] > 0.03
    assert grainy.figures["confidence"] < 0.6 < scene().fill(5).figures["confidence"]


@pytest.mark.parametrize("grain", [True, False])
@pytest.mark.parametrize("camera", [{}, {"pan": (1.4, 3.3)}], ids=["locked off", "between pixels"])
def test_a_fill_says_how_much_of_white_grain_it_has_kept(camera, grain):
    settings = CleanplateSettings(grain=grain)
    made = scene(**camera)
    reader = made.reader(settings)
    bare = fill_frame(5, reader, settings)
    random = np.random.default_rng(4)
    reader.scene = replace(
        made, plates=[p + 0.001 * random.standard_normal(p.shape).astype(np.float32) for p in made.plates]
    )
    grained = fill_frame(5, reader, settings)
    x0, y0, x1, y1 = bare.box
    inside = made.remove[5][y0:y1, x0:x1] == 1
    told = float((bare.kept.astype(np.float32) * bare.fine)[inside].mean())
    found = float(((grained.colour - bare.colour) / 0.001)[inside].var())
    assert found == pytest.approx(told, rel=0.12, abs=0.02)
