# SPDX-License-Identifier: Apache-2.0
"""What is to be done so that Nuke finds the plugin, or finds it no more: steps, each told before it is done.

Nothing goes into Nuke's own installation. The last step names the plugin in `init.py`, the first of the way back takes
that line out: an interrupted run leaves no name of something that is not there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from void_client.errors import BadInput
from void_client.install.package import (
    HELPER_FILE,
    HelperWish,
    Step,
    plan_helper,
    remove_environment_step,
    remove_package_step,
    writing_steps,
)
from void_client.install.plugin_files import Record, digest_of, present, read_record, write_file
from void_client.install.start_line import with_line, without_line


@dataclass(frozen=True)
class Place:
    """Where an installation lies.

    Attributes:
        start: the folder whose `init.py` Nuke runs.
        base: the folder that plugin and helper are put into.
    """

    start: Path
    base: Path

    @property
    def init(self) -> Path:
        """The file with the line."""
        return self.start / "init.py"

    @property
    def plugin(self) -> Path:
        """The folder that Nuke is told of."""
        return self.base / "void"

    @property
    def environment(self) -> Path:
        """The helper's own Python."""
        return self.base / "void_python"


def place_of(named: str, home: Path, data: Path) -> Place:
    """Where to install.

    Args:
        named: a folder instead of `~/.nuke`, which then holds all; empty = none.
        home: the user's.
        data: the user's data folder.

    Raises:
        BadInput: there is no such folder.
    """
    if named:
        folder = Path(named).expanduser().absolute()
        if not folder.is_dir():
            raise BadInput(
                f"{folder} is no folder.", fix="Make it first, or correct --dir.", file=str(folder)
            )
        return Place(folder, folder)
    folder = home / ".nuke"
    if not folder.is_dir():
        raise BadInput(
            f"There is no folder {folder}: Nuke makes it when it is started first.",
            fix="Start Nuke once, or name a folder of NUKE_PATH with --dir.",
            file=str(folder),
        )
    return Place(folder, data / "nuke")


def installing(place: Place, wish: HelperWish, files: Mapping[str, bytes]) -> Iterator[Step]:
    """The steps that are still to be done; each may be done before the next is asked for, or none.

    Args:
        place: where to.
        wish: which Python the helper is to run in.
        files: the plugin's, by their path in its folder.

    Raises:
        BadInput: it cannot be done; nothing was changed by what raised it.
    """
    record = read_record(place.plugin)
    before = present(place.init)
    init = with_line(before or b"", place.plugin.as_posix(), str(place.init))
    known = record or Record(made_init=before is None)
    helper = plan_helper(wish, place.environment, known)
    yield from helper.steps
    wanted = {**files, HELPER_FILE: helper.file}
    goal = Record({name: digest_of(data) for name, data in wanted.items()}, known.made_init, helper.wheel)
    yield from writing_steps(place.plugin, known, goal, wanted)
    if init != before:
        yield Step(f"start: name the plugin in {place.init}", lambda: _write_init(place, init))
    if known.wheel and not helper.wheel:
        yield remove_environment_step(place.environment, ", which is used no more")


def uninstalling(place: Place) -> Iterator[Step]:
    """The steps back.

    Raises:
        BadInput: the plugin folder was not made by this command.
    """
    record = read_record(place.plugin)
    before = present(place.init)
    after = without_line(before) if before is not None else None
    if after is not None and after != before:
        if not after and record and record.made_init:
            yield Step(f"start: remove {place.init}, which held nothing else", lambda: _unlink(place.init))
        else:
            yield Step(f"start: take the line out of {place.init}", lambda: _write_init(place, after))
    if record and record.wheel:
        yield remove_environment_step(place.environment)
    if record:
        yield remove_package_step(place.plugin, record, None if place.base == place.start else place.base)


def _write_init(place: Place, data: bytes) -> list[str]:
    write_file(place.init, data)
    return []


def _unlink(path: Path) -> list[str]:
    path.unlink()
    return []
