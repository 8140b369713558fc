# SPDX-License-Identifier: Apache-2.0
"""Who gets the next worker, and which job begins: as pure rules, for any order of events."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_server.jobs.fairness import MOST_AT_ALL, MOST_RUNNING, Admission, QueuedJob, band_of
from void_server.pool.schedule import (
    AGED_TURN,
    HALF_LIFE_SECONDS,
    LINGER_SECONDS,
    SLICE_SECONDS,
    Band,
    Schedule,
    Shares,
    Turn,
)

BANDS = st.sampled_from(list(Band))
TURNS = st.builds(Turn, BANDS, st.sampled_from(["anna", "ben", "cleo"]), st.integers(0, 3))


def served(schedule: Schedule[str], count: int, seconds: float = 0.0) -> list[str]:
    """What a single worker takes, one after the other."""
    taken, now = [], 0.0
    for _ in range(count):
        found = schedule.take(now)
        if found is None:
            break
        now += seconds
        schedule.finished(found[0], seconds, now)
        taken.append(found[1])
    return taken


def test_better_bands_go_first_then_an_owners_earlier_job_then_the_order_of_arrival():
    schedule: Schedule[str] = Schedule()
    for item, turn in {
        "low": Turn(Band.LOW, "a", 1),
        "second job": Turn(Band.NORMAL, "a", 3),
        "first": Turn(Band.NORMAL, "a", 2),
        "high": Turn(Band.HIGH, "a", 4),
        "preview": Turn(Band.PREVIEW, "a", 5),
        "click": Turn(Band.INTERACTIVE, "a", 0),
    }.items():
        schedule.put(turn, item)
    schedule.put(Turn(Band.NORMAL, "a", 2), "second of first")
    order = ["click", "preview", "high", "first", "second of first", "second job", "low"]
    assert served(schedule, 9) == order


def test_an_owner_with_many_jobs_gets_no_more_than_one_with_a_single_job():
    schedule: Schedule[str] = Schedule()
    for job in range(10):
        for _ in range(40):
            schedule.put(Turn(Band.NORMAL, "anna", job), "anna")
    for _ in range(40):
        schedule.put(Turn(Band.NORMAL, "ben", 99), "ben")
    counts = Counter(served(schedule, 60, seconds=1.0))
    assert abs(counts["anna"] - counts["ben"]) <= 2


@given(st.lists(st.floats(0.01, 10), min_size=40, max_size=120), st.integers(2, 4))
def test_owners_who_always_have_work_share_the_time_within_two_units(lengths, owners):
    """Also where their units differ in length; the turns by waiting alone cost no more than one unit."""
    schedule: Schedule[int] = Schedule()
    now, had = 0.0, Counter(dict.fromkeys(range(owners), 0.0))
    for seconds in lengths:
        for owner in range(owners):
            if Turn(Band.NORMAL, str(owner), owner) not in schedule._lines:
                schedule.put(Turn(Band.NORMAL, str(owner), owner), owner)
        turn, owner = schedule.take(now)
        now += seconds
        had[owner] += seconds
        schedule.finished(turn, seconds, now)
        # Older seconds count less, so that the difference of the plain sums may grow a little beyond.
        assert max(had.values()) - min(had.values()) <= 2 * max(lengths) + now * now / HALF_LIFE_SECONDS


@given(st.lists(TURNS, min_size=1, max_size=12), TURNS, st.lists(TURNS, max_size=200))
def test_nothing_starves_whatever_else_arrives(before, waiting, stream):
    """Each turn a new task arrives; a line is served at the latest when all before it were, by the aged turns alone."""
    schedule: Schedule[str] = Schedule()
    for turn in before:
        schedule.put(turn, "before")
    schedule.put(waiting, "it")
    lines = len({*before, waiting})
    ahead = before.count(waiting)
    for number in range(AGED_TURN * lines * (ahead + 1)):
        schedule.put(stream[number % len(stream)] if stream else Turn(), "stream")
        turn, item = schedule.take(0.0)
        schedule.finished(turn, 1.0, 0.0)
        if item == "it":
            return
    raise AssertionError("it was never taken")


@given(st.lists(st.tuples(TURNS, st.booleans()), max_size=60))
def test_each_task_is_taken_once(events):
    schedule: Schedule[int] = Schedule()
    put, taken = 0, []
    for turn, take in events:
        schedule.put(turn, put)
        put += 1
        if take:
            found = schedule.take(0.0)
            schedule.finished(found[0], 0.1, 0.0)
            taken.append(found[1])
    assert len(schedule) == put - len(taken)
    assert sorted(taken + schedule.drain()) == list(range(put))
    assert len(schedule) == 0


def test_with_several_workers_free_at_once_owners_alternate_before_anything_has_finished():
    schedule: Schedule[str] = Schedule()
    for owner in ("anna", "ben"):
        for _ in range(4):
            schedule.put(Turn(Band.NORMAL, owner, 1), owner)
    assert Counter(schedule.take(0.0)[1] for _ in range(4)) == {"anna": 2, "ben": 2}


@pytest.mark.parametrize(("bens", "next_is"), [(4.0, "ben"), (15.0, "anna")])
def test_a_task_in_hand_counts_as_much_as_tasks_took_of_late(bens, next_is):
    schedule: Schedule[str] = Schedule()
    cleo, anna, ben = (Turn(Band.NORMAL, owner, 1) for owner in ("cleo", "anna", "ben"))
    for _ in range(8 * AGED_TURN):
        schedule.put(cleo, "cleo")
        schedule.take(0.0)
        schedule.finished(cleo, 10.0, 0.0)
    schedule.put(anna, "in hand")
    assert schedule.take(0.0) == (anna, "in hand")
    schedule.shares.add("ben", bens, 0.0)
    schedule.put(anna, "anna")
    schedule.put(ben, "ben")
    assert schedule.take(0.0)[1] == next_is


def test_old_use_is_forgotten_by_halves():
    shares = Shares()
    shares.add("anna", 100, 0)
    assert shares.of("anna", HALF_LIFE_SECONDS) == pytest.approx(50)
    assert shares.of("ben", 5) == 0


@pytest.mark.parametrize(
    ("waiting", "ran", "yields"),
    [
        (Turn(Band.PREVIEW, "anna"), 0, True),
        (Turn(Band.INTERACTIVE, "ben"), 0, True),
        (Turn(Band.HIGH, "ben"), 0, True),
        (Turn(Band.LOW, "ben"), 9999, False),
        (Turn(Band.NORMAL, "anna", 7), 9999, False),
        (Turn(Band.NORMAL, "ben"), SLICE_SECONDS - 1, False),
        (Turn(Band.NORMAL, "ben"), SLICE_SECONDS, True),
    ],
)
def test_a_long_unit_yields_to_what_is_better_and_after_a_while_to_others_who_had_less(waiting, ran, yields):
    schedule: Schedule[str] = Schedule()
    long = Turn(Band.NORMAL, "anna", 1)
    schedule.put(long, "long")
    schedule.take(0.0)
    assert not schedule.should_yield(long, ran, 0.0)
    schedule.put(waiting, "other")
    assert schedule.should_yield(long, ran, 0.0) is yields


def test_what_yielded_comes_back_only_when_the_better_job_has_nothing_more_for_a_moment():
    schedule: Schedule[str] = Schedule()
    long, preview = Turn(Band.NORMAL, "anna", 1), Turn(Band.PREVIEW, "ben", 2)
    schedule.put(preview, "preview")
    schedule.put_back(long, "long")
    assert schedule.take(10.0) == (preview, "preview")
    schedule.finished(preview, 1.0, 11.0)
    assert schedule.take(11.0) is None and len(schedule) == 1
    schedule.put(preview, "next unit of the preview")
    assert schedule.take(11.1) == (preview, "next unit of the preview")
    schedule.finished(preview, 1.0, 12.1)
    assert schedule.take(12.1 + LINGER_SECONDS) == (long, "long")


def queued(number: int, owner: str = "anna", band: Band = Band.NORMAL) -> QueuedJob:
    return QueuedJob(f"job{number}", owner, band, number)


@pytest.mark.parametrize(
    ("priority", "preview", "band"),
    [
        ("normal", False, Band.NORMAL),
        ("normal", True, Band.PREVIEW),
        ("high", True, Band.PREVIEW),
        ("high", False, Band.HIGH),
        ("low", True, Band.LOW),
    ],
)
def test_priority_and_preview_make_a_band(priority, preview, band):
    assert band_of(priority, preview) is band


def test_long_jobs_of_one_artist_hold_back_neither_others_nor_his_own_preview():
    running = [queued(n) for n in range(MOST_RUNNING)]
    more, other = queued(10), queued(11, "ben")
    preview = queued(12, "anna", Band.PREVIEW)
    assert Admission().choose([more], running, {}) is None
    assert Admission().choose([more, other], running, {}) == other
    assert Admission().choose([more, other, preview], running, {}) == preview


def test_of_two_owners_with_nothing_running_the_one_who_had_less_begins():
    jobs = [queued(1, "anna"), queued(2, "ben")]
    assert Admission().choose(jobs, [], {"anna": 5.0}).owner == "ben"
    assert Admission().choose(jobs, [], {}).owner == "anna"


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), BANDS), min_size=1, max_size=60))
def test_every_job_begins_in_the_end_and_never_too_many_at_once(jobs):
    waiting = [queued(n, owner, band) for n, (owner, band) in enumerate(jobs)]
    running: list[QueuedJob] = []
    admission = Admission()
    for _ in range(2 * len(jobs) + 1):
        while (chosen := admission.choose(waiting, running, {})) is not None:
            waiting.remove(chosen)
            running.append(chosen)
        assert len(running) <= MOST_AT_ALL
        if running:
            running.pop(0)
    assert not waiting
