# SPDX-License-Identifier: Apache-2.0
"""Calls in any order by two principals: a hypothesis state machine on one real server with a real worker."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz.machine import machine_for

BOUNDED = settings(
    max_examples=8,
    stateful_step_count=25,
    deadline=None,
    database=None,
    derandomize=True,
    # Each step is a real call: the steps that failed are told as they were; `make fuzz` looks for fewer.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_calls_in_any_order_are_answered_as_the_model_says_and_leave_the_store_whole(target):
    """Takes about 15 s: the jobs of eight examples really run."""
    run_state_machine_as_test(machine_for(target), settings=BOUNDED)
