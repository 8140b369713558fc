# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from benchmarks.void_engine.__main__ import main
from benchmarks.void_engine.architecture import ARCHITECTURES, transformer_of
from benchmarks.void_engine.memory import lines, needed, peak

SIZE = (21, 32, 48)


def given(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device="meta")


def test_what_is_let_go_makes_room():
    start = given(1000)

    def chain() -> None:
        first = start + 1
        second = first * 2
        del first
        _third = second.view(10, 100) - 1

    assert peak(chain) == 2 * 4000


def test_what_was_there_views_of_it_and_work_in_place_take_nothing():
    start = given(1000)
    assert peak(lambda: start.view(10, 100).add_(1).mul_(2).t()) == 0


def test_what_a_caller_keeps_stays_counted():
    kept = []
    assert peak(lambda: kept.extend(given(100) + number for number in range(5))) == 6 * 400


def test_what_goes_to_the_processor_is_not_counted():
    start = given(1000)
    assert peak(lambda: start.to("cpu", torch.float64)) == 0


def test_attention_counts_as_its_fused_form():
    one = given(1, 2, 64, 8)
    output, sums = 2 * 64 * 8 * 4, 2 * 64 * 4
    assert peak(lambda: functional.scaled_dot_product_attention(one, one, value=one)) == output + sums
    assert peak(lambda: one @ one.transpose(-1, -2)) == 2 * 64 * 64 * 4


@pytest.fixture(scope="module")
def tiny():
    return needed(ARCHITECTURES["tiny"], *SIZE)


def test_weights_are_those_of_the_models(tiny):
    with torch.device("meta"):
        model = transformer_of(ARCHITECTURES["tiny"])()
    assert tiny.transformer == 2 * sum(parameter.numel() for parameter in model.parameters())


def test_guidance_takes_twice_the_room_and_a_longer_clip_no_more(tiny):
    longer = needed(ARCHITECTURES["tiny"], 85 + 16, *SIZE[1:])
    window = needed(ARCHITECTURES["tiny"], 85, *SIZE[1:])
    assert tiny.activations["step, guidance above 1"] == pytest.approx(
        2 * tiny.activations["step, guidance 1"], rel=0.1
    )
    assert longer.activations["step, guidance 1"] == window.activations["step, guidance 1"]
    assert longer.activations["decode"] == pytest.approx(window.activations["decode"], rel=0.01)


def test_no_matrix_of_all_pairs_is_among_it(tiny):
    """Sixteen times the area takes sixteen times the memory; all pairs would be 256 times as many."""
    larger = needed(ARCHITECTURES["tiny"], SIZE[0], 4 * SIZE[1], 4 * SIZE[2])
    assert larger.activations["step, guidance 1"] < 17 * tiny.activations["step, guidance 1"]


def test_the_command_prints_and_keeps_it(tiny, tmp_path, capsys):
    size = ["--frames", "21", "--height", "32", "--width", "48"]
    assert (
        main(["--count-memory", "--arch", "tiny", "--device", "cpu", *size, "--results", str(tmp_path)]) == 0
    )
    said = capsys.readouterr().out
    assert [file.name.startswith("void_engine_memory-") for file in tmp_path.iterdir()] == [True]
    assert all(row in said for row in lines(tiny)) and "T5 9.5 GB" in said
