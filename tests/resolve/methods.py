# SPDX-License-Identifier: Apache-2.0
"""Which methods of Resolve a source calls, and whether the minimum version has them (facts, section 2.1).

A method of Resolve is an attribute that begins with a capital and is called, or a text that is handed to
`getattr` or to a function whose name ends in `call`. Only names are known, not the class of what they are
called on: of classes that share a name the one that got it last counts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.resolve.standin.versions import FIRST_VERSIONS, MINIMUM, UNDOCUMENTED, first_versions, number

WINDOWS = frozenset(
    (
        *("UIDispatcher", "AddWindow", "RunLoop", "ExitLoop", "GetItems", "Find", "Show", "Hide", "Timer"),
        *("Start", "Stop", "VGroup", "HGroup", "VGap", "HGap", "Label", "Button", "CheckBox", "ComboBox"),
        *(
            "SpinBox",
            "Slider",
            "LineEdit",
            "TextEdit",
            "Tree",
            "TabBar",
            "Stack",
            "AddItem",
            "AddItems",
            "Clear",
        ),
        *("UIManager",),
    )
)
"""Of UIManager and its dispatcher, which no stub describes (facts, section 1.6)."""


@dataclass(frozen=True)
class Called:
    """A method's name and where a source calls it."""

    method: str
    place: str


def called_methods(folder: Path) -> list[Called]:
    """The methods of Resolve that the Python files below this folder call; an imported class is not one."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
        own |= {alias.asname or alias.name for node in ast.walk(tree) for alias in _imported(node)}
        for node in sorted(ast.walk(tree), key=lambda node: getattr(node, "lineno", 0)):
            for name in _names(node):
                if name[:1].isupper() and name not in own and not name.isupper():
                    found.append(Called(name, f"{path.relative_to(folder)}:{node.lineno}"))
    return found


def _imported(node: ast.AST) -> Iterable[ast.alias]:
    return node.names if isinstance(node, ast.Import | ast.ImportFrom) else ()


def _names(node: ast.AST) -> list[str]:
    if not isinstance(node, ast.Call):
        return []
    function = node.func
    if isinstance(function, ast.Attribute) and _is_of_a_module(function):
        return []
    names = [function.attr] if isinstance(function, ast.Attribute) else []
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if called == "getattr" or called.lower().endswith("call"):
        names += [each.value for each in node.args if _is_name(each)]
    return names


def _is_of_a_module(function: ast.Attribute) -> bool:
    """`subprocess.Popen` and the like: no object of Resolve has the name of a standard module."""
    modules = {"subprocess", "threading", "pathlib", "ctypes", "queue", "json", "enum", "datetime"}
    return isinstance(function.value, ast.Name) and function.value.id in modules


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()


def missing_methods(called: Iterable[Called], version: str = MINIMUM) -> list[str]:
    """What no class of this version has, each with its place and the version that brings it, if any does."""
    first: dict[str, str] = {}
    for script_class in (*FIRST_VERSIONS, *UNDOCUMENTED):
        for name, since in first_versions(script_class).items():
            first[name] = max(first.get(name, since), since, key=number)
    known = {name: f"since {since}" for name, since in first.items()}
    return [
        f"{each.place}: {each.method} ({known.get(each.method, 'unknown')})"
        for each in called
        if each.method not in WINDOWS
        and (each.method not in first or number(first[each.method]) > number(version))
    ]


def stub_methods() -> dict[str, set[str]] | None:
    """The classes of the package fusionscript-stubs with their methods; None where it is not installed."""
    found = find_spec("fusionscript-stubs")
    if found is None or not found.submodule_search_locations:
        return None
    source = Path(next(iter(found.submodule_search_locations))) / "fusionscript.pyi"
    return {
        node.name: {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
        for node in ast.parse(source.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
