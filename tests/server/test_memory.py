# SPDX-License-Identifier: Apache-2.0
"""The memory of server and worker does not grow with the length of a shot: the small form of `benchmarks.memory`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.generated_shot import GeneratedShot
from benchmarks.memory.measure import Measured, measure
from benchmarks.memory.processes import family
from benchmarks.server_process import ServerProcess

SHORT, LONG = 12, 60
MOST_GROWTH = 1.15
"""The promise for 300 against 60 frames; these take 1.03, and bytes do not depend on the load."""

# A cache that holds less than the short shot needs: the default of 1 GiB would fill with frames of any number.
OPTIONS = ("--workers=1", f"--worker-cache-bytes={4 << 20}")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


class SwingingObject(GeneratedShot):
    """Its object swings by less than its size before the wall: some of it is borrowed and some made up at any length,
    so that both shots go through the same stages.
    """

    def _object(self, frame: int) -> tuple[int, int]:
        return self.height // 2, self.width // 2 + 32 - self._pan(frame) + 2 * (frame % 3)


def peak(folder: Path, frames: int) -> Measured:
    return measure(SwingingObject(192, 108), frames, folder, OPTIONS, tell=lambda text: None)


@pytest.mark.timeout(600)
def test_five_times_the_frames_take_hardly_more_memory(tmp_path: Path) -> None:
    """Takes a minute: 72 frames go through every stage."""
    for name in ("short", "long"):
        (tmp_path / name).mkdir()
    short, long = peak(tmp_path / "short", SHORT), peak(tmp_path / "long", LONG)
    assert len(short.high_water_marks) == len(long.high_water_marks) == 2
    assert short.reached == long.reached == ""
    assert {"fill", "complete"} <= set(short.peaks) and {"fill", "complete"} <= set(long.peaks)
    assert sum(long.high_water_marks) <= MOST_GROWTH * sum(short.high_water_marks)
    assert long.peak <= sum(long.high_water_marks)


def test_a_server_that_is_looked_at_has_its_worker_below_it(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "store", "--workers=1") as server:
        assert len(family(server.pid)) == 2
    assert family(server.pid) == [server.pid]
