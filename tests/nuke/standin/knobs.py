# SPDX-License-Identifier: Apache-2.0
"""Knobs that hold text, a choice or a switch, and what all knobs share (2.2, 2.3, N10 to N19)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

from tests.nuke.standin import expressions, substitution, tcl
from tests.nuke.standin.application import Deleted, current, guarded


class Flag(enum.IntEnum):
    """Flags of knobs, as numbers that the module `nuke` has under the same names."""

    DISABLED = 0x80
    NO_ANIMATION = 0x100
    DO_NOT_WRITE = 0x200
    INVISIBLE = 0x400
    STARTLINE = 0x1000
    ENDLINE = 0x2000
    HIDDEN = 0x40000


def kind_of(value: Any) -> str:
    """How an error names a value's kind."""
    return type(value).__name__


@guarded
class Knob:
    """A knob of a node, or one that was made and not yet added.

    Attributes that begin with an underscore are the stand-in's own; the plugin has the methods.
    """

    _number_of_kind = 0

    def __init__(self, name: str, label: str = "") -> None:
        if not isinstance(name, str) or not name or not isinstance(label, (str, type(None))):
            raise TypeError(f"a knob's name and label are text, not {name!r} and {label!r}")
        self._app = current()
        self._app.on_main_thread(f"{type(self).__name__}()")
        self._name, self._label = name, label or ""
        self._tooltip = ""
        self._node: Any = None
        self._user = False
        self._declared: set[int] = set()
        self._minus: set[int] = set()
        self._flags: set[int] = set()
        self._expression = ""
        self._value: Any = self._start()
        self._default: Any = self._value

    def _start(self) -> Any:
        return ""

    def _alive(self) -> None:
        if self._node is not None and (self._node._deleted or self._node._knobs.get(self._name) is not self):
            raise Deleted("A PythonObject is not attached to a node")

    def _take(self, value: Any, *where: Any) -> bool:
        """Takes a value from Python; a wrong kind raises TypeError."""
        raise NotImplementedError(f"setValue of {type(self).__name__}")

    def _read(self, text: str) -> None:
        """Takes a value from a script."""
        raise NotImplementedError(f"{type(self).__name__} from a script")

    def _text(self) -> str:
        """The value as the script's text, not yet quoted."""
        return str(self._value)

    def _word(self) -> str:
        """The value as a word of the script."""
        return "{{" + tcl.quote(self._expression) + "}}" if self._expression else tcl.quote(self._text())

    def _evaluated(self, frame: int, depth: int = 0) -> str:
        return self._text()

    def _number(self, frame: float) -> float:
        raise RuntimeError(f"{self._name} is no number")

    def _changed_from_default(self) -> bool:
        return bool(self._expression) or self._value != self._default

    def _saved(self) -> bool:
        """N15, N16: only flags that the script's text declares keep a value out of it (2.2, 2.4)."""
        return Flag.DO_NOT_WRITE not in self._declared

    def _bad(self, value: Any) -> None:
        """N11: what Nuke reports as a bad value fails the test, on load too (2.3)."""
        where = f"{self._node._path()}." if self._node is not None else ""
        self._app.breach("bad value", "N11", f"Bad value for {where}{self._name} : {value}")

    def _refuse(self, value: Any) -> None:
        raise TypeError(f"{type(self).__name__}.setValue takes no {kind_of(value)} ({self._name})")

    def name(self) -> str:
        return self._name

    def Class(self) -> str:  # noqa: N802
        return type(self).__name__

    def node(self) -> Any:
        return self._node

    def fullyQualifiedName(self) -> str:  # noqa: N802
        return f"{self._node._path()}.{self._name}" if self._node is not None else self._name

    def label(self) -> str:
        return self._label

    def setLabel(self, label: str) -> None:  # noqa: N802
        if not isinstance(label, str):
            self._refuse(label)
        self._label = label

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, text: str) -> None:  # noqa: N802
        if not isinstance(text, str):
            self._refuse(text)
        self._tooltip = text

    def setFlag(self, flag: int) -> None:  # noqa: N802
        """N15: a flag from Python is gone after save and load (2.4)."""
        self._flags |= {one for one in Flag if int(flag) & one}

    def clearFlag(self, flag: int) -> None:  # noqa: N802
        self._flags -= {one for one in Flag if int(flag) & one}

    def getFlag(self, flag: int) -> bool:  # noqa: N802
        return any(int(flag) & one for one in self._flags)

    def visible(self) -> bool:
        return not self._flags & {Flag.INVISIBLE, Flag.HIDDEN}

    def setVisible(self, visible: bool) -> None:  # noqa: N802
        (self.clearFlag if visible else self.setFlag)(Flag.INVISIBLE)

    def enabled(self) -> bool:
        return Flag.DISABLED not in self._flags

    def setEnabled(self, enabled: bool) -> None:  # noqa: N802
        (self.clearFlag if enabled else self.setFlag)(Flag.DISABLED)

    def value(self) -> Any:
        return self._value

    def getValue(self) -> Any:  # noqa: N802
        return self.value()

    def setValue(self, value: Any, /, *where: Any) -> bool:  # noqa: N802
        """N13: returns bool, takes its arguments by place, and raises TypeError for another kind (2.3)."""
        taken = self._take(value, *where)
        self._app.script.changed(f"{self._name} is set")
        if self._node is not None:
            self._node._knob_was_set(self)
        return taken

    def setExpression(self, text: str, *where: Any) -> bool:  # noqa: N802
        """N18: what is set while an expression stands changes nothing that is seen."""
        if not isinstance(text, str):
            self._refuse(text)
        self._expression = text
        self._app.script.changed(f"{self._name} is linked")
        return True

    def hasExpression(self, *where: Any) -> bool:  # noqa: N802
        return bool(self._expression)

    def isAnimated(self, *where: Any) -> bool:  # noqa: N802
        return bool(self._expression)

    def clearAnimated(self, *where: Any) -> bool:  # noqa: N802
        self._expression = ""
        return True

    def toScript(self, *where: Any) -> str:  # noqa: N802
        return "{" + self._expression + "}" if self._expression else self._text()

    def fromScript(self, text: str) -> bool:  # noqa: N802
        if not isinstance(text, str):
            self._refuse(text)
        self._read(text)
        return True

    def defaultValue(self, *where: Any) -> Any:  # noqa: N802
        return self._default

    def notDefault(self) -> bool:  # noqa: N802
        return self._changed_from_default()

    def _computed(self, frame: float) -> float:
        return expressions.evaluate(self._expression, self._node, frame)


