# SPDX-License-Identifier: Apache-2.0
"""How a long piece of work speaks with the window: progress, waiting, the wish to cancel."""

from __future__ import annotations

from typing import Callable, NamedTuple

from void_resolve.errors import Cancelled


class Progress(NamedTuple):
    """How far the work is.

    Attributes:
        stage: in a word or two.
        done: of `total`; both 0 where nothing is counted.
        eta_seconds: how long it will take; None = unknown.
        text: for the log, or for people who wonder; may be empty.
        clip: which of how many clips, counted from 1; zeros where it is the only one.
    """

    stage: str
    done: int = 0
    total: int = 0
    eta_seconds: float | None = None
    text: str = ""
    clip: tuple[int, int] = (0, 0)


class Turn(NamedTuple):
    """What the window handed over.

    Attributes:
        told: is told progress.
        cancelled: whether the artist wants to stop.
        pause: waits this many seconds, during which the window lives.
    """

    told: Callable[[Progress], None]
    cancelled: Callable[[], bool]
    pause: Callable[[float], None]

    def check(self) -> None:
        """Stop here if the artist wants to.

        Raises:
            Cancelled: so it is.
        """
        if self.cancelled():
            raise Cancelled

    def say(self, stage: str, text: str = "", done: int = 0, total: int = 0) -> None:
        """Tell progress."""
        self.told(Progress(stage, done, total, None, text))
