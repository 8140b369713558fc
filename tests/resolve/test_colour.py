# SPDX-License-Identifier: Apache-2.0
"""In which colour space the frames are: from Resolve's settings where they are certain, else refused."""

from __future__ import annotations

import json
from pathlib import Path

import PyOpenColorIO as ocio
import pytest
from void_resolve import colour

MANAGED, ACES = "davinciYRGBColorManagedv2", "acescct"


def settings(**changes):
    values = dict.fromkeys(colour.KEYS, "")
    values.update(
        colorScienceMode=MANAGED, separateColorSpaceAndGamma="0", colorSpaceOutput="Rec.709 Gamma 2.4"
    )
    return {**values, **changes}


def space(**changes):
    return colour.of_render(settings(**changes), {}, {}).space


def test_every_name_is_one_of_the_config():
    config = ocio.Config.CreateFromBuiltinConfig(colour.CONFIG.replace("ocio://", ""))
    names = {each.getName() for each in config.getColorSpaces()}
    assert {*colour.SPACES.values(), "ACES2065-1"} <= names


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Gamma 2.4 Rec.709 - Texture"),
        (
            {
                "separateColorSpaceAndGamma": "1",
                "colorSpaceOutput": "Rec.709",
                "colorSpaceOutputGamma": "Gamma 2.4",
            },
            "Gamma 2.4 Rec.709 - Texture",
        ),
        (
            {
                "separateColorSpaceAndGamma": "1",
                "colorSpaceOutput": "Rec.2020",
                "colorSpaceOutputGamma": "Linear",
            },
            "Linear Rec.2020",
        ),
        ({"colorSpaceOutput": "DaVinci WG/Intermediate"}, "DaVinci Intermediate WideGamut"),
        ({"colorScienceMode": ACES, "colorAcesODT": "No Output Transform"}, "ACES2065-1"),
        ({"colorScienceMode": "acescc", "colorAcesODT": "No Output Transform"}, "ACES2065-1"),
    ],
)
def test_certain_spaces_have_a_name_of_ocio(changes, expected):
    assert space(**changes) == expected


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colorSpaceOutput": "Rec.2100 ST2084"}, "not one that VOID knows"),
        ({"colorSpaceOutput": ""}, "not one that VOID knows"),
        ({"colorScienceMode": ACES, "colorAcesODT": "Rec.709"}, "No Output Transform"),
        ({"colorScienceMode": "davinciYRGB"}, "not colour managed"),
        ({"colorScienceMode": "of tomorrow"}, "of tomorrow"),
    ],
)
def test_what_is_not_certain_is_refused_with_what_to_set(changes, said):
    with pytest.raises(colour.ArtistError, match=said) as refused:
        space(**changes)
    assert refused.value.fix


def test_a_timeline_s_own_settings_go_before_the_project_s():
    own = settings(colorSpaceOutput="sRGB")
    assert colour.of_render(settings(), own, {}).space == "sRGB - Texture"


def test_the_order_names_the_space_and_its_config_and_the_record_has_all(seat):
    here = seat()
    outcome = here.done()
    assert here.order["colour_space"] == "Gamma 2.4 Rec.709 - Texture"
    assert here.order["ocio"] == colour.CONFIG
    record = json.loads((Path(outcome.folder) / "job.json").read_text())
    assert record["colour"]["project"]["colorSpaceOutput"] == "Rec.709 Gamma 2.4"
    assert record["colour"]["clip"]["Input Color Space"] == "Project"
    assert record["colour"]["taken"] == here.order["colour_space"]


def test_an_unmanaged_project_needs_the_space_from_the_artist(seat):
    here = seat()
    here.stage.project.settings["colorScienceMode"] = "davinciYRGB"
    here.session.remember()
    assert "not colour managed" in here.refused()
    here.done(options={"colour_space": "ACEScg", "grow": "3"})
    assert here.order["colour_space"] == "ACEScg"
    assert here.order["options"] == {"grow": "3"}


def test_the_result_is_in_the_output_space_whatever_the_source_was(seat):
    here = seat()
    here.stage.source.changed["Input Color Space"] = "ARRI LogC3"
    here.session.remember()
    here.done()
    assert here.result.clip.changed["Input Color Space"] == "Rec.709 Gamma 2.4"


def test_under_aces_the_result_needs_no_input_transform(seat):
    here = seat()
    here.stage.project.settings["colorScienceMode"] = ACES
    here.session.remember()
    here.done()
    assert here.result.clip.changed["IDT"] == "No Input Transform"


def test_the_project_s_colour_is_never_changed(seat):
    here = seat()
    here.done(matte="key", points=())
    keys = {call.arguments[0] for call in here.session.called("SetSetting")}
    assert not keys & set(colour.KEYS)
