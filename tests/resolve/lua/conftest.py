# SPDX-License-Identifier: Apache-2.0
"""The macro's text, and the interpreters that read it."""

from __future__ import annotations

import shutil

import pytest

from tests.resolve.lua.setting import INTERPRETERS, MACRO, Node, found_interpreters, group_of, read


@pytest.fixture(scope="session")
def text() -> str:
    return MACRO.read_text()


@pytest.fixture(params=INTERPRETERS)
def interpreter(request: pytest.FixtureRequest) -> str:
    """Each interpreter in turn; skipped where it is not installed."""
    if shutil.which(request.param) is None:
        pytest.skip(
            f"there is no {request.param} here: that it reads the macro was not checked (make system)"
        )
    return request.param


@pytest.fixture(scope="session")
def group(text: str) -> Node:
    """The macro's group as the first interpreter at hand reads it."""
    found = found_interpreters()
    if not found:
        pytest.skip("there is no Lua here: what the macro does was not checked (make system)")
    return group_of(read(text, found[0]))[1]
