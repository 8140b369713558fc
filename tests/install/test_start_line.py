# SPDX-License-Identifier: Apache-2.0
"""The line in init.py: harmless where it stands, and taken out without a trace."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_client.errors import BadInput
from void_client.install.start_line import MARK, start_line, with_line, without_line

FOLDER = "/home/jürgen/.local/share/void/nuke/it's \\ here"


def run_line(folder: str) -> list[str]:
    """What Nuke is asked when it runs the line."""
    asked: list[str] = []

    class Nuke:
        pluginAppendPath = staticmethod(asked.append)  # noqa: N815

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "nuke", Nuke)
        exec(compile(start_line(folder), "init.py", "exec"), {})
    return asked


def test_the_line_appends_the_folder_to_the_plugin_path(tmp_path: Path) -> None:
    folder = tmp_path / "it's \\ ünï 東京 %d {x}"
    folder.mkdir()
    assert run_line(str(folder)) == [str(folder)]


def test_the_line_does_nothing_where_the_folder_is_gone(tmp_path: Path) -> None:
    assert run_line(str(tmp_path / "gone")) == []


def test_the_line_is_ascii_whatever_the_folder_is_called() -> None:
    assert start_line(FOLDER).isascii()
    assert b"\n" not in start_line("a\nb")


LINES = [b"import nuke", b"", b"# \xc3\xbc", b"if True:", b"    x = 1", b"\xef\xbb\xbf# bom", b"   "]


@given(
    st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from([b"\n", b"\r\n", b"\r"]))),
    st.sampled_from([b"", *LINES]),
)
def test_taking_the_line_out_gives_every_file_as_it_was(lines, last: bytes) -> None:
    before = b"".join(line + end for line, end in lines) + last
    after = with_line(before, FOLDER, "init.py")
    assert after.startswith(before) and after.count(MARK) == 1
    assert without_line(after) == before
    assert with_line(after, FOLDER, "init.py") == after


def test_the_line_of_another_folder_is_replaced_where_it_stands() -> None:
    one = with_line(b"a = 1\r\n", "/one", "init.py") + b"b = 2\r\n"
    two = with_line(one, "/two", "init.py")
    assert two == one.replace(b"'/one'", b"'/two'")
    assert without_line(two) == b"a = 1\r\nb = 2\r\n"


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_line_ends_as_the_file_s_lines_do(end: bytes) -> None:
    assert with_line(b"a = 1" + end, FOLDER, "init.py").endswith(MARK + end)


def test_a_file_that_is_not_utf_8_is_left_and_the_line_is_told() -> None:
    with pytest.raises(BadInput, match="not UTF-8") as raised:
        with_line("# größe".encode("latin-1"), FOLDER, "init.py")
    assert start_line(FOLDER).decode() in raised.value.fix


def test_a_file_without_the_line_is_left_as_it_is() -> None:
    assert without_line(b"import nuke\n") == b"import nuke\n"
