# SPDX-License-Identifier: Apache-2.0
"""A host's package folder with the command of a helper in it: the steps that bring it about, and those back.

A step is told before it is done. What raises has changed nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from void_client.install.helper_python import (
    check_greets,
    command_of,
    find_wheels,
    make_environment,
    python_in,
    remove_environment,
)
from void_client.install.plugin_files import (
    Record,
    digest_of,
    present,
    remove_ours,
    write_file,
    write_record,
)

HELPER_FILE = "void_helper.json"
"""In the plugin folder: `{"command": [...]}`, which starts the helper."""


@dataclass(frozen=True)
class HelperWish:
    """Which Python the helper is to run in.

    Attributes:
        path: a `void-helper` or a Python that has it; empty = one is made from `wheelhouse`.
        wheelhouse: folder of wheels, for a Python of its own.
        python: what that is made with.
    """

    path: str = ""
    wheelhouse: str = ""
    python: str = ""


@dataclass(frozen=True)
class Step:
    """One thing to do: what it is in a line, and the doing; its answer is told too."""

    text: str
    do: Callable[[], list[str]]


@dataclass(frozen=True)
class HelperPlan:
    """How the helper will be started.

    Attributes:
        command: its command.
        wheel: SHA-256 of our wheel in an environment of its own; empty = it has none.
        steps: what is to be done for it.
    """

    command: list[str]
    wheel: str
    steps: tuple[Step, ...] = ()

    @property
    def file(self) -> bytes:
        """What `HELPER_FILE` holds."""
        return (json.dumps({"command": self.command}, indent=1) + "\n").encode()


def plan_helper(wish: HelperWish, environment: Path, known: Record) -> HelperPlan:
    """How a helper comes about.

    Args:
        wish: which Python it is to run in.
        environment: where a Python of its own lies.
        known: what an earlier installation put there.

    Raises:
        BadInput: it does not greet, or there are no wheels for it.
    """
    if wish.path:
        command = command_of(wish.path)
        check_greets(command)
        return HelperPlan(command, "")
    wheels, wheel = find_wheels(wish.wheelhouse)
    if wheel == known.wheel and python_in(environment).exists():
        return HelperPlan(command_in(environment), wheel)
    step = Step(
        f"helper: make {environment} with {wish.python} from the wheels of {wheels}",
        lambda: _make_environment(environment, wish.python, wheels),
    )
    return HelperPlan(command_in(environment), wheel, (step,))


def writing_steps(folder: Path, known: Record, goal: Record, wanted: Mapping[str, bytes]) -> list[Step]:
    """What is still to be done so that a package folder holds these files; empty when it does.

    Args:
        folder: the package's.
        known: what an earlier installation put there; None = nothing.
        goal: what it is to hold, with all that the record says besides.
        wanted: the files by their path in the folder.
    """
    changed = [name for name, data in wanted.items() if present(folder / name) != data]
    stale = [name for name in known.files if name not in wanted]
    if not (changed or stale or known != goal):
        return []
    told = f"plugin: write {len(changed)} of {len(wanted)} files into {folder}"
    return [Step(told, lambda: _write_package(folder, known, goal, {n: wanted[n] for n in changed}))]


def remove_environment_step(environment: Path, why: str = "") -> Step:
    """Removes the helper's own Python."""

    def do() -> list[str]:
        remove_environment(environment)
        return []

    return Step(f"helper: remove {environment}{why}", do)


def remove_package_step(folder: Path, record: Record, base: Path | None) -> Step:
    """Removes what we put into a package folder, and then its parent `base`, if that is given and empty."""

    def do() -> list[str]:
        kept = remove_ours(folder, record)
        if base is not None and base.is_dir() and not any(base.iterdir()):
            base.rmdir()
        return [f"plugin: {path} is not of this command as it is, and is kept" for path in kept]

    return Step(f"plugin: remove {folder}", do)


def command_in(environment: Path) -> list[str]:
    """The command for the Python of an environment, which may not be there yet."""
    return [str(python_in(environment)), "-I", "-u", "-m", "void_client.helper"]


def changed_here(path: Path, digest: str | None) -> bool:
    """Whether a file is there and is not what was put there."""
    data = present(path)
    return data is not None and digest_of(data) != digest


def _make_environment(environment: Path, python: str, wheels: Path) -> list[str]:
    make_environment(environment, python, wheels)
    return [f"helper: version {check_greets(command_in(environment))}"]


def _write_package(folder: Path, known: Record, goal: Record, changed: Mapping[str, bytes]) -> list[str]:
    edited = [name for name in changed if changed_here(folder / name, known.files.get(name))]
    # First what may be there, so that an interrupted run is known for what it is.
    both = replace(goal, files={**known.files, **goal.files}, outside={**known.outside, **goal.outside})
    write_record(folder, both)
    for name, data in changed.items():
        write_file(folder / name, data)
    stale = {n: d for n, d in known.files.items() if n not in goal.files}
    kept = [folder / n for n, d in stale.items() if changed_here(folder / n, d)]
    for name in stale:
        if folder / name not in kept:
            (folder / name).unlink(missing_ok=True)
    write_record(folder, goal)
    told = [f"plugin: {folder / name} was changed here; it is as shipped again" for name in edited]
    return told + [f"plugin: {path} was changed here, and is kept" for path in kept]
