# SPDX-License-Identifier: Apache-2.0
"""What decides the pixels of the engine `void`, and the two profiles of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from void_server.errors import InvalidInput

VERSION = "1"
"""Raised by any change that can change a bit of a result."""

Profile: TypeAlias = Literal["production", "official"]
Pass: TypeAlias = Literal[1, 2]
MaskLevels: TypeAlias = Literal["trained", "published", "four"]

TEMPORAL = 4
"""Frames that one latent frame stands for, after the first, which stands for one."""

HEIGHT, WIDTH = 384, 672
"""Size in pixels that VOID was trained at (`sample_size` of its configuration)."""
SIDE = 16
"""Pixels: sides are multiples of it, 8 by the VAE and 2 by the patches."""
SLACK = 0.1
"""Share by which the area may differ from the trained one, so that the aspect ratio is kept."""
WINDOW, LONGEST = 85, 197
"""Frames: of a window, and of the longest clip that the scripts take."""
OVERLAP = 4
"""Latent frames shared by two windows (`temporal_multidiffusion_stride` of 16 frames is this, and no stride)."""
STEPS: dict[Pass, int] = {1: 30, 2: 50}
GUIDANCE: dict[Pass, float] = {1: 1.0, 2: 6.0}
SEED = 42
"""Of the scripts."""


@dataclass(frozen=True)
class VoidSettings:
    """The engine's options; all of them belong to the unit keys.

    Attributes:
        profile: `production`, or `official`, which repeats Netflix/void-model at 66e9c0e with its faults.
        passes: 1, or 2: the second starts from noise that moves with the first one's picture.
        height, width: of the model's picture in pixels, multiples of 16.
        window: frames of a window, 8k + 5.
        longest: frames above which a clip is cut; None for never.
        mask_levels: see `clip.mask_pixels`.
        steps: of a pass, by pass; None for 30 and 50.
        seed: of all noise, 0 to 2**63 - 1.

    Raises:
        InvalidInput: a value lies outside its range.
    """

    profile: Profile = "production"
    passes: Pass = 1
    height: int = HEIGHT
    width: int = WIDTH
    window: int = WINDOW
    longest: int | None = None
    mask_levels: MaskLevels = "trained"
    steps: int | None = None
    seed: int = SEED

    @staticmethod
    def official(passes: Pass = 1) -> VoidSettings:
        """As the scripts run."""
        return VoidSettings("official", passes, longest=LONGEST, mask_levels="published")

    def __post_init__(self) -> None:
        if self.height % SIDE or self.width % SIDE or min(self.height, self.width) < SIDE:
            raise InvalidInput(
                f"The model's picture is {self.width} x {self.height}.",
                fix=f"Use multiples of {SIDE} pixels.",
            )
        for name, frames in (("window", self.window), ("longest", self.longest)):
            if frames is not None and (frames < 5 or (frames - 1) % 4 or latent_length(frames) % 2):
                raise InvalidInput(
                    f"{name} is {frames} frames.", fix="Use 8k + 5, such as 13, 21, 29 … 85 … 197."
                )
        if self.steps is not None and not 1 <= self.steps <= 1000:
            raise InvalidInput(f"steps is {self.steps}.", fix="Use a whole number from 1 to 1000.")
        if not 0 <= self.seed < 2**63:
            raise InvalidInput(f"seed is {self.seed}.", fix="Use a whole number from 0 to 2**63 - 1.")

    def steps_of(self, pass_: Pass) -> int:
        """Denoising steps of a pass."""
        return self.steps if self.steps is not None else STEPS[pass_]


def latent_length(frames: int) -> int:
    """Latent frames of a clip: 85 -> 22.

    Raises:
        ValueError: the length is not 4k + 1.
    """
    if frames < 1 or (frames - 1) % TEMPORAL:
        raise ValueError(f"{frames} frames are not 4k + 1")
    return (frames - 1) // TEMPORAL + 1


def model_size(height: float, width: float, share: float = 1.0) -> tuple[int, int]:
    """The model's (height, width) for a picture: about the trained area, sides in multiples of 16, its aspect ratio.

    Of all sizes whose area is within a tenth of the wanted one, the one nearest to the picture's aspect ratio; of
    equally near ones the one nearest to the wanted area.

    Args:
        height, width: of the picture in square pixels, above 0.
        share: of the trained height and width, above 0.
    """
    wanted, area = width / height, round(HEIGHT * WIDTH * share**2)
    sizes = [
        (rows, columns)
        for rows in range(SIDE, area // SIDE + 1, SIDE)
        for columns in range(SIDE, int(area * (1 + SLACK)) // rows + 1, SIDE)
        if abs(rows * columns - area) <= SLACK * area
    ]

    def miss(size: tuple[int, int]) -> tuple[float, int]:
        aspect = size[1] / size[0]
        return max(aspect / wanted, wanted / aspect), abs(size[0] * size[1] - area)

    return min(sizes, key=miss)
