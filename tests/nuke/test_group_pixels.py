# SPDX-License-Identifier: Apache-2.0
"""What our groups do to pixels, by a model of the classes that they are made of: tests/nuke/evaluator.py."""

from __future__ import annotations

import numpy as np
import pytest

from tests.nuke.evaluator import Evaluator, Image
from tests.nuke.tcl import checks, reader

pytestmark = pytest.mark.skipif(reader.TCLSH is None, reason=reader.NO_TCLSH)

HEIGHT, WIDTH = 6, 8
RGB = ("rgba.red", "rgba.green", "rgba.blue")
MASK = tuple(f"void_mask.{channel}" for channel in ("red", "green", "blue", "alpha"))


def noise(seed: int, *names: str) -> Image:
    """Channels of numbers below 0 and far above 1."""
    random = np.random.default_rng(seed)
    return {name: (random.standard_normal((HEIGHT, WIDTH)) * 4).astype(np.float32) for name in names}


def a_plate() -> Image:
    """A plate with alpha, and layers of the artist's own."""
    return noise(1, *RGB, "rgba.alpha", "depth.Z", "beauty.red", "void_raw.red")


def a_result() -> Image:
    """A result: remove in the left half, affected in the columns after it, and a soft edge around both."""
    result = noise(
        2, *RGB, "rgba.alpha", "void_qc.red", "void_source.blue", "void_gain.red", "void_offset.green"
    )
    for name in MASK:
        result[name] = np.zeros((HEIGHT, WIDTH), np.float32)
    result["void_mask.red"][:, :3] = 1
    result["void_mask.green"][:, 2:5] = 1
    result["void_mask.blue"][:, 2] = 1
    result["void_mask.alpha"][:, :5] = 1
    result["void_mask.alpha"][:, 5] = 0.25
    return result


def gizmo(
    name: str, images: dict[str, Image], painted: dict[str, Image] | None = None, **values: str
) -> Image:
    """What a gizmo gives for these images and knobs."""
    script = reader.read(checks.ROOT / "gizmos" / f"{name}.gizmo")
    return Evaluator(script, images, values, painted).output()


def void(result: Image | None, **values: str) -> Image:
    """What VOID gives with a result on disk, or none."""
    images = {"plate": a_plate()} | ({"Result": result, "ResultLayers": result} if result is not None else {})
    return gizmo("VOID", images, **({"void_has_result": "true"} | values))


@pytest.mark.parametrize("layers", ["none", "qc", "source", "relight", "all"])
def test_outside_of_the_blend_matte_every_channel_is_the_plate_s_bit_for_bit(layers: str) -> None:
    output, plate, result = void(a_result(), void_passes=layers), a_plate(), a_result()
    outside = result["void_mask.alpha"] == 0
    for name, values in plate.items():
        assert output[name][outside].tobytes() == values[outside].tobytes(), name


def test_inside_of_it_the_colours_are_the_result_s_at_a_soft_edge_too() -> None:
    output, result = void(a_result()), a_result()
    inside = result["void_mask.alpha"] > 0
    for name in RGB:
        assert output[name][inside].tobytes() == result[name][inside].tobytes()


def test_alpha_and_the_artist_s_layers_are_the_plate_s_everywhere() -> None:
    output, plate = void(a_result(), void_passes="all"), a_plate()
    for name in plate.keys() - set(RGB):
        assert output[name].tobytes() == plate[name].tobytes(), name


@pytest.mark.parametrize(
    ("layers", "added"),
    [
        ("none", set()),
        ("qc", {"void_qc"}),
        ("source", {"void_source"}),
        ("relight", {"void_gain", "void_offset"}),
        ("all", {"void_qc", "void_source", "void_gain", "void_offset"}),
    ],
)
def test_the_knob_passes_adds_those_layers_to_void_mask(layers: str, added: set[str]) -> None:
    output = void(a_result(), void_passes=layers)
    assert {name.partition(".")[0] for name in output.keys() - a_plate().keys()} == {"void_mask", *added}
    for name in MASK:
        assert output[name].tobytes() == a_result()[name].tobytes()


def test_a_frame_without_a_file_is_the_plate() -> None:
    output, plate = void({}), a_plate()
    for name, values in plate.items():
        assert output[name].tobytes() == values.tobytes()
    assert not output["void_mask.alpha"].any()


@pytest.mark.parametrize("show", ["result", "original", "quadmask", "difference"])
def test_a_node_without_a_result_gives_the_plate_whatever_it_shows(show: str) -> None:
    output = void(None, void_has_result="false", void_show=show)
    assert {name: values.tobytes() for name, values in output.items()} == {
        name: values.tobytes() for name, values in a_plate().items()
    }


def test_original_is_the_plate() -> None:
    assert void(a_result(), void_show="original").keys() == a_plate().keys()


def test_the_quadmask_is_red_green_and_yellow_over_half_of_the_picture() -> None:
    view, picture = void(a_result(), void_show="quadmask"), void(a_result())
    colours = {0: (0.5, 0, 0), 2: (0.5, 0.5, 0), 4: (0, 0.5, 0)}
    for column, colour in colours.items():
        for name, added in zip(RGB, colour, strict=True):
            expected = picture[name][:, column] * 0.5 + added
            np.testing.assert_allclose(view[name][:, column], expected, rtol=1e-6, atol=1e-6)
    for name in RGB:
        np.testing.assert_array_equal(view[name][:, 6:], picture[name][:, 6:])


def test_the_difference_is_black_outside_of_the_blend_matte() -> None:
    difference = void(a_result(), void_show="difference")
    outside = a_result()["void_mask.alpha"] == 0
    for name in RGB:
        assert not difference[name][outside].any()
        assert difference[name][~outside].all()


