# SPDX-License-Identifier: Apache-2.0
"""The models of the engine `void` in a worker: which are loaded, where, and what is done when a GPU is full."""

from __future__ import annotations

import gc
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor

from void_server.engines.void.memory import MemoryPlan, Sizes, Work, chosen, plans
from void_server.engines.void.pipeline import Model
from void_server.engines.void.placement import (
    PlacedTransformer,
    PlacedVAE,
    place_transformer,
    place_vae,
    replanned,
)
from void_server.engines.void.settings import GUIDANCE, OVERLAP, Pass, Running, VoidSettings, latent_length
from void_server.engines.void.text import embeddings
from void_server.engines.void.windows import windows
from void_server.errors import OutOfMemory
from void_server.pipeline.void_weights import void_weights
from void_server.weights.folder import Paths

log = logging.getLogger(__name__)

KEPT_PROMPTS = 16
"""Embeddings that a worker keeps, 3 MB each: for a known prompt the encoder is not even loaded."""

T = TypeVar("T")


@dataclass(frozen=True)
class Machine:
    """Which weights run where, and in which type: bfloat16 as published, and float32 on a processor."""

    paths: Paths
    weights: str
    device: torch.device
    dtype: torch.dtype

    @staticmethod
    def found(passes: int, name: str, weights: Mapping[str, str]) -> Machine:
        """This machine.

        Args:
            passes: 1 or 2.
            name: of the set of weights.
            weights: what tells them from others (`weights_identity`).

        Raises:
            InvalidInput, PreconditionFailed: weights are missing or damaged.
        """
        paths, identity = void_weights(passes, name), json.dumps(weights, sort_keys=True)
        if torch.cuda.is_available():
            return Machine(paths, identity, torch.device("cuda"), torch.bfloat16)
        return Machine(paths, identity, torch.device("cpu"), torch.float32)

    @property
    def name(self) -> str:
        """Of the device."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"

    def free(self) -> int | None:
        """Bytes of the GPU that are free, or that this process holds and can free; None on a processor."""
        if self.device.type != "cuda":
            return None
        return torch.cuda.mem_get_info(self.device)[0] + torch.cuda.memory_reserved(self.device)

    def plans(self, settings: VoidSettings, frames: int, running: Running) -> list[MemoryPlan]:
        """The ways of working that may be tried for a clip, from the one that there is room for to the most frugal.

        Args:
            settings: sized for the shot.
            frames: of the padded clip.
            running: what was asked for.
        """
        item = self.dtype.itemsize
        sizes = Sizes(
            # The files hold bfloat16.
            transformer=self.paths.pass1.stat().st_size * item // 2,
            vae=sum(f.stat().st_size for f in (self.paths.base / "vae").glob("*.safetensors")) * item // 2,
            item=item,
        )
        count = len(windows(latent_length(frames), latent_length(settings.window), OVERLAP))
        guided = GUIDANCE[2] > 1 and settings.passes == 2
        work = Work(settings.height, settings.width, settings.window, count, 2 if guided else 1)
        # A processor gains nothing from windows in one call, and its bits would change.
        at_once = running.windows_at_once or (1 if self.device.type == "cpu" else 0)
        candidates = plans(running.memory, sizes, work, at_once)
        return candidates[chosen(candidates, self.free()) :]


class Resident:
    """The VAE and the transformer of one pass, kept until others are asked for: two transformers would not fit on most
    cards.
    """

    def __init__(self) -> None:
        self._vae: tuple[tuple[object, ...], PlacedVAE] | None = None
        self._transformer: tuple[tuple[object, ...], PlacedTransformer] | None = None

    def vae(self, machine: Machine, plan: MemoryPlan) -> PlacedVAE:
        """The VAE, loaded if it is not there."""
        key = (machine.weights, machine.device, machine.dtype, plan.mode in ("full", "fp8"), plan.tile)
        if self._vae is None or self._vae[0] != key:
            self._vae = None
            self._vae = key, place_vae(machine.paths.base / "vae", machine.dtype, machine.device, plan)
        return self._vae[1]

    def model(self, pass_: Pass, machine: Machine, plan: MemoryPlan, running: Running) -> Model:
        """The model of a pass, loaded if it is not there."""
        paths = machine.paths
        how = (plan.mode, running.attention, running.compile, running.step_cache)
        key = (pass_, machine.weights, machine.device, machine.dtype, *how)
        if self._transformer is None or self._transformer[0] != key:
            self._transformer = None
            # Compiled and hooked modules hold themselves: they would still be there beside the next one.
            _collect()
            overlay = paths.pass1 if pass_ == 1 else paths.pass2
            config = paths.base / "transformer" / "config.json"
            placed = place_transformer(config, overlay, machine.dtype, machine.device, plan, running)
            self._transformer = key, placed
        return Model(replanned(self._transformer[1], plan), self.vae(machine, plan), paths.base)

    def drop(self) -> None:
        """Let go of all models and of the GPU's memory that they took."""
        self._vae = self._transformer = None
        _collect()


