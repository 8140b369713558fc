# SPDX-License-Identifier: Apache-2.0
"""What is to be done so that Resolve's menu has VOID, or has it no more: steps, each told before it is done.

The package lies outside of `Scripts`, where each Python file would become an entry of the menu. The launchers are
written last and taken away first: an interrupted run leaves no entry that leads nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from void_client.errors import BadInput
from void_client.install.package import (
    HELPER_FILE,
    HelperWish,
    Step,
    changed_here,
    plan_helper,
    remove_environment_step,
    remove_package_step,
    writing_steps,
)
from void_client.install.plugin_files import (
    Record,
    digest_of,
    present,
    read_record,
    write_file,
)
from void_client.install.resolve_place import Place

LAUNCHER = "VOID.py"
"""Of the plugin's files the one that the launchers are made of."""

LAUNCHERS = {"VOID.py": "main", "VOID probe.py": "probe"}
"""The entries of the menu, each with the module that it runs."""

MACRO = "gizmos/VOID_TouchUp.setting"

MARK = b"# VOID for DaVinci Resolve, put here by: void install resolve"

_BAKED = ('INSTALLED = ""', 'ENTRY = "main"')


@dataclass(frozen=True)
class Wish:
    """What is wanted.

    Attributes:
        helper: which Python the helper is to run in.
        macro: whether the Fusion macro is wanted; one that is there stays either way.
    """

    helper: HelperWish
    macro: bool = False


def launcher(template: bytes, package: str, entry: str) -> bytes:
    """A launcher for a package at this path. `__file__` is undefined in a menu script, so the path is written in.

    Raises:
        ValueError: the template has no place for it.
    """
    text = template.decode("utf-8")
    for line, value in zip(_BAKED, (package, entry), strict=True):
        if text.count(f"\n{line}\n") != 1:
            raise ValueError(f"the launcher has no line {line}")
        text = text.replace(f"\n{line}\n", f"\n{line.partition(' = ')[0]} = {value!a}\n")
    return MARK + b"\n" + text.encode("utf-8")


def installing(place: Place, wish: Wish, shipped: Mapping[str, bytes]) -> Iterator[Step]:
    """The steps that are still to be done; each may be done before the next is asked for, or none.

    Args:
        place: where to.
        wish: what is wanted.
        shipped: the plugin's files, by their path in its folder.

    Raises:
        BadInput: it cannot be done; nothing was changed by what raised it.
    """
    known = read_record(place.package) or Record()
    wanted_outside = _outside(place, wish, known, shipped)
    _check_free(wanted_outside, known)
    helper = plan_helper(wish.helper, place.environment, known)
    yield from helper.steps
    wanted = {**package_files(shipped), HELPER_FILE: helper.file}
    goal = Record(
        {name: digest_of(data) for name, data in wanted.items()},
        wheel=helper.wheel,
        outside={str(path): digest_of(data) for path, data in wanted_outside.items()},
        folders=(*known.folders, *(f for f in _missing_folders(wanted_outside) if f not in known.folders)),
    )
    yield from writing_steps(place.package, known, goal, wanted)
    for path, data in wanted_outside.items():
        if present(path) != data:
            what = "macro" if path.suffix == ".setting" else "menu"
            yield Step(f"{what}: write {path}", lambda path=path, data=data: _write(path, data, known))  # type: ignore[misc]
    for name in known.outside:
        if name not in goal.outside and present(Path(name)) is not None:
            yield _remove_step(Path(name), known)
    if known.wheel and not helper.wheel:
        yield remove_environment_step(place.environment, ", which is used no more")


def uninstalling(place: Place) -> Iterator[Step]:
    """The steps back.

    Raises:
        BadInput: the package's folder was not made by this command.
    """
    record = read_record(place.package)
    known = record or Record()
    launchers = [str(place.utility / name) for name in LAUNCHERS]
    for name in {**dict.fromkeys(launchers), **known.outside}:
        data = present(Path(name))
        if data is not None and (name in known.outside or data.startswith(MARK)):
            yield _remove_step(Path(name), known)
    if known.wheel:
        yield remove_environment_step(place.environment)
    if record:
        own = place.base not in (place.fusion, *place.fusion.parents)
        yield remove_package_step(place.package, record, place.base if own else None)
    if known.folders and any(Path(name).is_dir() for name in known.folders):
        yield Step(
            "menu: remove the folders that were made for it, if they are empty", lambda: _rmdirs(known)
        )


def package_files(shipped: Mapping[str, bytes]) -> dict[str, bytes]:
    """Those of the plugin's files that its package consists of."""
    return {
        name: data
        for name, data in shipped.items()
        if name != LAUNCHER and (not name.startswith("gizmos/") or name == MACRO)
    }


def _outside(place: Place, wish: Wish, known: Record, shipped: Mapping[str, bytes]) -> dict[Path, bytes]:
    package = str(place.package)
    files = {
        place.utility / name: launcher(shipped[LAUNCHER], package, entry) for name, entry in LAUNCHERS.items()
    }
    if wish.macro or str(place.macro) in known.outside:
        files[place.macro] = shipped[MACRO]
    return files


def _check_free(wanted: Mapping[Path, bytes], known: Record) -> None:
    """Raises BadInput where somebody else's file has the name of one of ours."""
    for path, data in wanted.items():
        there = present(path)
        ours = there is None or there == data or str(path) in known.outside or there.startswith(MARK)
        if not ours:
            raise BadInput(
                f"{path} is there already, and this command did not make it.",
                fix="Move it away.",
                file=str(path),
            )


def _missing_folders(wanted: Mapping[Path, bytes]) -> list[str]:
    missing = {folder for path in wanted for folder in path.parents if not folder.exists()}
    return [str(folder) for folder in sorted(missing, key=lambda folder: (len(folder.parts), folder))]


def _write(path: Path, data: bytes, known: Record) -> list[str]:
    edited = str(path) in known.outside and changed_here(path, known.outside[str(path)])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, data)
    return [f"{path} was changed here; it is as shipped again"] if edited else []


def _remove_step(path: Path, known: Record) -> Step:
    def do() -> list[str]:
        if str(path) in known.outside and changed_here(path, known.outside[str(path)]):
            return [f"{path} was changed here, and is kept"]
        path.unlink(missing_ok=True)
        return []

    return Step(f"{'macro' if path.suffix == '.setting' else 'menu'}: remove {path}", do)


def _rmdirs(known: Record) -> list[str]:
    for name in sorted(known.folders, key=len, reverse=True):
        with suppress(OSError):
            Path(name).rmdir()
    return []
