# SPDX-License-Identifier: Apache-2.0
"""What both drivers share: the request that they read, the clock, and the answer that they write.

Imported by the official code's Python too, so that nothing but PyTorch, safetensors and the standard library is used.
"""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

INPUTS = "inputs.safetensors"
OVERLAY = "void_pass1.safetensors"
BASE = "base"
REQUEST = "request.json"
PACKAGES = ("torch", "diffusers", "transformers")


@dataclass(frozen=True)
class Request:
    """What both are to do.

    Attributes:
        device: `cuda` or `cpu`.
        dtype: a name of PyTorch's.
        steps: of the scheduler.
        window: frames that the model sees at a time.
        threads: of a processor.
        running: how our side computes: the values of `Running` that are not its defaults.
    """

    device: str
    dtype: str
    steps: int
    window: int
    threads: int
    running: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Writes it as `request.json`."""
        (folder / REQUEST).write_text(json.dumps(asdict(self)))

    @staticmethod
    def read(folder: Path) -> Request:
        """The request in a folder."""
        return Request(**json.loads((folder / REQUEST).read_text()))


@dataclass(frozen=True)
class Inputs:
    """The same for both, float32 on the CPU.

    Attributes:
        frames: (3, n, h, w), 0..1.
        codes: (1, n, h, w) of 0, 63, 127 and 255.
        clip_noise: (3, n, h, w) standard normal.
        latents: (1, f, 16, h / 8, w / 8) standard normal.
        prompt: (1, 226, d).
    """

    frames: Tensor
    codes: Tensor
    clip_noise: Tensor
    latents: Tensor
    prompt: Tensor

    def write(self, folder: Path) -> None:
        """Writes them as `inputs.safetensors`."""
        save_file({name: value.contiguous() for name, value in vars(self).items()}, folder / INPUTS)

    @staticmethod
    def read(folder: Path) -> Inputs:
        """The inputs in a folder."""
        return Inputs(**load_file(folder / INPUTS))


@dataclass
class Stopwatch:
    """Seconds of the parts of a clip; a GPU is waited for before the clock is read.

    Attributes:
        device: that computes.
        encode, decode: seconds in all calls.
        began: of the clip.
        ends: the clock after each step.
    """

    device: torch.device
    encode: float = 0.0
    decode: float = 0.0
    began: float = 0.0
    ends: list[float] = field(default_factory=list)

    def clock(self) -> float:
        """Seconds, when all that was asked of the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def start(self) -> None:
        """A clip begins."""
        self.encode = self.decode = 0.0
        self.ends, self.began = [], self.clock()

    def stepped(self) -> None:
        """A step is done."""
        self.ends.append(self.clock())

    def time(self, model: Any, method: str, part: str) -> None:
        """From now on the calls of a method count as a part, `encode` or `decode`."""
        call: Callable[..., Any] = getattr(model, method)

        def timed(*given: Any, **named: Any) -> Any:
            began = self.clock()
            found = call(*given, **named)
            setattr(self, part, getattr(self, part) + self.clock() - began)
            return found

        setattr(model, method, timed)

    def seconds(self) -> dict[str, float]:
        """Of both encodes, of the median step after the first, of the decode, and of the whole clip."""
        whole = self.clock() - self.began
        steps = [after - before for before, after in zip(self.ends, self.ends[1:])]  # noqa: B905
        return {
            "encode": self.encode,
            "step": statistics.median(steps),
            "decode": self.decode,
            "clip": whole,
        }


def drive(
    name: str, folder: Path, began: float, load: Callable[[Path, Request, Stopwatch], Callable[[], Any]]
) -> None:
    """Runs a clip twice, the first time as a process of its own would, and writes `NAME.safetensors` and `NAME.json`.

    Args:
        name: of the side.
        folder: with request, inputs and weights.
        began: when the process was started, in seconds since 1970.
        load: loads the models, and returns what makes a clip: its latents (1, f, 16, h / 8, w / 8) and its frames
            (n, 3, h, w).
    """
    request = Request.read(folder)
    torch.set_num_threads(request.threads)
    device = torch.device(request.device)
    watch = Stopwatch(device)
    with torch.no_grad():
        clip = load(folder, request, watch)
        watch.start()
        latents, frames = clip()
        cold = watch.seconds()["clip"]
        save_file({"latents": latents.float().cpu().contiguous()}, folder / f"{name}.safetensors")
        process = time.time() - began
        save_file({"frames": frames.float().cpu().contiguous()}, folder / f"{name}.frames.safetensors")
        del latents, frames
        watch.start()
        clip()
        warm = watch.seconds()
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    versions = [f"{package} {version(package)}" for package in PACKAGES]
    answer = {
        "seconds": warm | {"first": cold, "process": process},
        "peak": peak,
        "versions": ", ".join([f"Python {platform.python_version()}", *versions]),
    }
    (folder / f"{name}.json").write_text(json.dumps(answer))
