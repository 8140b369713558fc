# SPDX-License-Identifier: Apache-2.0
"""Keys of endpoints: read from a file or the environment, and kept out of everything that can be read afterwards."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from void_server.errors import InvalidInput

HIDDEN = "***"
MOST_BYTES = 4096
_KEY = re.compile(r"[!-~]+")


class Key:
    """A key that shows itself to nobody who prints it.

    Attributes:
        value: the key; empty for none.
    """

    __slots__ = ("value",)

    def __init__(self, value: str = "") -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Key({HIDDEN})"

    def __bool__(self) -> bool:
        return bool(self.value)

    def hidden_in(self, text: str) -> str:
        """The text without the key: endpoints repeat it when they refuse it."""
        return text.replace(self.value, HIDDEN) if self.value else text


def read_key(
    file: Path | None = None, variable: str = "", environment: Mapping[str, str] = os.environ
) -> Key:
    """The key in a file, or else in a variable of the environment; an empty one where neither is there.

    Args:
        file: of the server's account only (0600 or less), with the key alone in it; None for none.
        variable: its name, such as GEMINI_API_KEY; empty for none.

    Raises:
        InvalidInput: the file cannot be read, others may read it, or what is found is no key.
    """
    if file is not None:
        return _checked(_text_of(file), f"The key file {file}")
    value = environment.get(variable, "") if variable else ""
    return _checked(value, f"The variable {variable}") if value.strip() else Key()


def _text_of(file: Path) -> str:
    try:
        private = os.name == "nt" or not file.stat().st_mode & 0o077
        if not private:
            raise InvalidInput(f"Others may read the key file {file}.", fix=f"Run: chmod 600 {file}")
        with file.open("rb") as stream:
            return stream.read(MOST_BYTES).decode("ascii", "replace")
    except OSError as error:
        raise InvalidInput(
            f"The key file {file} cannot be read: {error.strerror}.", fix="Check its name and owner."
        ) from None


def _checked(text: str, where: str) -> Key:
    # What a header cannot hold would be repeated in the error of the library that refuses it.
    if not _KEY.fullmatch(text.strip()):
        raise InvalidInput(
            f"{where} holds no key.", fix="A key is one word of ASCII letters, digits and signs."
        )
    return Key(text.strip())
