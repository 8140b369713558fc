# SPDX-License-Identifier: Apache-2.0
"""A plate's colour space: who decides, always in the config of the job, and the way to linear light and back."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from void_server.errors import InvalidInput
from void_server.plates.colour import DEFAULT_CONFIG, load_config, resolve
from void_server.plates.exr import read_header

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, 0.32168, 0.33767)
AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
LOG_SPACES = ["ACEScct", "ARRI LogC4", "ARRI LogC3 (EI800)", "S-Log3 S-Gamut3.Cine"]


@pytest.fixture
def part(write_exr, grey):
    return lambda **attributes: read_header(write_exr({"R": grey()}, **attributes)).parts[0]


@pytest.fixture(scope="module")
def studio_config(tmp_path_factory):
    """A config of a studio's own: other names, a log working format, file rules."""
    config = copy.deepcopy(load_config(DEFAULT_CONFIG))
    house = copy.deepcopy(config.getColorSpace("ARRI LogC4"))
    house.setName("house_log")
    house.setInteropID("")
    house.clearAliases()
    config.addColorSpace(house)
    rules = config.getFileRules()
    rules.insertRule(0, "scans", "house_log", "*/scans/*", "exr")
    config.setFileRules(rules)
    path = tmp_path_factory.mktemp("ocio") / "studio.ocio"
    path.write_text(config.serialize())
    return str(path)


def test_the_name_given_with_the_job_decides_over_the_file(part):
    space = resolve(part(chromaticities=AP0), "a.exr", name="ACEScct")
    assert space.name == "ACEScct" and "given with the job" in space.stated


@pytest.mark.parametrize("name", ["ACEScg", "lin_ap1", "lin_ap1_scene", "scene_linear"])
def test_a_space_can_be_given_by_name_alias_identifier_or_role(part, name):
    assert resolve(part(), "a.exr", name=name).name == "ACEScg"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"colorInteropID": "lin_ap1_scene"}, "ACEScg"),
        ({"colorInteropID": "srgb_rec709_scene"}, "sRGB - Texture"),
        ({"oiio:ColorSpace": "ACEScct"}, "ACEScct"),
        ({"oiio:ColorSpace": "lin_rec709"}, "Linear Rec.709 (sRGB)"),
        ({"chromaticities": REC709}, "Linear Rec.709 (sRGB)"),
        ({"chromaticities": AP0}, "ACES2065-1"),
        ({"chromaticities": AP1}, "ACEScg"),
        ({"colorInteropID": "lin_ap0_scene", "chromaticities": REC709}, "ACES2065-1"),
        ({"oiio:ColorSpace": "never heard of", "chromaticities": AP1}, "ACEScg"),
        ({"oiio:ColorSpace": "scene_linear", "chromaticities": REC709}, "Linear Rec.709 (sRGB)"),
    ],
)
def test_the_file_says_its_space(part, attributes, expected):
    assert resolve(part(**attributes), "a.exr").name == expected


def test_unstated_is_scene_linear_rec709_and_said_so(part):
    space = resolve(part(), "a.exr")
    assert space.name == "Linear Rec.709 (sRGB)" and space.linear
    assert "not stated" in space.stated and "Rec.709" in space.stated


def test_chromaticities_of_other_primaries_say_nothing(part):
    other = (0.68, 0.32, *REC709[2:])
    assert "not stated" in resolve(part(chromaticities=other), "a.exr").stated


def test_a_file_rule_of_the_jobs_config_decides_where_the_file_is_silent(part, studio_config):
    space = resolve(part(), "/show/scans/a.exr", config=studio_config)
    assert space.name == "house_log" and "file rule" in space.stated


def test_the_rule_that_matches_every_file_says_nothing(part, studio_config):
    assert "not stated" in resolve(part(), "/show/comps/a.exr", config=studio_config).stated


def test_a_name_is_only_looked_up_in_the_jobs_own_config(part, studio_config):
    assert resolve(part(), "a.exr", name="house_log", config=studio_config).config == studio_config
    with pytest.raises(InvalidInput, match="house_log"):
        resolve(part(), "a.exr", name="house_log")


def test_an_unknown_name_is_refused_with_near_ones(part):
    with pytest.raises(InvalidInput, match="ACESct") as caught:
        resolve(part(), "a.exr", name="ACESct")
    assert "ACEScct" in caught.value.fix


