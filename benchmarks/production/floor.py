# SPDX-License-Identifier: Apache-2.0
"""The floor: OpenImageIO alone reads every source frame and writes the layers of every result, with as many processes
as the server has workers, one thread each, the same codec and the result's own samples. Syncing is timed apart.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio


@dataclass(frozen=True)
class Floor:
    """Seconds, of wall time where nothing else is said.

    Attributes:
        read, write: processor time, summed over the processes.
        seconds: from the first frame to the last.
        sync: of all written files, one after the other.
    """

    read: float
    write: float
    seconds: float
    sync: float


def floor(sources: list[Path], results: list[Path], folder: Path, workers: int) -> Floor:
    """Measure it.

    Args:
        sources: plate frames.
        results: as the product wrote them, of the same frames: their channels are what is written.
        folder: where to write; what is written there is removed.
    """
    targets = [folder / f"floor.{i:05d}.exr" for i in range(len(results))]
    # Not forked: the library's threads do not survive that, and a child would wait for them.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, fresh, _one_thread) as pool:
        list(pool.map(_warm, range(workers)))
        began = time.perf_counter()
        taken = list(pool.map(_frame, sources, results, targets))
        seconds = time.perf_counter() - began
    began = time.perf_counter()
    for target in targets:
        with target.open("rb") as file:
            os.fsync(file.fileno())
    sync = time.perf_counter() - began
    for target in targets:
        target.unlink()
    # What the processes took to read the results, which are only the samples to be written, does not count.
    looked = sum(t[2] for t in taken) / workers
    return Floor(sum(t[0] for t in taken), sum(t[1] for t in taken), seconds - looked, sync)


def _one_thread() -> None:
    oiio.attribute("threads", 1)
    oiio.attribute("exr_threads", 1)


def _warm(_: int) -> None:
    time.sleep(0.2)


def _samples(path: Path) -> tuple[np.ndarray, oiio.ImageSpec]:
    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise OSError(oiio.geterror())
    spec = source.spec()
    samples = source.read_image(0, 0, 0, spec.nchannels, spec.format)
    source.close()
    if samples is None:
        raise OSError(source.geterror())
    return np.asarray(samples), spec


def _frame(source: Path, result: Path, target: Path) -> tuple[float, float, float]:
    """Processor seconds of reading the source and of writing the result's samples; wall seconds of reading those."""
    began_at = time.process_time()
    _samples(source)
    read = time.process_time() - began_at
    began = time.perf_counter()
    samples, theirs = _samples(result)
    looked = time.perf_counter() - began
    spec = oiio.ImageSpec(theirs.width, theirs.height, theirs.nchannels, theirs.format)
    spec.channelnames = theirs.channelnames
    spec.attribute("compression", theirs.get_string_attribute("compression", "zips"))
    began_at = time.process_time()
    output = oiio.ImageOutput.create("exr")
    if output is None:
        raise OSError(oiio.geterror())
    if not output.open(str(target), spec) or not output.write_image(samples) or not output.close():
        raise OSError(output.geterror())
    return read, time.process_time() - began_at, looked
