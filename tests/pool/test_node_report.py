# SPDX-License-Identifier: Apache-2.0
"""What is told of two reports."""

from __future__ import annotations

import shutil
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import void_server
from void_server.pipeline.identity import code_digest
from void_server.pool.node_report import MOST_TOLD, differences

REPORTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_each_difference_is_named_with_both_values():
    ours = {"numerics": {"model": "A", "packages": {"numpy": "2.4.6", "old": "1"}}}
    theirs = {"numerics": {"model": "A", "packages": {"numpy": "2.4.5", "new": "1"}}}
    assert differences(ours, theirs) == (
        "numerics.packages.new is absent, there 1; numerics.packages.numpy is 2.4.6, there 2.4.5;"
        " numerics.packages.old is 1, there absent"
    )


def test_plugs_are_compared_by_their_names():
    ours = {"engines": [{"name": "void", "available": True}]}
    theirs = {"engines": [{"name": "void", "available": False}]}
    assert differences(ours, theirs) == "engines.void.available is True, there False"


def test_a_few_are_told_and_the_rest_is_counted():
    text = differences({}, {str(n): n for n in range(MOST_TOLD + 5)})
    assert text.count(";") == MOST_TOLD and text.endswith("and 6 more")


@given(report=REPORTS)
def test_a_report_does_not_differ_from_itself(report):
    assert differences(report, report) == ""


def test_a_changed_line_is_other_code(tmp_path):
    package = tmp_path / "package"
    shutil.copytree(Path(void_server.__file__).parent, package)
    assert code_digest(package) == code_digest()
    with (package / "errors.py").open("a") as file:
        file.write("#")
    assert code_digest(package) != code_digest()
