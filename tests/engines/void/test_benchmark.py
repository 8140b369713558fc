# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from benchmarks.void_engine.__main__ import main
from benchmarks.void_engine.architecture import ARCHITECTURES, work

PETA = 1e15


@pytest.mark.parametrize(("frames", "steps", "vae"), [(85, 5.2, 0.8), (197, 13.3, 1.8)])
def test_the_arithmetic_of_the_full_model_is_what_is_known_of_it(frames, steps, vae):
    """Takes ten seconds: diffusers builds the full architecture twice, without values."""
    found = work(ARCHITECTURES["5b"], frames, 384, 672)
    assert 30 * found.step / PETA == pytest.approx(steps, rel=0.01)
    assert (2 * found.encode + found.decode) / PETA == pytest.approx(vae, rel=0.03)


def test_the_command_runs_on_a_processor_and_says_what_was_not_measured(tmp_path, capsys):
    size = ["--frames", "13", "--height", "32", "--width", "48"]
    assert main(["--arch", "tiny", "--device", "cpu", *size, "--results", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "not yet measured" in said and [f.name for f in tmp_path.iterdir()] != []
    assert all(part in said for part in ("encode", "step", "decode", "clip"))
