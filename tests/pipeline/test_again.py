# SPDX-License-Identifier: Apache-2.0
"""What is read and written again of a plate that was published before."""

from __future__ import annotations

import numpy as np

from void_server.frames.blobs import BlobFolder
from void_server.frames.blocks import Blocks
from void_server.pipeline.again import published_before, recorded
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.opened_source import blocks_to_arrays
from void_server.plates.chunks import head_bytes
from void_server.plates.encode import Frame, write_frame
from void_server.plates.window import Window

WHOLE = Window(3, -7, 8, 200)


def rows(
    tmp_path, before: tuple[int, int], now: tuple[int, int], *, head: int | None = None
) -> tuple[int, int] | None:
    """The lines that may differ, of a plate whose earlier blend touched the lines `before`."""
    blobs = BlobFolder(tmp_path)
    with blobs.scratch(".exr") as path:
        write_frame(path, Frame(WHOLE, WHOLE, 1.0, {"R": np.zeros(WHOLE.shape, np.float16)}, (), "zips"))
        file = blobs.add_file(path).digest
    arrays = {"result": np.zeros((13, 4, 32), np.uint8), "matte": np.zeros((13, 32), np.uint8)}
    for name in ("result", "matte"):
        arrays |= blocks_to_arrays(
            name, Blocks.of(blobs.path(file), file, head_bytes(blobs.path(file)) if head is None else head)
        )
    left = {"result": file, "matte": file, "stripes": store_arrays(blobs, arrays).digest}
    earlier = recorded({"blobs": left, "info": {"lines": list(before)}}, blobs)
    found = published_before(earlier, now, WHOLE, "zips", blobs)
    return None if found is None else found.rows


def test_lines_that_either_blend_touched_may_differ_in_whole_stripes(tmp_path):
    assert rows(tmp_path, (20, 90), (60, 70)) == (16, 96)
    assert rows(tmp_path, (60, 70), (20, 90)) == (16, 96)
    assert rows(tmp_path, (195, 200), (190, 191)) == (176, 200)
    assert rows(tmp_path, (0, 0), (0, 0)) == (0, 16)


def test_where_most_lines_may_differ_nothing_is_taken_over(tmp_path):
    assert rows(tmp_path, (0, 20), (150, 170)) is None


def test_files_whose_heads_were_not_recorded_are_not_written_onto(tmp_path):
    assert rows(tmp_path, (20, 90), (60, 70)) and rows(tmp_path, (20, 90), (60, 70), head=0) is None
