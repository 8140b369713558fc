# SPDX-License-Identifier: Apache-2.0
"""Frames matched directly to an anchor a few frames before, which takes the drift out of motion chained pair by pair.

docs/cleanplate.md, step 2. The small errors of single pairs add up along a track. Every `SPAN` pairs, features are
matched straight from the first frame to the last; what the chain misses of that is a low-order correction C of where
it arrives, and each pair takes its share: f'(x) = C_k(f(x)), with C_k such that all of them make C.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from void_server.engines.cleanplate import camera
from void_server.engines.cleanplate.arrays import F32, F64, U8, Arrays, Bools
from void_server.engines.cleanplate.motion import FlowField, PairMotion, levelled
from void_server.engines.cleanplate.other_times import MotionReader
from void_server.engines.cleanplate.proxy import GUARD, ProxyFrame
from void_server.engines.cleanplate.tracks import sample

SPAN, LEAST_PAIRS = 12, 2
"""Pairs from one anchor to the next (docs/cleanplate.md, step 2); the fewest at the shot's end that make a chain."""
FEATURES, APART = 800, 12.0
"""Most features, and the least distance between two of them in units u: closer ones share their errors."""
WINDOW, LEVELS = 10.0, 2
"""Half the side of what Lucas-Kanade compares, in units u as for neighbours; and the pyramid above it, which need not
reach far from where the chain arrives."""
LEAST_MATCHED, LEAST_SHARE = 40, 0.4
"""Features, and their share of those that the chain carried, that a correction needs; as many as a homography."""
CELL, LEAST_NEAR, LEAST_CELLS = 100.0, 3, 8
"""Side of a cell in units u, the fewest features whose median speaks for it, and the fewest cells to fit to. The errors
of a chain are alike on one surface, so that a hundred features on it tell no more than one. Fitted to the features one
by one, what is local spreads over the whole of a shot with parallax, which costs the fill 0.4 dB."""
MOST_LEFT = 0.5
"""Share of the median loop error that a correction may leave: where more of it is local, a motion of the whole picture
is not what was missed. Measured: 0.06 to 0.45 on planes seen by a camera that drifts, pans, zooms or rolls; 0.74 to
0.76 in two rendered shots with parallax, where corrections change the fill by -0.4 to 0.1 dB."""
MOST_SPREAD = 1.0
"""Loop errors that scatter by more than this, in units u, agree on nothing: another scene, or water."""
LEAST_DRIFT = 0.05
"""Corrections that move the features by less than this on the whole span, in units u, are none: no one sees them,
and at rest they would be noise."""
PARAMETERS = {"identity": 0, "translation": 2, "affine": 6}
ROUNDS, TAIL = 6, 3.0
"""Rounds of the robust fit, and how many of its standard deviations an error may be off."""
ROOT_TERMS = 12
"""Terms of the root's series: scale and shear being within `MOST_CHANGE`, what follows is below a millionth."""
MOST_CHANGE = 0.1
"""Greatest change of scale or shear that a correction may be."""


