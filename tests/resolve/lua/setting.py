# SPDX-License-Identifier: Apache-2.0
"""A Fusion `.setting` as real Lua interpreters read it, and its text as it stands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MACRO = Path(__file__).parents[3] / "gizmos/VOID_TouchUp.setting"
INTERPRETERS = ("lua5.1", "luajit")

# Every name that may stand before a table. Lua itself accepts any.
STRUCTURE = ("GroupOperator", "MacroOperator", "InstanceInput", "InstanceOutput", "Input", "Clip", "FuID")
VIEWS = ("OperatorInfo", "GroupInfo")
TOOLS = ("Loader", "ChannelBoolean", "ErodeDilate", "Blur")

_READER = Path(__file__).with_name("read_setting.lua")
_SECONDS = 20
_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|[A-Za-z_]\w*|[{}\[\]=]|[^\s]')


class NotRead(Exception):
    """Lua did not read the text. `kind` is `syntax` or `constructor`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Node:
    """A table of the macro: what made it, its unnamed items, its named fields."""

    made_by: str | None
    items: list[Any] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)

    def table(self, name: str) -> Node:
        """The table in a field; an empty one if there is none."""
        found = self.fields.get(name)
        return found if isinstance(found, Node) else Node(None)


def found_interpreters() -> list[str]:
    """The interpreters that this machine has."""
    return [name for name in INTERPRETERS if shutil.which(name)]


def read(text: str, interpreter: str) -> Node:
    """The macro as this interpreter builds it, with nothing in reach but the known constructors.

    Raises:
        NotRead: a syntax error, or a name that is no constructor.
    """
    command = [interpreter, str(_READER), *STRUCTURE, *VIEWS, *TOOLS]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise NotRead("syntax" if done.returncode == 2 else "constructor", done.stderr.strip())
    return _as_node(json.loads(done.stdout))


def _as_node(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return Node(
        value["made_by"],
        [_as_node(item) for item in value["items"]],
        {key: _as_node(item) for key, item in value["fields"].items()},
    )


def repeated_keys(text: str) -> Iterator[str]:
    """Keys that stand twice in one table of the text. Lua keeps the last and says nothing."""
    tokens = [token[0] for token in _TOKEN.finditer(text)]
    open_tables: list[set[str]] = []
    for place, token in enumerate(tokens):
        if token == "{":
            open_tables.append(set())
        elif token == "}" and open_tables:
            open_tables.pop()
        elif token == "=" and open_tables and tokens[place + 1 : place + 2] != ["="]:
            key = tokens[place - 2] if tokens[place - 1] == "]" else tokens[place - 1]
            key = key.strip('"')
            if key in open_tables[-1]:
                yield key
            open_tables[-1].add(key)


def group_of(macro: Node) -> tuple[str, Node]:
    """The macro's only tool, with its name; an empty one if there is not exactly one."""
    tools = macro.table("Tools").fields
    if len(tools) != 1:
        return "", Node(None)
    name, group = next(iter(tools.items()))
    return name, group


def wires(tools: dict[str, Node]) -> Iterator[tuple[str, str, str]]:
    """Every connection inside of the macro: from tool, to tool, to input."""
    for name, tool in tools.items():
        for entry, value in tool.table("Inputs").fields.items():
            if isinstance(value, Node) and "SourceOp" in value.fields:
                yield value.fields["SourceOp"], name, entry
