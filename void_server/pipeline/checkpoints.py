# SPDX-License-Identifier: Apache-2.0
"""Latents that were saved between two denoising steps, so that a job whose worker died goes on from there."""

from __future__ import annotations

import logging
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from void_server.engines.void.settings import Pass
from void_server.frames.durable import write_file

log = logging.getLogger(__name__)

EVERY = 5
"""Denoising steps between two saves; the last step of a pass is always saved."""
MOST_FILES = 16
"""Checkpoints that a store keeps, of 6 MB for 85 frames: those of jobs that were never taken up again go, oldest
first."""


class Checkpoint:
    """The saved latents of one pass of one unit.

    Args:
        folder: of all checkpoints of the store.
        key: of the unit.
        pass_: 1 or 2.
        steps: of the pass.

    Attributes:
        kept: steps that were done when this object saved last; 0 = it has not.
    """

    def __init__(self, folder: Path, key: str, pass_: Pass, steps: int) -> None:
        self._path = folder / f"{key}.{pass_}.safetensors"
        self._steps = steps
        self._hurried = False
        self.kept = 0

    def saved(self) -> tuple[int, Tensor] | None:
        """The steps that were done and the latents after them; None where nothing usable was saved."""
        if not self._path.exists():
            return None
        try:
            with safe_open(self._path, framework="pt") as file:
                return int(file.metadata()["done"]), file.get_tensor("latents")
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            log.warning("checkpoint %s cannot be used, and the pass begins again: %s", self._path.name, error)
            return None

    def save(self, done: int, latents: Tensor) -> None:
        """Save the latents after a step, if it is one to be saved.

        Raises:
            OSError: the disk refused.
        """
        if done % EVERY and done != self._steps and not self._hurried:
            return
        self._path.parent.mkdir(exist_ok=True)
        write_file(self._path, save({"latents": latents.contiguous()}, {"done": str(done)}))
        _prune(self._path.parent)
        self.kept, self._hurried = done, False

    def hurry(self) -> None:
        """Save after the next step, whichever it is: others wait for this worker."""
        self._hurried = True

    def remove(self) -> None:
        """Forget what was saved."""
        self._path.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("*.safetensors"), key=lambda f: f.stat().st_mtime_ns)
    for file in files[:-MOST_FILES]:
        file.unlink(missing_ok=True)