def _collect() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class Prompts:
    """The embeddings of the last prompts.

    Args:
        resident: what may have to make room for the encoder.
    """

    def __init__(self, resident: Resident) -> None:
        self._resident = resident
        self._kept: OrderedDict[tuple[str, str, torch.dtype], Tensor] = OrderedDict()

    def embedded(self, prompts: Sequence[str], machine: Machine) -> list[Tensor]:
        """(1, 226, d) each; the encoder is loaded only where one is not known."""
        weights, dtype = machine.weights, machine.dtype
        unknown = [prompt for prompt in prompts if (prompt, weights, dtype) not in self._kept]
        if unknown:
            found = self._encoded(unknown, machine)
            self._kept.update({(p, weights, dtype): e for p, e in zip(unknown, found, strict=True)})
        wanted = [self._kept[prompt, weights, dtype] for prompt in prompts]
        while len(self._kept) > KEPT_PROMPTS:
            self._kept.popitem(last=False)
        return wanted

    def _encoded(self, prompts: Sequence[str], machine: Machine) -> list[Tensor]:
        """On the device; without the other models there if it is full; else on the processor."""

        def on(device: torch.device) -> Callable[[], list[Tensor]]:
            return lambda: embeddings(prompts, machine.paths.base, machine.dtype, device)

        return first_with_room(
            [on(machine.device), on(machine.device), on(torch.device("cpu"))], self._resident.drop
        )


def is_lack_of_memory(error: RuntimeError) -> bool:
    """Whether an error of PyTorch, or of the GPU's libraries, says that there was no memory left."""
    said = str(error)
    return should_reduce_batch_size(error) or "_ALLOC_FAILED" in said or "out of memory" in said


def first_with_room(ways: Sequence[Callable[[], T]], make_room: Callable[[], Any]) -> T:
    """The answer of the first of several ways to do a thing that does not run out of memory.

    Args:
        ways: each more frugal than the last.
        make_room: called between two.

    Raises:
        OutOfMemory: all did.
    """
    for number, way in enumerate(ways, start=1):
        try:
            return way()
        except RuntimeError as error:
            if not is_lack_of_memory(error):
                raise
            said = str(error).partition("\n")[0]
        # Outside of the handler: the error holds what the failed way had in memory.
        log.warning("out of memory (way %d of %d): %s", number, len(ways), said)
        make_room()
    raise OutOfMemory(
        f"The model does not fit into the memory of this machine: {said}",
        fix="Use a smaller --set model_percent or --set window, or a machine with more memory.",
    )


def let_go() -> None:
    """Free the GPU of all models; on a processor they stay."""
    if torch.cuda.is_available():
        RESIDENT.drop()


RESIDENT = Resident()
PROMPTS = Prompts(RESIDENT)
