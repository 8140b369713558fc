# SPDX-License-Identifier: Apache-2.0
"""`void install resolve` as a user runs it, with a home folder of the test's own and a real Python for the helper."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest

from tests.install.user import User, state
from void_client.errors import BadInput
from void_client.install import resolve_place
from void_client.install.plugin_files import shipped_files
from void_client.install.resolve import LAUNCHER, LAUNCHERS, MARK, launcher, package_files


class ResolveUser(User):
    host = "resolve"

    @property
    def resolve(self) -> Path:
        return self.home / ".local" / "share" / "DaVinciResolve"

    @property
    def utility(self) -> Path:
        return self.resolve / "Fusion" / "Scripts" / "Utility"

    @property
    def macro(self) -> Path:
        return self.resolve / "Fusion" / "Templates" / "Fusion" / "VOID" / "VOID_TouchUp.setting"

    @property
    def package(self) -> Path:
        return self.home / ".local" / "share" / "void" / "resolve" / "void"


@pytest.fixture
def user(tmp_path: Path, python: Path) -> ResolveUser:
    user = ResolveUser(tmp_path / 'Jürgen 東京 o\'Neil "x" \\n', python)
    user.resolve.mkdir(parents=True)
    return user


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assigned(path: Path) -> dict[str, object]:
    """The plain values that a script gives names to."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {
        node.targets[0].id: ast.literal_eval(node.value)  # type: ignore[attr-defined]
        for node in body
        if isinstance(node, ast.Assign)
    }


def test_the_menu_has_two_entries_and_nothing_else_of_ours(user: ResolveUser) -> None:
    ran = user()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert names_in(user.utility) == ["VOID probe.py", "VOID.py"]
    assert "Studio" in ran.stdout and "19.1" in ran.stdout and "free edition" in ran.stdout


def test_the_launchers_know_the_package_by_its_path_whatever_letters_it_has(user: ResolveUser) -> None:
    user()
    assert assigned(user.utility / "VOID.py") == {"INSTALLED": str(user.package), "ENTRY": "main"}
    assert assigned(user.utility / "VOID probe.py") == {"INSTALLED": str(user.package), "ENTRY": "probe"}
    assert all((user.utility / name).read_bytes().isascii() for name in LAUNCHERS)


@pytest.mark.parametrize(
    "path", [r"C:\Users\new\tools", 'a"b', "a'b", "a\nb", "Jürgen 東京", '"""', "x\\", "\udcff"]
)
def test_a_path_is_written_so_that_python_reads_it_again(tmp_path: Path, path: str) -> None:
    (tmp_path / "x.py").write_bytes(launcher(shipped_files("resolve")[LAUNCHER], path, "main"))
    assert assigned(tmp_path / "x.py")["INSTALLED"] == path


def test_the_package_lies_in_the_user_s_data_and_its_helper_greets(user: ResolveUser) -> None:
    user()
    files = package_files(shipped_files("resolve"))
    assert {name: (user.package / name).read_bytes() for name in files} == files
    assert {"void_resolve/main.py", "void_line/helper.py", "gizmos/VOID_TouchUp.setting"} <= set(files)
    assert "VOID.py" not in files and not [name for name in files if name.endswith(".gizmo")]
    command = json.loads((user.package / "void_helper.json").read_text())["command"]
    assert command == [str(user.python), "-I", "-u", "-m", "void_client.helper"]


def test_a_second_run_has_nothing_to_do(user: ResolveUser) -> None:
    user("--macro")
    before = state(user.home)
    assert "nothing to do" in user("--macro").stdout
    assert state(user.home) == before


@pytest.mark.parametrize("there", ["", "Fusion", "Fusion/Scripts/Utility", "Fusion/Templates"])
def test_uninstall_leaves_everything_as_it_was(user: ResolveUser, there: str) -> None:
    (user.resolve / there).mkdir(parents=True, exist_ok=True)
    (user.resolve / "other.py").write_text("mine")
    before = state(user.resolve)
    user()
    user("--macro")
    ran = user("--uninstall")
    assert ran.returncode == 0, ran.stderr
    assert state(user.resolve) == before
    assert not user.package.parent.exists()
    assert "nothing to do" in user("--uninstall").stdout


