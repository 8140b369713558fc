# SPDX-License-Identifier: Apache-2.0
"""The placeholders are replaced as plain text, and what comes out reads in Lua with the right clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.resolve.lua.filled import filled, lua_text
from tests.resolve.lua.setting import Node, group_of, read

PAGE = Path(__file__).parents[3] / "docs/resolve_macro.md"
PLACEHOLDERS = {
    "VOID_RESULT_SEQUENCE": 1,
    "VOID_MATTE_SEQUENCE": 1,
    "StartFrame = 0,": 2,
    "Length = 1,": 2,
    "TrimOut = 0,": 2,
    "GlobalStart = 0,": 2,
    "GlobalEnd = 0,": 2,
}
PATHS = {
    "a plain one": "/shots/sh010/void/sh010.1001.exr",
    "with spaces": "/shots/my film/sh 010.1001.exr",
    "of Windows": "D:\\shots\\new\\sh010.1001.exr",
    "of a share": "\\\\server\\shots\\sh010.1001.exr",
    "with quotes": '/shots/the "new" one/sh010.1001.exr',
    "in other letters": "/плёнка/映画/sh010.1001.exr",
    "like a placeholder": "/shots/VOID_MATTE_SEQUENCE/GlobalEnd = 0,/sh010.1001.exr",
}


def clip(macro: Node, name: str) -> dict[str, object]:
    return group_of(macro)[1].table("Tools").table(name).table("Clips").items[0].fields


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_each_placeholder_stands_in_the_macro_and_on_the_page(text: str, placeholder: str) -> None:
    assert text.count(placeholder) == PLACEHOLDERS[placeholder]
    assert f"`{placeholder}`" in PAGE.read_text()


@pytest.mark.parametrize("name", PATHS)
def test_a_filled_macro_reads_with_the_paths_and_frames_that_were_given(text, interpreter, name) -> None:
    macro = read(
        filled(text, result=PATHS[name], matte="/m/m.1001.exr", first=1001, last=1048, starts_at=5),
        interpreter,
    )
    result, matte = clip(macro, "ResultSequence"), clip(macro, "MatteSequence")
    assert result["Filename"] == PATHS[name]
    assert matte["Filename"] == "/m/m.1001.exr"
    for found in (result, matte):
        assert (found["StartFrame"], found["Length"]) == (1001, 48)
        assert (found["TrimIn"], found["TrimOut"]) == (0, 47)
        assert (found["GlobalStart"], found["GlobalEnd"]) == (5, 52)


def test_a_single_frame_is_a_sequence_of_one(text: str, interpreter: str) -> None:
    one = read(filled(text, result="/r.7.exr", matte="/m.7.exr", first=7, last=7, starts_at=0), interpreter)
    assert [clip(one, "ResultSequence")[key] for key in ("Length", "TrimOut", "GlobalEnd")] == [1, 0, 0]


def test_a_path_cannot_end_its_text_and_go_on_as_lua(text: str, interpreter: str) -> None:
    hostile = '/x", Depth = os.exit(0), Filename = "\\'
    macro = read(filled(text, result=hostile, matte="/m", first=1, last=1, starts_at=0), interpreter)
    assert clip(macro, "ResultSequence")["Filename"] == hostile


def test_a_line_break_in_a_path_is_refused() -> None:
    with pytest.raises(ValueError, match="control character"):
        lua_text("/shots/a\nb.exr")
