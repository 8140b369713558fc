# SPDX-License-Identifier: Apache-2.0
"""Grain made from a shot's model: as much as a fill lacks, new in every frame, the same for the same seed.

White noise of a counter-based generator (Philox, Salmon et al., SC 2011), keyed by seed, view and frame and counted by
place in the plate, so that any frame and any part of it can be made alone; filtered to the grain's spectrum, mixed to
the channels' correlation, scaled by the level.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import cv2
import numpy as np

from void_server.conform.grain_model import F32, F64, GrainModel

BLOCK = 64
"""Side in pixels of the pieces of the plate in which noise is made; always whole, so that no crop enters."""
MOST_IN_FEATHER = 12.0
"""Times the plate's grain, in power, that a fill may be given where it fades out, since two grains mixed half and half
have but half their power: 12 keeps nine tenths of it down to a blend of 0.15."""
CUBIC = -0.75
"""The parameter a of the cubic kernel that the clean-plate engine samples plates with (OpenCV's `interpolateCubic`)."""
FRACTIONS = 16
"""Places between two pixels at which the loss of that kernel is tabulated."""
ENERGY = 0.995
"""Share of a filter's energy that its kernel keeps."""


@dataclass(frozen=True)
class Carried:
    """What of a frame's grain a fill has already, each (h, w) float32 0..1.

    Attributes:
        kept: share of the grain's power that is left where pixels of frames were averaged; 0 where a pixel was made up.
        fine: share of white noise's power that sampling between pixels left of it.
        own: how much of the pixel is the plate's own, with the very grain of the plate.
        lit: (h', w', C), any size that is enlarged to (h, w): power of what is kept over that of grain at this level,
            where its light was changed, for grain whose power goes with the level. None = 1.
        lost: (h', w'), share of what is kept that is missing in the low band. None = 0.
        split: standard deviation in pixels of the Gaussian that divides the bands; with `lost`.
    """

    kept: F32
    fine: F32
    own: F32
    lit: F32 | None = None
    lost: F32 | None = None
    split: float = 0.0


def frame_key(seed: int, view: str, frame: int) -> int:
    """The generator's key of a frame, 128 bits."""
    return int.from_bytes(hashlib.sha256(f"{seed} {view} {frame}".encode()).digest()[:16], "little")


def added_grain(
    model: GrainModel,
    picture: F32,
    carried: Carried,
    blend: F32,
    *,
    at: tuple[int, int],
    key: int,
    amount: float = 1.0,
) -> F32:
    """What is to be added to a fill, so that blended with its plate it has the plate's grain.

    Args:
        picture: (h, w, C) float32, the fill, scene-linear; C is the model's.
        carried: what it has already.
        blend: (h, w) float32 0..1, the blend matte there.
        at: (x, y) of the fill's corner in the plate's pixel coordinates; may be negative.
        key: `frame_key`.
        amount: factor on what is added; 0 adds none, 1 makes up what lacks.

    Returns:
        (h, w, C) float32, scene-linear, finite; 0 where blend is 0, and everywhere without a known grain.
    """
    if not model.known or amount <= 0 or not (blend > 0).any():
        return np.zeros_like(picture, np.float32)
    looks = _Looks.of(model)
    plain, lost = looks.noise(picture.shape[:2], at, key)
    finite = np.nan_to_num(picture, nan=0.0, posinf=65504.0, neginf=0.0)
    level = cv2.GaussianBlur(finite, (0, 0), 1.0).reshape(picture.shape)
    sigma = model.strength(level)
    kept, own = carried.kept[..., None], carried.own[..., None]
    if carried.lit is not None:
        raised = _raised(model, level, carried.lit)
        kept, own = kept * raised, own * np.sqrt(raised)
    inside = np.maximum(blend, 1e-6)[..., None]
    shown = 1 - inside + inside * own
    needed = (1 - np.square(shown)) / np.square(inside) + np.square(own)
    power = kept if carried.lost is None else kept * (1 - looks.low(carried, blend.shape))
    more = np.sqrt(np.clip(needed - power, 0, MOST_IN_FEATHER))
    finer = np.sqrt(kept * looks.loss(carried.fine))
    grain = np.float32(amount) * sigma * (more * plain + finer * lost)
    grain[blend <= 0] = 0
    return np.asarray(grain, np.float32)


def _raised(model: GrainModel, level: F32, lit: F32) -> F32:
    """(h, w, C) power of grain under a changed light over that of the plate's grain at the new level.

    Light that was raised by a factor f raised the grain of a level 1 / f as high: f^2 var(level / f) over var(level),
    which is f where the power goes with the level, as `lit` tells it. Taken at the size of `lit`: light is smooth.
    """
    height, width = lit.shape[:2]
    around = cv2.resize(level, (width, height), interpolation=cv2.INTER_AREA).reshape(lit.shape)
    factor = np.maximum(lit, 1e-3)
    before, now = model.strength(around / factor), np.maximum(model.strength(around), 1e-12)
    ratio = np.square(factor * before / now)
    larger = cv2.resize(ratio, level.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger.reshape(level.shape), np.float32)


def without_grain(picture: F32, model: GrainModel, radius: int = 2) -> F32:
    """A picture with its grain taken out as far as its neighbourhood tells, for comparing; not for showing.

    Lee's filter (IEEE PAMI 2, 1980): the local mean, and of what differs from it the share that grain does not explain.

    Args:
        picture: (h, w, C) float32, scene-linear, finite.
        radius: pixels each way that are looked at.
    """
    if not model.known:
        return picture
    side = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(picture, side).reshape(picture.shape)
    variance = cv2.blur(np.square(picture - mean), side).reshape(picture.shape)
    share = np.clip(1 - np.square(model.strength(mean)) / np.maximum(variance, 1e-20), 0, 1)
    return np.asarray(mean + share * (picture - mean), np.float32)


def cubic_taps(fraction: float) -> F64:
    """(4,) weights of the samples from one before to two after a place between two pixels."""
    x = np.array([1 + fraction, fraction, 1 - fraction, 2 - fraction])
    near = ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1
    far = ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC
    return np.asarray(np.where(x <= 1, near, far), np.float64)


@dataclass(frozen=True)
class _Looks:
    """The filters of a model.

    Attributes:
        mix: (C, C), white channels to correlated ones.
        kernels: (2 C, k, k): of the grain, and of what sampling between pixels takes from it.
        fine: (F,) ascending, what of white noise's power such sampling leaves.
        gone: (C, F), what it takes of the grain's.
        spectrum: (C, N, N), of the grain.
    """

    mix: F32
    kernels: F32
    fine: F64
    gone: F64
    spectrum: F64

    @staticmethod
    def of(model: GrainModel) -> _Looks:
        spectrum = model.spectrum
        taps = np.array([cubic_taps(f) for f in np.linspace(0, 0.5, FRACTIONS)])
        side = spectrum.shape[1]
        waves = np.exp(-2j * np.pi * np.outer(np.fft.fftfreq(side), np.arange(-1, 3)))
        through = np.square(np.abs(taps @ waves.T))
        left = through[:, :, None] * through[:, None, :]
        fine = left.mean((1, 2))
        gone = 1 - (spectrum[:, None] * left[None]).mean((2, 3))
        missing = np.maximum(spectrum * (1 - through.mean(0)[:, None] * through.mean(0)[None, :]), 0)
        missing /= np.maximum(missing.mean((1, 2), keepdims=True), 1e-12)
        kernels = _kernels(np.concatenate([spectrum, missing]))
        return _Looks(_mix(model), kernels, fine[::-1], np.clip(gone[:, ::-1], 0, 1), spectrum)

    def band(self, split: float) -> F32:
        """(C,) what of the grain's power a low band of no grain at all would lack: the mean of 2 G - G^2."""
        side = self.spectrum.shape[1]
        falls = np.exp(-2 * np.square(np.pi * np.fft.fftfreq(side) * split))
        through = falls[:, None] * falls[None, :]
        return np.asarray((self.spectrum * (2 * through - through**2)).mean((1, 2)), np.float32)

    def loss(self, fine: F32) -> F32:
        """(h, w, C) share of the grain's power that sampling took, of what it left of white noise."""
        return np.stack([np.interp(fine, self.fine, g).astype(np.float32) for g in self.gone], axis=-1)

    def low(self, carried: Carried, shape: tuple[int, ...]) -> F32:
        """(h, w, C) share of what is kept that is missing, since the low band was blended from more frames.

        With G the Gaussian that divides the bands and c the chosen frame's share of the low band, the power that is
        left is 1 - 2 (1 - c) G + (1 - 2 c + sum of the squared shares) G^2 at each frequency, of which the sum is
        about c, as it is for equal shares.
        """
        assert carried.lost is not None
        larger = cv2.resize(carried.lost, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
        return np.asarray(larger[..., None] * self.band(carried.split), np.float32)

    def noise(self, shape: tuple[int, ...], at: tuple[int, int], key: int) -> tuple[F32, F32]:
        """Two independent (h, w, C) fields of power 1 over part of the plate: of the grain's spectrum, and of that of
        what sampling takes.
        """
        channels, (height, width) = len(self.mix), shape[:2]
        result = np.empty((height, width, 2 * channels), np.float32)
        white: dict[tuple[int, int], F32] = {}

        def drawn(row: int, column: int) -> F32:
            if (row, column) not in white:
                white[row, column] = _white(row, column, key, 2 * channels)
            return white[row, column]

        reach = self.kernels.shape[1] // 2
        mix = np.kron(np.eye(2, dtype=np.float32), self.mix)
        for row in range(at[1] // BLOCK, (at[1] + height - 1) // BLOCK + 1):
            for column in range(at[0] // BLOCK, (at[0] + width - 1) // BLOCK + 1):
                around = np.concatenate(
                    [
                        np.concatenate([drawn(r, c) for c in (column - 1, column, column + 1)], axis=1)
                        for r in (row - 1, row, row + 1)
                    ]
                )[BLOCK - reach : 2 * BLOCK + reach, BLOCK - reach : 2 * BLOCK + reach]
                mixed = around @ mix.T
                filtered = [cv2.filter2D(mixed[..., c], -1, k) for c, k in enumerate(self.kernels)]
                block = np.stack(filtered, axis=-1)
                block = block[reach : reach + BLOCK, reach : reach + BLOCK]
                y, x = row * BLOCK - at[1], column * BLOCK - at[0]
                top, left = max(0, -y), max(0, -x)
                part = block[top : min(BLOCK, height - y), left : min(BLOCK, width - x)]
                result[y + top : y + top + part.shape[0], x + left : x + left + part.shape[1]] = part
        return result[..., :channels], result[..., channels:]


def _white(row: int, column: int, key: int, fields: int) -> F32:
    """(BLOCK, BLOCK, fields) white noise of a block of the plate."""
    words = 2**64
    generator = np.random.Philox(key=key, counter=np.array([0, 0, column % words, row % words], np.uint64))
    return np.random.Generator(generator).standard_normal((BLOCK, BLOCK, fields), np.float32)


def _mix(model: GrainModel) -> F32:
    """(C, C): applied before the channels' filters, gives their correlation after."""
    roots = np.sqrt(model.spectrum).reshape(len(model.spectrum), -1)
    together = (roots @ roots.T) / roots.shape[1]
    coherence = np.clip(model.correlation / np.maximum(together, 1e-6), -1, 1)
    values, vectors = np.linalg.eigh((coherence + coherence.T) / 2)
    mix = vectors * np.sqrt(np.maximum(values, 0))
    return np.asarray(mix / np.linalg.norm(mix, axis=1, keepdims=True), np.float32)


def _kernels(spectrum: F64) -> F32:
    """(C, k, k), k odd: filters of energy 1 that give white noise the spectra (C, N, N)."""
    side = spectrum.shape[1]
    whole = np.fft.fftshift(np.real(np.fft.ifft2(np.sqrt(spectrum))), axes=(1, 2))
    middle = side // 2
    for reach in range(1, middle):
        part = whole[:, middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
        if (np.square(part).sum((1, 2)) >= ENERGY * np.square(whole).sum((1, 2))).all():
            break
    return np.asarray(part / np.sqrt(np.square(part).sum((1, 2), keepdims=True)), np.float32)
