# SPDX-License-Identifier: Apache-2.0
"""What decides the pixels of the engine `void`, and the two profiles of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from void_server.errors import InvalidInput

VERSION = "5"
"""Raised by any change that can change a bit of a result."""

Profile: TypeAlias = Literal["production", "official"]
Pass: TypeAlias = Literal[1, 2]
Memory: TypeAlias = Literal["auto", "full", "fp8", "offload", "group-offload", "sequential"]
Attention: TypeAlias = Literal[
    "native", "cudnn", "flash", "efficient", "math", "flash-attn", "flash-attn-3", "sage"
]
MaskLevels: TypeAlias = Literal["trained", "published", "four"]
NoiseFlow: TypeAlias = Literal["dis", "raft"]

PASSES: tuple[Pass, Pass] = (1, 2)
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
        noise_flow: what measures the motion that the second pass' noise follows: OpenCV's DIS, or RAFT.
        clip_seed: of the noise on the clip alone; None for `seed`. While it stays, another `seed` needs no new
            latents of the plate.
        affected_grid: whether the affected region is widened to whole cells (`plate_size.in_whole_cells`), as VOID
            was trained; the scripts take the quadmask as it is.

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
    clip_seed: int | None = None
    noise_flow: NoiseFlow = "dis"
    affected_grid: bool = False

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
        for name, seed in (("seed", self.seed), ("clip_seed", self.clip_seed)):
            if seed is not None and not 0 <= seed < 2**63:
                raise InvalidInput(f"{name} is {seed}.", fix="Use a whole number from 0 to 2**63 - 1.")

    def steps_of(self, pass_: Pass) -> int:
        """Denoising steps of a pass."""
        return self.steps if self.steps is not None else STEPS[pass_]


@dataclass(frozen=True)
class Running:
    """How it is computed; every one of these may change the last bits of a result, and `memory="fp8"` and `step_cache`
    more than those.

    Attributes:
        memory: see `memory.MemoryPlan`; `auto` for the fastest that there is room for.
        attention: see `attention.BACKENDS`.
        compile: whether PyTorch compiles the transformer, which takes a minute and then saves time on every step.
        step_cache: how much the first block's answer may change from one step to the next, as a share of it, for the
            other blocks' answers to be taken from the last step; 0 for never.
        windows_at_once: windows of a clip in one call; 0 for as many as there is room for.

    Raises:
        InvalidInput: two of them do not go together.
    """

    memory: Memory = "auto"
    attention: Attention = "native"
    compile: bool = False
    step_cache: float = 0.0
    windows_at_once: int = 0

    def __post_init__(self) -> None:
        if self.compile and self.memory in ("group-offload", "sequential"):
            raise InvalidInput(
                f"A transformer that visits the GPU in parts (memory {self.memory}) cannot be compiled.",
                fix="Use --set compile=off, or --set memory=offload.",
            )
        if self.step_cache and self.memory in ("group-offload", "sequential"):
            raise InvalidInput(
                f"A transformer that visits the GPU in parts (memory {self.memory}) cannot leave out blocks.",
                fix="Use --set step_cache=0, or --set memory=offload.",
            )
        if self.compile and self.step_cache:
            raise InvalidInput(
                "A compiled transformer cannot leave out blocks.",
                fix="Use --set compile=off, or --set step_cache=0.",
            )


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
