# SPDX-License-Identifier: Apache-2.0
"""`--official`: the official pipeline and ours, one after the other, with the same weights, noise and embeddings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.machine import table, working_folder
from benchmarks.void_engine.architecture import Architecture
from benchmarks.void_engine.checkpoint import check_space, made_inputs, write_checkpoint
from benchmarks.void_engine.stopwatch import Request
from void_server.engines.void.settings import VoidSettings
from void_server.errors import InvalidInput

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = Path("videox_fun") / "pipeline" / "pipeline_cogvideox_fun_inpaint.py"
CLONE = "git clone https://github.com/Netflix/void-model"
LAST_LINES = 8
"""Of what a driver said before it failed."""
OUR_PYTHON = sys.executable

ROWS = {
    "encode": "encode, clip and mask",
    "step": "step",
    "decode": "decode",
    "clip": "clip, the second",
    "first": "clip, the first",
    "process": "process to its first latents",
}
TEXT = [
    "Both have the same random weights, clip, mask, noise and embeddings. T5 is left out of both.",
    "Each side is a process of its own; files are in the page cache. A step is the median of all but the first. The",
    "process is from its start, with imports and loading, to the latents of its first clip. The official code runs as",
    "with model_full_load; the file of its base transformer is the overlay, which it so reads twice.",
]


@dataclass(frozen=True)
class Side:
    """What a driver answered.

    Attributes:
        seconds: of each of `ROWS`.
        peak: bytes of GPU memory, or None on a processor.
        versions: of Python and packages.
    """

    seconds: dict[str, float]
    peak: int | None
    versions: str


@dataclass(frozen=True)
class Equality:
    """How far the results are apart: rel-rms of the final latents, greatest difference of the frames (0..1)."""

    latents: float
    frames: float


def compared(
    checkout: Path,
    python: str,
    architecture: Architecture,
    size: tuple[int, int, int],
    request: Request,
    scratch: Path | None,
) -> list[str]:
    """Runs both, and returns the table's lines.

    Args:
        checkout: of Netflix/void-model.
        python: that has what the checkout needs.
        architecture: of both.
        size: frames (8k + 5), height and width (multiples of 16).
        request: device, dtype, steps, threads.
        scratch: where to write the weights; None is the system's temporary folder.

    Raises:
        InvalidInput: something is missing, or a side failed.
    """
    frames, height, width = size
    VoidSettings("official", height=height, width=width)
    if frames % 8 != 5:
        raise InvalidInput(f"{frames} frames are not 8k + 5.", fix="Use 13, 21, 29 … 85 … 197.")
    if request.steps < 2:
        raise InvalidInput(
            f"steps is {request.steps}.", fix="Use at least 2: the first is left out of the median."
        )
    check_checkout(checkout, python)
    with working_folder(scratch) as folder:
        dtype = getattr(torch, request.dtype)
        check_space(architecture, folder, dtype, frames * height * width)
        write_checkpoint(architecture, folder, dtype)
        made_inputs(architecture, frames, height, width).write(folder)
        request.write(folder)
        official = ran("official", folder, python, checkout)
        ours = ran("ours", folder, OUR_PYTHON)
        return lines(official, ours, equality(folder), commit_of(checkout))


def check_checkout(checkout: Path, python: str) -> None:
    """That the folder is a checkout and that Python can import it; also leaves the imports in the page cache.

    Raises:
        InvalidInput: it is not, or it cannot.
    """
    if not (checkout / PIPELINE).is_file():
        raise InvalidInput(
            f"{checkout} is no checkout of Netflix/void-model: it has no {PIPELINE}.", fix=f"Run: {CLONE}"
        )
    _run(python, "official", [], checkout, checkout)


def ran(name: str, folder: Path, python: str, checkout: Path | None = None) -> Side:
    """Runs a driver, `ours` or `official`.

    Args:
        name: of the driver.
        folder: with request, inputs and checkpoint.
        python: to run it.
        checkout: that PYTHONPATH is to have.

    Raises:
        InvalidInput: it failed; with the last lines that it said.
    """
    _run(python, name, [str(folder), repr(time.time())], folder, checkout)
    return Side(**json.loads((folder / f"{name}.json").read_text()))


def equality(folder: Path) -> Equality:
    """Compares what both have written."""
    found, wanted = (load_file(folder / f"{name}.safetensors")["latents"] for name in ("ours", "official"))
    shown, meant = (
        load_file(folder / f"{name}.frames.safetensors")["frames"] for name in ("ours", "official")
    )
    if found.shape != wanted.shape or shown.shape != meant.shape:
        raise InvalidInput(
            f"Ours has latents {tuple(found.shape)} and frames {tuple(shown.shape)}, the official code"
            f" {tuple(wanted.shape)} and {tuple(meant.shape)}.",
            fix="Is it a checkout of 66e9c0e?",
        )
    return Equality(_rel_rms(found, wanted), float((shown - meant).abs().max()))


def lines(official: Side, ours: Side, equal: Equality, commit: str) -> list[str]:
    """The table and what is to be known about it."""
    rows = [
        [
            f"{shown}, s",
            f"{official.seconds[row]:.3f}",
            f"{ours.seconds[row]:.3f}",
            f"{ours.seconds[row] / official.seconds[row]:.2f}",
        ]
        for row, shown in ROWS.items()
    ]
    if official.peak is not None and ours.peak is not None:
        peaks = (f"{peak / 2**30:.2f}" for peak in (official.peak, ours.peak))
        rows.append(["peak GPU memory, GiB", *peaks, f"{ours.peak / official.peak:.2f}"])
    return [
        f"official {commit}: {official.versions}",
        f"ours: {ours.versions}",
        "",
        *table(["", "official", "ours", "ours / official"], rows),
        "",
        f"final latents, ours against official: rel-rms {equal.latents:.2g} (wanted: at most 0.01);"
        f" frames: greatest difference {equal.frames:.2g} of 1",
        "",
        *TEXT,
    ]


def commit_of(checkout: Path) -> str:
    """The checkout's commit, shortened, or "of unknown commit"."""
    try:
        found = subprocess.run(
            ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"], capture_output=True, text=True
        )
    except OSError:
        return "of unknown commit"
    return found.stdout.strip() if found.returncode == 0 else "of unknown commit"


