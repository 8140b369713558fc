# SPDX-License-Identifier: Apache-2.0
"""Which colour space and config an order names."""

import pytest
from void_nuke.colour import (
    BUILT_IN,
    NUKE_LINEAR,
    Colour,
    ColourManagement,
    plain_name,
    space_of_read,
    working_space,
)
from void_nuke.errors import NodeError

OF_NUKE = ColourManagement("Nuke", "nuke-default", "", "linear", "/opt/nuke/Nuke")
ACES = ColourManagement(
    "OCIO", "fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1", "", "ACEScg", "/opt/nuke/Nuke"
)
CONFIG = "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"


def test_nukes_own_working_space_is_linear_with_rec709_primaries():
    assert working_space(OF_NUKE, {}) == Colour(NUKE_LINEAR, BUILT_IN)


def test_a_config_that_ocio_has_built_in_is_named_as_ocio_does():
    assert working_space(ACES, {}) == Colour("ACEScg", CONFIG)


def test_the_environment_variable_stands_above_the_project_settings():
    assert working_space(ACES, {"OCIO": "/show/config.ocio"}) == Colour("ACEScg", "/show/config.ocio")


def test_files_of_a_read_are_in_the_reads_space():
    assert space_of_read(ACES, {}, "ACES2065-1", False) == Colour("ACES2065-1", CONFIG)


def test_raw_files_are_taken_to_be_in_the_working_space():
    assert space_of_read(ACES, {}, "ACES2065-1", True) == Colour("ACEScg", CONFIG)


@pytest.mark.parametrize(
    ("managed", "name"), [(ACES, "default"), (OF_NUKE, "sRGB"), (OF_NUKE, "AlexaV3LogC")]
)
def test_a_space_that_means_nothing_outside_of_nuke_is_no_space(managed, name):
    assert space_of_read(managed, {}, name, False) is None


def test_a_custom_config_must_exist(tmp_path):
    config = tmp_path / "config.ocio"
    managed = ACES._replace(config="custom", custom=str(config))
    with pytest.raises(NodeError, match="does not exist"):
        working_space(managed, {})
    config.write_text("ocio_profile_version: 2")
    assert working_space(managed, {}) == Colour("ACEScg", str(config))


def test_a_config_that_lies_beside_nuke_is_taken_from_there(tmp_path):
    folder = tmp_path / "plugins" / "OCIOConfigs" / "configs" / "aces_1.2"
    folder.mkdir(parents=True)
    (folder / "config.ocio").write_text("ocio_profile_version: 2")
    managed = ACES._replace(config="aces_1.2", program=str(tmp_path / "Nuke16.0"))
    assert working_space(managed, {}).config == str(folder / "config.ocio")


def test_a_config_that_is_nowhere_is_an_error_that_says_what_to_do():
    with pytest.raises(NodeError) as caught:
        working_space(ACES._replace(config="aces_1.2"), {})
    assert "OCIO" in caught.value.fix


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("default (scene_linear)", "scene_linear"),
        ("ACES2065-1\tACES/ACES2065-1", "ACES2065-1"),
        ("ACEScg", "ACEScg"),
    ],
)
def test_a_space_is_named_as_its_config_names_it(shown, name):
    assert plain_name(shown) == name
