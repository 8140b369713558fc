# SPDX-License-Identifier: Apache-2.0
"""Each method of Resolve that the plugin calls exists in the oldest version that it supports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resolve.methods import called_methods, missing_methods, stub_methods
from tests.resolve.standin.versions import FIRST_VERSIONS, first_versions, number

PLUGIN = Path(__file__).parents[2] / "plugin_resolve"

NEWER = {"GetSelectedClips": "21.0.4"}
"""What the plugin uses where it is there; every other method must be there from 19.1 on."""


def test_the_plugin_calls_what_the_minimum_version_has():
    called = [each for each in called_methods(PLUGIN) if each.method not in NEWER]
    assert missing_methods(called) == []


def test_what_is_missing_is_named_with_its_place_and_its_first_version(tmp_path):
    (tmp_path / "script.py").write_text(
        "from pathlib import Path\n"
        "def work(timeline, call):\n"
        "    timeline.GetMarkInOut()\n"
        "    timeline.GetSpeed()\n"
        "    getattr(timeline, 'SetVoiceIsolationState')(1, {})\n"
        "    call(timeline, 'GetTrackCount', 'video')\n"
        "    call(timeline, 'GetTypo')\n"
        "    Path('x')\n"
        "    timeline.SetName('x')\n"
    )
    assert missing_methods(called_methods(tmp_path)) == [
        "script.py:4: GetSpeed (unknown)",
        "script.py:5: SetVoiceIsolationState (since 20.1)",
        "script.py:7: GetTypo (unknown)",
        "script.py:9: SetName (since 20.2)",
    ]


def test_the_table_agrees_with_the_stubs():
    stubs = stub_methods()
    if stubs is None:
        pytest.skip("fusionscript-stubs is not installed: make .venv/.dev brings it")
    for script_class in FIRST_VERSIONS:
        table = {n for n, v in first_versions(script_class).items() if number(v) <= number("21.0")}
        removed = table - stubs[script_class]
        assert removed <= {"ApplyGradeFromDRX", "ApplyArriCdlLut"}, script_class
        assert stubs[script_class] - table <= {"__init__"}, script_class
