# SPDX-License-Identifier: Apache-2.0
"""docs/errors.md tells every code that exists, and none that does not."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import grpc
import pytest

from tests.docs.codes_in_source import PACKAGES, UnreadableCode, literal_codes, sources_of_packages
from void_client.errors import _CLASS_OF_STATUS, ClientError, ExitCode, ServerDefect
from void_server.errors import VoidError
from void_server.rpc.status import _CODES

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
STARTERS = {"void_client.__main__", "void_server.__main__"}
"""Modules that run the command when they are imported."""


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of the page, without its two head lines."""
    section = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.M)
    (text,) = [s for s in section if s.startswith(heading + "\n")]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def kinds(base: type) -> set[type]:
    """A class and all that derive from it, anywhere in the packages."""
    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name not in STARTERS:
                importlib.import_module(module.name)
    found, new = {base}, {base}
    while new:
        new = {s for cls in new for s in cls.__subclasses__()} - found
        found |= new
    return found


def codes_of(base: type) -> set[str]:
    return {cls.code for cls in kinds(base)}


def exit_of(status: grpc.StatusCode) -> ExitCode:
    return _CLASS_OF_STATUS.get(status, ServerDefect).exit_code


def test_every_code_of_the_server_is_told_with_its_status_and_the_exit_code_that_it_gives():
    told = {code: (status, exit_code) for code, status, exit_code, *_ in rows("Codes of the server")}
    made = {cls.code: (status.name, str(int(exit_of(status)))) for cls, status in _CODES.items()}
    assert told == made
    assert set(told) == codes_of(VoidError)


def test_every_code_of_the_client_is_told_with_its_exit_code():
    told = {(code, exit_code) for code, exit_code, *_ in rows("Codes of the client")}
    assert told == {(cls.code, str(int(cls.exit_code))) for cls in kinds(ClientError)}


def test_every_code_of_a_finding_is_told_and_none_besides():
    literals = {found.code for found in literal_codes(sources_of_packages())}
    assert len(literals) > 5
    told = {code for heading in ("findings", "the monitor page") for code, *_ in rows(f"Codes of {heading}")}
    assert told == literals - codes_of(VoidError) - codes_of(ClientError)


def test_every_status_that_the_client_knows_is_told_with_its_exit_code():
    told = {status: exit_code for status, _, exit_code, *_ in rows("Statuses of gRPC")}
    other = told.pop("any other")
    assert told == {status.name: str(int(cls.exit_code)) for status, cls in _CLASS_OF_STATUS.items()}
    assert other == str(int(ServerDefect.exit_code))


def test_every_exit_code_of_the_client_is_told():
    assert {int(code) for code, *_ in rows("Exit codes of `void`")} == {int(code) for code in ExitCode}


@pytest.mark.parametrize("heading", ["Codes of the server", "Codes of the client", "Codes of findings"])
def test_every_row_says_what_it_means_where_it_comes_from_and_what_to_do(heading):
    assert [row for row in rows(heading) if any(len(cell) < 2 for cell in row if cell not in "0234")] == []


def test_a_code_is_found_however_it_is_given():
    text = """
class Problem:
    severity: str
    code: str
def _make(role, code, frames): ...
Problem("error", "by_place")
Problem(severity="error", code="by_name")
_make("plate", "through_a_function", ())
_make("plate", "one" if bad else "other", ())
Problem("error", found["code"])
Problem("error", error.code)
"""
    found = {literal.code for literal in literal_codes([("text", text)])}
    assert found == {"by_place", "by_name", "through_a_function", "one", "other"}


@pytest.mark.parametrize("made", ["'matte_' + kind", "f'matte_{kind}'", "kind", "code_of(kind)"])
def test_a_code_that_cannot_be_read_is_not_passed_over(made):
    with pytest.raises(UnreadableCode, match="text:1"):
        list(literal_codes([("text", f"Problem(code={made})")]))
