# SPDX-License-Identifier: Apache-2.0
"""What is ordered while things are killed: a removal by each engine, and a job that makes masks alone."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.small_shot import SmallShot

TINY = Path(__file__).parents[1] / "engines" / "void" / "golden" / "tiny"
"""A checkpoint of random values: the whole way of the engine `void` at a size for processors."""


@dataclass(frozen=True)
class Work:
    """One wish, in the words of the command and in those of the helper's protocol.

    Attributes:
        name: the engine, or `quadmask`.
        command: words before the inputs.
        options: words behind them.
        order: fields of the helper's order besides inputs and place.
        seconds: about what an undisturbed run takes from the order to its end.
        events: about how many events it has.
    """

    name: str
    command: tuple[str, ...] = ("remove",)
    options: tuple[str, ...] = ()
    order: dict[str, Any] = field(default_factory=dict)
    seconds: float = 2.5
    events: int = 20

    def words(self, shot: SmallShot, out: Path) -> tuple[str, ...]:
        """The arguments of `void`."""
        return (
            *(*self.command, "--plate", f"{shot.folder}/plate/plate.####.exr"),
            *("--remove", f"{shot.folder}/roto/roto.####.exr:A"),
            *("--affected", f"{shot.folder}/affected/affected.####.exr"),
            *("--out", str(out), "--name", "shot", "--json", *self.options),
        )

    def asked(self, shot: SmallShot, out: Path) -> dict[str, Any]:
        """The helper's order."""
        inputs = {
            "plate": {"pattern": f"{shot.folder}/plate/plate.####.exr"},
            "remove": {"pattern": f"{shot.folder}/roto/roto.####.exr", "channel": "A"},
            "affected": {"pattern": f"{shot.folder}/affected/affected.####.exr"},
        }
        return {"inputs": inputs, "out": str(out), "name": "shot", **self.order}


# Half a window's worth of steps is saved every five; at this size a step takes about a twentieth of a second.
_MODEL = {"window": "13", "model_percent": "15", "steps": "60"}

CLEANPLATE = Work("cleanplate")
VOID = Work(
    "void",
    options=(
        "--engine",
        "void",
        "--prompt",
        "A wall.",
        *(w for k, v in _MODEL.items() for w in ("--set", f"{k}={v}")),
    ),
    order={"engine": "void", "prompt": "A wall.", "options": _MODEL},
    seconds=9.0,
    events=30,
)
QUADMASK = Work("quadmask", ("mask", "make"), order={"masks_only": True}, seconds=1.5, events=14)
WORKS = (CLEANPLATE, VOID, QUADMASK)


def write_weights(folder: Path) -> Path:
    """The tiny checkpoint as a server's weights, its overlay for both passes; returns the folder."""
    shutil.copytree(TINY, folder)
    shutil.copy(folder / "void_pass1.safetensors", folder / "void_pass2.safetensors")
    return folder