def test_the_macro_comes_when_it_is_asked_for_and_stays_up_to_date(user: ResolveUser) -> None:
    user()
    assert not user.macro.exists()
    assert "Start Resolve again" in user("--macro").stdout
    assert user.macro.read_bytes() == shipped_files("resolve")["gizmos/VOID_TouchUp.setting"]
    user.macro.write_text("changed")
    assert f"{user.macro} was changed here" in user().stdout
    assert user.macro.read_text() != "changed"


def test_what_the_user_added_or_changed_is_kept_and_named(user: ResolveUser) -> None:
    user()
    added, changed = user.package / "mine.txt", user.utility / "VOID.py"
    added.write_text("mine")
    changed.write_text("changed")
    (user.package / "void_resolve" / "__pycache__").mkdir()
    (user.package / "void_resolve" / "__pycache__" / "main.cpython-312.pyc").write_bytes(b"")
    ran = user("--uninstall")
    assert str(added) in ran.stdout and str(changed) in ran.stdout
    assert names_in(user.package) == ["mine.txt"] and names_in(user.utility) == ["VOID.py"]


def test_a_script_of_somebody_else_is_not_touched(user: ResolveUser) -> None:
    user.utility.mkdir(parents=True)
    (user.utility / "VOID.py").write_text("print('mine')")
    ran = user()
    assert ran.returncode == 2 and "did not make it" in ran.stderr
    assert state(user.utility) == {"VOID.py": b"print('mine')"} and not user.package.exists()


