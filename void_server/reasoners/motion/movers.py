# SPDX-License-Identifier: Apache-2.0
"""Which of the things that move on their own the removed object set in motion, and how their places looked before.

docs/motion_reasoner.md, "Moved things". Every frame's movers are followed through the shot, earliest first: what begins
in contact with the object and was at rest is tied to it, and so is what begins where tied things are or were.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from void_server.engines.cleanplate.arrays import F32, I32, Arrays, Bools, grown, pixel_grid, sample_vectors
from void_server.engines.cleanplate.camera import apply
from void_server.engines.cleanplate.motion import FlowField
from void_server.engines.cleanplate.proxy import GUARD, HOLE
from void_server.reasoners.motion.apart import apart, own_motion
from void_server.reasoners.motion.background import SurveyReader, median_background
from void_server.reasoners.motion.display import DisplayCurve
from void_server.reasoners.motion.unlike import unlike
from void_server.reasoners.motion.whereabouts import moves, object_of

TOUCHING = 10.0
"""Distance, in units u, at which movers touch one another, or a place passed over."""
HIDDEN, HIDDEN_PIXELS = 16.0, 12.0
"""Distance from the object's guard (u, and pixels, since flow blurs edges over some however small the picture) at which
what begins may have begun within it: what is hit is pushed on its near side, where motion is not measured."""
REMEMBERED = 3
"""Frames for which a mover that is not seen moving is still known."""
LEAST_BEFORE = 3
"""Frames before contact in which a place was seen: fewer do not tell how it was."""
CHANGED = 0.4
"""Share of a mover that looks unlike its place did before, beyond which it was not at rest there."""
ON_IT = 0.5
"""Share of a thing that lies where strangers were seen just before, from which on it is one of them."""
SAME_CONTACT = 24
"""Frames within which things that begin to move count as one contact."""
MOST_CONTACTS = 8
LEAST_MOVING = 3
"""Frames in which something tied must be seen moving; fewer are a mistake of the flow."""
COARSE = 4
"""Positions are kept for every fourth pixel each way: they are smooth."""
_Kind = Literal["tied", "independent", "companion"]
NEVER = np.int32(2**31 - 1)
NOWHERE = np.float32(-1e6)


@dataclass
class Contact:
    """Things that were set in motion at one time; places are those of frame `frame`, proxy pixels.

    Attributes:
        frame: position of the frame in which they are first seen moving.
        picture: (h, w, 3) uint8, encoded as in `ProxyFrame.picture`: how it looked before.
        known: (h, w) bool, where that is known.
        swept: (h, w) int32, the frame from which on a place had been passed over; `NEVER` elsewhere.
        places: a frame from `frame` on, (h / 4, w / 4, 2) float32: where every fourth pixel of that frame lies in
            frame `frame`; far outside where it did not show.
        moving: frames in which something was seen moving.
    """

    frame: int
    picture: npt.NDArray[np.uint8]
    known: Bools
    swept: I32
    places: list[F32]
    moving: int = 0

    def places_in(self, position: int) -> F32:
        """(h, w, 2) float32: where every pixel of a frame from `frame` on lies in frame `frame`."""
        height, width = self.known.shape
        at = (pixel_grid((height, width)) / COARSE).astype(np.float32)
        return sample_vectors(self.places[position - self.frame], at)

    def swept_in(self, position: int) -> Bools:
        """(h, w) bool: what was passed over up to a frame, as it lies in that frame."""
        passed = (self.swept <= position).astype(np.uint8)
        return np.asarray(cv2.remap(passed, self.places_in(position), None, cv2.INTER_NEAREST) != 0)

    def sweep(self, position: int, mask: Bools) -> None:
        """Count a mask (h, w) of a frame as passed over."""
        height, width = mask.shape
        at = np.rint(self.places_in(position)[mask])
        inside = (at >= 0).all(-1) & (at[:, 0] < width) & (at[:, 1] < height)
        columns, rows = at[inside].astype(np.intp).T
        hit = np.zeros(mask.shape, bool)
        hit[rows, columns] = True
        self.swept[grown(hit, 1.0) & (self.swept == NEVER)] = position
        self.moving += 1


@dataclass
class Movers:
    """What moves on its own in a shot, by its relation to the object.

    Attributes:
        contacts: things that the object set in motion, earliest first.
        independent: by position, (h, w) bool: what moves and has nothing to do with it; only where there is any.
    """

    contacts: list[Contact] = field(default_factory=list)
    independent: dict[int, Bools] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.contacts or self.independent)

    @property
    def first_moved(self) -> int | None:
        """The first frame with moved things; None without."""
        return min((c.frame for c in self.contacts), default=None)

    def to_arrays(self) -> Arrays:
        """As named arrays, for storage."""
        arrays: Arrays = {}
        if self.independent:
            masks = [self.independent[p] for p in sorted(self.independent)]
            arrays["independent.frames"] = np.array(sorted(self.independent), np.int32)
            arrays["independent.size"] = np.array(masks[0].shape, np.int32)
            arrays["independent.bits"] = np.stack([np.packbits(m) for m in masks])
        for i, contact in enumerate(self.contacts):
            arrays[f"contact{i}.frames"] = np.array([contact.frame, contact.moving], np.int32)
            arrays[f"contact{i}.picture"] = contact.picture
            arrays[f"contact{i}.known"] = contact.known.astype(np.uint8)
            arrays[f"contact{i}.swept"] = contact.swept
            arrays[f"contact{i}.places"] = np.stack(contact.places)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Movers:
        """The movers that `to_arrays` gave."""
        found = cls()
        if "independent.bits" in arrays:
            height, width = (int(v) for v in arrays["independent.size"])
            for position, bits in zip(arrays["independent.frames"], arrays["independent.bits"], strict=True):
                mask = np.unpackbits(bits, count=height * width).reshape(height, width) != 0
                found.independent[int(position)] = mask
        while (name := f"contact{len(found.contacts)}") + ".frames" in arrays:
            frame, moving = (int(v) for v in arrays[f"{name}.frames"])
            picture, swept = arrays[f"{name}.picture"], arrays[f"{name}.swept"]
            known, places = arrays[f"{name}.known"] != 0, list(arrays[f"{name}.places"])
            found.contacts.append(Contact(frame, picture, known, swept, places, moving))
        return found


def sort_movers(survey: SurveyReader, decode: Callable[[F32], F32]) -> Movers:
    """Follows what moves on its own through the shot, and tells what the removed object set in motion.

    Args:
        survey: all of it is read once, in order, and the frames before a contact once more.
        decode: the shot's mapping, encoded (n, 3) float32 0..1 to scene-linear.
    """
    found = Movers()
    remembered = _Memory()
    for position in range(len(survey.frames)):
        if position:
            back = survey.motion(position - 1).backward
            for contact in found.contacts:
                contact.places.append(_carried_places(contact.places[-1], back))
            remembered.carry(back)
        moving = moving_in(position, survey)
        tied, independent, companion = (np.zeros_like(moving) for _ in range(3))
        if moving.any():
            grounds = _grounds(position, found, remembered, survey, decode)
            tied, independent, companion = _told(position, moving, grounds, survey)
        remembered.add(tied, independent, companion)
        if independent.any():
            found.independent[position] = independent
        if tied.any():
            _sweep(position, tied, found, survey)
    found.contacts = [c for c in found.contacts if c.moving >= LEAST_MOVING]
    return found


def moving_in(position: int, survey: SurveyReader) -> Bools:
    """(h, w) bool: what moves on its own in a frame."""
    if len(survey.frames) < 2:
        return np.zeros(survey.proxy(position).size, bool)
    if position == len(survey.frames) - 1:
        return survey.motion(position - 1).backward.moving
    return survey.motion(position).forward.moving


@dataclass
class _Remembered:
    """Masks of the last frames, carried along with the background to the present one."""

    masks: deque[Bools] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def carry(self, back: FlowField) -> None:
        for i, mask in enumerate(self.masks):
            if mask.any():
                grid = pixel_grid(mask.shape)
                at = apply(back.matrix, grid + back.residual.astype(np.float32))
                self.masks[i] = np.asarray(cv2.remap(mask.astype(np.uint8), at, None, cv2.INTER_NEAREST) != 0)

    def add(self, mask: Bools) -> None:
        self.masks.append(mask)

    def near(self, size: tuple[int, ...], radius: float) -> Bools:
        here = np.zeros(size, bool)
        for mask in self.masks:
            here |= mask
        return grown(here, radius)


@dataclass
class _Memory:
    """What was seen moving in the last frames, by kind."""

    tied: _Remembered = field(default_factory=_Remembered)
    independent: _Remembered = field(default_factory=_Remembered)
    companion: _Remembered = field(default_factory=_Remembered)

    def carry(self, back: FlowField) -> None:
        for seen in (self.tied, self.independent, self.companion):
            seen.carry(back)

    def add(self, tied: Bools, independent: Bools, companion: Bools) -> None:
        self.tied.add(tied)
        self.independent.add(independent)
        self.companion.add(companion)


@dataclass(frozen=True)
class _Grounds:
    """What a frame's movers are judged by; masks are (h, w) bool.

    Attributes:
        passed: what tied things have passed over, grown to touch.
        strangers: where independent movers were seen in the last frames, grown to touch.
        friends: the same of what goes with the object.
        tied: the same of tied things.
        zone: the object's guard and what touches it.
        unlike_before: asked at most once.
    """

    passed: Bools
    strangers: Bools
    friends: Bools
    tied: Bools
    zone: Bools
    unlike_before: Callable[[], Bools]

    def kind(self, part: Bools) -> _Kind:
        """What a connected part is as a whole."""
        if (part & self.strangers).any():
            return "independent"
        if (part & self.passed).any():
            return "tied"
        if (part & self.friends).any():
            return "companion"
        if (part & self.zone).any():
            return "tied" if self.was_at_rest(part) else "companion"
        return "independent"

    def kind_among_others(self, inside: Bools) -> _Kind:
        """What a thing is, by its inside, where strangers meet the object or what it set in motion."""
        on_strangers, on_tied = (float(mask[inside].mean()) for mask in (self.strangers, self.tied))
        if on_strangers >= ON_IT and on_strangers > on_tied:
            return "independent"
        return "tied" if (inside & self.passed).any() or self.was_at_rest(inside) else "independent"

    def is_mixed(self, part: Bools) -> bool:
        """Whether it meets strangers and the object, or what it set in motion, at once."""
        return bool((part & self.strangers).any() and (part & (self.passed | self.zone)).any())

    def was_at_rest(self, part: Bools) -> bool:
        return float(self.unlike_before()[part].mean()) < CHANGED


def _told(
    position: int, moving: Bools, grounds: _Grounds, survey: SurveyReader
) -> tuple[Bools, Bools, Bools]:
    """The movers of a frame as tied, independent, and what goes with the object from its own first frame on."""
    masks: dict[_Kind, Bools] = {kind: np.zeros_like(moving) for kind in ("tied", "independent", "companion")}
    unit = survey.proxy(position).unit
    count, labels = cv2.connectedComponents(moving.astype(np.uint8), connectivity=8)
    for part in (labels == label for label in range(1, count)):
        things = apart(part, own_motion(position, survey), unit) if grounds.is_mixed(part) else []
        for inside, thing in things:
            masks[grounds.kind_among_others(inside)] |= thing
        if not things:
            masks[grounds.kind(part)] |= part
    return masks["tied"], masks["independent"], masks["companion"]


def _grounds(
    position: int, found: Movers, remembered: _Memory, survey: SurveyReader, decode: Callable[[F32], F32]
) -> _Grounds:
    size, radius = survey.proxy(position).size, TOUCHING * survey.proxy(position).unit
    passed = np.zeros(size, bool)
    for contact in found.contacts:
        passed |= contact.swept_in(position)
    return _Grounds(
        grown(passed, radius),
        remembered.independent.near(size, radius),
        remembered.companion.near(size, radius),
        remembered.tied.near(size, radius),
        _contact_zone(position, survey),
        cache(lambda: _unlike_before(position, survey, decode)),
    )


def _contact_zone(position: int, survey: SurveyReader) -> Bools:
    """(h, w) bool: the object's guard, inside which nothing is seen moving, and what touches it; nothing where the
    object rests, which sets nothing in motion.
    """
    zone = np.zeros(survey.proxy(position).size, bool)
    if not moves(position, survey):
        return zone
    # Motion to the next frame is measured outside the guards of both.
    for frame in range(max(0, position - 1), min(len(survey.frames), position + 2)):
        proxy = survey.proxy(frame)
        thing = object_of(proxy)
        if thing.any():
            _, labels = cv2.connectedComponents(proxy.where(GUARD).astype(np.uint8), connectivity=8)
            zone |= np.isin(labels, np.setdiff1d(labels[thing], [0]))
    return grown(zone, max(HIDDEN * survey.proxy(position).unit, HIDDEN_PIXELS))


def _unlike_before(position: int, survey: SurveyReader, decode: Callable[[F32], F32]) -> Bools:
    """(h, w) bool: where a frame differs from the frames before, or it is not known whether it does."""
    proxy = survey.proxy(position)
    height, width = proxy.size
    before = median_background(position, (0, 0, width, height), survey, directions=(-1,))
    known = (before.votes >= LEAST_BEFORE) & ~proxy.where(HOLE)
    curve = DisplayCurve(decode, proxy.picture, ~proxy.where(HOLE))
    differs, _ = unlike(curve(proxy.picture.astype(np.float32)), curve(before.picture), known, proxy.unit)
    return differs | ~known


def _sweep(position: int, tied: Bools, found: Movers, survey: SurveyReader) -> None:
    last = found.contacts[-1] if found.contacts else None
    full = len(found.contacts) == MOST_CONTACTS
    new = tied.copy()
    for contact in found.contacts:
        reached = grown(contact.swept_in(position), TOUCHING * survey.proxy(position).unit)
        _, labels = cv2.connectedComponents(tied.astype(np.uint8), connectivity=8)
        own = tied & np.isin(labels, np.setdiff1d(labels[reached & tied], [0]))
        if contact is last and (full or position - contact.frame < SAME_CONTACT):
            own |= new
        if own.any():
            contact.sweep(position, own)
        new &= ~own
    if new.any():
        contact = _contact(position, survey)
        contact.sweep(position, new)
        found.contacts.append(contact)


def _contact(position: int, survey: SurveyReader) -> Contact:
    proxy = survey.proxy(position)
    height, width = proxy.size
    before = median_background(position, (0, 0, width, height), survey, directions=(-1,))
    return Contact(
        position,
        np.rint(before.picture).astype(np.uint8),
        np.asarray(before.votes >= LEAST_BEFORE),
        np.full(proxy.size, NEVER, np.int32),
        [np.ascontiguousarray(pixel_grid(proxy.size)[::COARSE, ::COARSE])],
    )


def _carried_places(places: F32, back: FlowField) -> F32:
    """Where every fourth pixel of a frame lies at the contact, from the same of the frame before it."""
    height, width = back.valid.shape
    grid = np.ascontiguousarray(pixel_grid(back.valid.shape)[::COARSE, ::COARSE])
    residual = back.residual[::COARSE, ::COARSE].astype(np.float32)
    arrived = apply(back.matrix, grid + residual)
    outside = (arrived < 0).any(-1) | (arrived[..., 0] > width - 1) | (arrived[..., 1] > height - 1)
    followed = sample_vectors(places, (arrived / COARSE).astype(np.float32))
    followed[outside] = NOWHERE
    return followed
