# SPDX-License-Identifier: Apache-2.0
"""Whether key mattes fit their shot."""

from __future__ import annotations

from collections.abc import Mapping

from void_server.errors import InvalidInput
from void_server.segmenters.protocol import F32


def check_keys(frames: int, keys: Mapping[int, F32]) -> None:
    """Refuses keys that no shot of so many frames can have.

    Raises:
        InvalidInput: there is no key, one lies outside the shot, or two differ in size.
    """
    if not keys:
        raise InvalidInput("There is no key matte.", fix="Draw the object on at least one frame.")
    outside = sorted(position for position in keys if not 0 <= position < frames)
    if outside:
        raise InvalidInput(
            f"Key mattes lie at positions {outside}, and the shot has 0 to {frames - 1}.",
            fix="Give keys of frames that the shot has.",
        )
    sizes = sorted({matte.shape for matte in keys.values()})
    if len(sizes) > 1 or len(sizes[0]) != 2:
        raise InvalidInput(f"The key mattes differ in size: {sizes}.", fix="Draw all on the shot's format.")
