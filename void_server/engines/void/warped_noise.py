# SPDX-License-Identifier: Apache-2.0
"""Gaussian noise that moves with a picture: what VOID's second pass starts from.

The method of Burgert et al., "Go-with-the-Flow: Motion-Controllable Video Diffusion Models Using Real-Time Warped
Noise", CVPR 2025. Noise is kept finer than the latents; from frame to frame each of its samples goes where the optical
flow takes it. Samples that meet are added, a sample that spreads is split into independent ones with its sum, and what
comes into the frame is drawn anew. Which sample goes where depends on the flow alone, never on the noise, so every
frame is standard normal and white, whatever the motion.

One thing is ours: a sample keeps what rounding left of its motion. Without it a motion of less than half a sample a
frame is lost however long it lasts; the authors' code has 32 samples a side of a latent, at 16 times the cost of eight.
With eight, over 20 frames of exact flow, noise correlates with the first noise carried along in one step (a zoom of
1 % a frame: 0.58 in one step, 0.50 here, 0.28 by rounding alone; a pan of 0.4 pixels: 1.00, 1.00 and 0.01).
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from void_server.engines.cleanplate.arrays import F32, U8, Bools
from void_server.errors import Unsupported

Integers: TypeAlias = NDArray[np.intp]
Flow: TypeAlias = Callable[[U8, U8], F32]
"""From two pictures, (h, w, 3) uint8, the motion of each pixel of the first: (h, w, 2) float32, x then y, in pixels."""
Told: TypeAlias = Callable[[int, int], None]

STEP = 4
"""Frames that the model's VAE holds in one latent frame, after the first, which stands alone."""
DEFAULT_SCALE = 8
"""Samples of the noise along one side of a latent. The VAE's latents are eight pixels wide: one sample a pixel."""
LEAST_WEIGHT, WEIGHT_POWER = 1e-5, 0.9999
"""Added to a sample's weight, and its power, after each frame (the paper's code): both draw weights slowly to 1."""
SPREAD_TOLERANCE = 0.01
"""Deviation of a frame's standard deviation from 1 that is left alone."""
CHANCE = 4.0
"""Standard errors that the standard deviation of true noise may be off by: more happens once in 16 000 frames."""
LEAST_SIDE = 32
"""Least side of a picture that DIS is given: OpenCV 5.0 crashes where one side is below 16."""
RAFT_MULTIPLE, RAFT_LEAST_SIDE = 8, 128
"""Sides that RAFT can take: it works at an eighth of the size, and halves that three times."""


@dataclass(frozen=True)
class NoiseState:
    """Noise at one frame, finer than the latents.

    Attributes:
        size: height and width in samples.
        values: (height · width, channels) float32, standard normal, row by row.
        weight: (height · width,) float32, above 0, 1 on average: how much of the first noise has gathered in a sample.
        offset: (height · width, 2) float32, x then y, from -0.5 to 0.5: where in its cell a sample truly is.
    """

    size: tuple[int, int]
    values: F32
    weight: F32
    offset: F32


@dataclass(frozen=True)
class Links:
    """Which sample of a frame goes into which sample of the next; either may occur several times.

    Attributes:
        source, target: (links,) indices of samples.
        offset: (links, 2) float32, where in the target's cell it arrives.
        new: (k,) indices of the next frame's samples that nothing goes into.
        new_offset: (k, 2) float32, where in their cells these are.
    """

    source: Integers
    target: Integers
    offset: F32
    new: Integers
    new_offset: F32


