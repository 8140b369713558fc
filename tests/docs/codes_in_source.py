# SPDX-License-Identifier: Apache-2.0
"""Reads from the source every code that a problem can carry.

A code reaches a problem as an argument named `code`: by keyword, or in the place that a function of the same module,
a public function of any module, or a class with a field `code` gives it. It is a literal, or handed through from
another problem (`error.code`, `value["code"]`, a parameter `code`). Anything else cannot be read, and is an error here
rather than a gap in the page.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("void_client", "void_server")


class UnreadableCode(Exception):
    """A code is made in a way that reading the source cannot follow."""


@dataclass(frozen=True)
class Literal:
    """A code as it stands in the source."""

    code: str
    place: str


def literal_codes(sources: Iterable[tuple[str, str]]) -> Iterator[Literal]:
    """Every literal code of these modules, given as (name, text).

    Raises:
        UnreadableCode: a code is neither a literal nor handed through.
    """
    trees = [(name, ast.parse(text)) for name, text in sources]
    classes = {c.name: _place_of_field(c) for _, tree in trees for c in _classes(tree)}
    public = {
        f.name: place
        for _, tree in trees
        for f in _functions(tree)
        if not f.name.startswith("_") and (place := _place_of_parameter(f)) is not None
    }
    for name, tree in trees:
        functions = public | {f.name: _place_of_parameter(f) for f in _functions(tree)}
        for call in ast.walk(tree):
            if isinstance(call, ast.Call):
                argument = _code_argument(call, classes | functions)
                if argument is not None:
                    yield from _literals(argument, f"{name}:{call.lineno}")


def sources_of_packages() -> list[tuple[str, str]]:
    """All modules of client and server."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in files]


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in tree.body if isinstance(node, ast.FunctionDef))


def _place_of_field(node: ast.ClassDef) -> int | None:
    fields = [
        n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    ]
    return fields.index("code") if "code" in fields else None


def _place_of_parameter(node: ast.FunctionDef) -> int | None:
    names = [a.arg for a in node.args.args]
    return names.index("code") if "code" in names else None


def _code_argument(call: ast.Call, places: dict[str, int | None]) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == "code":
            return keyword.value
    called = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    place = places.get(called)
    if place is None or place >= len(call.args):
        return None
    if any(isinstance(a, ast.Starred) for a in call.args[: place + 1]):
        return None
    return call.args[place]


def _literals(value: ast.expr, place: str) -> Iterator[Literal]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield Literal(value.value, place)
    elif isinstance(value, ast.IfExp):
        yield from _literals(value.body, place)
        yield from _literals(value.orelse, place)
    elif not (isinstance(value, ast.Attribute | ast.Subscript) or ast.unparse(value) == "code"):
        raise UnreadableCode(f"{place}: code={ast.unparse(value)}")
