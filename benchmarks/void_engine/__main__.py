# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks.void_engine`: the engine `void` against the arithmetic that it cannot do without.

The full architecture is built with random values: speed does not depend on what they are, and no weights are needed.
The floor is the floating-point operations of the model, counted on a copy without values, over the rate at which the
same device multiplies two large matrices in the same type, measured in the same run.

  matmul   the rate of that multiplication
  encode   clip and mask to latents
  step     one denoising step over all windows, guidance 1
  decode   latents to frames
  clip     two encodes, all steps, one decode; loading and the text encoder are left out

With `--official CHECKOUT` the official pipeline of that checkout of Netflix/void-model runs beside ours instead, with
the same random weights, noise and embeddings (docs/benchmarks.md says what environment it needs). `--memory`,
`--attention`, `--compile`, `--step-cache` and `--windows-at-once` then are those of `void remove --set`, on our side.
With `--count-memory` the peak memory is counted, on any machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import torch

from benchmarks.machine import RESULTS, heading, keep, table
from benchmarks.void_engine.architecture import (
    ARCHITECTURES,
    Architecture,
    made,
    transformer_of,
    vae_of,
    work,
)
from benchmarks.void_engine.beside import compared
from benchmarks.void_engine.memory import lines as memory_lines
from benchmarks.void_engine.memory import needed
from benchmarks.void_engine.stopwatch import Request
from void_server.engines.void.denoise import Conditions, Sampling, denoise
from void_server.engines.void.settings import (
    HEIGHT,
    OVERLAP,
    STEPS,
    WIDTH,
    WINDOW,
    Attention,
    Memory,
    Running,
    latent_length,
)
from void_server.engines.void.text import TOKENS
from void_server.engines.void.transformer import LATENT_CHANNELS
from void_server.engines.void.vae import VoidVAE
from void_server.errors import VoidError

RUNNING_DEFAULTS = Running(memory="full", windows_at_once=1)
RUNNING = tuple(field.name for field in fields(Running))
MATMUL_SIDE = {"cuda": 8192, "cpu": 1024}
ROUNDS = 5


@dataclass(frozen=True)
class Measured:
    """Seconds of a part, and its floating-point operations."""

    seconds: float
    operations: float


def main(arguments: list[str] | None = None) -> int:
    """Print the table, and keep it."""
    options = _parser().parse_args(arguments)
    device = torch.device(options.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    torch.set_num_threads(options.threads)
    name = (
        "void_engine_memory"
        if options.count_memory
        else "void_engine_official"
        if options.official
        else "void_engine"
    )
    try:
        with torch.no_grad():
            lines = _BENCHMARKS[name](options, device, dtype)
    except VoidError as error:
        print(error, file=sys.stderr)
        return 2
    keep(name, lines, options.results)
    return 0


def _memory(options: argparse.Namespace, _device: torch.device, _dtype: torch.dtype) -> list[str]:
    size = options.frames, options.height, options.width
    title = f"void_engine memory: {options.arch}, {size[0]} frames of {size[2]} x {size[1]}, counted"
    return [*heading(title), *memory_lines(needed(ARCHITECTURES[options.arch], *size))]


def _beside(options: argparse.Namespace, device: torch.device, dtype: torch.dtype) -> list[str]:
    named = str(dtype).removeprefix("torch.")
    request = Request(device.type, named, options.steps, WINDOW, options.threads, _running(options))
    size = options.frames, options.height, options.width
    found = compared(
        options.official,
        options.official_python,
        ARCHITECTURES[options.arch],
        size,
        request,
        options.scratch,
    )
    title = _heading(options, "void_engine beside the official pipeline", device, dtype)
    told = ", ".join(f"{name} {value}" for name, value in request.running.items())
    return [*title, f"ours with: {told or 'defaults'}", *found, *_unmeasured(options, device)]


def _running(options: argparse.Namespace) -> dict[str, Any]:
    """What of `Running` was asked for."""
    return {
        name: value
        for name, value in vars(options).items()
        if name in RUNNING and value != getattr(RUNNING_DEFAULTS, name)
    }


def _heading(options: argparse.Namespace, what: str, device: torch.device, dtype: torch.dtype) -> list[str]:
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"cpu, {options.threads} thread(s)"
    )
    size = f"{options.frames} frames of {options.width} x {options.height}, {options.steps} steps"
    return [*heading(f"{what}: {options.arch}, {size}"), f"{name}; {str(dtype).removeprefix('torch.')}"]


def _unmeasured(options: argparse.Namespace, device: torch.device) -> list[str]:
    if options.arch == "5b" and device.type == "cuda":
        return []
    return [
        "",
        "The full architecture on a GPU, and the official pipeline beside it there: not yet measured.",
    ]


