# SPDX-License-Identifier: Apache-2.0
"""The model's compositions (R19): what renders, and what does not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.resolve.standin import compositions
from tests.resolve.standin.comps import FusionComp
from tests.resolve.standin.renderer import composed
from tests.resolve.test_fusion_mask import FROM_FRAME_5, KEYS, MASKED

PLATE = MASKED % ("", "")
FRAME = 4


@pytest.fixture
def item(resolve_session):
    def find(*texts, fault=()):
        session = resolve_session(fault=fault)
        item = session.stage.item
        item.comps = [FusionComp(session.gate, f"Composition {n}", text) for n, text in enumerate(texts, 1)]
        return item

    return find


def gain(item):
    picture, _ = composed(item, item.start + FRAME, (32, 24))
    return picture[12, 20, 0] / (item.source + FRAME)


def test_r19a_of_two_compositions_the_older_one_renders(item):
    assert gain(item(PLATE, compositions.PLAIN)) == 0.25
    assert gain(item(compositions.PLAIN, PLATE)) == 1


def test_r19b_a_tool_that_is_added_live_does_not_render(item):
    one = item(compositions.PLAIN)
    one.comps[0].AddTool("BrightnessContrast").SetInput("Gain", 0)
    assert gain(one) == 1


@pytest.mark.parametrize("text", ["", PLATE.replace('"MediaIn1", Source', '"Polygon1", Source')])
def test_r19c_what_does_not_come_from_media_in_fails(item, text):
    with pytest.raises(compositions.Unrooted):
        gain(item(text))


def test_r19d_it_works_in_the_source_s_own_size(item):
    picture, _ = composed(item(PLATE), 86430, (32, 24))
    assert picture.shape == (24, 40, 3)


def test_r19e_its_time_counts_from_the_item_s_first_frame(item):
    text = MASKED % (FROM_FRAME_5, KEYS)
    hooked = text.replace("Gain = Input { Value = 0.25, },", "")
    there = compositions.tools(hooked)
    picture = np.ones((4, 4, 3), np.float32)
    levels = [compositions._Frame(there, frame, picture, None)._mask("Polygon1").max() for frame in (0, 4, 5)]
    assert levels == [0, 0, 1]


def test_r19f_a_timeline_of_a_script_may_show_none(item):
    one = item(PLATE, fault="comps_inert")
    assert gain(one) == 0.25
    one.timeline.fresh = True
    assert gain(one) == 1


def test_r19g_a_file_that_cannot_be_parsed_comes_in_empty(item, tmp_path):
    (tmp_path / "a.comp").write_text("Composition { Tools = ordered() {")
    one = item()
    assert one.ImportFusionComp(str(tmp_path / "a.comp")).text == ""
