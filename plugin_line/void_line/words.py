# SPDX-License-Identifier: Apache-2.0
"""What the helper says, in the words of a host: an artist there has knobs and fields, and no command line.

Server and client write their messages for `void`, which has options such as `--range`; each host has a table of its own
for these.
"""

from __future__ import annotations

import re
from typing import Any, Mapping

_SAID = frozenset({"message", "fix", "reason", "notes"})
"""Fields of a message that are read by a person; others may be names of files."""


def in_words(message: Any, table: Mapping[str, str]) -> Any:
    """A message of the helper with its texts in other words.

    Args:
        message: anything that JSON holds; it is not changed.
        table: what stands for an option or a phrase of the command.
    """
    if not table:
        return message
    return _walked(message, table, said=False)


def _walked(value: Any, table: Mapping[str, str], said: bool) -> Any:
    if isinstance(value, str):
        return reworded(value, table) if said else value
    if isinstance(value, list):
        return [_walked(each, table, said) for each in value]
    if isinstance(value, dict):
        return {name: _walked(each, table, name in _SAID) for name, each in value.items()}
    return value


def reworded(text: str, table: Mapping[str, str]) -> str:
    """A text in other words; an option that the table lacks stays as it is, since it is the server's keeper's."""
    longest_first = sorted(table, key=len, reverse=True)
    phrases = "|".join(re.escape(phrase) for phrase in longest_first)
    return re.sub(rf"(?<![\w-])(?:{phrases})(?![\w-])", lambda match: table[match.group()], text)
