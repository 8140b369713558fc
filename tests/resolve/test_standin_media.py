# SPDX-License-Identifier: Apache-2.0
"""Clips of the model: what an import brings, which colour space sticks, and what a matte attaches."""

from __future__ import annotations

import shutil

import pytest

from tests.resolve.standin.calls import model_of
from tests.resolve.standin.renderer import write_sequence


class Desk:
    def __init__(self, session, folder):
        self.session = session
        self.folder = folder
        self.pattern = write_sequence(folder, "result.", 1, 5, (8, 6))
        self.project = session.resolve.GetProjectManager().GetCurrentProject()
        self.pool = self.project.GetMediaPool()
        self.storage = session.resolve.GetMediaStorage()
        self.clip = self.project.GetCurrentTimeline().GetCurrentVideoItem().GetMediaPoolItem()

    def bring(self, first=1, last=5):
        return self.pool.ImportMedia([{"FilePath": self.pattern, "StartIndex": first, "EndIndex": last}])


@pytest.fixture
def desk(resolve_session, tmp_path):
    return lambda **options: Desk(resolve_session(**options), tmp_path / "result")


def test_a_range_brings_one_clip_with_its_own_numbers(desk):
    (clip,) = desk().bring(2, 4)
    assert [clip.GetClipProperty(name) for name in ("Start", "End", "Frames")] == ["2", "4", "3"]
    assert clip.GetClipProperty("Resolution") == "8x6"


def test_r12a_a_still_as_a_dictionary_brings_nothing(desk):
    on = desk()
    assert on.bring(3, 3) == []
    still = shutil.copy(on.pattern % 3, on.folder / "still.exr")
    assert len(on.pool.ImportMedia([str(still)])) == 1


def test_r12b_an_import_lands_in_the_current_bin(desk):
    on = desk()
    root = on.pool.GetRootFolder()
    bin_of_ours = on.pool.AddSubFolder(root, "VOID")
    on.bring()
    assert len(bin_of_ours.GetClipList()) == 0
    assert on.pool.SetCurrentFolder(bin_of_ours)
    on.bring()
    assert len(bin_of_ours.GetClipList()) == 1


def test_r12c_a_frame_of_a_sequence_brings_every_sequence_of_its_folder(desk):
    on = desk()
    write_sequence(on.folder, "matte.", 1, 5, (8, 6))
    clips = on.pool.ImportMedia([on.pattern % 1])
    assert sorted(clip.GetName() for clip in clips) == ["matte.[0001-0005].exr", "result.[0001-0005].exr"]


def test_r12d_the_rate_of_a_sequence_may_be_wrong_and_can_be_set(desk):
    on = desk(fault="wrong_fps")
    (clip,) = on.bring()
    assert float(clip.GetClipProperty("FPS")) == 30
    assert clip.SetClipProperty("FPS", "24")
    assert float(clip.GetClipProperty("FPS")) == 24


def test_r12e_a_range_with_a_missing_file_brings_nothing(desk):
    assert desk().bring(1, 6) == []


def test_r12f_an_import_without_a_list_brings_nothing(desk):
    on = desk()
    assert on.pool.ImportMedia(on.pattern % 1) == []


SCIENCES = ["davinciYRGB", "davinciYRGBColorManagedv2", "acescct"]


@pytest.mark.parametrize("science", SCIENCES)
def test_r13a_an_input_colour_space_sticks_in_managed_projects_only(desk, science):
    on = desk()
    on.project.SetSetting("colorScienceMode", science)
    managed = science == "davinciYRGBColorManagedv2"
    assert on.clip.SetClipProperty("Input Color Space", "Linear") is managed
    assert on.clip.GetClipProperty("Input Color Space") == ("Linear" if managed else "Project")


@pytest.mark.parametrize("science", SCIENCES)
def test_r13c_an_input_transform_sticks_in_aces_only(desk, science):
    on = desk()
    on.project.SetSetting("colorScienceMode", science)
    assert on.clip.SetClipProperty("IDT", "ACEScg - CSC") is (science == "acescct")


def test_r13b_a_replaced_clip_forgets_its_metadata_and_its_colour_space(desk):
    on = desk()
    on.project.SetSetting("colorScienceMode", "davinciYRGBColorManagedv2")
    on.clip.SetClipProperty("Input Color Space", "Linear")
    on.clip.SetThirdPartyMetadata("void", "job")
    assert on.clip.ReplaceClip(on.pattern % 1)
    assert on.clip.GetClipProperty("File Path").endswith("result.[0001-0005].exr")
    assert on.clip.GetMetadata() == {}
    assert on.clip.GetThirdPartyMetadata() == {}
    assert on.clip.GetClipProperty("Input Color Space") == "Project"


def test_r14a_a_matte_may_be_refused(desk):
    on = desk(fault="mattes_refused")
    assert on.storage.AddClipMattesToMediaPool(on.clip, [on.pattern % 1]) is False
    assert on.pool.GetClipMatteList(on.clip) == []


def test_r14a_a_matte_may_be_taken_and_not_be_there(desk):
    on = desk(fault="mattes_lost")
    assert on.storage.AddClipMattesToMediaPool(on.clip, [on.pattern % 1]) is True
    assert on.pool.GetClipMatteList(on.clip) == []


def test_r14b_mattes_are_listed_in_the_order_of_attaching(desk):
    on = desk()
    other = write_sequence(on.folder.parent / "another", "another.", 1, 2, (8, 6))
    on.storage.AddClipMattesToMediaPool(on.clip, [on.pattern % 1])
    on.storage.AddClipMattesToMediaPool(on.clip, [other % 1])
    assert ["result" in path for path in on.pool.GetClipMatteList(on.clip)] == [True, False]


def test_r14c_the_path_of_a_matte_has_brackets(desk):
    on = desk()
    assert on.storage.AddClipMattesToMediaPool(on.clip, [on.pattern % 1]) is True
    assert on.pool.GetClipMatteList(on.clip)[0].endswith("result.[0001-0005].exr")


def test_r14d_a_path_that_is_no_file_is_refused(desk):
    on = desk()
    assert on.storage.AddClipMattesToMediaPool(on.clip, [on.pattern]) is False


def test_r14e_of_a_sequence_one_frame_may_be_attached(desk):
    on = desk(fault="matte_is_a_still")
    assert on.storage.AddClipMattesToMediaPool(on.clip, [on.pattern % 1]) is True
    assert on.pool.GetClipMatteList(on.clip) == [on.pattern % 1]


def test_r18o_a_new_bin_is_not_the_current_one_unless_it_is(desk):
    on = desk()
    on.pool.AddSubFolder(on.pool.GetRootFolder(), "VOID")
    assert on.pool.GetCurrentFolder().GetName() == "Plates"
    assert on.pool.AddSubFolder(on.pool.GetRootFolder(), "VOID") is None


def test_tags_stay_with_a_clip(desk):
    on = desk()
    (clip,) = on.bring()
    assert clip.SetThirdPartyMetadata("void", "job 1")
    assert model_of(clip).third_party == {"void": "job 1"}
    assert clip.SetClipColor("Teal")
    assert not clip.SetClipColor("Red")
