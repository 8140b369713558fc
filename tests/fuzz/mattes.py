# SPDX-License-Identifier: Apache-2.0
"""Hostile mattes and quadmasks for an order, made from numbers: files that are whole, and hold what no artist draws."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import grpc
import numpy as np
import numpy.typing as npt
from void.v1 import jobs_pb2, types_pb2

from tests.fuzz.oracle import Broken, check_status
from tests.fuzz.target import Target
from tests.server.calls import set_sequence, spec_of
from tests.small_shot import write_exr
from void_server.plates.exr import read_channels

OWN_FAULT = frozenset({"internal", "worker_crashed", "out_of_memory"})
"""Codes of a job's problems that no input can bring about."""
SIZE = (24, 32)
ROLES = ("remove", "affected", "keep", "quadmask")
ODD = (np.nan, np.inf, -np.inf, -1.0, -0.0, 2.0, 1e-45, 1e-3, 0.5, 1 - 2**-11, 65504.0, 3.4e38)
CHANNELS: tuple[tuple[str, ...], ...] = (
    *(("A",), ("R",), ("void_mask.red", "void_mask.green"), ("R", "G", "B", "A"), ("a.b.c",), ("Z",)),
    *(("red", "R"), ("é",), ("A", "a.A"), ("void_mask.red",), ("G", "B")),
)
OPTIONS = (
    *(("grow", "100"), ("grow", "0"), ("feather", "0"), ("feather", "64"), ("affected_grid", "on")),
    *(("detail", "guided"), ("grain", "off"), ("region", "whole"), ("replace", "region"), ("layers", "keep")),
    *(("first_unaffected", "off"), ("matte_files", "keys"), ("passes", "all"), ("compression", "none")),
)


def hostile_matte(rng: random.Random, folder: Path, frame: int) -> Path:
    """A whole EXR file with odd samples, windows, channels, or aspect."""
    shape = rng.choice((SIZE, SIZE, SIZE, (1, 1), (1, 32), (24, 1), (48, 64), (23, 31)))
    channels = rng.choice((CHANNELS[0], CHANNELS[0], CHANNELS[2], CHANNELS[3], rng.choice(CHANNELS)))
    kind = rng.choice((np.float16, np.float32, np.float32, np.uint32))
    layers = [_samples(rng, shape) for _ in channels]
    with np.errstate(all="ignore"):
        pixels = np.stack(layers, -1).astype(kind)
    at = rng.choice(((0, 0), (0, 0), (0, 0), (-5, 3), (31, 23), (32, 24), (-1000, 0), (2**28, 2**28)))
    more = {"PixelAspectRatio": rng.choice((2.0, 0.5, 1000.0))} if rng.random() < 0.1 else {}
    display = SIZE if rng.random() < 0.9 else (rng.choice((1, 24, 4000)), 32)
    return write_exr(folder / f"matte.{frame:04d}.exr", pixels, channels, origin=at, display=display, **more)


def _samples(rng: random.Random, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """One channel: all of one value, a block, noise, with odd values in some samples."""
    noise = np.random.default_rng(rng.randrange(2**32))
    values = np.full(shape, rng.choice((0.0, 0.0, 1.0, rng.choice(ODD))), np.float32)
    if rng.random() < 0.7:
        top, left = rng.randrange(shape[0]), rng.randrange(shape[1])
        values[top : top + rng.choice((1, 9, 40)), left : left + rng.choice((1, 9, 40))] = rng.choice(
            (1.0, *ODD)
        )
    if rng.random() < 0.3:
        values = np.asarray(noise.random(shape), np.float32)
    if rng.random() < 0.4:
        values[noise.random(shape) < rng.choice((0.01, 0.5))] = rng.choice(ODD)
    return values


class HostileMattes:
    """Orders with hostile mattes on a real server.

    Attributes:
        ended: how many orders ended in which way: `done`, or the codes of their problems.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self.ended: Counter[str] = Counter()

    def run(self, numbers: Iterable[int]) -> None:
        """Order each of these numbers.

        Raises:
            Broken: one ended as a defect, or as done with a sample changed outside of the blend matte.
        """
        for number in numbers:
            with tempfile.TemporaryDirectory() as folder:
                self._order(number, Path(folder))

    def _order(self, number: int, folder: Path) -> None:
        rng, target = random.Random(number), self._target
        spec = spec_of(target.shot, f"/mattes/{number}")
        for role in rng.sample(ROLES, rng.choice((1, 1, 2))):
            files = {
                frame: hostile_matte(rng, folder / role, frame)
                for frame in target.shot.files("plate")
                if rng.random() < 0.95
            }
            target.artist.upload_files(files.values())
            set_sequence(spec, role, files)
            if role == "quadmask":
                for other in ("remove", "affected"):
                    spec.shot.ClearField(other)
        for name, value in rng.sample(OPTIONS, rng.choice((0, 0, 1, 2))):
            spec.settings.options[name] = value
        self._check(number, spec, folder)

    def _check(self, number: int, spec: jobs_pb2.JobSpec, folder: Path) -> None:
        try:
            job = self._target.artist.run(spec)
        except grpc.RpcError as error:
            check_status(error.code(), f"order {number}")
            self.ended[error.code().name.lower()] += 1
            return
        if faults := [p for p in job.problems if p.code in OWN_FAULT]:
            raise Broken(f"order {number} ended with {faults}")
        if job.state == jobs_pb2.JOB_STATE_DONE:
            self.ended["done"] += 1
            self._check_outside(number, job, folder)
        else:
            errors = {p.code for p in job.problems if p.severity == types_pb2.SEVERITY_ERROR}
            self.ended[" and ".join(sorted(errors))] += 1

    def _check_outside(self, number: int, job: jobs_pb2.Job, folder: Path) -> None:
        """Where the blend matte is 0 each result has the plate's bits."""
        for output in job.outputs:
            if output.kind != jobs_pb2.OUTPUT_KIND_RESULT:
                continue
            path = folder / f"result.{output.frame}.exr"
            path.write_bytes(self._target.artist.download(output.blob.digest))
            result = read_channels(path, 0, [*"RGB", "void_mask.alpha"])
            plate = read_channels(self._target.shot.files("plate")[output.frame], 0, list("RGB"))
            outside = result["void_mask.alpha"] == 0
            for name in "RGB":
                if (result[name].view(np.uint16) != plate[name].view(np.uint16))[outside].any():
                    raise Broken(
                        f"order {number} changed {name} of frame {output.frame} outside of the blend matte"
                    )
