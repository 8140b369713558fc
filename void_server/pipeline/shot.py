# SPDX-License-Identifier: Apache-2.0
"""A stored shot as the engine reads it: frames decoded on demand, in linear light, on the common window, cached."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from void_server.engines.cleanplate import Anchoring, PairMotion, ProxyFrame, span_start
from void_server.errors import VoidError
from void_server.frames.blocks import Blocks
from void_server.pipeline.arrays import load_arrays
from void_server.pipeline.decoded import load_matte
from void_server.pipeline.manifest import CleanPlateRef, FrameRef, MatteRef, ShotManifest
from void_server.pipeline.opened_source import OpenedSource
from void_server.pipeline.sources import Sources
from void_server.plates.colour import ColourSpace
from void_server.plates.header import read_header
from void_server.plates.matte import read_matte, read_quadmask
from void_server.plates.plate import Planes, Plate, read_plate
from void_server.plates.window import Window, place
from void_server.quadmask.regions import Quadmask
from void_server.reasoners.motion import Movers, proposed_matte

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
T = TypeVar("T")

CACHE_BYTES = 1 << 30
"""Decoded frames and analysis that one worker keeps at most."""


class ByteCache:
    """Keeps what was used last, up to a number of bytes."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._limit = limit
        self._bytes = 0
        self._items: OrderedDict[tuple[Any, ...], tuple[Any, int]] = OrderedDict()

    def get(self, key: tuple[Any, ...], make: Callable[[], T], size: Callable[[T], int]) -> T:
        """The kept value, or a new one."""
        if key in self._items:
            self._items.move_to_end(key)
            kept: T = self._items[key][0]
            return kept
        value = make()
        self._items[key] = (value, size(value))
        self._bytes += size(value)
        while self._bytes > self._limit and len(self._items) > 1:
            _, (_, freed) = self._items.popitem(last=False)
            self._bytes -= freed
        return value

    def clear(self) -> None:
        """Keep nothing."""
        self._items.clear()
        self._bytes = 0


