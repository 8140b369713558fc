# SPDX-License-Identifier: Apache-2.0
"""What comes out of the macro, by a model of its tools in numpy. It is a model: Fusion was never asked."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.resolve.lua.model import MacroModel, Picture
from tests.resolve.lua.setting import Node

HEIGHT, WIDTH = 72, 640
REGIONS = ("remove", "affected", "overlap", "blend")
GROW = 4 / WIDTH
FEATHER = 4


def random_picture(seed: int) -> Picture:
    return np.random.default_rng(seed).uniform(-0.1, 4, (HEIGHT, WIDTH, 4)).astype(np.float32)


def disc(x: int, y: int, radius: int) -> Picture:
    canvas = np.zeros((HEIGHT, WIDTH), np.float32)
    return np.asarray(cv2.circle(canvas, (x, y), radius, 1.0, -1), np.float32)


@pytest.fixture
def plate() -> Picture:
    return random_picture(1)


@pytest.fixture
def matte() -> Picture:
    """Remove, affected, overlap and blend, as `NAME_matte` files carry them."""
    remove, affected = disc(50, 36, 14), disc(66, 40, 12)
    distance = cv2.distanceTransform((np.maximum(remove, affected) == 0).astype(np.uint8), cv2.DIST_L2, 5)
    blend = np.clip(1 - (distance - 2) / FEATHER, 0, 1)
    return np.dstack([remove, affected, np.minimum(remove, affected), blend]).astype(np.float32)


@pytest.fixture
def result(plate: Picture, matte: Picture) -> Picture:
    """As VOID returns it: the fill, already blended into the plate."""
    blend = matte[..., 3:]
    return np.where(blend > 0, plate + blend * (random_picture(2) - plate), plate)


@pytest.fixture
def model(group: Node, plate: Picture, matte: Picture, result: Picture):
    def with_controls(**controls: float) -> MacroModel:
        return MacroModel(group, {"ResultSequence": result, "MatteSequence": matte}, plate, **controls)

    return with_controls


@pytest.mark.parametrize("region", range(4), ids=REGIONS)
def test_the_region_chooses_where_the_clean_plate_shows(model, plate, result, matte, region) -> None:
    picture = model(region=region, grow=0, blur=0, mix=1).output("Picture")
    inside, outside = matte[..., region] == 1, matte[..., region] == 0
    assert inside.any() and outside.any()
    assert np.array_equal(picture[inside, :3], result[inside, :3])
    assert np.array_equal(picture[outside], plate[outside])


@pytest.mark.parametrize("region", range(4), ids=REGIONS)
def test_the_mask_is_the_region_whichever_of_its_channels_fusion_takes(model, matte, region) -> None:
    picked = model(region=region).picture("PickRegion")
    for channel in range(4):
        assert np.array_equal(picked[..., channel], matte[..., region])


@pytest.mark.parametrize("blur", [0, 3, 7])
@pytest.mark.parametrize("grow", [-GROW, 0, GROW])
def test_outside_of_the_grown_and_blurred_matte_the_plate_is_untouched(
    model, plate, matte, grow, blur
) -> None:
    picture = model(region=0, grow=grow, blur=blur, mix=1).output("Picture")
    reach = round(max(grow, 0) * WIDTH) + blur
    far = cv2.dilate(matte[..., 0], np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) == 0
    assert far.any()
    assert np.array_equal(picture[far], plate[far])


def test_growing_takes_more_of_the_clean_plate_and_shrinking_less(model, plate) -> None:
    def changed(grow: float) -> int:
        return int((model(region=0, grow=grow, blur=0).output("Picture") != plate).any(axis=-1).sum())

    assert changed(-GROW) < changed(0) < changed(GROW)


def test_the_plates_alpha_is_never_replaced(model, plate) -> None:
    assert np.array_equal(model(region=3, blur=5).output("Picture")[..., 3], plate[..., 3])


def test_mix_at_nothing_is_the_plate_and_halfway_lies_between(model, plate, result, matte) -> None:
    assert np.array_equal(model(mix=0).output("Picture"), plate)
    half = model(region=0, grow=0, blur=0, mix=0.5).output("Picture")
    inside = matte[..., 0] == 1
    assert np.allclose(half[inside, :3], (plate + result)[inside, :3] / 2, atol=1e-5)


def test_inverted_the_clean_plate_shows_outside_of_the_region(model, plate, result, matte) -> None:
    picture = model(region=1, grow=0, blur=0, invert_region=1).output("Picture")
    inside = matte[..., 1] == 1
    assert np.array_equal(picture[inside], plate[inside])
    assert np.array_equal(picture[~inside, :3], result[~inside, :3])


def test_outside_of_the_blend_matte_mixing_shows_only_another_colour_space(
    group, model, plate, result, matte
) -> None:
    """What docs/resolve_macro.md tells artists to look at: are plate and result in one colour space?"""
    picture = model(region=3, invert_region=1, mix=1).output("Picture")
    assert np.array_equal(picture, plate)
    louder = MacroModel(
        group, {"ResultSequence": result * 1.1, "MatteSequence": matte}, plate, region=3, invert_region=1
    )
    assert not np.array_equal(louder.output("Picture"), plate)


def test_as_shipped_the_picture_is_the_result_that_was_delivered(model, result) -> None:
    """By default the blend matte is grown past the soft edge of four pixels that a removal has by default."""
    assert np.array_equal(model().output("Picture")[..., :3], result[..., :3])


def test_the_blend_matte_as_it_is_blends_a_soft_edge_twice(model, plate, result, matte) -> None:
    """The delivered result is blended already: hence the control for growing does not begin at nothing."""
    picture = model(region=3, grow=0).output("Picture")
    blend = matte[..., 3:]
    assert np.allclose(picture[..., :3], (plate + blend * (result - plate))[..., :3], atol=1e-5)
    soft = (matte[..., 3] > 0) & (matte[..., 3] < 1)
    assert not np.allclose(picture[soft, :3], result[soft, :3], atol=0.01)


@pytest.mark.parametrize("region", range(4), ids=REGIONS)
@pytest.mark.parametrize("chosen", range(4), ids=REGIONS)
def test_each_matte_leaves_untouched_whatever_the_controls_are(model, matte, region, chosen) -> None:
    output = model(region=chosen, grow=GROW, blur=4, mix=0.3, invert_region=1).output(
        f"{REGIONS[region].title()} matte"
    )
    for channel in range(4):
        assert np.array_equal(output[..., channel], matte[..., region])