def _run(python: str, name: str, arguments: list[str], folder: Path, checkout: Path | None) -> None:
    paths = [*([str(checkout.resolve())] if checkout else []), str(ROOT)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    # Neither resolved, which would leave a virtual environment, nor relative, as the working folder is another.
    program = Path(shutil.which(python) or python).absolute()
    command = [str(program), "-m", f"benchmarks.void_engine.{name}", *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        raise InvalidInput(
            f"{python} cannot be run: {error}.", fix="Name a Python: --official-python."
        ) from None
    if done.returncode != 0:
        raise _failure(name, python, done)


def _failure(name: str, python: str, done: subprocess.CompletedProcess[str]) -> InvalidInput:
    last = "\n  ".join(done.stderr.strip().splitlines()[-LAST_LINES:])
    missing = any(word in done.stderr for word in ("ModuleNotFoundError", "ImportError"))
    said = "cannot import what it needs" if missing else f"ended with {done.returncode}"
    fix = (
        "Make an environment as docs/benchmarks.md says under void_engine and name its Python: --official-python."
        if missing and name == "official"
        else "The lines above are its last; on a GPU that has too little memory, try fewer --frames."
    )
    return InvalidInput(f"The side {name}, run by {python}, {said}:\n  {last}\n", fix=fix)


def _rel_rms(found: Tensor, wanted: Tensor) -> float:
    error = (found.double() - wanted.double()).square().mean().sqrt()
    return float(error / wanted.double().square().mean().sqrt())
