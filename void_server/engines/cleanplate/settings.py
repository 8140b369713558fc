# SPDX-License-Identifier: Apache-2.0
"""What an artist can set on the clean-plate engine, and the figures that follow from the chosen quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from void_server.errors import InvalidInput

VERSION = "9"
"""Part of every unit key: raised by any change that can change a bit of a result."""

MAX_MARGIN = 512
MAX_REACH = 500
MAX_SOURCES = 8


@dataclass(frozen=True)
class CleanplateSettings:
    """The engine's options; all of them belong to the unit keys.

    Attributes:
        quality: `final`, or `preview` (smaller proxy, faster flow, fewer source frames, not steadied; of a plate of
            twice 1920 pixels and more it fills every second pixel, and enlarges that).
        grain: True keeps the grain of real frames: low frequencies are blended over the sources and the high
            band comes from one of them. False averages all bands, which also halves the grain.
        sources: how many frames a pixel may be blended from, 1 to 8; None for 3 with grain, and without for as many
            as are read: their noise averages out.
        margin: pixels around the region, in the plate's size, that are filled too, so that a later change of grow
            or feather needs no new fill; 0 to 512.
        trace: keep where each borrowed pixel's high band comes from.
        unseen: how to fill what no frame shows: `texture` completes it with texture of the shot, `smooth` continues
            the colours around it, `auto` takes the one that rebuilds a hidden band around it better.
        relight: keep the gain and the offset of shadows and reflections that were undone.
        reach: how many frames to look each way for a background that shows, 1 to 500; None for 96 (`preview`: 48).

    Raises:
        InvalidInput: a value lies outside its range.
    """

    quality: Literal["final", "preview"] = "final"
    grain: bool = True
    sources: int | None = None
    margin: int = 16
    trace: bool = False
    unseen: Literal["auto", "texture", "smooth"] = "auto"
    relight: bool = False
    reach: int | None = None

    def __post_init__(self) -> None:
        if self.quality not in ("final", "preview"):
            raise InvalidInput(f"quality is {self.quality!r}.", fix="Use 'final' or 'preview'.")
        if self.unseen not in ("auto", "texture", "smooth"):
            raise InvalidInput(f"unseen is {self.unseen!r}.", fix="Use 'auto', 'texture' or 'smooth'.")
        if self.sources is not None:
            _check_range("sources", self.sources, 1, MAX_SOURCES)
        _check_range("margin", self.margin, 0, MAX_MARGIN)
        if self.reach is not None:
            _check_range("reach", self.reach, 1, MAX_REACH)

    @property
    def proxy_long_side(self) -> int:
        """Greatest long side of the analysis picture, in pixels (docs/cleanplate.md, step 0: 960)."""
        return 960 if self.quality == "final" else 480

    @property
    def frames_each_way(self) -> int:
        """How far tracks are followed, in frames."""
        if self.reach is not None:
            return self.reach
        return 96 if self.quality == "final" else 48

    @property
    def sources_of_a_pixel(self) -> int:
        """How many frames a pixel may be blended from."""
        if self.sources is not None:
            return self.sources
        return 3 if self.grain else self.source_frames

    @property
    def source_frames(self) -> int:
        """How many different frames may lend to one frame: each costs one full-resolution read and sample."""
        return 8 if self.quality == "final" else 2

    @property
    def lenders(self) -> int:
        """How many frames are to show a pixel before no further one is read for it."""
        most = self.sources_of_a_pixel
        return most if self.quality == "final" else min(most, 2)

    @property
    def candidates(self) -> int:
        """How many frames each way are to show a pixel before the search for sources ends."""
        return 2 * self.sources_of_a_pixel if self.quality == "final" else self.lenders

    @property
    def steady(self) -> bool:
        """Whether the light of a fill is brought to that of its neighbours."""
        return self.quality == "final"

    @property
    def features(self) -> int:
        """How many features tell the camera's motion between two frames."""
        return 1500 if self.quality == "final" else 300

    @property
    def relight_rounds(self) -> int:
        """How often the light of shadows and reflections is measured."""
        return 2 if self.quality == "final" else 1


def _check_range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInput(f"{name} is {value}.", fix=f"Use a whole number from {low} to {high}.")