@dataclass(frozen=True)
class Anchoring:
    """What a span's pairs take of its loop error.

    Attributes:
        corrections: (n, 3, 3) float64, one a pair, in proxy pixels of the frame at which the pair arrives.
        model: `identity`, `translation` or `affine`, the kind of the whole correction.
        features: how many were matched directly.
        drift: median distance between where the chain and the direct match arrive, proxy pixels.
    """

    corrections: F64
    model: str
    features: int
    drift: float

    def to_arrays(self) -> Arrays:
        """As named arrays, for storage."""
        return {
            "corrections": self.corrections,
            "model": np.frombuffer(self.model.encode("ascii"), np.uint8),
            "figures": np.array([self.features, self.drift], np.float64),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Anchoring:
        """What `to_arrays` gave."""
        features, drift = (float(v) for v in arrays["figures"])
        return cls(arrays["corrections"], arrays["model"].tobytes().decode("ascii"), int(features), drift)


@dataclass(frozen=True)
class _Matches:
    """(N, 2) float32 places in a span's last frame: where the chain arrives, and where the direct match does."""

    chained: F32
    direct: F32
    carried: int


def span_start(position: int) -> int:
    """The first pair of the span that a pair belongs to."""
    return position // SPAN * SPAN


def anchor_span(start: int, shot: MotionReader) -> Anchoring:
    """Matches a span's last frame to its first, and shares out what the chain between them misses.

    Args:
        start: position of the span's first frame, a multiple of `SPAN`.
        shot: read from there to `SPAN` frames later, or to its end; its motions are the measured ones.
    """
    pairs = [shot.motion(position) for position in range(start, min(start + SPAN, len(shot.frames) - 1))]
    if len(pairs) < LEAST_PAIRS:
        return Anchoring(np.tile(np.eye(3), (len(pairs), 1, 1)), "identity", 0, 0.0)
    first, last = shot.proxy(start), shot.proxy(start + len(pairs))
    found = _match(first, last, [pair.forward for pair in pairs])
    drift = float(np.median(np.hypot(*(found.direct - found.chained).T))) if len(found.direct) else 0.0
    whole, model = loop_correction(found.chained, found.direct, found.carried, first.size, first.unit)
    shares = share_out(whole, [pair.forward.matrix for pair in pairs])
    return Anchoring(shares, model, len(found.direct), drift)


def anchored(pair: PairMotion, correction: F64) -> PairMotion:
    """The motion of a pair, and back, with its share of its span's correction."""
    if np.array_equal(correction, np.eye(3)):
        return pair
    matrix = _scaled(correction @ pair.forward.matrix)
    # The way back starts a few hundredths of a pixel off, over which its residual, which is smooth, is the same.
    back = _scaled(np.linalg.inv(matrix).astype(np.float64))
    return replace(
        pair, forward=replace(pair.forward, matrix=matrix), backward=replace(pair.backward, matrix=back)
    )


def share_out(whole: F64, matrices: list[F64]) -> F64:
    """(n, 3, 3): the shares C_k of a correction C at the end of the chain of (3, 3) matrices M_1 … M_n.

    C_n M_n … C_1 M_1 = C M_n … M_1, each C_k being the n-th root of C, seen from the frame where M_k arrives.
    """
    if np.array_equal(whole, np.eye(3)):
        return np.tile(np.eye(3), (len(matrices), 1, 1))
    root = matrix_root(whole, len(matrices))
    onward, shares = np.eye(3), []
    for matrix in reversed(matrices):
        shares.append(_scaled(np.linalg.inv(onward) @ root @ onward))
        onward = _scaled(onward @ matrix)
    return np.stack(shares[::-1]).astype(np.float64)


def matrix_root(matrix: F64, degree: int) -> F64:
    """The root of an affine (3, 3) near identity, by the binomial series of (1 + E)^(1 / degree)."""
    change = matrix - np.eye(3)
    term, total = np.eye(3), np.eye(3)
    for power in range(1, ROOT_TERMS + 1):
        term = term @ change * ((1 / degree - power + 1) / power)
        total = total + term
    return np.asarray(total, np.float64)


def loop_correction(
    chained: F32, direct: F32, carried: int, size: tuple[int, int], unit: float
) -> tuple[F64, str]:
    """The simplest motion of the whole picture that explains loop errors.

    Args:
        chained, direct: (N, 2) float32 places where the chain and the direct match arrive.
        carried: how many features the chain had carried there.
        size: (h, w) of the proxy.
        unit: the length u in proxy pixels.

    Returns:
        (3, 3), and its kind; identity where the direct match failed or nothing is to be gained.
    """
    none = np.eye(3), "identity"
    if len(chained) < max(LEAST_MATCHED, LEAST_SHARE * carried):
        return none
    places, error = _cell_medians(chained, (direct - chained).astype(np.float64), CELL * unit)
    centre, scale = np.array([size[1] - 1, size[0] - 1]) / 2, max(size) / 2
    terms = np.concatenate([np.ones((len(places), 1)), (places - centre) / scale], axis=1)
    agreeing, spread = _agreeing(terms, error)
    if spread > MOST_SPREAD * unit or agreeing.sum() < LEAST_CELLS:
        return none
    of, wanted = terms[agreeing], error[agreeing]
    fits = {
        "identity": np.zeros((3, 2)),
        "translation": np.vstack([wanted.mean(axis=0), np.zeros((2, 2))]),
        "affine": np.linalg.lstsq(of, wanted, rcond=None)[0],
    }
    model = min(fits, key=lambda name: _score(wanted - of @ fits[name], PARAMETERS[name], unit))
    fitted = fits[model]
    left, before = (float(np.median(np.hypot(*miss.T))) for miss in (error - terms @ fitted, error))
    moves = float(np.sqrt(np.square(terms @ fitted).sum(axis=1).mean()))
    if left > MOST_LEFT * before:
        return none
    if moves < LEAST_DRIFT * unit or np.abs(fitted[1:] / scale).max() > MOST_CHANGE:
        return none
    matrix = np.eye(3)
    matrix[:2, :2] += fitted[1:].T / scale
    matrix[:2, 2] = fitted[0] - fitted[1:].T @ centre / scale
    return matrix, model


def _cell_medians(places: F32, error: F64, side: float) -> tuple[F64, F64]:
    """The middle place and the median error, (n, 2) each, in each square cell that has features enough."""
    cells = np.floor(places / side).astype(int)
    _, of, count = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    members = [of.ravel() == cell for cell in np.flatnonzero(count >= LEAST_NEAR)]
    if not members:
        return np.zeros((0, 2)), np.zeros((0, 2))
    middle = [places[m].mean(axis=0, dtype=np.float64) for m in members]
    return np.stack(middle), np.stack([np.median(error[m], axis=0) for m in members])


def _agreeing(terms: F64, error: F64) -> tuple[Bools, float]:
    """Which errors one affine motion explains, and how far these scatter, proxy pixels.

    Iteratively reweighted least squares with Cauchy weights (Holland and Welsch, "Robust regression using iteratively
    reweighted least-squares", 1977), from the median on.
    """
    miss, spread = np.zeros(0), 0.0
    expected = np.median(error, axis=0) if len(error) else error
    for _ in range(ROUNDS):
        miss = np.hypot(*(error - expected).T)
        if len(miss) < LEAST_CELLS:
            return np.zeros(len(miss), bool), 0.0
        # Of a normal scatter in two directions, half lies within 1.18 standard deviations.
        spread = float(np.median(miss)) / 1.18 + 1e-4
        root = 1 / np.sqrt(1 + np.square(miss / (2 * spread)))[:, None]
        expected = terms @ np.linalg.lstsq(terms * root, error * root, rcond=None)[0]
    return np.asarray(miss < TAIL * spread), spread


def _score(miss: F64, parameters: int, unit: float) -> float:
    """Bayesian information criterion, as for the camera's model; least is best."""
    variance = float(np.square(miss).mean()) + (camera.PRECISION * unit) ** 2
    return float(miss.size * np.log(variance) + parameters * np.log(miss.size))


def _match(first: ProxyFrame, last: ProxyFrame, chain: list[FlowField]) -> _Matches:
    """Features of the first frame, where the chain carries them and where they are found directly."""
    one, two = (cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY) for frame in (first, last))
    free, free_there = ~first.where(GUARD), ~last.where(GUARD)
    here = _corners(one, free, first.unit)
    chained, carried = _carry(here, chain)
    carried &= _at(free_there, chained)
    here, chained = here[carried], chained[carried]
    total = np.eye(3)
    for field in chain:
        total = _scaled(field.matrix @ total)
    ahead, good = _follow(one, levelled(two, one, free & free_there), here, chained, total, first.unit)
    direct = camera.apply(total, ahead)
    good &= _at(free_there, direct)
    return _Matches(chained[good], direct[good], len(here))