class StoredShot:
    """One shot of the frame store; implements the engine's `ShotReader` and, of a survey, the reasoner's."""

    def __init__(
        self, manifest: ShotManifest, sources: Sources, colour: ColourSpace, cache: ByteCache
    ) -> None:
        self.manifest = manifest
        self.window = manifest.work_window()
        self._sources = sources
        self._blobs = sources.blobs
        self.colour = colour
        self._cache = cache

    @property
    def frames(self) -> Sequence[int]:
        """Positions 0..n-1."""
        return range(len(self.manifest.frames))

    def proxy(self, position: int) -> ProxyFrame:
        """The stored analysis picture of a frame."""
        digest = self.manifest.frames[position].proxy
        return self._cache.get(
            ("proxy", digest),
            lambda: ProxyFrame.from_arrays(load_arrays(self._blobs, digest)),
            lambda p: sum(a.nbytes for a in p.to_arrays().values()),
        )

    def motion(self, position: int) -> PairMotion:
        """The stored motion between a frame and the next: settled, once it is."""
        digest = self.manifest.frames[position].motion
        return self._cache.get(
            ("motion", digest),
            lambda: PairMotion.from_arrays(load_arrays(self._blobs, digest)),
            lambda m: sum(a.nbytes for a in m.to_arrays().values()),
        )

    def correction(self, position: int) -> F64:
        """(3, 3): what the anchor of its span gives the motion between a frame and the next; identity without one."""
        digest = self.manifest.frames[position].anchoring
        if not digest:
            return np.eye(3)
        found = self._cache.get(
            ("anchoring", digest),
            lambda: Anchoring.from_arrays(load_arrays(self._blobs, digest)),
            lambda a: a.corrections.nbytes,
        )
        return np.asarray(found.corrections[position - span_start(position)], np.float64)

    def plate(self, position: int) -> F32:
        """(H, W, 3) float32 scene-linear on the common window; NaN where the frame has no samples."""
        frame = self.manifest.frames[position]
        key = ("plate", frame.plate, self.manifest.window, self.manifest.view, self.manifest.colour)
        return self._cache.get(key, lambda: self._linear(frame), lambda a: a.nbytes)

    def clean_plate(self, position: int) -> F32 | None:
        """The artist's frame without the object, as `plate`, read in the plate's colour space; None where none was
        given. Its data window is its own: NaN where it has no samples.
        """
        clean = self.manifest.frames[position].clean_plate
        if clean is None:
            return None
        key = ("clean_plate", clean.digest, self.manifest.window, self.manifest.view, self.manifest.colour)
        return self._cache.get(key, lambda: self._linear(clean), lambda a: a.nbytes)

    def source(self, position: int) -> Plate:
        """The plate as stored, after its bytes were hashed again.

        Raises:
            NotFound, DataLoss: the blob is gone or corrupt.
            SourceChanged: the file on shared storage is not what it was.
        """
        frame = self.manifest.frames[position]
        with self._reading(frame, verified=True) as path:
            return read_plate(path, self.manifest.view)

    def planes(self, position: int) -> Planes:
        """As `source`, channel after channel."""
        with self.reading_source(position) as opened:
            return opened.planes()

    @contextmanager
    def reading_source(self, position: int, known: Blocks | None = None) -> Iterator[OpenedSource]:
        """The plate as stored, to read all of it or some lines; raises as `source`.

        Args:
            known: what was found of it before, so that only what is read is looked at again; else, and where that was
                another file with the same pixels, all is hashed.
        """
        frame, view = self.manifest.frames[position], self.manifest.view
        if known is None or known.digest != frame.plate:
            with self._reading(frame, verified=True) as path:
                yield OpenedSource(path, frame.plate, view)
            return
        with (
            _called(frame.name),
            self._sources.part(frame.plate, frame.rooted, known) as part,
            naming(frame.name, str(part.path)),
        ):
            yield OpenedSource(part.path, frame.plate, view, part)

    def quadmask(self, position: int, window: Window) -> Quadmask:
        """What to remove and what is affected over `window`, drawn or proposed; 0 where nothing is."""
        drawn = self.drawn(position, window)
        if effects := self.manifest.frames[position].effects:
            drawn = self._with_effects(drawn, effects, window)
        proposal = self.manifest.frames[position].proposal
        if not proposal:
            return drawn
        # It overlaps the object's rim, so that no gap is left between the two.
        proposed = np.minimum(self._proposed(proposal, window), 1 - drawn.remove)
        return Quadmask(drawn.remove, np.maximum(drawn.affected, proposed))

    def marked(self, position: int) -> Window:
        """A window outside which the quadmask of a frame is 0, from what is stored of it alone."""
        frame = self.manifest.frames[position]
        found = [self.window] if frame.proposal else []
        for ref in frame.mattes.values():
            if ref.decoded:
                stored = load_arrays(self._blobs, ref.decoded)
                found += [_at(stored[n], stored[f"{n}.at"], 0, 0) for n in stored if f"{n}.at" in stored]
            else:
                with self._reading(ref) as path:
                    found += [part.data_window for part in read_header(path).parts]
        if frame.segmented:
            stored = load_arrays(self._blobs, frame.segmented)
            found.append(_at(stored["values"], stored["at"], self.window.x, self.window.y))
        if frame.effects:
            stored = load_arrays(self._blobs, frame.effects)
            found += [
                _at(stored[n], stored[f"{n}_at"], self.window.x, self.window.y)
                for n in ("remove", "affected")
            ]
        return functools.reduce(Window.union, found, Window(self.window.x, self.window.y, 0, 0))

    def drawn(self, position: int, window: Window) -> Quadmask:
        """The mattes of what to remove and what is affected as the artist drew them, or as a segmenter made them; 0
        where there are none.
        """
        mattes = self.manifest.frames[position].mattes
        remove = np.zeros(window.shape, np.float32)
        affected = np.zeros(window.shape, np.float32)
        if "remove" in mattes:
            remove = np.maximum(remove, self._matte(mattes["remove"], window))
        if segmented := self.manifest.frames[position].segmented:
            remove = np.maximum(remove, self._segmented(segmented, window))
        if "affected" in mattes:
            affected = np.maximum(affected, self._matte(mattes["affected"], window))
        if "quadmask" in mattes:
            painted = self._painted(mattes["quadmask"], window)
            remove, affected = np.maximum(remove, painted[0]), np.maximum(affected, painted[1])
        return Quadmask(remove, affected)

    def stroke(self, position: int) -> Bools | None:
        """(h, w) bool at the survey's resolution: what the artist drew as affected; None where nothing is drawn."""
        digest = self.manifest.frames[position].stroke
        if not digest:
            return None

        def load() -> Bools:
            return np.asarray(load_arrays(self._blobs, digest)["stroke"] != 0)

        return self._cache.get(("stroke", digest), load, lambda a: a.nbytes)

    def movers(self) -> Movers | None:
        """What moves on its own in the shot; None where nothing does, and before the reasoner has told."""
        digest = self.manifest.movers
        if not digest:
            return None
        return self._cache.get(
            ("movers", digest),
            lambda: Movers.from_arrays(load_arrays(self._blobs, digest)),
            lambda m: sum(a.nbytes for a in m.to_arrays().values()),
        )

    def keep(self, position: int, window: Window) -> F32:
        """The protection matte over `window`; 0 where none was given."""
        mattes = self.manifest.frames[position].mattes
        if "keep" not in mattes:
            return np.zeros(window.shape, np.float32)
        return self._matte(mattes["keep"], window)

    def to_linear(self, samples: npt.NDArray[Any]) -> F32:
        """Samples of the plate's own type and space as scene-linear float32."""
        return self.colour.to_linear(samples.astype(np.float32))

    def to_plate_space(self, linear: F32) -> F32:
        """Scene-linear colour back in the plate's own space."""
        return self.colour.from_linear(linear)

    @contextmanager
    def _reading(self, ref: FrameRef | MatteRef | CleanPlateRef, *, verified: bool = False) -> Iterator[Path]:
        """A path that reads one input file; errors name it as the user does."""
        digest = ref.plate if isinstance(ref, FrameRef) else ref.digest
        with (
            _called(ref.name),
            self._sources.reading(digest, ref.rooted, verified=verified) as path,
            naming(ref.name, str(path)),
        ):
            yield path

    def _linear(self, ref: FrameRef | CleanPlateRef) -> F32:
        with self._reading(ref) as path:
            plate = read_plate(path, self.manifest.view)
        linear = self.to_linear(plate.colour)
        if linear.shape[2] == 1:
            linear = np.repeat(linear, 3, axis=2)
        if plate.data_window == self.window:
            return linear
        placed = np.full((*self.window.shape, 3), np.nan, np.float32)
        shared = plate.data_window.intersect(self.window)
        placed[self.window.slices(shared)] = linear[plate.data_window.slices(shared)]
        return placed

    def _matte(self, ref: MatteRef, window: Window) -> F32:
        if ref.decoded:
            return self._decoded(ref, "matte", window)
        with self._reading(ref) as path:
            return read_matte(path, ref.channel, self.manifest.view).on(window)

    def _decoded(self, ref: MatteRef, name: str, window: Window) -> F32:
        placed = place(*load_matte(self._blobs, ref.decoded, name), window)
        return np.asarray(placed, np.float32)

    def _proposed(self, digest: str, window: Window) -> F32:
        """The reasoner's proposal over `window`."""
        affected = load_arrays(self._blobs, digest)["affected"] != 0
        matte = proposed_matte(affected, self.window.shape)
        placed: F32 = place(matte, self.window, window).astype(np.float32, copy=False)
        return placed

    def _segmented(self, digest: str, window: Window) -> F32:
        """A segmenter's matte over `window`."""
        stored = load_arrays(self._blobs, digest)
        return self._placed(stored["values"], stored["at"], window)

    def _with_effects(self, drawn: Quadmask, digest: str, window: Window) -> Quadmask:
        """What is drawn, with what a model says is affected, and is to be removed along with the object."""
        stored = load_arrays(self._blobs, digest)
        remove = np.maximum(drawn.remove, self._placed(stored["remove"], stored["remove_at"], window))
        affected = self._placed(stored["affected"], stored["affected_at"], window)
        return Quadmask(remove, np.maximum(drawn.affected, np.minimum(affected, 1 - remove)))

    def _placed(self, values: npt.NDArray[Any], at: npt.NDArray[Any], window: Window) -> F32:
        """Part of a matte over the common window, brought over `window`."""
        height, width = values.shape
        around = Window(self.window.x + int(at[0]), self.window.y + int(at[1]), width, height)
        placed = place(values.astype(np.float32), around, window)
        return np.asarray(placed, np.float32)

    def _painted(self, ref: MatteRef, window: Window) -> tuple[F32, F32]:
        """What to remove, and what is affected."""
        if ref.decoded:
            return self._decoded(ref, "remove", window), self._decoded(ref, "affected", window)
        with self._reading(ref) as path:
            remove, affected = read_quadmask(path, self.manifest.view)
        return remove.on(window), affected.on(window)


def _at(values: npt.NDArray[Any], at: npt.NDArray[Any], x: int, y: int) -> Window:
    """Where (h, w) values lie whose corner is at (x, y) of an origin."""
    return Window(x + int(at[0]), y + int(at[1]), values.shape[1], values.shape[0])


@contextmanager
def _called(name: str) -> Iterator[None]:
    """Errors of reading a file name it as the user does."""
    try:
        yield
    except VoidError as error:
        error.file = name
        raise


class naming:  # noqa: N801 - reads as a phrase in a with statement
    """Errors about a blob name the user's file instead."""

    def __init__(self, name: str, path: str) -> None:
        self._name = name
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, VoidError):
            error.message = error.message.replace(self._path, self._name)
            error.fix = error.fix.replace(self._path, self._name)
            error.file = self._name
