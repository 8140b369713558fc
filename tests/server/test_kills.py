# SPDX-License-Identifier: Apache-2.0
"""`kill -9` at random moments breaks no promise; `make kills` runs hundreds of seeds."""

from __future__ import annotations

from pathlib import Path

from tests.kills.campaign import run_seeds

SEEDS = [0, 1, 2, 3, 4, 5]
"""Their first kills take server, worker and client in turn."""


def test_whoever_is_killed_nothing_is_lost_repeated_or_half_done(tmp_path: Path) -> None:
    """Takes about 30 s: each seed starts real servers, workers and clients several times."""
    figures = run_seeds(SEEDS, tmp_path, parallel=2)
    print(figures.table())
    assert figures.broken == 0, figures.table()
    assert figures.seeds == figures.jobs_accepted == len(SEEDS)
    assert {"server", "worker", "client"} <= set(figures.kills)
    assert figures.attached_again > 0
    assert figures.units_at_kills > 0 and figures.events > 0
