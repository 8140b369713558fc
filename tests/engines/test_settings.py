# SPDX-License-Identifier: Apache-2.0
"""Settings out of range are refused with the name, the value and the range."""

from __future__ import annotations

import pytest

from void_server.engines.cleanplate import CleanplateSettings
from void_server.errors import InvalidInput


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"quality": "best"}, "quality is 'best'"),
        ({"sources": 0}, "sources is 0"),
        ({"sources": 9}, "sources is 9. Use a whole number from 1 to 8"),
        ({"margin": -1}, "margin is -1"),
        ({"margin": 513}, "from 0 to 512"),
        ({"reach": 0}, "reach is 0"),
        ({"reach": 501}, "from 1 to 500"),
    ],
)
def test_a_value_out_of_range_is_refused(given, message):
    with pytest.raises(InvalidInput, match=message):
        CleanplateSettings(**given)


def test_preview_looks_less_far_and_reads_fewer_frames():
    final, preview = CleanplateSettings(), CleanplateSettings(quality="preview")
    assert preview.frames_each_way < final.frames_each_way
    assert preview.source_frames < final.source_frames


def test_a_reach_that_is_asked_for_is_taken():
    assert CleanplateSettings(quality="preview", reach=7).frames_each_way == 7