def _floor(options: argparse.Namespace, device: torch.device, dtype: torch.dtype) -> list[str]:
    rate = _matmul_rate(device, dtype)
    parts = _measured(ARCHITECTURES[options.arch], options, device, dtype)
    steps = options.steps
    whole = {"encode": 2, "step": steps, "decode": 1}
    parts["clip"] = Measured(
        sum(parts[p].seconds * n for p, n in whole.items()),
        sum(parts[p].operations * n for p, n in whole.items()),
    )
    rows = [
        [
            part,
            f"{found.seconds:.3f}",
            f"{found.operations / 1e12:.2f}",
            f"{found.operations / rate:.3f}",
            f"{found.seconds * rate / found.operations:.2f}",
        ]
        for part, found in parts.items()
    ]
    peak = (
        f"{torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB"
        if device.type == "cuda"
        else "not measured"
    )
    return [
        *_heading(options, "void_engine", device, dtype),
        f"matmul {rate / 1e12:.3f} TFLOP/s; peak memory {peak}",
        "",
        *table(["", "seconds", "TFLOP", "floor s", "x floor"], rows),
        *_unmeasured(options, device),
    ]


_BENCHMARKS = {"void_engine": _floor, "void_engine_official": _beside, "void_engine_memory": _memory}


def _measured(
    architecture: Architecture, options: argparse.Namespace, device: torch.device, dtype: torch.dtype
) -> dict[str, Measured]:
    costs = work(architecture, options.frames, options.height, options.width)
    size = (options.height // 8, options.width // 8)
    shape = (1, latent_length(options.frames), LATENT_CHANNELS, *size)
    told = torch.randn(1, TOKENS, architecture.transformer["text_embed_dim"], device=device, dtype=dtype)
    latents, masks, clip = (torch.randn(shape, device=device, dtype=dtype) for _ in range(3))
    transformer = made(transformer_of(architecture), device, dtype)
    conditions, sampling = Conditions(masks, clip, told), Sampling(1, 1.0, latent_length(WINDOW), OVERLAP)
    step = _seconds(lambda: denoise(transformer, _scheduler(), latents, conditions, sampling), device)
    vae = VoidVAE(made(vae_of(architecture), device, dtype))
    pixels = torch.rand(1, 3, options.frames, options.height, options.width)
    encode = _seconds(lambda: vae.encode(pixels), device)
    decode = _seconds(lambda: vae.decode(latents.transpose(1, 2)), device)
    return {
        "encode": Measured(encode, costs.encode),
        "step": Measured(step, costs.step),
        "decode": Measured(decode, costs.decode),
    }


def _scheduler() -> object:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        prediction_type="v_prediction", timestep_spacing="trailing", rescale_betas_zero_snr=True
    )


def _matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second."""
    side = MATMUL_SIDE[device.type]
    one, two = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    return 2 * side**3 / _seconds(lambda: one @ two, device)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Median of `ROUNDS` calls after one that warms up."""
    taken = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.void_engine",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--arch", choices=sorted(ARCHITECTURES), default="5b", help="default: %(default)s")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", choices=("cuda", "cpu"), default=found, help="default here: %(default)s")
    parser.add_argument("--frames", type=int, default=WINDOW, help="8k + 5 (default: %(default)s)")
    parser.add_argument("--height", type=int, default=HEIGHT, help="multiple of 16 (default: %(default)s)")
    parser.add_argument("--width", type=int, default=WIDTH, help="multiple of 16 (default: %(default)s)")
    parser.add_argument(
        "--steps", type=int, default=STEPS[1], help="of the whole clip (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=1, help="of a processor (default: %(default)s)")
    parser.add_argument(
        "--count-memory", action="store_true", help="count the peak memory instead, without computing"
    )
    parser.add_argument(
        "--official", type=Path, metavar="CHECKOUT", help="of Netflix/void-model, to run beside ours"
    )
    parser.add_argument(
        "--official-python",
        default=sys.executable,
        metavar="PYTHON",
        help="that has what the checkout needs (default: this one)",
    )
    parser.add_argument("--memory", choices=get_args(Memory)[1:], default="full", help="of our side")
    parser.add_argument("--attention", choices=get_args(Attention), default="native", help="of our side")
    parser.add_argument("--compile", action="store_true", help="our side")
    parser.add_argument("--step-cache", type=float, default=0.0, metavar="SHARE", help="of our side")
    parser.add_argument("--windows-at-once", type=int, default=1, metavar="N", help="of our side")
    parser.add_argument(
        "--scratch",
        type=Path,
        metavar="DIR",
        help="where to write random weights for --official, of 5b 13 GB, gone afterwards (default: the system's)",
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR", help="where to keep the figures"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
