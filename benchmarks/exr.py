# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.exr`: our plate read and result write against OpenImageIO used directly.

Ours does more: it parses the header itself and refuses what is hostile before anything is decoded; it keeps every
attribute of the source, writes whole or not at all, and syncs. The table says what that costs, in processor time of one
thread, which other work on the machine disturbs little.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from benchmarks.generated_shot import GeneratedShot
from benchmarks.machine import add_common_options, heading, keep, table, working_folder
from void_server.plates.encode import LINES_PER_CHUNK
from void_server.plates.plate import Plate, read_plate
from void_server.plates.result import write_result

CODECS = ("zips", "zip", "piz", "none")
THREADS = 1
"""As in a worker: units are the parallelism."""

ATTRIBUTES: dict[str, str | int | float] = {"void/engine": "benchmark"}

LAYER = ("void_mask.red", "void_mask.green", "void_mask.blue", "void_mask.alpha")


def main(arguments: list[str] | None = None) -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exr",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds (default: %(default)s)")
    parser.add_argument("--size", default="3840x2160", metavar="WxH", help="size (default: %(default)s)")
    add_common_options(parser)
    options = parser.parse_args(arguments)
    width, height = (int(side) for side in options.size.split("x"))
    oiio.attribute("threads", THREADS)
    oiio.attribute("exr_threads", THREADS)
    shot = GeneratedShot(width, height)
    lines = heading(
        f"exr: {width}x{height} half RGB, texture with grain; {THREADS} thread; median of {options.rounds} rounds"
    )
    with working_folder(options.folder) as folder:
        lines += ["plate read: R, G, B into one array (OpenImageIO: ImageInput.read_image of all channels)"]
        lines += _reads(shot, folder, options.rounds)
        lines += [
            "",
            "result write: R, G, B and four channels of void_mask, whole and synced",
        ]
        lines += _writes(shot, folder, options.rounds)
    keep("exr", lines, options.results)
    return 0


def _reads(shot: GeneratedShot, folder: Path, rounds: int) -> list[str]:
    rows = []
    for codec in CODECS:
        path = folder / f"plate_{codec}.exr"
        shot.write_plate(path, 0, codec)
        direct, ours = _alternating(lambda p=path: _read_direct(p), lambda p=path: read_plate(p), rounds)  # type: ignore[misc]
        rows.append(
            [
                codec,
                f"{path.stat().st_size / 1e6:.1f}",
                f"{direct * 1e3:.0f}",
                f"{ours * 1e3:.0f}",
                f"{ours / direct:.2f}",
            ]
        )
    return table(["codec", "file MB", "OpenImageIO ms", "ours ms", "ours / OpenImageIO"], rows)


def _writes(shot: GeneratedShot, folder: Path, rounds: int) -> list[str]:
    plate = read_plate(folder / "plate_zips.exr")
    layer = _mask(plate)
    rows = []
    for name, colour in _pictures(plate.colour).items():
        samples = np.concatenate([colour, *(layer[channel][..., None] for channel in LAYER)], axis=-1)
        for codec in LINES_PER_CHUNK if name == GRAIN else ("zips", "zip"):
            direct_path, our_path = folder / "direct.exr", folder / "ours.exr"
            direct, ours = _alternating(
                lambda c=codec, p=direct_path, s=samples: _write_direct(p, s, c),  # type: ignore[misc]
                lambda c=codec, p=our_path, s=colour: write_result(  # type: ignore[misc]
                    p, plate, s, layer, compression=c, attributes=ATTRIBUTES
                ),
                rounds,
            )
            sizes = [path.stat().st_size / 1e6 for path in (direct_path, our_path)]
            rows.append(
                [
                    *(name, codec, f"{direct * 1e3:.0f}", f"{ours * 1e3:.0f}", f"{ours / direct:.2f}"),
                    *(f"{size:.1f}" for size in sizes),
                    f"{sizes[1] / sizes[0]:.2f}",
                ]
            )
    columns = ["picture", "codec", "OpenImageIO ms", "ours ms", "ours / OpenImageIO"]
    return table([*columns, "OpenImageIO MB", "ours MB", "ours / OpenImageIO"], rows)


GRAIN = "with grain"


def _pictures(grained: npt.NDArray[np.float16]) -> dict[str, npt.NDArray[np.float16]]:
    """(h, w, 3) scene-linear pictures of one size that compress unlike each other."""
    height, width = grained.shape[:2]
    ramp = np.linspace(0, 1, width, dtype=np.float32) + np.linspace(0, 1, height, dtype=np.float32)[:, None]
    smooth = np.stack([ramp, ramp**2, 0.5 * ramp], axis=-1)
    smooth[:, width // 3 : 2 * width // 3] = 0.18
    across = -(-height // TILE), -(-width // TILE), 1
    return {
        GRAIN: grained,
        "with grain, of 8 bits": (np.round(grained.astype(np.float32) * 255) / 255).astype(np.float16),
        "smooth, a third flat": smooth.astype(np.float16),
        "a tile of noise": np.tile(grained[:TILE, :TILE], across)[:height, :width],
    }


TILE = 64
"""Side in pixels of noise that is repeated exactly: what a search for equal strings is made for."""


def _mask(plate: Plate) -> dict[str, npt.NDArray[Any]]:
    height, width = plate.colour.shape[:2]
    mask = np.zeros((height, width), np.float16)
    mask[height // 3 : height // 2, width // 3 : width // 2] = 1
    return dict.fromkeys(LAYER, mask)


def _read_direct(path: Path) -> npt.NDArray[Any]:
    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise OSError(oiio.geterror())
    samples = source.read_image(0, 0, 0, source.spec().nchannels, oiio.HALF)
    source.close()
    if samples is None:
        raise OSError(source.geterror())
    return np.asarray(samples)


def _write_direct(path: Path, samples: npt.NDArray[Any], codec: str) -> None:
    spec = oiio.ImageSpec(samples.shape[1], samples.shape[0], samples.shape[2], oiio.HALF)
    spec.channelnames = ("R", "G", "B", *LAYER)
    spec.attribute("compression", codec)
    output = oiio.ImageOutput.create(str(path))
    if output is None:
        raise OSError(oiio.geterror())
    if not output.open(str(path), spec) or not output.write_image(samples):
        raise OSError(output.geterror())
    output.close()


def _alternating(
    direct: Callable[[], object], ours: Callable[[], object], rounds: int
) -> tuple[float, float]:
    """Median processor seconds of both, taken in turn; the first of each is not counted."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for times, work in zip(taken, (direct, ours), strict=True):
            began = time.process_time()
            work()
            if number:
                times.append(time.process_time() - began)
    return statistics.median(taken[0]), statistics.median(taken[1])


if __name__ == "__main__":
    raise SystemExit(main())
