# SPDX-License-Identifier: Apache-2.0
"""For each patch of a hole the most alike patch of known picture: the search of texture completion.

Patches are compared by log light plus half-weighted gradients (docs/cleanplate.md, step 8) in the space of their
principal components, in which a comparison reads a few dozen numbers instead of hundreds. Small problems are searched
exhaustively, larger ones by PatchMatch (Barnes et al., SIGGRAPH 2009) in its parallel form: offsets jump over 8, 4, 2
and 1 pixels, since a raster scan has no array form.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, F64, I32, Bools

RADIUS = 3
SIDE = 2 * RADIUS + 1
"""Patches of 7 x 7 pixels; ENGINE_FACTS 1.4, step 8."""
GRADIENT_WEIGHT = 0.5
"""Weight of gradients against values; the same place."""
TEXTURE_WEIGHT = 3.0
"""Weight of the local mean of gradients (Newson et al., SIAM J. Imaging Sciences 2014, section 3.3): it keeps the
averages in the hole from drifting towards smooth sources."""
COMPONENTS = 24
"""Principal components kept. Measured on the ground-truth shots they hold 95 to 97 % of the patches' energy at full
size and 80 to 87 % on the coarsest level. A fixed share of energy instead was worse on smooth pictures, whose few
strong components hide the weak ones that tell neighbours apart."""
SAMPLE = 6000
CHUNK = 16384
"""Patches handled at once; bounds memory at about 10 MB a step."""
EXHAUSTIVE = 10_000_000
"""Pairs of patches up to which every pair is compared: under 0.1 s on one core."""
JUMPS = (8, 4, 2, 1)
RANDOM_TRIES = 5

LIGHT = slice(0, 3)
TEXTURE = slice(3, 5)


@dataclass(frozen=True)
class Domain:
    """Where patches may come from and where they are needed, on one level; patches are named by their centre.

    Attributes:
        size: (h, w).
        usable: (h, w) bool, centres of patches that are known entirely.
        nearest: (h*w,) int32, for any pixel the flat index of the nearest usable centre.
        targets: (n,) int32, flat indices of the centres whose patch meets the hole, all inside the picture.
        slot: (h*w,) int32, the position of a pixel in `targets`, or -1.
        reach: (n,) float32, greatest offset of a source from its target, in pixels of this level.
    """

    size: tuple[int, int]
    usable: Bools
    nearest: I32
    targets: I32
    slot: I32
    reach: F32

    @classmethod
    def of(cls, known: Bools, wanted: Bools, reach: F32) -> Domain | None:
        """The domain of one level; None when no patch is known entirely or the picture is smaller than a patch.

        Args:
            known: (h, w) bool, what may be copied.
            wanted: (h, w) bool, what is to be filled; disjoint from known.
            reach: (h, w) float32, greatest offset around each pixel.
        """
        height, width = known.shape
        inside = np.zeros((height, width), bool)
        inside[RADIUS : height - RADIUS, RADIUS : width - RADIUS] = True
        kernel = np.ones((SIDE, SIDE), np.uint8)
        usable = inside & (cv2.erode(known.astype(np.uint8), kernel) > 0)
        if not usable.any():
            return None
        gap, labels = cv2.distanceTransformWithLabels(
            (~usable).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )
        label_to_pixel = np.zeros(int(labels.max()) + 1, np.int32)
        centres = np.flatnonzero(usable)
        label_to_pixel[labels.ravel()[centres]] = centres
        meets = inside & (cv2.dilate(wanted.astype(np.uint8), kernel) > 0)
        targets = np.flatnonzero(meets).astype(np.int32)
        slot = np.full(height * width, -1, np.int32)
        slot[targets] = np.arange(len(targets), dtype=np.int32)
        farthest = np.maximum(reach, 1.5 * gap + SIDE).ravel()[targets].astype(np.float32)
        return cls((height, width), usable, label_to_pixel[labels.ravel()], targets, slot, farthest)

    def within_reach(self, which: I32, candidate: I32) -> Bools:
        """Which candidates (flat, inside the picture) are usable and near enough to their target."""
        width = self.size[1]
        target = self.targets[which]
        across = candidate % width - target % width
        down = candidate // width - target // width
        near = np.maximum(np.abs(across), np.abs(down)) <= self.reach[which]
        return np.asarray(near & self.usable.ravel()[candidate])


@dataclass(frozen=True)
class Projection:
    """Patches to principal components.

    Attributes:
        matrix: (147, k) float32, from the 7 x 7 x 3 values of a patch.
    """

    matrix: F32

    @classmethod
    def fitted(cls, features: F32, domain: Domain, random: np.random.Generator) -> Projection:
        """The projection that keeps most of the distances between the usable patches."""
        centres = np.flatnonzero(domain.usable).astype(np.int32)
        if len(centres) > SAMPLE:
            centres = np.sort(random.choice(centres, SAMPLE, replace=False))
        root = np.linalg.cholesky(_metric()).T
        seen = _patches(features, centres).astype(np.float64) @ root.T
        seen -= seen.mean(axis=0)
        _, axes = np.linalg.eigh(seen.T @ seen / max(1, len(seen)))
        return cls(np.ascontiguousarray((axes[:, ::-1][:, :COMPONENTS].T @ root).T, np.float32))

    def describe(self, features: F32, centres: I32) -> F32:
        """(n, k + 2) float32: components of the patches around the given centres, and their mean texture."""
        mean = cv2.blur(np.ascontiguousarray(features[..., TEXTURE]), (SIDE, SIDE)).reshape(-1, 2)
        described = np.empty((len(centres), self.matrix.shape[1] + 2), np.float32)
        for start in range(0, len(centres), CHUNK):
            part = slice(start, start + CHUNK)
            described[part, :-2] = _patches(features, centres[part]) @ self.matrix
        described[:, -2:] = mean[centres] * np.float32(SIDE * TEXTURE_WEIGHT)
        return described


def _metric() -> F64:
    """(147, 147): patch distance as a quadratic form, values plus weighted differences inside the patch."""
    step = np.diff(np.eye(SIDE), axis=0)
    gradients = np.vstack([np.kron(np.eye(SIDE), step), np.kron(step, np.eye(SIDE))]) * GRADIENT_WEIGHT
    return np.asarray(np.kron(np.eye(SIDE * SIDE) + gradients.T @ gradients, np.eye(3)), np.float64)


def _patches(features: F32, centres: I32) -> F32:
    """(n, 147) float32: the light of the patches around centres."""
    width = features.shape[1]
    light = np.ascontiguousarray(features[..., LIGHT])
    windows = np.lib.stride_tricks.sliding_window_view(light, (SIDE, SIDE), axis=(0, 1))
    taken = windows[centres // width - RADIUS, centres % width - RADIUS]
    return np.asarray(taken.transpose(0, 2, 3, 1).reshape(len(centres), -1), np.float32)


@dataclass
class Matches:
    """The nearest-neighbour field: for each target its source (flat index of a usable centre) and squared distance."""

    source: I32
    distance: F32


class Sources:
    """The usable patches of a level, described once."""

    def __init__(self, features: F32, domain: Domain, random: np.random.Generator) -> None:
        """Args: features (h, w, 5) float32, log light and texture, right at least on the known pixels."""
        self.domain = domain
        self._features = features
        self.projection = Projection.fitted(features, domain, random)
        self.centres = np.flatnonzero(domain.usable).astype(np.int32)
        # One row per pixel, so that a candidate needs no look-up; only the usable rows are ever read.
        self._rows = np.zeros(domain.size[0] * domain.size[1], np.int32)
        self._rows[self.centres] = np.arange(len(self.centres), dtype=np.int32)
        self._described = self.projection.describe(features, self.centres)

    def search(self, features: F32, start: I32, passes: int, random: np.random.Generator) -> Matches:
        """The best sources for the targets of a picture.

        Args:
            features: (h, w, 5) float32, with the present state of the hole.
            start: (n,) int32, a usable source for each target.
            passes: rounds of PatchMatch, where the problem is too large to compare all.
            random: decides where is searched.
        """
        wanted = self.projection.describe(features, self.domain.targets)
        if len(self.centres) * len(wanted) <= EXHAUSTIVE:
            return self._compare_all(wanted)
        matches = Matches(start.copy(), self._distance(wanted, start))
        for _ in range(passes):
            self._propagate(wanted, matches)
            self._try_at_random(wanted, matches, random)
        return matches

    def search_partial(self, features: F32, filled: Bools, centres: I32, which: I32) -> I32:
        """The best sources for patches of which only a part is filled; the rest does not count.

        Args:
            features: (h, w, 5) float32.
            filled: (h, w) bool, what counts.
            centres: (m,) int32, flat centres inside the picture.
            which: (m,) int32, the targets whose reach applies.

        Returns:
            (m,) int32, flat usable centres.
        """
        values = self._patches()
        squares = np.square(values)
        flags = np.repeat(np.atleast_3d(filled.astype(np.float32)), 3, axis=2)
        best = np.empty(len(centres), np.int32)
        rows = max(1, 4_000_000 // len(self.centres))
        for begin in range(0, len(centres), rows):
            part = slice(begin, begin + rows)
            counts = _patches(flags, centres[part])
            distance = counts @ squares.T - 2 * ((counts * _patches(features, centres[part])) @ values.T)
            distance[self._too_far(which[part])] = np.inf
            best[part] = self.centres[distance.argmin(axis=1)]
        return best

    def _patches(self) -> F32:
        return _patches(self._features, self.centres)

    def _too_far(self, which: I32) -> Bools:
        """(len(which), number of sources) bool: sources out of the reach of targets."""
        width = self.domain.size[1]
        target, reach = self.domain.targets[which, None], self.domain.reach[which, None]
        down = np.abs(self.centres // width - target // width)
        across = np.abs(self.centres % width - target % width)
        return np.asarray((down > reach) | (across > reach))

    def _distance(self, wanted: F32, source: I32) -> F32:
        result = np.empty(len(source), np.float32)
        for begin in range(0, len(source), CHUNK):
            part = slice(begin, begin + CHUNK)
            difference = self._described[self._rows[source[part]]] - wanted[part]
            result[part] = np.einsum("ij,ij->i", difference, difference)
        return result

    def _compare_all(self, wanted: F32) -> Matches:
        own = np.einsum("ij,ij->i", self._described, self._described)
        best = np.empty(len(wanted), np.int32)
        rows = max(1, 4_000_000 // len(self.centres))
        for begin in range(0, len(wanted), rows):
            part = np.arange(begin, min(begin + rows, len(wanted)), dtype=np.int32)
            distance = own - 2 * (wanted[part] @ self._described.T)
            distance[self._too_far(part)] = np.inf
            best[part] = self.centres[distance.argmin(axis=1)]
        return Matches(best, self._distance(wanted, best))

    def _propagate(self, wanted: F32, matches: Matches) -> None:
        height, width = self.domain.size
        y, x = self.domain.targets // width, self.domain.targets % width
        for jump in JUMPS:
            for down, across in ((0, jump), (jump, 0), (0, -jump), (-jump, 0)):
                inside = (y + down >= 0) & (y + down < height) & (x + across >= 0) & (x + across < width)
                which = np.flatnonzero(inside).astype(np.int32)
                neighbour = self.domain.slot[(y[which] + down) * width + x[which] + across]
                which, neighbour = which[neighbour >= 0], neighbour[neighbour >= 0]
                self._offer(wanted, matches, which, matches.source[neighbour], -down, -across)

    def _try_at_random(self, wanted: F32, matches: Matches, random: np.random.Generator) -> None:
        which = np.arange(len(matches.source), dtype=np.int32)
        for power in range(RANDOM_TRIES):
            # From the whole reach down to a few pixels, at rates that skip every other halving.
            radius = np.maximum(self.domain.reach * np.float32(0.35**power), 2)
            down, across = (random.uniform(-1, 1, (2, len(which))) * radius).round().astype(np.int32)
            self._offer(wanted, matches, which, matches.source, down, across)

    def _offer(
        self, wanted: F32, matches: Matches, which: I32, source: I32, down: I32 | int, across: I32 | int
    ) -> None:
        """Takes the sources (moved by down, across) for the targets `which` where they are nearer."""
        height, width = self.domain.size
        y, x = source // width + down, source % width + across
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        candidate = np.where(inside, y * width + x, 0).astype(np.int32)
        good = inside & (candidate != matches.source[which])
        which, candidate = which[good], candidate[good]
        good = self.domain.within_reach(which, candidate)
        which, candidate = which[good], candidate[good]
        distance = self._distance(wanted[which], candidate)
        better = distance < matches.distance[which]
        matches.source[which[better]] = candidate[better]
        matches.distance[which[better]] = distance[better]
