# SPDX-License-Identifier: Apache-2.0
"""Several selected clips: each its own job, result and history entry; the failure of one is not that of the others."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from void_resolve import selection, work
from void_resolve.errand import Bench, Errand
from void_resolve.history import History
from void_resolve.progress import line

from tests.resolve.standin.stage import RECORD

TELLS = "21.0.4"


class Selected:
    """An artist who has selected three clips: the one of the stage, one behind it, one on the track below."""

    def __init__(self, here, tmp_path, **changes):
        self.here, self.stage = here, here.stage
        self.second = self.stage.add_item(2, RECORD + 40, 6, self.stage.background, source=20)
        self.third = self.stage.add_item(1, RECORD + 200, 5, self.stage.background, source=40)
        self.stage.timeline.marks = {}
        self.stage.project.selected_items = [
            self.third,
            self.stage.item,
            *self.stage.item.linked,
            self.second,
        ]
        here.session.remember()
        here.helper.alive = True
        self.history = History(str(tmp_path / "history"), here.session.now)
        self.bench = Bench(here.host, work, str(tmp_path), self.history, lambda: here.helper)
        points = ((RECORD + 5, 1, 1, True), (RECORD + 41, 2, 2, True), (RECORD + 201, 3, 3, True))
        self.request = here.request(**{"points": points, **changes})

    def press(self, cancelled=None):
        here = self.here
        cancelled = cancelled or here.session.cancelled
        return Errand(self.bench, here.progress.append, cancelled, here.session.sleep).remove(self.request)


@pytest.fixture
def selected(seat, tmp_path):
    return lambda **changes: Selected(seat(version=TELLS), tmp_path, **changes)


def test_each_selected_clip_has_its_own_job_result_and_entry(selected):
    them = selected()
    outcome = them.press()
    assert (outcome.state, outcome.text) == ("done", "3 of 3 clips are done.")
    assert [item.start for _, item in sorted(them.here.results, key=lambda each: each[1].start)] == [
        RECORD,
        RECORD + 40,
        RECORD + 200,
    ]
    assert [order["points"][0]["x"] for order in them.here.helper.orders] == [1, 2, 3]
    records = them.history.all()
    assert len({record["job"] for record in records}) == len({r["folder"] for r in records}) == 3
    assert [record["state"] for record in records] == ["done"] * 3
    them.here.session.assert_restored(result=True)


def test_progress_tells_which_clip_of_how_many(selected):
    them = selected()
    them.press()
    assert list(dict.fromkeys(each.clip for each in them.here.progress)) == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]
    assert line(work.Progress("fill", 1, 2, clip=(2, 3))) == "clip 2/3 · fill · 1/2"
    assert line(work.Progress("fill", 1, 2)) == "fill · 1/2"


def test_the_failure_of_one_is_named_and_loses_no_other(selected):
    them = selected()
    them.second.speed = 1.5
    them.here.session.remember()
    outcome = them.press()
    assert outcome.state == "failed"
    assert "2 of 3 clips are done." in outcome.text
    assert "2/3 background" in outcome.text and "its speed is changed" in outcome.text
    assert len(them.here.results) == 2
    assert sorted(record["state"] for record in them.history.all()) == ["done", "done", "failed"]
    them.here.session.assert_restored(result=True)


def test_cancel_ends_all_and_names_what_was_not_begun(selected):
    them = selected()
    outcome = them.press(lambda: any(each.clip == (2, 3) for each in them.here.progress))
    assert outcome.state == "cancelled"
    assert "1 of 3 clips are done." in outcome.text
    assert "Not begun: 3/3 background" in outcome.text
    assert len(them.here.results) == 1 and len(them.history.all()) == 2
    them.here.session.assert_restored(result=True)


def test_what_is_left_to_do_names_the_clip(selected):
    outcome = selected().press()
    assert all(click.split(" ")[0] in ("1/3", "2/3", "3/3") for click in outcome.clicks)


def test_one_picked_sequence_is_refused_for_several_clips(selected, tmp_path):
    them = selected(matte="files", matte_pattern=str(tmp_path / "m.%04d.exr"), points=())
    outcome = them.press()
    assert outcome.text.count("cannot be the matte of several clips") == 3
    assert not them.here.session.called("AddRenderJob")


def test_a_clip_without_a_point_of_its_own_is_told(selected):
    them = selected(points=((RECORD + 5, 1, 1, True),))
    assert "No point lies on background" in them.press().text
    assert len(them.here.results) == 1


def test_a_clip_of_a_timeline_that_is_open_no_more_is_not_rendered(selected):
    them = selected()
    them.request = them.request._replace(item=("gone", "gone"))
    outcome = work.remove(
        them.here.host, them.request, them.here.helper, lambda _: None, lambda: False, them.here.session.sleep
    )
    assert "not the open one" in outcome.text


@pytest.mark.parametrize(
    ("version", "select", "said"),
    [
        (TELLS, 1, "Selected: shot.[1001-1040].exr"),
        (TELLS, 2, "2 selected: shot.[1001-1040].exr, background.[0001-0100].exr"),
        (TELLS, 0, "Under the playhead: shot.[1001-1040].exr"),
        ("20.3.2", 2, "(this version of Resolve does not tell what is selected)"),
    ],
)
def test_the_window_says_which_clips_are_meant(seat, tmp_path, version, select, said):
    here = seat(version=version)
    other = here.stage.add_item(1, RECORD + 200, 5, here.stage.background, source=40)
    here.stage.project.selected_items = [other, here.stage.item][2 - select :]
    bench = Bench(here.host, work, str(tmp_path), SimpleNamespace(), lambda: here.helper)
    assert said in bench.at_hand()


def test_before_21_0_4_the_clip_under_the_playhead_is_taken(seat):
    here = seat(version="20.3.2")
    here.stage.project.selected_items = [here.stage.timeline.tracks["video"][0].items[0]]
    [one] = selection.picked(here.host)
    assert one.item_id == here.stage.item.id
