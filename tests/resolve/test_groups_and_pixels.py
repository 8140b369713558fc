# SPDX-License-Identifier: Apache-2.0
"""Colour groups, pixels that are not square, and the artist's own compositions: handled, or refused with the reason."""

from __future__ import annotations

import pytest

from tests.resolve.standin.compositions import PLAIN
from tests.resolve.standin.comps import FusionComp
from tests.resolve.standin.grades import ColorGroup
from tests.resolve.standin.renderer import read_picture

KEY = {"matte": "key", "points": ()}
MANAGED, GAIN, GROUP = 0.5, 0.5, 0.25


@pytest.fixture
def grouped(seat):
    def start(**options):
        here = seat(**options)
        here.stage.item.group = ColorGroup(here.session.gate, "Night", GROUP)
        here.session.remember()
        return here

    return start


def test_r20a_a_reset_of_the_clip_leaves_the_grades_of_its_group(grouped):
    here = grouped()
    item = here.stage.item
    item.AddVersion("reset", 0)
    item.GetNodeGraph().ResetAllGrades()
    assert item.whole_gain() == GROUP
    item.LoadVersionByName("Version 1", 0)
    item.DeleteVersionByName("reset", 0)


def test_r20b_a_clip_can_be_put_into_a_group(grouped, seat):
    here = grouped()
    group, other = here.stage.item.group, here.stage.timeline.tracks["video"][0].items[0]
    assert other.AssignToColorGroup(group) and other.GetColorGroup() is group
    assert other.RemoveFromColorGroup() and other.GetColorGroup() is None
    assert not other.AssignToColorGroup("Night")


def test_from_the_source_a_group_is_no_reason_and_the_result_joins_it(grouped):
    here = grouped()
    here.done()
    assert read_picture(here.files()[1013])[4, 12, 0] == 1013 * MANAGED
    assert here.result.whole_gain() == GAIN * GROUP


def test_an_ungraded_plate_with_a_key_is_refused_with_the_group(grouped):
    here = grouped()
    said = here.refused(**KEY)
    assert "colour group Night" in said
    assert not here.session.called("AddRenderJob")


def test_as_graded_the_group_is_in_the_plate_and_the_result_is_in_none(grouped):
    here = grouped()
    here.done(**KEY, look="graded")
    assert read_picture(here.files()[1013])[4, 9, 0] == 1013 * MANAGED * GAIN * GROUP
    assert here.result.group is None


def test_a_group_that_the_result_cannot_join_is_told(grouped):
    clicks = grouped(fault="group_refused").done().clicks
    assert any("colour group Night" in click for click in clicks)


@pytest.mark.parametrize("pixels", ["Anamorphic 2:1", "2.0", "0.9"])
def test_pixels_that_are_not_square_are_refused_from_the_source(seat, pixels):
    here = seat()
    here.stage.source.pixels = pixels
    here.session.remember()
    said = here.refused()
    assert "not square" in said and pixels in said


@pytest.mark.parametrize("way", [KEY, {"look": "graded"}])
def test_in_the_timeline_s_framing_they_are_no_reason_and_the_result_has_square_ones(seat, way):
    here = seat()
    here.stage.source.pixels = "Anamorphic 2:1"
    here.session.remember()
    here.done(**way)
    assert here.result.clip.properties()["PAR"] == "Square"


def test_that_the_result_has_no_composition_is_told(seat):
    here = seat()
    here.stage.item.comps = [FusionComp(here.session.gate, "Composition 1", PLAIN)]
    here.session.remember()
    assert any("no Fusion composition" in click for click in here.done().clicks)
    assert not any("no Fusion composition" in click for click in here.done(look="graded").clicks)