class TextHolder(Knob):
    """Any knob whose value is text as it stands."""

    def _take(self, value: Any, *where: Any) -> bool:
        if not isinstance(value, str):
            self._refuse(value)
        self._value = value
        return True

    def _read(self, text: str) -> None:
        self._value = text


class String_Knob(TextHolder):  # noqa: N801
    _number_of_kind = 1


@guarded
class EvalString_Knob(TextHolder):  # noqa: N801
    """N73: evaluate() is the text with what stands in brackets replaced, seen from its node."""

    _number_of_kind = 29

    def evaluate(self) -> str:
        return substitution.substitute(str(self._value), self._node, self._app.script.frame())


class Multiline_Eval_String_Knob(EvalString_Knob):  # noqa: N801
    _number_of_kind = 43


class Text_Knob(TextHolder):  # noqa: N801
    """Text, or a line across the panel."""

    _number_of_kind = 26

    def __init__(self, name: str, label: str = "", text: str = "") -> None:
        super().__init__(name, label)
        self._value = self._default = text


class PythonKnob(TextHolder):
    """Text of a callback such as onCreate, knobChanged or beforeRender."""


@guarded
class Tab_Knob(Knob):  # noqa: N801
    """A tab, or the begin or end of a group of knobs."""

    _number_of_kind = 20

    def __init__(self, name: str, label: str = "", *more: Any) -> None:
        super().__init__(name, label)
        self._group_kind = ""

    def _take(self, value: Any, *where: Any) -> bool:
        self._value = value
        return True

    def _read(self, text: str) -> None:
        self._value = text

    def setFlag(self, flag: int) -> None:  # noqa: N802
        self._app.script.changed(f"{self._name} is shown")


