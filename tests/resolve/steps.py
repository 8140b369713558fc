# SPDX-License-Identifier: Apache-2.0
"""The steps of a way through the plugin, so that a test can fail, cancel or kill at each of them and at none twice.

Calls that come from the same place of the plugin, by the same way there, are one step: of a loop its first and its last
turn are walked. What a wish to cancel during a call does is decided where the plugin looks for it next: the calls
between two looks are one step.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from tests.resolve.seat import Seat

Place = tuple[tuple[str, int], ...]


class Walk:
    """One run that goes well, and where its calls came from.

    Attributes:
        places: by the number of the call, counted from the session's first.
        looks: how many calls were made at each look for a wish to cancel.
    """

    def __init__(self, here: Seat, run: Callable[[], Any]) -> None:
        self.places: dict[int, Place] = {}
        self.looks: list[int] = []
        here.session.gate.on_call = self._called
        cancelled = here.session.cancelled

        def look() -> bool:
            self.looks.append(len(here.session.calls))
            return cancelled()

        here.session.cancelled = look
        self.outcome = run()

    def _called(self, number: int) -> None:
        frame, found = sys._getframe(2), []
        while frame is not None:
            if "void_resolve" in frame.f_code.co_filename:
                found.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        self.places[number] = tuple(found)

    def steps(self, known: Iterable[Place] = ()) -> list[int]:
        """A call for each place that is not known yet: the first there, and the last."""
        first: dict[Place, int] = {}
        last: dict[Place, int] = {}
        for number, place in self.places.items():
            first.setdefault(place, number)
            last[place] = number
        new = set(first) - set(known)
        return sorted({each for place in new for each in (first[place], last[place])})

    def before_looks(self) -> list[int]:
        """The last call before each look for a wish to cancel."""
        return sorted(set(self.looks) - {0} - set(range(min(self.places))))
