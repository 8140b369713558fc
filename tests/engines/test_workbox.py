# SPDX-License-Identifier: Apache-2.0
"""The work box keeps proxy and plate pixels in register, whatever the ratio of their sizes."""

from __future__ import annotations

import numpy as np
import pytest

from void_server.engines.cleanplate.proxy import FILL, ProxyFrame
from void_server.engines.cleanplate.workbox import WorkBox


def frame(size: tuple[int, int], full_size: tuple[int, int]) -> ProxyFrame:
    regions = np.zeros(size, np.uint8)
    regions[20:30, 30:60] = FILL
    return ProxyFrame(np.zeros((*size, 3), np.uint8), regions, full_size)


@pytest.mark.parametrize("full_size", [(60, 90), (120, 180), (133, 211)])
def test_a_displacement_that_grows_across_the_frame_is_the_same_at_plate_resolution(full_size):
    box = WorkBox.around(frame((60, 90), full_size))
    across, down = full_size[1] / 90, full_size[0] / 60
    rows, columns = np.mgrid[box.proxy[1] : box.proxy[3], box.proxy[0] : box.proxy[2]].astype(np.float32)
    positions = box.positions(np.stack([0.1 * columns, -0.2 * rows], axis=-1))
    full_rows, full_columns = np.mgrid[box.full[1] : box.full[3], box.full[0] : box.full[2]]
    want_x = full_columns + 0.1 * ((full_columns + 0.5) / across - 0.5) * across
    want_y = full_rows - 0.2 * ((full_rows + 0.5) / down - 0.5) * down
    inner = np.s_[4:-4, 4:-4]
    np.testing.assert_allclose(positions[..., 0][inner], want_x[inner], atol=1e-2)
    np.testing.assert_allclose(positions[..., 1][inner], want_y[inner], atol=1e-2)


def test_the_box_holds_the_fill_with_room_for_its_ring_and_stays_in_the_frame():
    box = WorkBox.around(frame((60, 90), (120, 180)))
    assert box.proxy[0] < 30 - 15 * 90 / 960
    assert box.proxy[3] > 30 + 15 * 90 / 960
    assert box.full == tuple(2 * side for side in box.proxy)


def test_a_frame_with_nothing_to_fill_has_no_box():
    blank = ProxyFrame(np.zeros((60, 90, 3), np.uint8), np.zeros((60, 90), np.uint8), (60, 90))
    assert WorkBox.around(blank) is None
