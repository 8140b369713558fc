# SPDX-License-Identifier: Apache-2.0
"""Smooth extension of known samples over unknown ones: the pull-push pyramid and masked Gaussian averages.

Pull-push (Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4) stands in for the solution of Laplace's
equation: it costs one pyramid instead of a sparse solve, needs no radius, and is as smooth as a light field has to be.
"""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, over_channels

LEAST_COARSE_SIGMA = 1.5
"""Standard deviation of a blur, in the larger pixels that it works on."""


def membrane(values: F32, weight: F32) -> F32:
    """Extends values smoothly to where they are not known.

    Args:
        values: (h, w) or (h, w, c), float32, any range; must be finite where weight > 0 and is ignored elsewhere.
        weight: (h, w), float32, 0 (unknown) to 1 (known exactly).

    Returns:
        The shape of values, float32: values where weight is 1, a smooth interpolation elsewhere; all zero when
        nothing is known.
    """
    flat = values[..., None] if values.ndim == 2 else values
    known = np.clip(weight, 0.0, 1.0).astype(np.float32)
    start = np.where(over_channels(known, flat.shape[2]) > 0, flat, 0).astype(np.float32, copy=False)
    result = _pull_push(np.ascontiguousarray(start), known)
    return result[..., 0] if values.ndim == 2 else result


def _pull_push(values: F32, weight: F32) -> F32:
    height, width = weight.shape
    if float(weight.min()) >= 1:
        return values
    if min(height, width) <= 1:
        return _flatten(values, weight)
    half = ((width + 1) // 2, (height + 1) // 2)
    mass = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
    share = over_channels(weight, values.shape[2])
    weighted = values * share
    total = _keep_channels(cv2.resize(weighted, half, interpolation=cv2.INTER_AREA))
    coarse = total / over_channels(np.maximum(mass, 1e-12), values.shape[2])
    # A quarter of known samples makes a coarse cell fully known, so that near samples outweigh far ones.
    coarse = _pull_push(coarse, np.minimum(4 * mass, 1))
    grown = _keep_channels(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))
    weighted += grown * (1 - share)
    return weighted


def _flatten(values: F32, weight: F32) -> F32:
    """The end of the recursion: where nothing coarser can help, unknown samples take the weighted mean."""
    mass = float(weight.sum(dtype=np.float64))
    if mass <= 0:
        return np.zeros_like(values)
    mean = (values * weight[..., None]).sum(axis=(0, 1), dtype=np.float64) / mass
    return np.asarray(values * weight[..., None] + mean * (1 - weight[..., None]), np.float32)


def _keep_channels(picture: F32) -> F32:
    """OpenCV drops a last axis of length one; this puts it back."""
    return np.atleast_3d(picture)


def masked_blur(values: F32, weight: F32, sigma: float, mass: F32 | None = None) -> F32:
    """Gaussian average over known samples only (Knutsson and Westin, "Normalized convolution", CVPR 1993).

    Args:
        values: (h, w) or (h, w, c), float32, finite where weight > 0.
        weight: (h, w), float32, 0..1.
        sigma: standard deviation in pixels; 0 or less returns the values.
        mass: the weight blurred by sigma, where the caller has it already.

    Returns:
        The shape of values, float32; 0 where no known sample is within the kernel.
    """
    if sigma <= 0:
        return values
    over = weight if values.ndim == 2 else over_channels(weight, values.shape[2])
    known = np.where(over > 0, values, 0).astype(np.float32, copy=False)
    known *= over
    total, mass = gaussian(known, sigma), gaussian(weight, sigma) if mass is None else mass
    share = np.where(mass <= 1e-6, 0, 1 / np.maximum(mass, 1e-6)).astype(np.float32, copy=False)
    total *= share if values.ndim == 2 else over_channels(share, values.shape[2])
    return total


def coarseness(sigma: float) -> int:
    """Pixels, each way, that may be taken together before a blur of `sigma` pixels, which leaves nothing finer."""
    return max(1, int(sigma / LEAST_COARSE_SIGMA))


def coarse_mean(values: F32, weight: F32, factor: int) -> tuple[F32, F32]:
    """A picture made smaller: the mean of the known samples in every square of `factor` pixels.

    Args:
        values: (h, w) or (h, w, c), float32, finite.
        weight: (h, w), float32, 0..1, how far each sample is known.
        factor: at least 1, which gives both back.

    Returns:
        The means, and (ceil(h / factor), ceil(w / factor)) float32, the mean weight of each square.
    """
    if factor == 1:
        return np.ascontiguousarray(values), weight
    size = (-(-weight.shape[1] // factor), -(-weight.shape[0] // factor))
    over = weight if values.ndim == 2 else over_channels(weight, values.shape[2])
    total = cv2.resize(values * over, size, interpolation=cv2.INTER_AREA)
    mass = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    least = np.maximum(mass, 1e-6)
    total /= least if values.ndim == 2 else over_channels(least, values.shape[2])
    return np.asarray(total, np.float32), np.asarray(mass, np.float32)


def smoothed(picture: F32, sigma: float) -> F32:
    """What `gaussian` gives, of as few pixels as are needed for it."""
    factor = coarseness(sigma)
    if factor == 1:
        return gaussian(picture, sigma)
    size = (-(-picture.shape[1] // factor), -(-picture.shape[0] // factor))
    coarse = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    return enlarged(gaussian(coarse, sigma / factor), picture)


def enlarged(values: F32, like: F32) -> F32:
    """A smaller picture at the height and width of another."""
    if values.shape[:2] == like.shape[:2]:
        return values
    larger = cv2.resize(values, (like.shape[1], like.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(larger, np.float32)


def gaussian(picture: F32, sigma: float) -> F32:
    """Gaussian blur with a kernel cut at three standard deviations; borders mirrored."""
    if sigma <= 0:
        return picture
    size = 2 * int(np.ceil(3 * sigma)) + 1
    blurred = cv2.GaussianBlur(picture, (size, size), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred.reshape(picture.shape), np.float32)
