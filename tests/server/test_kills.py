# SPDX-License-Identifier: Apache-2.0
"""`kill -9` at random moments breaks no promise; `make kills` runs hundreds of seeds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.kills.campaign import run_seeds
from tests.kills.figures import ACTORS, Figures
from tests.seed_records import read_records, write_record

SEEDS = [0, 1, 2, 7, 8, 11]
"""Removals by each engine and masks alone, through the command and through a helper, frames sent and by path; their
first kills take server, worker, helper, worker, helper and helper."""


def test_whoever_is_killed_nothing_is_lost_repeated_or_half_done(tmp_path: Path) -> None:
    """Takes about 50 s: each seed starts real servers, workers and clients several times."""
    record = tmp_path / "record.jsonl"
    figures = run_seeds(SEEDS, tmp_path, parallel=2, record=record)
    print(figures.table())
    assert figures.broken == 0, figures.table()
    assert figures.seeds == figures.jobs_accepted == len(SEEDS)
    assert set(ACTORS) <= {kill.split()[-1] for kill in figures.kills}
    assert set(figures.works) == {"cleanplate", "void", "quadmask"}
    assert figures.attached_again > 0
    assert figures.units_at_kills > 0 and figures.events > 0 and figures.frames > 0
    assert read_records([record], Figures).table() == figures.table()


def test_records_of_several_runs_add_up_and_no_seed_counts_twice(tmp_path: Path) -> None:
    paths = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    kills = Counter({"void helper": 2, "void server": 1})
    write_record(paths[0], 1, Figures(seeds=1, works=Counter({"void": 1}), kills=kills))
    write_record(paths[1], 2, Figures(seeds=1, works=Counter({"void": 1}), kills=kills, jobs_lost=1))
    both = read_records(paths, Figures)
    assert (both.seeds, both.kills["void helper"], both.broken) == (2, 4, 1)
    with pytest.raises(ValueError, match="seed 2 is recorded twice"):
        read_records([*paths, paths[1]], Figures)