def warped_noise(
    frames: U8,
    *,
    latents: tuple[int, int, int],
    channels: int = 16,
    seed: int,
    scale: int = DEFAULT_SCALE,
    told: Told | None = None,
    flow: Flow | None = None,
) -> F32:
    """Noise for a clip's latents that moves as the clip does.

    Args:
        frames: (n, h, w, 3) uint8 RGB, n = 4 · (F - 1) + 1.
        latents: frames F, height and width of the latents, each at least 1; their shape need not be the picture's.
        channels: channels of a latent, at least 1.
        seed: at least 0; the same seed, frames and sizes give the same bits.
        scale: samples along one side of a latent, at least 1.
        told: called with the frames done and all frames after each one; what it raises ends the work.
        flow: how motion is measured; `flow_between` when None.

    Returns:
        (F, channels, height, width) float32, standard normal; latent frame k is the noise at frame 4 · k.

    Raises:
        ValueError: frames and latents do not fit together, or a size is below 1.
    """
    _check(frames, latents, channels, scale)
    count, height, width = latents
    measure = flow or flow_between
    generator = np.random.Generator(np.random.PCG64(seed))
    state = _first((height * scale, width * scale), channels, generator)
    noise = np.empty((count, channels, height, width), np.float32)
    for index in range(len(frames)):
        if index:
            one, two = frames[index - 1], frames[index]
            forward, backward = (
                _resized(vectors, state.size) for vectors in (measure(one, two), measure(two, one))
            )
            state = moved(state, forward, backward, generator)
        if index % STEP == 0:
            noise[index // STEP] = with_unit_variance(pooled(state, scale))
        if told is not None:
            told(index + 1, len(frames))
    return noise


def flow_between(one: U8, two: U8) -> F32:
    """Motion from one picture to another by DIS optical flow on luminance.

    Args:
        one, two: (h, w, 3) uint8 RGB, of one size.

    Returns:
        (h, w, 2) float32, x then y, in pixels; the same bits for any number of threads.
    """
    height, width = one.shape[:2]
    below, right = max(0, LEAST_SIDE - height), max(0, LEAST_SIDE - width)
    here, there = (
        cv2.copyMakeBorder(
            cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 0, below, 0, right, cv2.BORDER_REPLICATE
        )
        for picture in (one, two)
    )
    vectors = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(here, there, None)
    return np.ascontiguousarray(vectors[:height, :width], np.float32)


def raft_flow(weights: Path, device: str = "cpu") -> Flow:
    """RAFT (large) as a measure of motion, where torchvision is installed; nothing is downloaded.

    Args:
        weights: torchvision's state of `raft_large`, a file on this machine.
        device: the torch device that it runs on.

    Returns:
        A function like `flow_between`.

    Raises:
        Unsupported: torch or torchvision is not installed, or the weights are missing or not RAFT's.
    """
    try:
        torch, models = import_module("torch"), import_module("torchvision.models.optical_flow")
    except ImportError as error:
        raise Unsupported(
            f"RAFT needs torchvision: {error}.", fix="Install torchvision, or use DIS flow."
        ) from error
    if not weights.is_file():
        raise Unsupported(
            f"There are no weights of RAFT at {weights}.", fix="Put them there, or use DIS flow."
        )
    model = models.raft_large(weights=None, progress=False)
    try:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except (RuntimeError, pickle.UnpicklingError, EOFError, TypeError) as error:
        fix = "Use torchvision's raft_large weights."
        raise Unsupported(f"{weights} does not hold weights of RAFT.", fix=fix) from error
    model.eval().to(device)

    def measured(one: U8, two: U8) -> F32:
        height, width = one.shape[:2]
        with torch.inference_mode():
            refinements = model(*(torch.from_numpy(_for_raft(picture)).to(device) for picture in (one, two)))
        vectors = refinements[-1][0].permute(1, 2, 0)[:height, :width]
        return np.ascontiguousarray(vectors.float().cpu().numpy())

    return measured


def moved(state: NoiseState, forward: F32, backward: F32, generator: np.random.Generator) -> NoiseState:
    """The noise of the next frame.

    Args:
        state: the noise of a frame.
        forward, backward: (height, width, 2) float32 in samples of the state: from the frame to the next, and back.
        generator: where new noise is drawn from.

    Returns:
        Noise of the same size, standard normal and white if the state is.
    """
    pixels = len(state.weight)
    links = linked(state, forward, backward)
    departures = np.bincount(links.source, minlength=pixels).astype(np.float32)
    shares = state.weight[links.source] / departures[links.source]
    parts = split(state.values, links.source, generator)

    arrivals = np.bincount(links.target, minlength=pixels)
    alone = arrivals[links.target] == 1
    values, weight, offset = (np.empty_like(old) for old in (state.values, state.weight, state.offset))
    # Most samples meet no other; they are copied, so a still picture keeps its noise to the bit.
    values[links.target[alone]] = parts[alone]
    weight[links.target[alone]] = shares[alone]
    offset[links.target[alone]] = links.offset[alone]

    target, groups = np.unique(links.target[~alone], return_inverse=True)
    values[target], weight[target], offset[target] = _met(
        parts[~alone], shares[~alone], links.offset[~alone], groups
    )

    values[links.new] = generator.standard_normal((len(links.new), state.values.shape[1]), np.float32)
    weight[links.new], offset[links.new] = 1, links.new_offset
    return NoiseState(state.size, values, _levelled(weight), offset)


def linked(state: NoiseState, forward: F32, backward: F32) -> Links:
    """Where each sample goes, and from where samples that none went to are filled; see `moved` for the arguments."""
    landed, reached, arrival = _landing(state, forward)
    unreached = np.ones(len(state.weight), np.bool_)
    unreached[reached] = False
    empty = np.flatnonzero(unreached)
    filled, origin, place = _filling(state, backward, empty)
    return Links(
        np.concatenate([np.flatnonzero(landed), origin]),
        np.concatenate([reached, empty[filled]]),
        # The sample that a cell is filled from is near the cell's border, or beyond it: its part lies in the middle.
        np.concatenate([arrival, np.zeros((len(origin), 2), np.float32)]),
        empty[~filled],
        place[~filled],
    )


def split(values: F32, source: Integers, generator: np.random.Generator) -> F32:
    """A value for each link, such that all are independent and standard normal if the sources are.

    Of m links from one source each takes 1/√m of it, and fresh noise without its mean over the m: the variances add up
    to 1, the covariances of the two cancel, and the m values sum up to √m times the source.

    Args:
        values: (samples, channels) float32.
        source: (links,) the sample that each link comes from.
        generator: where the fresh noise is drawn from.

    Returns:
        (links, channels) float32; a source with one link is passed on to the bit.
    """
    parts: F32 = values[source]
    shared = np.flatnonzero(np.bincount(source, minlength=len(values))[source] > 1)
    if len(shared):
        groups, counts = np.unique(source[shared], return_inverse=True, return_counts=True)[1:]
        many = counts.astype(np.float32)[:, None]
        fresh = generator.standard_normal((len(shared), values.shape[1]), np.float32)
        means = _sums(fresh, groups) / many
        parts[shared] = parts[shared] / np.sqrt(many)[groups] + fresh - means[groups]
    return parts


def pooled(state: NoiseState, scale: int) -> F32:
    """The state at the latents' size: (channels, height / scale, width / scale) float32, standard normal.

    The mean of scale² independent samples times scale has variance 1.
    """
    height, width = (side // scale for side in state.size)
    blocks = state.values.reshape(height, scale, width, scale, -1)
    means = blocks.mean(axis=(1, 3)) * np.float32(scale)
    return np.ascontiguousarray(means.transpose(2, 0, 1))


def with_unit_variance(noise: F32) -> F32:
    """A frame's noise, scaled to standard deviation 1 where it is further from it than by 1 % and by chance.

    The model takes the noise for standard normal, and answers noise that is too weak with blur. All channels of a frame
    are scaled by one factor, so what they have to do with each other, in space and in time, stays as it is. The spread
    of few values differs from 1 by chance: correcting that would only make them less random.

    Args:
        noise: (channels, height, width) float32, of mean 0.

    Returns:
        Noise of the same shape; `noise` itself where nothing is to be done.
    """
    spread = math.sqrt(np.mean(np.square(noise, dtype=np.float64)))
    if abs(spread - 1) <= max(SPREAD_TOLERANCE, CHANCE / math.sqrt(2 * noise.size)):
        return noise
    return noise / np.float32(spread)


def _check(frames: U8, latents: tuple[int, int, int], channels: int, scale: int) -> None:
    if min(*latents, channels, scale) < 1:
        raise ValueError(f"Latents {latents}, channels {channels} and scale {scale} must each be at least 1.")
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        raise ValueError(f"Frames must be (n, h, w, 3) uint8, not {frames.shape} {frames.dtype}.")
    needed = STEP * (latents[0] - 1) + 1
    if len(frames) != needed:
        raise ValueError(f"{latents[0]} latent frames need {needed} frames, not {len(frames)}.")


def _first(size: tuple[int, int], channels: int, generator: np.random.Generator) -> NoiseState:
    """Fresh noise of a size."""
    pixels = size[0] * size[1]
    values = generator.standard_normal((pixels, channels), np.float32)
    return NoiseState(size, values, np.ones(pixels, np.float32), np.zeros((pixels, 2), np.float32))


def _resized(vectors: F32, size: tuple[int, int]) -> F32:
    """A flow field in samples of the state, (height, width, 2) float32; motion that is not finite becomes none."""
    height, width = size
    ratios = np.array([width / vectors.shape[1], height / vectors.shape[0]], np.float32)
    # Averaging where it gets smaller: a sample then moves as all that it covers.
    how = cv2.INTER_AREA if min(ratios) < 1 else cv2.INTER_LINEAR
    held = np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(cv2.resize(held, (width, height), interpolation=how), np.float32) * ratios


def _landing(state: NoiseState, forward: F32) -> tuple[Bools, Integers, F32]:
    """Which samples the flow keeps in the frame, the cells it takes those to, and where in these they arrive."""
    motion = state.offset + forward.reshape(-1, 2)
    whole = np.rint(motion)
    inside, target = _cells(np.arange(len(motion)), whole, state.size)
    return inside, target, (motion - whole)[inside]


def _filling(state: NoiseState, backward: F32, empty: Integers) -> tuple[Bools, Integers, F32]:
    """Which empty cells show something that was in the frame before, and the samples nearest to it.

    Also, for each empty cell, where in it a sample from outside would arrive, had there been samples: what enters is so
    placed as to move on in step with its neighbours, not to meet them.
    """
    height, width = state.size
    back = backward.reshape(-1, 2)[empty]
    column = np.clip(np.rint(empty % width + back[:, 0]), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(empty // width + back[:, 1]), 0, height - 1).astype(np.intp)
    # The samples there are not in the middle of their cells. At the edge, this is what tells the edge's own sample
    # from what has been coming in from outside for some frames, by less than a cell each.
    away = back - state.offset[row * width + column]
    whole = np.rint(away)
    inside, source = _cells(empty, whole, state.size)
    return inside, source, whole - away


def _cells(start: Integers, steps: F32, size: tuple[int, int]) -> tuple[Bools, Integers]:
    """Which steps, (k, 2) whole x and y, from cells with the indices `start` stay inside, and the cells they reach."""
    height, width = size
    column, row = start % width + steps[:, 0], start // width + steps[:, 1]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    # Only now whole numbers: a step may be too long for one.
    return inside, row[inside].astype(np.intp) * width + column[inside].astype(np.intp)


def _met(parts: F32, shares: F32, offsets: F32, groups: Integers) -> tuple[F32, F32, F32]:
    """Values, weights and offsets of samples that several parts meet in, in the order of `groups`.

    A weighted sum of independent standard normal values is one again when divided by the root of the squared weights.
    """
    weights = _sums(shares[:, None], groups)
    spread: F32 = np.sqrt(_sums(np.square(shares)[:, None], groups))
    values: F32 = _sums(parts * shares[:, None], groups) / spread
    offset: F32 = _sums(offsets * shares[:, None], groups) / weights
    return values, weights[:, 0], offset


def _sums(values: F32, groups: Integers) -> F32:
    """(groups, k) float32, sums of the rows of (n, k) values with one group; every number from 0 on occurs."""
    if not len(values):
        return values
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    return np.asarray(np.add.reduceat(values[order], starts, axis=0), np.float32)


def _levelled(weight: F32) -> F32:
    """Weights of mean 1, drawn a little towards it so that none vanishes."""
    levelled: F32 = np.power(weight / weight.mean() + np.float32(LEAST_WEIGHT), np.float32(WEIGHT_POWER))
    return levelled


def _for_raft(picture: U8) -> NDArray[Any]:
    """A picture as RAFT takes it: (1, 3, h, w) float32 from -1 to 1, sides grown to what it can take."""
    below, right = (
        max(RAFT_LEAST_SIDE, -(-side // RAFT_MULTIPLE) * RAFT_MULTIPLE) - side for side in picture.shape[:2]
    )
    grown = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_REPLICATE)
    scaled = grown.astype(np.float32) / np.float32(127.5) - np.float32(1)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])
