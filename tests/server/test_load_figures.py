# SPDX-License-Identifier: Apache-2.0
"""The figures of `benchmarks.load`, and when it says that its promises do not hold."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.figures import MOST_POINTS, jain, percentile, trend
from benchmarks.load.gauges import SERVER, Sample
from benchmarks.load.plan import FIRST_FRAME, FRAMES, LONG_FRAMES, order
from benchmarks.load.plot import plot
from benchmarks.load.report import failures, report
from benchmarks.load.run import Load, write_shot

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=50)


@given(values=VALUES, share=st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_the_share_does_not_exceed_and_no_smaller_one_is(values, share):
    found = percentile(values, share)
    assert found in values and sum(v <= found for v in values) >= share * len(values) - 1e-9
    assert sum(v < found for v in values) < share * len(values)


def test_of_nothing_there_is_no_figure():
    assert math.isnan(percentile([], 0.5)) and math.isnan(jain([])) and math.isnan(trend([(0, 1)]).slope)


@pytest.mark.parametrize(
    ("shares", "index"), [([3, 3, 3], 1.0), ([1, 0, 0, 0], 0.25), ([0, 0], 1.0), ([2, 1], 0.9)]
)
def test_jain_s_index_is_one_of_even_shares_and_one_part_where_one_has_all(shares, index):
    assert jain(shares) == pytest.approx(index)


@given(slope=st.floats(-1e3, 1e3), start=st.floats(0, 1e3), count=st.integers(3, 3 * MOST_POINTS))
def test_a_straight_line_has_its_own_slope_an_hour(slope, start, count):
    found = trend([(36.0 * n, start + slope * n / 100) for n in range(count)])
    for value in (found.slope, found.low, found.high):
        assert value == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_a_few_wild_samples_do_not_move_a_trend():
    points = [(36.0 * n, 100 + n / 100 + 0.1 * (-1) ** n + (1000 if n % 7 == 0 else 0)) for n in range(100)]
    found = trend(points)
    assert found.slope == pytest.approx(1.0, abs=0.5) and found.low < 1.0 < found.high


def test_orders_of_one_number_are_equal_to_the_last_bit_and_no_two_others_share_a_plate(tmp_path):
    write_shot(tmp_path)
    one, same = order(tmp_path, 7, "/a"), order(tmp_path, 7, "/a")
    assert one.spec == same.spec and one.contents[0].digest == same.contents[0].digest
    many = [order(tmp_path, number, "/a") for number in range(40)]
    plates = [c.digest for o in many for c in o.contents if c.name.startswith("plate")]
    assert len(plates) == 40 * FRAMES == len(set(plates))


def test_the_shot_has_a_frame_for_each_of_the_longest_order(tmp_path):
    write_shot(tmp_path)
    numbers = [f.frame for f in order(tmp_path, 1, "/a", LONG_FRAMES).spec.shot.plate.files]
    assert numbers == list(range(FIRST_FRAME, FIRST_FRAME + LONG_FRAMES))


def sampled(at: float, **more: float) -> Sample:
    return replace(Sample(at, SERVER, 10**8, 5 * 10**7, 20, 30, at / 10, 10**6, 4 * 10**6), **more)


def job(number: int, user: str, request: str = "") -> dict:
    times = {"created": 10.0 * number, "started": 10.0 * number + 2, "finished": 10.0 * number + 5}
    more = {"request": request or str(number), "content": str(number), "found": False}
    return {
        "what": "job",
        "at": 10.0 * number + 6,
        "user": user,
        "client": 0,
        "job": str(number),
        **times,
        **more,
    }


@pytest.fixture
def quiet() -> Load:
    """An hour in which all is well."""
    records = [{"what": "watch", "at": 10.0, "s": 0.01 * n} for n in range(1, 20)]
    records += [job(n, user) for n, user in enumerate(("anna", "bo", "anna", "bo"), 1)]
    samples = [sampled(float(at)) for at in range(0, 3600, 20)]
    ends = {SERVER: samples[0]}
    return Load(records[:3], records, samples, 0.0, 3600.0, ends, ends)


def test_where_all_is_well_it_says_so(quiet):
    assert failures(quiet) == [] and report(quiet)[-1].startswith("holds: ")
    assert "Jain's index: of jobs 1.000" in "\n".join(report(quiet))


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"what": "failure", "kind": "EventLost", "at": 5.0}, "EventLost"),
        ({"what": "wrong", "text": "ab12", "at": 5.0}, "other bytes"),
        (job(9, "cai", request="1"), "different results"),
    ],
)
def test_whatever_goes_wrong_once_is_named(quiet, record, said):
    quiet.loaded.append(record)
    assert said in failures(quiet)[0] and report(quiet)[-1].startswith("DOES NOT HOLD")


@pytest.mark.parametrize(("field", "an_hour"), [("rss", 20e6), ("threads", 10), ("files", 10)])
def test_what_grows_without_end_is_named(quiet, field, an_hour):
    grown = [int(getattr(s, field) + an_hour * s.at / 3600) for s in quiet.samples]
    quiet.samples = [replace(s, **{field: value}) for s, value in zip(quiet.samples, grown, strict=True)]
    assert len(failures(quiet)) == 1 and "server grow" in failures(quiet)[0]


def test_what_grew_in_the_warm_up_is_not_held_against_it(quiet):
    early = [sampled(float(at)) for at in range(800)]
    quiet.samples = [replace(s, rss=s.rss + int(min(s.at, 800) * 1e5)) for s in [*early, *quiet.samples]]
    assert failures(quiet) == []


def test_the_plot_is_a_picture(quiet, tmp_path: Path):
    plot(quiet, "load", tmp_path / "load.png")
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