def _corners(picture: U8, free: Bools, unit: float) -> F32:
    found = cv2.goodFeaturesToTrack(
        picture, FEATURES, 0.005, max(4.0, APART * unit), mask=free.astype(np.uint8) * 255, blockSize=5
    )
    return np.zeros((0, 2), np.float32) if found is None else np.asarray(found.reshape(-1, 2), np.float32)


def _carry(points: F32, chain: list[FlowField]) -> tuple[F32, Bools]:
    """Where motions take points one after the other; True where each of them was measured there, and is valid."""
    alive = np.ones(len(points), bool)
    for field in chain:
        alive &= _at(field.measured & field.valid, points)
        points = camera.apply(field.matrix, points + sample(field.residual.astype(np.float32), points))
    return points, alive


def _at(mask: Bools, points: F32) -> Bools:
    """The mask at the nearest pixels; False outside."""
    column, row = np.round(np.clip(points, -1, 1e6)).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < mask.shape[1]) & (row < mask.shape[0])
    found = np.zeros(len(points), bool)
    found[inside] = mask[row[inside], column[inside]]
    return found


def _follow(one: U8, two: U8, here: F32, chained: F32, total: F64, unit: float) -> tuple[F32, Bools]:
    """Lucas-Kanade there and back, in the last picture brought near the first by the chain's matrix.

    Returns:
        (N, 2) places in that picture, and which are good.
    """
    if not len(here):
        return here, np.zeros(0, bool)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    near = cv2.warpPerspective(two, total, (one.shape[1], one.shape[0]), flags=flags)
    side = 2 * max(7, round(WINDOW * unit)) + 1
    start = camera.apply(np.linalg.inv(total).astype(np.float64), chained)
    ahead, found = _followed(one, near, here, start, side)
    back, found_back = _followed(near, one, ahead, here, side)
    good = found & found_back & np.isfinite(ahead).all(1)
    good &= np.hypot(*(here - back).T) < max(camera.ROUND_TRIP * unit, 0.3)
    return np.where(good[:, None], ahead, start).astype(np.float32), np.asarray(good)


def _followed(one: U8, two: U8, points: F32, start: F32, side: int) -> tuple[F32, Bools]:
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        one,
        two,
        points,
        start.copy(),
        winSize=(side, side),
        maxLevel=LEVELS,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(found, np.float32), np.asarray(status.ravel() > 0)


def _scaled(matrix: F64) -> F64:
    return np.asarray(matrix / matrix[2, 2], np.float64)
