# SPDX-License-Identifier: Apache-2.0
"""The unit `generate`: a whole shot through the model. Imported only where it is asked for: PyTorch comes with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from void_server.engines.void.clip import padded
from void_server.engines.void.memory import MemoryPlan
from void_server.engines.void.pipeline import Encoded, Progress, Prompt, first_latents, run_pass
from void_server.engines.void.settings import PASSES, TEMPORAL, Pass, Running, VoidSettings
from void_server.engines.void.warped_noise import raft_flow, warped_noise
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.checkpoints import Checkpoint
from void_server.pipeline.encode import sized, stored_latents
from void_server.pipeline.keys import TORCH_PACKAGES, package_versions
from void_server.pipeline.plan_void import FRAME, masks_read
from void_server.pipeline.shot import StoredShot
from void_server.pipeline.void_models import PROMPTS, RESIDENT, Machine, first_with_room

Step = Callable[..., Any]


def generate(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder, step: Step
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the model's picture of every frame, a blob each (`FRAME`), encoded values 0..1.

    Args:
        args: `key` of the unit, `prompt`, `model` (height and width of its picture; None for that of whole frames at
            `percent` of the trained size), `settings` and `running` of the engine, the digests of its `latents`, and
            the identity of its `set` of `weights`.
        step: told of denoising steps, of all passes, and with `kept` of those that are saved; it may raise to end the
            work, and answers whether others wait for the worker.

    Raises:
        PreconditionFailed: weights are missing or damaged.
        OutOfMemory: no way of working fits.
    """
    torch.set_num_threads(1)
    settings, running = (
        sized(VoidSettings(**args["settings"]), shot, args["percent"], args["model"]),
        Running(**args["running"]),
    )
    task = _Task(
        Machine.found(settings.passes, args["set"], args["weights"]),
        settings,
        running,
        args["prompt"],
        {name: stored_latents(blobs, digest) for name, digest in args["latents"].items()},
        len(shot.frames),
        _checkpoints(blobs, args["key"], settings, running),
    )
    begun = sum(done for done, _ in filter(None, (c.saved() for c in task.saved.values())))
    candidates = task.machine.plans(settings, task.padded, running)
    tried: list[MemoryPlan] = []

    def way(plan: MemoryPlan) -> Tensor:
        tried.append(plan)
        return _passes(task, plan, _Progress(step, settings, task.saved))

    made = first_with_room([partial(way, plan) for plan in candidates], RESIDENT.drop)
    stored = {
        FRAME.format(position): store_arrays(blobs, {"made": frame.permute(1, 2, 0).numpy()})
        for position, frame in enumerate(made)
    }
    for checkpoint in task.saved.values():
        checkpoint.remove()
    return stored, _info(task, tried, begun) | {"weights": args["weights"]}


@dataclass(frozen=True)
class _Task:
    """What is to be generated.

    Attributes:
        latents: `clip`, `masks 1`, and `masks 2` where it is needed.
        length: frames of the shot.
        saved: checkpoints by pass; none where steps are left out.
    """

    machine: Machine
    settings: VoidSettings
    running: Running
    prompt: str
    latents: Mapping[str, Tensor]
    length: int
    saved: Mapping[Pass, Checkpoint]

    @property
    def padded(self) -> int:
        """Frames that the model sees."""
        return (self.latents["clip"].shape[1] - 1) * TEMPORAL + 1

    def encoded(self, pass_: Pass) -> Encoded:
        """What a pass is told."""
        return Encoded(self.latents[masks_read(self.settings, pass_)], self.latents["clip"], self.length)


def _checkpoints(
    blobs: BlobFolder, key: str, settings: VoidSettings, running: Running
) -> dict[Pass, Checkpoint]:
    if running.step_cache:
        # What the blocks answered in the last step would have to be saved with the latents.
        return {}
    folder = blobs.root / "checkpoints"
    return {p: Checkpoint(folder, key, p, settings.steps_of(p)) for p in PASSES[: settings.passes]}


def _passes(task: _Task, plan: MemoryPlan, progress: _Progress) -> Tensor:
    """(n, 3, h, w) float32 of the last pass, without padding."""
    machine, settings, running = task.machine, task.settings, task.running
    wanted = [task.prompt, ""] if settings.passes == 2 else [task.prompt]
    prompt = Prompt(*PROMPTS.embedded(wanted, machine))
    start = first_latents(task.latents["clip"], settings.seed)
    model = RESIDENT.model(1, machine, plan, running)
    made = run_pass(1, task.encoded(1), model, prompt, start, settings, progress.of(1), task.saved.get(1))
    if settings.passes == 2:
        start = _moved_noise(made.frames[: task.length], task, progress.of(2))
        # Before the second is loaded, the first has to go.
        del model
        model = RESIDENT.model(2, machine, plan, running)
        made = run_pass(2, task.encoded(2), model, prompt, start, settings, progress.of(2), task.saved.get(2))
    return made.frames[: task.length]


class _Progress:
    """Counts denoising steps over all passes; what is done between them is only a chance to end the work."""

    def __init__(self, step: Step, settings: VoidSettings, saved: Mapping[Pass, Checkpoint]) -> None:
        self._step, self._settings, self._saved = step, settings, saved
        self._total = sum(settings.steps_of(p) for p in PASSES[: settings.passes])
        self._done = 0

    def of(self, pass_: Pass) -> Progress:
        """What a pass is to tell."""
        before = sum(self._settings.steps_of(p) for p in PASSES[: pass_ - 1])

        checkpoint = self._saved.get(pass_)

        def told(part: str, done: int, _total: int) -> None:
            kept = False
            if part == "denoise":
                self._done = before + done
                kept = checkpoint is not None and checkpoint.kept == done
            wanted = self._step(self._done, self._total, kept=kept)
            if wanted and checkpoint is not None:
                checkpoint.hurry()

        return told


def _moved_noise(frames: Tensor, task: _Task, progress: Progress) -> Tensor:
    """(1, f, 16, h / 8, w / 8): noise that moves with the frames of the first pass, played on as the clip was."""
    shown = padded(frames.transpose(0, 1), task.padded)
    pictures = (shown.permute(1, 2, 3, 0) * 255).round().to(torch.uint8).numpy()
    _, length, _, height, width = task.latents["clip"].shape
    told = partial(progress, "noise")
    flow = (
        raft_flow(task.machine.paths.raft, str(task.machine.device))
        if task.settings.noise_flow == "raft"
        else None
    )
    size = length, height, width
    noise = warped_noise(pictures, latents=size, seed=task.settings.seed, told=told, flow=flow)
    return torch.from_numpy(noise)[None]


def _info(task: _Task, tried: list[MemoryPlan], begun: int) -> dict[str, Any]:
    machine, settings = task.machine, task.settings
    used = tried[-1]
    return {
        "size": [settings.width, settings.height],
        "device": machine.name,
        "dtype": str(machine.dtype).removeprefix("torch."),
        "packages": package_versions(TORCH_PACKAGES),
        "padded": task.padded,
        "resumed_from": begun,
        "memory": used.mode,
        "tile": used.tile,
        "windows_at_once": used.windows_at_once,
        "without_room": [plan.describe(None) for plan in tried[:-1]],
    }