@guarded
class Boolean_Knob(Knob):  # noqa: N801
    _number_of_kind = 6

    def __init__(self, name: str, label: str = "", value: bool = False) -> None:
        super().__init__(name, label)
        self._value = self._default = bool(value)

    def _start(self) -> Any:
        return False

    def _take(self, value: Any, *where: Any) -> bool:
        if not isinstance(value, (bool, int)) and (self._app.strict or not isinstance(value, float)):
            self._refuse(value)
        self._value = bool(value)
        return True

    def _read(self, text: str) -> None:
        inner = text.strip()
        if inner.startswith("{") and inner.endswith("}"):
            self._expression = tcl.expression(inner[1:-1])
        elif inner.lower() in ("true", "1", "yes", "on"):
            self._value = True
        elif inner.lower() in ("false", "0", "no", "off", ""):
            self._value = False
        else:
            self._bad(text)

    def _text(self) -> str:
        return "true" if self._value else "false"

    def _number(self, frame: float) -> float:
        return self._computed(frame) if self._expression else float(self._value)

    def value(self) -> bool:
        return bool(self._number(self._app.script.frame()))

    def getValue(self) -> float:  # noqa: N802
        return float(self.value())


class Disable_Knob(Boolean_Knob):  # noqa: N801
    """The switch that every node with an image has."""


@guarded
class Enumeration_Knob(Knob):  # noqa: N801
    """N11: an item that is not in the list is kept, and reported as a bad value (2.3)."""

    _number_of_kind = 4

    def __init__(self, name: str, label: str = "", items: Iterable[str] = ()) -> None:
        super().__init__(name, label)
        if isinstance(items, str) or not all(isinstance(item, str) for item in items):
            raise TypeError("the items of an enumeration are a list of text")
        self._items = list(items)
        self._value = self._default = self._keys()[0] if self._items else ""

    def _keys(self) -> list[str]:
        return [item.split("\t")[0] for item in self._items]

    def _choose(self, item: str) -> None:
        if item not in self._keys():
            self._bad(item)
            self._items.append(item)
        self._value = item

    def _take(self, value: Any, *where: Any) -> bool:
        if isinstance(value, float) and not self._app.strict:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            self._refuse(value)
        if isinstance(value, str):
            self._choose(value)
        elif 0 <= value < len(self._items):
            self._value = self._keys()[value]
        else:
            self._bad(value)
            return False
        return True

    def _read(self, text: str) -> None:
        inner = text.strip(" ") or text
        if inner.startswith("{") and inner.endswith("}"):
            self._expression = tcl.expression(inner[1:-1])
        else:
            self._choose(inner)

    def _number(self, frame: float) -> float:
        if self._expression:
            return self._computed(frame)
        return float(self._keys().index(self._value))

    def value(self) -> str:
        if self._expression:
            return self._keys()[int(self._number(self._app.script.frame()))]
        return str(self._value)

    def getValue(self) -> float:  # noqa: N802
        return self._number(self._app.script.frame())

    def values(self) -> list[str]:
        return list(self._items)

    def numValues(self) -> int:  # noqa: N802
        return len(self._items)

    def enumName(self, number: int) -> str:  # noqa: N802
        return self._keys()[number]

    def setValues(self, items: list[str]) -> None:  # noqa: N802
        if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
            self._refuse(items)
        self._items = list(items)
        if self._value not in self._keys():
            self._value = self._keys()[0] if self._items else ""
