# SPDX-License-Identifier: Apache-2.0
"""A mask of the clip's Fusion composition as matte: rendered from a copy on a timeline of our own, or refused."""

from __future__ import annotations

import numpy as np
import pytest
from void_resolve import composition
from void_resolve.errors import ArtistError

from tests.resolve.standin.comps import FusionComp
from tests.resolve.standin.renderer import read_picture

FUSION = {"matte": "fusion", "points": ()}
BY_HAND = "Render All Savers"

MASKED = """Composition {
	Tools = ordered() {
		MediaIn1 = MediaIn { Inputs = { }, },
		Polygon1 = PolylineMask {
			Inputs = {
				Comment = Input { Value = "a } in a text", },
				Width = Input { Value = 0.5, },
				Height = Input { Value = 0.5, },
				%s
			},
		},
		Darker = BrightnessContrast {
			Inputs = {
				EffectMask = Input { SourceOp = "Polygon1", Source = "Mask", },
				Gain = Input { Value = 0.25, },
				Input = Input { SourceOp = "MediaIn1", Source = "Output", },
			},
		},
		MediaOut1 = MediaOut {
			Inputs = {
				Index = Input { Value = "0", },
				Input = Input { SourceOp = "Darker", Source = "Output", },
			},
		},
		%s
	},
	ActiveTool = "Polygon1",
}
"""
SECOND = "Ellipse1 = EllipseMask { Inputs = { Width = Input { Value = 0.2, }, Height = Input { Value = 0.2, }, }, },"
FROM_FRAME_5 = """Level = Input { SourceOp = "Polygon1Level", Source = "Value", },"""
KEYS = "Polygon1Level = BezierSpline { KeyFrames = { [0] = { 0 }, [5] = { 1 }, }, },"


@pytest.fixture
def masked(seat):
    def start(text=MASKED % ("", ""), **options):
        here = seat(**options)
        here.stage.item.comps = [FusionComp(here.session.gate, "Composition 1", text)]
        here.session.remember()
        return here

    return start


def alpha(here, number=1013):
    return read_picture(here.files("remove")[number])[..., 3]


def test_the_mask_goes_out_as_alpha_in_the_source_s_framing(masked):
    here = masked()
    here.done(**FUSION)
    assert here.order["inputs"]["remove"]["channel"] == "A"
    assert list(here.files()) == list(here.files("remove")) == list(range(1013, 1023))
    wanted = np.zeros((24, 40))
    wanted[6:18, 10:30] = 1
    assert np.array_equal(alpha(here), wanted)


def test_the_plate_is_the_source_without_the_composition(masked):
    here = masked()
    here.done(**FUSION)
    assert read_picture(here.files()[1013])[12, 20, 0] == 1013 * 0.5


def test_the_artist_s_composition_is_only_read(masked):
    here = masked()
    here.done(**FUSION)
    changed = {"AddFusionComp", "ImportFusionComp", "DeleteFusionCompByName"}
    named = [comp.text for comp in here.stage.item.comps]
    assert named == [MASKED % ("", "")]
    assert {call.method for call in here.session.calls} & changed == changed


def test_a_mask_that_moves_keeps_its_time(masked):
    here = masked(MASKED % (FROM_FRAME_5, KEYS))
    here.done(**FUSION)
    # The item begins at 1011, so frame 5 of the composition is 1016.
    assert [number for number in here.files("remove") if alpha(here, number).any()] == list(range(1016, 1023))


def test_beyond_the_ends_of_the_clip_no_mask_is_known(masked):
    here = masked()
    here.done(**FUSION, handles=50)
    assert list(here.files()) == list(range(1011, 1031))


def test_of_several_masks_the_artist_names_one(masked):
    text = MASKED % ("", SECOND)
    said = masked(text).refused(**FUSION)
    assert "2 masks: Ellipse1, Polygon1" in said and "Fusion tool" in said
    here = masked(text)
    here.done(**FUSION, matte_tool="Ellipse1")
    assert 0 < alpha(here).sum() < 100


def test_any_tool_can_be_named_and_its_alpha_counts(masked):
    here = masked()
    said = here.refused(**FUSION, matte_tool="Blur7")
    assert "no tool Blur7" in said and "Darker" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MASKED.replace("PolylineMask", "Blur") % ("", ""), "has no mask"),
        ("no composition", "cannot be read"),
        ((MASKED % ("", ""))[:300], "cannot be read"),
        (MASKED % ("", "MediaOut2 = MediaOut { Inputs = { }, },"), "2 MediaOut"),
    ],
)
def test_a_composition_that_cannot_be_followed_is_refused(masked, text, said):
    assert said in masked(text).refused(**FUSION)


def test_no_composition_and_two_of_them_are_refused(seat, masked):
    assert "has no Fusion composition" in seat().refused(**FUSION)
    here = masked()
    here.stage.item.comps.append(FusionComp(here.session.gate, "Composition 2", MASKED % ("", "")))
    here.session.remember()
    assert "has 2 Fusion compositions" in here.refused(**FUSION)


@pytest.mark.parametrize("fault", ["comps_inert", "comp_without_alpha"])
def test_a_composition_that_resolve_does_not_render_is_noticed_before_all_is_rendered(masked, fault):
    here = masked(fault=fault)
    said = here.refused(**FUSION)
    assert "rendered no mask" in said and BY_HAND in said
    assert len(here.session.called("StartRendering")) == 4


def test_an_alpha_of_the_source_is_not_taken_for_the_mask(masked, monkeypatch):
    own = np.zeros((24, 40), np.float32)
    own[2, 3] = 1
    there = "tests.resolve.standin.renderer._source"
    monkeypatch.setattr(there, lambda item, frame, size: np.dstack([np.ones((24, 40, 3), np.float32), own]))
    assert "rendered no mask" in masked(fault="comps_inert").refused(**FUSION)
    here = masked()
    here.done(**FUSION)
    assert alpha(here)[12, 20] == 1 and alpha(here)[2, 3] == 0


def test_a_file_that_resolve_cannot_read_is_noticed(masked):
    said = masked(fault="comp_not_parsed").refused(**FUSION)
    assert "did not take over the Fusion composition" in said


def test_it_bears_a_composition_whose_time_counts_from_the_clip(masked):
    here = masked(MASKED % (FROM_FRAME_5, KEYS), fault="comp_time_of_clip")
    here.done(**FUSION)
    assert alpha(here).any()


def test_it_goes_with_the_source_alone(masked):
    assert "framing of the source" in masked().refused(**FUSION, look="graded")


def test_ours_is_added_and_nothing_else_is_changed():
    text = MASKED % ("", "")
    ours = composition.with_matte(text, "")
    assert set(composition.tools_of(ours)) - set(composition.tools_of(text)) == {"VOIDMatte", "VOIDKey"}
    assert 'Index = Input { Value = "0", }' in ours and "a } in a text" in ours
    assert 'Background = Input { SourceOp = "Darker", Source = "Output",' in ours
    with pytest.raises(ArtistError):
        composition.with_matte(ours, "")
