# SPDX-License-Identifier: Apache-2.0
"""Expressions of knobs: the arithmetic that group networks link their knobs with (2.2, N18).

Numbers, `! - + * / == != < <= > >= && || ?:`, parentheses, `frame`, and paths of knobs such as
`parent.void_show`.
"""

from __future__ import annotations

import re
from typing import Any, Callable

_TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|([A-Za-z_][\w.]*)|(&&|\|\||[=!<>]=|[-+*/!?:()<>]))"
)
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("==", "!="),
    ("<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "/"),
)
_OPERATIONS: dict[str, Callable[[float, float], float]] = {
    "||": lambda a, b: float(bool(a) or bool(b)),
    "&&": lambda a, b: float(bool(a) and bool(b)),
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


class _Reader:
    def __init__(self, text: str, look_up: Callable[[str], float]) -> None:
        self.look_up = look_up
        self.tokens: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if not found:
                raise RuntimeError(f"the expression {text!r} cannot be read at {text[at:]!r}")
            self.tokens.append(found.group().strip())
            at = found.end()
        self.at = 0

    def next(self, *expected: str) -> str:
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        if expected and token not in expected:
            return ""
        self.at += 1
        return token

    def choice(self) -> float:
        condition = self.level(0)
        if not self.next("?"):
            return condition
        first = self.choice()
        if not self.next(":"):
            raise RuntimeError("an expression has ? without :")
        second = self.choice()
        return first if condition else second

    def level(self, number: int) -> float:
        if number == len(_LEVELS):
            return self.single()
        value = self.level(number + 1)
        while True:
            operator = self.next(*_LEVELS[number])
            if not operator:
                return value
            value = _OPERATIONS[operator](value, self.level(number + 1))

    def single(self) -> float:
        token = self.next()
        if token == "!":
            return float(not self.single())
        if token in ("-", "+"):
            return self.single() * (-1 if token == "-" else 1)
        if token == "(":
            value = self.choice()
            if not self.next(")"):
                raise RuntimeError("an expression lacks )")
            return value
        if token[:1].isdigit() or token[:1] == ".":
            return float(token)
        if token[:1].isalpha() or token[:1] == "_":
            return self.look_up(token)
        raise RuntimeError(f"an expression has {token!r} where a value belongs")


def evaluate(text: str, node: Any, frame: float) -> float:
    """The value of an expression on a knob of a node."""

    def look_up(path: str) -> float:
        if path in ("frame", "x"):
            return frame
        knob = find_knob(node, path)
        if knob is None:
            raise RuntimeError(
                f"the expression {text!r} of {node and node._path()}: nothing is called {path}"
            )
        return float(knob._number(frame))

    reader = _Reader(text, look_up)
    value = reader.choice()
    if reader.at != len(reader.tokens):
        raise RuntimeError(f"the expression {text!r} goes on after its end")
    return value


def find_knob(node: Any, path: str) -> Any:
    """The knob that a path such as `parent.first`, `root.name` or `Read1.file` names, seen from a node."""
    parts = path.split(".")
    at = node
    for number, part in enumerate(parts[:-1]):
        if part == "this" and number == 0:
            continue
        if part == "parent":
            at = at._group if at is not None else None
        elif part == "root" and number == 0:
            at = node._app.script.root
        elif number == 0:
            at = at._group._child(part) if at is not None and at._group is not None else at._child(part)
        else:
            at = at._child(part)
        if at is None:
            return None
    return at._knobs.get(parts[-1]) if at is not None else None
