# SPDX-License-Identifier: Apache-2.0
"""Where Resolve looks for scripts and macros, per system and per user or machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from void_client.errors import BadInput

_BRAND = "Blackmagic Design"
_PRODUCT = "DaVinci Resolve"
_NO_STORE = "Resolve from the Mac App Store is not supported: its sandbox keeps scripts from your files and the helper."


@dataclass(frozen=True)
class Place:
    """Where an installation lies.

    Attributes:
        fusion: Resolve's folder `Fusion`, with `Scripts` and `Templates` in it.
        base: the folder that package and helper are put into.
        name: the package's folder there.
    """

    fusion: Path
    base: Path
    name: str = "void"

    @property
    def utility(self) -> Path:
        """Scripts that every page offers."""
        return self.fusion / "Scripts" / "Utility"

    @property
    def macro(self) -> Path:
        """The Fusion macro. Macros need a folder of their category."""
        return self.fusion / "Templates" / "Fusion" / "VOID" / "VOID_TouchUp.setting"

    @property
    def package(self) -> Path:
        """The folder that the launchers know."""
        return self.base / self.name

    @property
    def environment(self) -> Path:
        """The helper's own Python."""
        return self.base / f"{self.name}_python"


def user_folders(platform: str, environment: Mapping[str, str], home: Path) -> list[Path]:
    """Where Resolve keeps what is one user's, the likeliest first."""
    if platform == "win32":
        roaming = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
        return [roaming / _BRAND / _PRODUCT / "Support"]
    if platform == "darwin":
        return [home / "Library" / "Application Support" / _BRAND / _PRODUCT]
    return [home / ".local" / "share" / "DaVinciResolve"]


def machine_folders(platform: str, environment: Mapping[str, str]) -> list[Path]:
    """Where Resolve keeps what is for all users, the likeliest first."""
    if platform == "win32":
        return [Path(environment.get("PROGRAMDATA") or "C:/ProgramData") / _BRAND / _PRODUCT]
    if platform == "darwin":
        return [Path("/Library/Application Support") / _BRAND / _PRODUCT]
    return [Path("/opt/resolve"), Path("/home/resolve")]


def place_for_user(platform: str, environment: Mapping[str, str], home: Path, data: Path) -> Place:
    """Where to install for the user that runs this.

    Args:
        platform: as `sys.platform`.
        environment: the process's.
        home: the user's.
        data: the user's data folder, which package and helper go into.

    Raises:
        BadInput: Resolve was never started here, or is the App Store's.
    """
    folder = _found(user_folders(platform, environment, home))
    if folder is not None:
        return Place(folder / "Fusion", data / "resolve")
    if platform == "darwin" and _store_containers(home):
        raise BadInput(_NO_STORE, fix="Install DaVinci Resolve Studio from Blackmagic Design's own pages.")
    (looked, *_) = user_folders(platform, environment, home)
    raise _not_found(
        looked, "Start DaVinci Resolve once; or install with --machine, or name its folder with --dir."
    )


def place_for_machine(platform: str, environment: Mapping[str, str]) -> Place:
    """Where to install for all users of this machine; the package lies beside `Scripts`.

    Raises:
        BadInput: Resolve is not installed here.
    """
    folders = machine_folders(platform, environment)
    folder = _found(folders)
    if folder is None:
        raise _not_found(folders[0], "Install DaVinci Resolve first, or name its folder with --dir.")
    return Place(folder / "Fusion", folder / "Fusion", "VOID")


def place_in(named: str) -> Place:
    """Where to install below a folder that somebody names: Resolve's folder `Fusion`, or the one that holds it.

    Raises:
        BadInput: it is no such folder.
    """
    folder = Path(named).expanduser().absolute()
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder.", fix="Make it first, or correct --dir.", file=str(folder))
    if "Containers" in folder.parts and any("resolve" in part.lower() for part in folder.parts):
        raise BadInput(_NO_STORE, fix="Name another folder with --dir.", file=str(folder))
    if folder.name in ("Scripts", "Utility", "Templates"):
        raise BadInput(
            f"{folder} lies inside of Resolve's folder Fusion.",
            fix="Name the folder Fusion itself with --dir.",
            file=str(folder),
        )
    fusion = folder if folder.name == "Fusion" or (folder / "Scripts").is_dir() else folder / "Fusion"
    if not fusion.is_dir():
        raise BadInput(
            f"{folder} is not Resolve's folder Fusion, and holds none.",
            fix="Name the folder that has Scripts in it, or make a folder Fusion there.",
            file=str(folder),
        )
    return Place(fusion, fusion, "VOID")


def other_launchers(place: Place, platform: str, environment: Mapping[str, str], home: Path) -> list[Path]:
    """Launchers of other installations that Resolve would show too."""
    folders = user_folders(platform, environment, home) + machine_folders(platform, environment)
    found = [folder / "Fusion" / "Scripts" / "Utility" / "VOID.py" for folder in folders]
    return [path for path in found if path.parent != place.utility and path.is_file()]


def _found(folders: list[Path]) -> Path | None:
    return next((folder for folder in folders if folder.is_dir()), None)


def _store_containers(home: Path) -> list[Path]:
    containers = home / "Library" / "Containers"
    return [p for p in containers.glob("com.blackmagic-design.*") if "resolve" in p.name.lower()]


def _not_found(looked: Path, fix: str) -> BadInput:
    return BadInput(f"DaVinci Resolve was not found: there is no folder {looked}.", fix=fix, file=str(looked))
