# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from benchmarks.void_engine.architecture import ARCHITECTURES
from benchmarks.void_engine.memory import needed
from void_server.engines.void.memory import (
    ENCODER_PIXEL_BYTES,
    HEADROOM,
    LADDER,
    MOST_WINDOWS,
    PIXEL_BYTES,
    TEXT_TOKENS,
    TILE,
    TOKEN_BYTES,
    Sizes,
    Work,
    chosen,
    plans,
)

PUBLISHED = Sizes(transformer=11_142_925_568, vae=431_167_814)
CLIP = Work(384, 672, 85)


def taken(gigabytes: float, wanted="auto", work=CLIP):
    candidates = plans(wanted, PUBLISHED, work)
    return candidates[chosen(candidates, int(gigabytes * 1e9))]


def test_every_plan_is_more_frugal_than_the_last():
    for wanted in ("auto", "fp8", "offload", "sequential"):
        needs = [plan.need for plan in plans(wanted, PUBLISHED, Work(384, 672, 85, windows=3, batch=2))]
        assert needs == sorted(needs, reverse=True)


@pytest.mark.parametrize(
    ("gigabytes", "mode", "tile"),
    [
        (80, "full", None),
        (26, "full", TILE),
        (24, "offload", None),
        (16, "group-offload", TILE),
    ],
)
def test_auto_takes_the_fastest_way_that_a_card_has_room_for(gigabytes, mode, tile):
    plan = taken(gigabytes)
    assert (plan.mode, plan.tile) == (mode, tile)
    assert plan.need + HEADROOM <= gigabytes * 1e9


def test_where_nothing_fits_the_most_frugal_is_tried():
    assert taken(1).mode == LADDER[-1] and taken(1).tile == TILE


def test_where_nobody_knows_the_memory_the_first_is_tried():
    candidates = plans("auto", PUBLISHED, CLIP)
    assert chosen(candidates, None) == 0 and candidates[0].mode == "full"


def test_a_wanted_way_of_working_comes_first_and_more_frugal_ones_after_it():
    modes = [plan.mode for plan in plans("offload", PUBLISHED, CLIP)]
    assert modes[0] == "offload" and set(modes) == {"offload", "group-offload", "sequential"}


def test_eight_bits_are_taken_only_by_name():
    assert "fp8" not in [plan.mode for plan in plans("auto", PUBLISHED, CLIP)]
    assert taken(30, "fp8").mode == "fp8"
    assert plans("fp8", PUBLISHED, CLIP)[0].need < plans("full", PUBLISHED, CLIP)[0].need


def test_windows_go_together_where_there_is_room():
    long = Work(384, 672, 85, windows=3)
    assert taken(80, work=long).windows_at_once == 3
    assert taken(25, work=long).windows_at_once == 1
    assert taken(140, work=Work(384, 672, 85, windows=9)).windows_at_once == MOST_WINDOWS


def test_guidance_takes_the_room_of_two_calls():
    sizes = Sizes(0, 0)
    one, two = (plans("sequential", sizes, Work(384, 672, 965, batch=b))[-1].need for b in (1, 2))
    assert two == pytest.approx(2 * one, rel=0.01)


def test_the_plan_says_what_it_takes_and_of_how_much():
    said = taken(24).describe(24_000_000_000)
    assert said.startswith("Memory: offload; about ") and said.endswith(" of 24.0 GB free.")


def test_the_counted_peaks_are_those_of_the_code():
    """Takes ten seconds: diffusers builds the full architecture, without values."""
    found = needed(ARCHITECTURES["5b"], 85, 384, 672)
    decoding, encoding = (found.activations[part] / (384 * 672) for part in ("decode", "encode"))
    tokens = 11 * 24 * 42 + TEXT_TOKENS
    assert decoding == pytest.approx(PIXEL_BYTES, rel=0.02)
    assert encoding == pytest.approx(ENCODER_PIXEL_BYTES, rel=0.02)
    assert found.activations["step, guidance 1"] / tokens == pytest.approx(TOKEN_BYTES, rel=0.05)