@pytest.mark.parametrize(
    ("matte", "channel"), [("remove", "red"), ("affected", "green"), ("overlap", "blue"), ("blend", "alpha")]
)
def test_masks_gives_one_matte_as_alpha_and_leaves_the_rest(matte: str, channel: str) -> None:
    result = a_result()
    output = gizmo("VOID_Masks", {"result": result}, void_matte=matte)
    for name in result.keys() - {"rgba.alpha"}:
        assert output[name].tobytes() == result[name].tobytes()
    assert output["rgba.alpha"].tobytes() == result[f"void_mask.{channel}"].tobytes()


def test_masks_adds_and_subtracts_what_is_drawn_before_it_inverts() -> None:
    row = np.zeros((HEIGHT, WIDTH), np.float32)
    add, subtract = row.copy(), row.copy()
    add[:, 7], subtract[:, 0] = 1, 0.25
    images = {"result": a_result(), "add": {"rgba.alpha": add}, "subtract": {"rgba.alpha": subtract}}

    assert gizmo("VOID_Masks", images)["rgba.alpha"][0].tolist() == [0.75, 1, 1, 0, 0, 0, 0, 1]
    inverted = gizmo("VOID_Masks", images, void_invert="true", void_show="matte")
    assert inverted["rgba.alpha"][0].tolist() == [0.25, 0, 0, 1, 1, 1, 1, 0]
    assert all(inverted[name].tobytes() == inverted["rgba.alpha"].tobytes() for name in RGB)


FILLS = {"plate": "plate", "clean plate": "clean", "patch": "patch"}


@pytest.mark.parametrize("fill", FILLS)
def test_touch_up_puts_the_fill_into_the_region_and_keeps_the_rest(fill: str) -> None:
    images = {"plate": a_plate(), "clean": a_result(), "patch": noise(3, *RGB)}
    output = gizmo("VOID_TouchUp", images, void_fill=fill, void_region="affected", void_soften="0")
    region = a_result()["void_mask.green"] == 1
    for name in RGB:
        assert output[name][region].tobytes() == images[FILLS[fill]][name][region].tobytes()
        assert output[name][~region].tobytes() == images["clean"][name][~region].tobytes()
    for name in a_result().keys() - set(RGB):
        assert output[name].tobytes() == a_result()[name].tobytes()


def test_touch_up_mixes_through_a_matte_of_the_artist_over_the_plate() -> None:
    drawn = np.zeros((HEIGHT, WIDTH), np.float32)
    drawn[0, 0] = 1
    images = {"plate": a_plate(), "clean": a_result(), "matte": {"rgba.alpha": drawn}}
    values = {"void_base": "plate", "void_fill": "clean plate", "void_region": "matte", "void_mix": "0.5"}
    output = gizmo("VOID_TouchUp", images, void_soften="0", **values)
    expected = (images["plate"]["rgba.red"][0, 0] + images["clean"]["rgba.red"][0, 0]) / 2
    np.testing.assert_allclose(output["rgba.red"][0, 0], expected, rtol=1e-6)
    assert output["rgba.red"][1:].tobytes() == images["plate"]["rgba.red"][1:].tobytes()


def test_a_painted_quadmask_has_its_overlap_and_leaves_the_picture() -> None:
    all_green = {"void_mask.green": np.ones((HEIGHT, WIDTH), np.float32)}
    images = {"plate": a_plate(), "result": a_result()}
    output = gizmo("VOID_QuadmaskPaint", images, {"PaintAffected": all_green}, void_show="picture")
    assert output["void_mask.blue"].tobytes() == a_result()["void_mask.red"].tobytes()
    for name in ("void_mask.red", "void_mask.alpha"):
        assert output[name].tobytes() == a_result()[name].tobytes()
    for name, values in a_plate().items():
        assert output[name].tobytes() == values.tobytes()


def test_the_colours_over_the_picture_leave_void_mask_as_it_was_painted() -> None:
    images = {"plate": a_plate(), "result": a_result()}
    output = gizmo("VOID_QuadmaskPaint", images, void_opacity="1")
    assert [output[name][0, 2] for name in RGB] == [1, 1, 0]
    for name in MASK:
        assert output[name].tobytes() == a_result()[name].tobytes()


def test_masks_that_were_taken_from_files_are_painted_instead_of_those_of_the_input() -> None:
    images = {"plate": a_plate(), "result": {}, "Masks": a_result()}
    taken = gizmo("VOID_QuadmaskPaint", images, void_from_files="true")
    assert taken["void_mask.red"].tobytes() == a_result()["void_mask.red"].tobytes()
    assert not gizmo("VOID_QuadmaskPaint", images)["void_mask.red"].any()


def test_qc_shows_a_change_outside_of_the_blend_matte_and_nothing_of_the_one_inside() -> None:
    plate = a_plate()
    result = a_result() | {name: void(a_result())[name] for name in RGB}
    assert not any(gizmo("VOID_QC", {"plate": plate, "result": result})[name].any() for name in RGB)

    result["rgba.green"] = result["rgba.green"].copy()
    result["rgba.green"][3, 7] += 0.5
    worst = gizmo("VOID_QC", {"plate": plate, "result": result}, void_multiply="10")["rgba.red"]
    assert worst[3, 7] == pytest.approx(5, rel=1e-5)
    assert np.count_nonzero(worst) == 1


def test_qc_shows_what_was_changed_inside() -> None:
    result = a_result()
    inside = gizmo("VOID_QC", {"plate": a_plate(), "result": result}, void_show="inside")["rgba.red"]
    assert ((inside != 0) == (result["void_mask.alpha"] > 0)).all()