@pytest.mark.parametrize("content", [None, "this is no config"])
def test_a_config_that_cannot_be_read_is_refused_with_the_reason(part, tmp_path, content):
    path = tmp_path / "broken.ocio"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidInput, match=r"broken\.ocio cannot be used"):
        resolve(part(), "a.exr", config=str(path))


def test_an_archive_is_a_config(part, studio_config, tmp_path):
    config = copy.deepcopy(load_config(studio_config))
    config.setWorkingDir(str(tmp_path))
    config.archive(str(archive := tmp_path / "studio.ocioz"))
    space = resolve(part(), "a.exr", name="house_log", config=str(archive))
    assert not space.linear and space.config == str(archive)


def test_a_config_without_a_working_space_says_so(part, tmp_path):
    config = copy.deepcopy(load_config(DEFAULT_CONFIG))
    config.setRole("scene_linear", "")
    (path := tmp_path / "roleless.ocio").write_text(config.serialize())
    with pytest.raises(InvalidInput, match="scene_linear"):
        resolve(part(), "a.exr", name="ACEScct", config=str(path))


@pytest.mark.parametrize("name", ["ACEScg", "Linear Rec.709 (sRGB)", "ACES2065-1", "Raw"])
def test_a_scene_linear_plate_is_handed_on_as_it_is(part, name):
    samples = np.array([[[np.nan, -1, 60000]]], np.float32)
    space = resolve(part(), "a.exr", name=name)
    assert space.to_linear(samples) is samples and space.from_linear(samples) is samples


@pytest.mark.parametrize("name", LOG_SPACES)
def test_a_log_plate_becomes_linear_light(part, name):
    space = resolve(part(), "a.exr", name=name)
    grey = np.full((2, 2, 3), 0.18, np.float32)
    encoded = space.from_linear(grey)
    assert not space.linear and np.all((encoded > 0.25) & (encoded < 0.45))
    np.testing.assert_allclose(space.to_linear(encoded), grey, rtol=2e-4)


@pytest.mark.parametrize("name", LOG_SPACES)
def test_linear_to_log_and_back_is_exact_to_float_rounding_far_above_1(part, name):
    linear = np.exp(np.random.default_rng(0).uniform(-9, 10, (50, 20, 3))).astype(np.float32)
    space = resolve(part(), "a.exr", name=name)
    difference = np.abs(space.to_linear(space.from_linear(linear)) - linear)
    assert np.max(difference / linear.max(axis=-1, keepdims=True)) < 2e-5


def test_conversion_leaves_its_input_alone(part):
    samples = np.full((2, 2, 3), 0.4, np.float32)
    resolve(part(), "a.exr", name="ACEScct").to_linear(samples)
    assert np.all(samples == np.float32(0.4))


def test_a_single_channel_is_taken_as_neutral(part):
    space = resolve(part(), "a.exr", name="ACEScct")
    one = np.full((2, 2, 1), 0.414, np.float32)
    assert space.to_linear(one).shape == (2, 2, 1)
    np.testing.assert_allclose(space.to_linear(one), space.to_linear(np.repeat(one, 3, 2))[..., 1:2])


@pytest.mark.parametrize("name", ["ACEScg", "ACEScct", "Linear Rec.709 (sRGB)"])
def test_a_display_view_is_a_toned_picture_for_srgb_screens(part, name):
    ramp = np.repeat(np.array([[[0.0], [0.18], [1.0], [50.0]]], np.float32), 3, 2)
    shown = resolve(part(), "a.exr", name=name).display_view(ramp)
    assert shown.dtype == np.uint8 and shown.shape == (1, 4, 3)
    levels = shown.mean(axis=-1)[0]
    assert levels[0] < 10 and 85 < levels[1] < 125 and levels[1] < levels[2] < levels[3] <= 255


def test_the_primaries_of_the_plate_count_in_its_display_view(part):
    green = np.array([[[0.0, 0.18, 0.0]]], np.float32)
    shown = [
        resolve(part(), "a.exr", name=name).display_view(green)
        for name in ("ACEScg", "Linear Rec.709 (sRGB)")
    ]
    assert not np.array_equal(*shown)


def test_what_is_not_finite_or_single_channel_can_be_shown(part):
    odd = np.array([[[np.nan], [np.inf], [-np.inf]]], np.float32)
    assert resolve(part(), "a.exr").display_view(odd).shape == (1, 3, 3)