def test_an_interrupted_run_is_finished_by_the_next_and_taken_back_too(user: ResolveUser) -> None:
    user()
    (user.utility / "VOID.py").unlink()
    assert user().returncode == 0 and (user.utility / "VOID.py").exists()
    (user.package / "void_install.json").unlink()
    for path in sorted(user.package.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    user("--uninstall")
    assert names_in(user.utility) == []


def test_a_launcher_of_an_older_release_is_written_anew(user: ResolveUser) -> None:
    user.utility.mkdir(parents=True)
    (user.utility / "VOID.py").write_bytes(MARK + b"\nold = 1\n")
    assert user().returncode == 0
    assert assigned(user.utility / "VOID.py")["INSTALLED"] == str(user.package)


def test_a_dry_run_changes_nothing_and_says_what_it_would(user: ResolveUser) -> None:
    before = state(user.home)
    assert user("--dry-run", "--macro").stdout.count("would do: ") == 4
    assert state(user.home) == before
    user()
    before = state(user.home)
    assert user("--dry-run", "--uninstall").stdout.count("would do: ") == 4
    assert state(user.home) == before


def test_with_dir_all_lies_beside_scripts(user: ResolveUser, tmp_path: Path) -> None:
    fusion = tmp_path / "studio" / "Fusion"
    fusion.mkdir(parents=True)
    assert user("--dir", str(fusion.parent)).returncode == 0
    assert (fusion / "VOID" / "void_helper.json").exists()
    assert assigned(fusion / "Scripts" / "Utility" / "VOID.py")["INSTALLED"] == str(fusion / "VOID")
    assert "nothing to do" in user("--dir", str(fusion)).stdout
    assert state(user.resolve) == {}
    user("--dir", str(fusion), "--uninstall")
    assert state(fusion) == {}


def test_two_installations_are_told(user: ResolveUser, tmp_path: Path) -> None:
    user()
    (tmp_path / "Fusion").mkdir()
    ran = user("--dir", str(tmp_path / "Fusion"))
    assert "VOID twice" in ran.stdout and str(user.utility / "VOID.py") in ran.stdout


def test_without_resolve_the_other_ways_are_offered(user: ResolveUser) -> None:
    user.resolve.rmdir()
    ran = user()
    assert ran.returncode == 2 and "Start DaVinci Resolve once" in ran.stderr and "--machine" in ran.stderr


def test_a_place_that_cannot_be_written_to_is_told(user: ResolveUser) -> None:
    (user.resolve / "Fusion").write_text("a file")
    ran = user()
    assert ran.returncode in (2, 4) and "Fusion" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--helper", "/bin/true"), "does not start"),
        (("--wheelhouse", "."), "belong together"),
        (("--wheelhouse", ".", "--python", sys.executable), "no wheel of void-for-hosts"),
        (("--dir", "/no/such/folder"), "is no folder"),
        (("--dir", "/usr"), "holds none"),
        (("--user", "--machine"), "not allowed with"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_changed(
    user: ResolveUser, arguments: tuple[str, ...], said: str
) -> None:
    before = state(user.home)
    ran = user(*arguments)
    assert ran.returncode == 2 and said in ran.stderr
    assert state(user.home) == before


def test_the_help_teaches(user: ResolveUser) -> None:
    text = user("--help").stdout
    for word in (
        "--dry-run",
        "--uninstall",
        "--wheelhouse",
        "--machine",
        "--macro",
        "Studio",
        "19.1",
        "exit codes",
    ):
        assert word in text


# Where Resolve looks, per system (facts, section 1.2).


@pytest.mark.parametrize(
    ("platform", "environment", "below"),
    [
        ("linux", {}, ".local/share/DaVinciResolve"),
        ("darwin", {}, "Library/Application Support/Blackmagic Design/DaVinci Resolve"),
        ("win32", {}, "AppData/Roaming/Blackmagic Design/DaVinci Resolve/Support"),
    ],
)
def test_the_user_s_own_place(tmp_path: Path, platform: str, environment: dict[str, str], below: str) -> None:
    (tmp_path / below).mkdir(parents=True)
    place = resolve_place.place_for_user(platform, environment, tmp_path, tmp_path / "data")
    assert place.utility == tmp_path / below / "Fusion" / "Scripts" / "Utility"
    assert place.package == tmp_path / "data" / "resolve" / "void"


def test_windows_roaming_folder_and_program_data_come_from_the_environment(tmp_path: Path) -> None:
    environment = {"APPDATA": str(tmp_path / "roam"), "PROGRAMDATA": str(tmp_path / "all")}
    mine = tmp_path / "roam" / "Blackmagic Design" / "DaVinci Resolve" / "Support"
    all_ = tmp_path / "all" / "Blackmagic Design" / "DaVinci Resolve"
    mine.mkdir(parents=True), all_.mkdir(parents=True)
    assert resolve_place.place_for_user("win32", environment, tmp_path, tmp_path).fusion == mine / "Fusion"
    machine = resolve_place.place_for_machine("win32", environment)
    assert (machine.fusion, machine.package) == (all_ / "Fusion", all_ / "Fusion" / "VOID")


def test_a_machine_without_resolve_is_told() -> None:
    with pytest.raises(BadInput, match="was not found"):
        resolve_place.place_for_machine("win32", {"PROGRAMDATA": "/no/such"})


def test_the_mac_app_store_s_resolve_is_said_to_be_unsupported(tmp_path: Path) -> None:
    container = tmp_path / "Library" / "Containers" / "com.blackmagic-design.DaVinciResolveLite"
    container.mkdir(parents=True)
    with pytest.raises(BadInput, match="Mac App Store"):
        resolve_place.place_for_user("darwin", {}, tmp_path, tmp_path)
    with pytest.raises(BadInput, match="Mac App Store"):
        resolve_place.place_in(str(container))


@pytest.mark.parametrize("name", ["Scripts", "Scripts/Utility"])
def test_a_folder_within_fusion_is_not_taken_for_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "Fusion" / name).mkdir(parents=True)
    with pytest.raises(BadInput, match="inside of"):
        resolve_place.place_in(str(tmp_path / "Fusion" / name))
