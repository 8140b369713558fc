# SPDX-License-Identifier: Apache-2.0
"""Knobs of one or more numbers (2.2, N12)."""

from __future__ import annotations

from typing import Any

from tests.nuke.standin import expressions, tcl
from tests.nuke.standin.application import guarded
from tests.nuke.standin.knobs import Knob


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e15 else repr(float(number))


@guarded
class Array_Knob(Knob):  # noqa: N801
    """Numbers, each of which may have an expression or a curve."""

    _number_of_kind = 9
    _size = 1
    _fields = ""

    def _start(self) -> Any:
        self._linked: dict[int, str] = {}
        return [0.0] * self._size

    def _resize(self, size: int) -> None:
        self._size = size
        self._value = [0.0] * size
        self._default = list(self._value)

    def _one(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._refuse(value)
        return float(value)

    def _take(self, value: Any, *where: Any) -> bool:
        if isinstance(value, (list, tuple)):
            if len(value) > self._size:
                raise TypeError(f"{self._name} holds {self._size} numbers, not {len(value)}")
            numbers = [self._one(one) for one in value]
            self._value = numbers + self._value[len(numbers) :]
            return True
        number = self._one(value)
        if where:
            if not isinstance(where[0], int) or not 0 <= where[0] < self._size:
                raise TypeError(f"{self._name} has no number {where[0]!r}")
            self._value = [*self._value[: where[0]], number, *self._value[where[0] + 1 :]]
        else:
            self._value = [number] * self._size
        return True

    def _read(self, text: str) -> None:
        words = [word.text for word in tcl.split_list(text)]
        if len(words) == 1 and self._size > 1:
            words *= self._size
        if len(words) > self._size:
            self._bad(text)
            return
        values, self._linked = list(self._value), {}
        for index, word in enumerate(words):
            try:
                values[index] = self._one(float(word))
            except ValueError:
                self._linked[index] = tcl.expression(word)
        self._value = values

    def _text(self) -> str:
        words = []
        for index, number in enumerate(self._value):
            linked = self._linked.get(index, "")
            text = linked if linked.startswith("curve") else tcl.quote(linked)
            words.append("{" + text + "}" if linked else _plain(number))
        if len(set(words)) == 1 and not self._linked:
            return words[0]
        return " ".join(words)

    def _word(self) -> str:
        text = self._text()
        return "{" + text + "}" if " " in text or "{" in text else text

    def _changed_from_default(self) -> bool:
        return bool(self._linked) or self._value != self._default

    def _at(self, index: int, frame: float) -> float:
        if index not in self._linked:
            return float(self._value[index])
        text = self._linked[index]
        return _curve(text, frame) if text.startswith("curve") else self._follow(text, frame)

    def _follow(self, text: str, frame: float) -> float:
        return expressions.evaluate(text, self._node, frame)

    def _number(self, frame: float) -> float:
        return self._at(0, frame)

    def _all(self, frame: float) -> Any:
        values = [self._at(index, frame) for index in range(self._size)]
        return values[0] if self._size == 1 else values

    def value(self, *where: Any) -> Any:
        frame = self._app.script.frame()
        return self._at(where[0], frame) if where else self._all(frame)

    def getValue(self, *where: Any) -> Any:  # noqa: N802
        return self.value(*where)

    def valueAt(self, frame: float, *where: Any) -> Any:  # noqa: N802
        return self._at(where[0], frame) if where else self._all(frame)

    def getValueAt(self, frame: float, *where: Any) -> Any:  # noqa: N802
        return self.valueAt(frame, *where)

    def setExpression(self, text: str, *where: Any) -> bool:  # noqa: N802
        if not isinstance(text, str):
            self._refuse(text)
        for index in where[:1] or range(self._size):
            self._linked[index] = text
        self._app.script.changed(f"{self._name} is linked")
        return True

    def hasExpression(self, *where: Any) -> bool:  # noqa: N802
        return any(not text.startswith("curve") for text in self._linked.values())

    def isAnimated(self, *where: Any) -> bool:  # noqa: N802
        return bool(self._linked)

    def clearAnimated(self, *where: Any) -> bool:  # noqa: N802
        self._linked = {}
        return True

    def arraySize(self) -> int:  # noqa: N802
        return self._size

    def singleValue(self, *where: Any) -> bool:  # noqa: N802
        return len(set(self._value)) == 1

    def setRange(self, low: float, high: float) -> None:  # noqa: N802
        self._one(low), self._one(high)


def _curve(text: str, frame: float) -> float:
    """The key at or before a frame; between keys a curve is held, which real Nuke does not do."""
    at, value, first = 1.0, None, None
    for word in text.split()[1:]:
        if word[0] == "x":
            at = float(word[1:])
        elif word[0] in "0123456789-.":
            first = float(word) if first is None else first
            value = float(word) if at <= frame else value
            at += 1
    return first or 0.0 if value is None else value


class Double_Knob(Array_Knob):  # noqa: N801
    _number_of_kind = 7


class Int_Knob(Array_Knob):  # noqa: N801
    """N12: 32 bits; more is refused, and what a script says beyond it is a bad value (2.4)."""

    _number_of_kind = 3
    _from_script = False

    def _one(self, value: Any) -> float:
        if isinstance(value, float) and self._app.strict and not self._from_script:
            self._refuse(value)
        number = float(int(super()._one(value)))
        if not -(2**31) <= number < 2**31:
            raise (TypeError if self._app.strict else OverflowError)(f"{value} does not fit {self._name}")
        return number

    def _read(self, text: str) -> None:
        self._from_script = True
        try:
            super()._read(text)
        except (OverflowError, TypeError):
            self._bad(text)
        finally:
            self._from_script = False

    def _all(self, frame: float) -> Any:
        values = [int(self._at(index, frame)) for index in range(self._size)]
        return values[0] if self._size == 1 else values


class _Fields(Array_Knob):
    """A knob whose numbers have names of their own."""


def _field(index: int) -> Any:
    def read(self: Any, *where: Any) -> float:
        return float(self._at(index, self._app.script.frame()))

    return read


def _with_fields(name: str, number: int, fields: str) -> type:
    members: dict[str, Any] = {"_number_of_kind": number, "_size": len(fields), "_fields": fields}
    for index, field in enumerate(fields):
        members[field] = _field(index)
        members[field].__name__ = field
    return guarded(type(name, (_Fields,), members))


XY_Knob = _with_fields("XY_Knob", 12, "xy")
XYZ_Knob = _with_fields("XYZ_Knob", 13, "xyz")
WH_Knob = _with_fields("WH_Knob", 14, "wh")
BBox_Knob = _with_fields("BBox_Knob", 15, "xyrt")
Color_Knob = _with_fields("Color_Knob", 18, "rgb")
AColor_Knob = _with_fields("AColor_Knob", 19, "rgba")
UV_Knob = _with_fields("UV_Knob", 30, "uv")


class ColorChip_Knob(Array_Knob):  # noqa: N801
    """A colour as one number, such as tile_color."""

    def _read(self, text: str) -> None:
        super()._read(str(int(text, 16)) if text.startswith("0x") else text)

    def _all(self, frame: float) -> Any:
        return int(self._at(0, frame))
