# SPDX-License-Identifier: Apache-2.0
"""Whether a request has the form that `messages.schema.json` gives it, with words for what has not.

Reads the part of JSON Schema (draft 2020-12) that the requests there are written in; anything else in them is an
error of this package. Stricter than the standard in one point: 1.0 is no whole number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from void_client.errors import BadInput

_TYPES: dict[str, tuple[str, tuple[type, ...]]] = {
    "object": ("an object", (dict,)),
    "array": ("a list", (list,)),
    "string": ("a text", (str,)),
    "boolean": ("true or false", (bool,)),
    "integer": ("a whole number", (int,)),
    "number": ("a number", (int, float)),
    "null": ("null", (type(None),)),
}
_SILENT = frozenset({"description", "title", "default"})


@cache
def schema() -> dict[str, Any]:
    """The schema of all messages."""
    text = (files("void_client.helper") / "messages.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def requests() -> tuple[str, ...]:
    """What `do` may be."""
    return tuple(name.rpartition("/")[2] for name in _references(schema()["$defs"]["request"]["oneOf"]))


def check_request(request: Mapping[str, Any]) -> None:
    """Make sure that a request has its form.

    Raises:
        BadInput: it has not; the message names the field.
    """
    do = request.get("do")
    if not isinstance(do, str) or do not in requests():
        shown = json.dumps(do)[:80] if "do" in request else "nothing"
        raise BadInput(f"do is {shown}, which is no request.", fix=f"There are: {', '.join(requests())}.")
    _check(request, schema()["$defs"][do], do)


def _references(alternatives: list[dict[str, str]]) -> list[str]:
    return [a["$ref"] for a in alternatives]


def _check(value: Any, form: Mapping[str, Any], where: str) -> None:
    for word, wanted in form.items():
        if word not in _SILENT:
            _CHECKS[word](value, wanted, where, form)


def _reference(value: Any, wanted: str, where: str, form: Mapping[str, Any]) -> None:
    _check(value, schema()["$defs"][wanted.rpartition("/")[2]], where)


def _type(value: Any, wanted: str, where: str, form: Mapping[str, Any]) -> None:
    name, types = _TYPES[wanted]
    if not isinstance(value, types) or (isinstance(value, bool) and wanted != "boolean"):
        seen = next(n for n, t in _TYPES.values() if isinstance(value, t))
        raise BadInput(f"{where} is {seen}, not {name}.", fix="See docs/helper_protocol.md.")


def _const(value: Any, wanted: Any, where: str, form: Mapping[str, Any]) -> None:
    if value != wanted:
        raise BadInput(f"{where} is not {json.dumps(wanted)}.")


def _properties(value: Any, wanted: Mapping[str, Any], where: str, form: Mapping[str, Any]) -> None:
    for name, inner in wanted.items():
        if name in value:
            _check(value[name], inner, f"{where}.{name}")


def _additional(value: Any, wanted: Any, where: str, form: Mapping[str, Any]) -> None:
    known = form.get("properties", {})
    for name in value:
        if name in known:
            continue
        if wanted is False:
            shown = json.dumps(name)[:80]
            raise BadInput(f"{where} has the field {shown}, which is not known.", fix=_there_are(known))
        _check(value[name], wanted, f"{where}.{name}")


def _required(value: Any, wanted: list[str], where: str, form: Mapping[str, Any]) -> None:
    for name in wanted:
        if name not in value:
            raise BadInput(f"{where} lacks the field {name}.", fix=_there_are(form.get("properties", {})))


def _names(value: Any, wanted: Mapping[str, Any], where: str, form: Mapping[str, Any]) -> None:
    for name in value:
        _check(name, wanted, f"a name in {where}")


def _items(value: Any, wanted: Any, where: str, form: Mapping[str, Any]) -> None:
    for index, item in enumerate(value[len(form.get("prefixItems", ())) :]):
        _check(item, wanted, f"{where}[{index}]")


def _prefix_items(value: Any, wanted: list[Any], where: str, form: Mapping[str, Any]) -> None:
    for index, (item, inner) in enumerate(zip(value, wanted, strict=False)):
        _check(item, inner, f"{where}[{index}]")


def _least_items(value: Any, wanted: int, where: str, form: Mapping[str, Any]) -> None:
    if len(value) < wanted:
        raise BadInput(f"{where} has {len(value)} items; {wanted} are the least.")


def _most_items(value: Any, wanted: int, where: str, form: Mapping[str, Any]) -> None:
    if len(value) > wanted:
        raise BadInput(f"{where} has {len(value)} items; {wanted} are the most.")


def _minimum(value: Any, wanted: float, where: str, form: Mapping[str, Any]) -> None:
    if not value >= wanted:
        raise BadInput(f"{where} is {value}; {wanted} is the least.")


def _maximum(value: Any, wanted: float, where: str, form: Mapping[str, Any]) -> None:
    if not value <= wanted:
        raise BadInput(f"{where} is {value}; {wanted} is the most.")


def _pattern(value: Any, wanted: str, where: str, form: Mapping[str, Any]) -> None:
    if not re.search(wanted, value):
        raise BadInput(
            f"{where} holds a character that no text may hold.", fix="Take NUL and halves of pairs out."
        )


def _there_are(known: Mapping[str, Any]) -> str:
    return f"There are: {', '.join(known)}."


_CHECKS = {
    "$ref": _reference,
    "type": _type,
    "const": _const,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "propertyNames": _names,
    "items": _items,
    "prefixItems": _prefix_items,
    "minItems": _least_items,
    "maxItems": _most_items,
    "minimum": _minimum,
    "maximum": _maximum,
    "pattern": _pattern,
}
"""What each word of a schema asks; `type` stands first in every form that the others need it for."""
