# SPDX-License-Identifier: Apache-2.0
"""`void install nuke` as a user runs it, with a home folder of the test's own and a real Python for the helper."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.install.user import PACKAGES, User, state
from void_client.install.plugin_files import RECORD, shipped_files
from void_client.install.start_line import MARK
from wheelhouse.pip import build_own_wheel


class NukeUser(User):
    host = "nuke"

    @property
    def init(self) -> Path:
        return self.home / ".nuke" / "init.py"

    @property
    def plugin(self) -> Path:
        return self.home / ".local" / "share" / "void" / "nuke" / "void"


@pytest.fixture
def user(tmp_path: Path, python: Path) -> NukeUser:
    home = tmp_path / "Jürgen 東京 o'Neil"
    (home / ".nuke").mkdir(parents=True)
    return NukeUser(home, python)


def test_the_plugin_lies_in_the_user_s_data_and_init_names_it(user: NukeUser) -> None:
    ran = user()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert {n: user.plugin.joinpath(n).read_bytes() for n in shipped_files()} == shipped_files()
    assert user.init.read_bytes().count(MARK) == 1
    assert str(user.plugin) in ran.stdout and "Nuke 14 to 17" in ran.stdout and "NUKE_PATH=" in ran.stdout


def test_the_helper_that_the_plugin_is_told_of_greets(user: NukeUser) -> None:
    user()
    command = json.loads((user.plugin / "void_helper.json").read_text())["command"]
    assert command == [str(user.python), "-I", "-u", "-m", "void_client.helper"]
    hello = b'{"id": 1, "do": "hello", "protocol": 1, "host": "test"}\n'
    said = subprocess.run(command, input=hello, capture_output=True, env={}, timeout=60).stdout
    assert json.loads(said)["reply"]["protocol"] == 1


def test_a_second_run_has_nothing_to_do(user: NukeUser) -> None:
    user()
    before = state(user.home)
    ran = user()
    assert "nothing to do" in ran.stdout
    assert state(user.home) == before


@pytest.mark.parametrize(
    "init", [None, b"", b"import nuke", b"import nuke\r\nx = 1\r\n", b"\xef\xbb\xbf# \xc3\xbc\n"]
)
def test_uninstall_leaves_everything_as_it_was(user: NukeUser, init: bytes | None) -> None:
    if init is not None:
        user.init.write_bytes(init)
    user()
    ran = user("--uninstall")
    assert ran.returncode == 0, ran.stderr
    assert state(user.home / ".nuke") == ({} if init is None else {"init.py": init})
    assert not user.plugin.parent.exists()
    assert "nothing to do" in user("--uninstall").stdout


def test_what_the_user_wrote_around_the_line_stays(user: NukeUser) -> None:
    user.init.write_bytes(b"one = 1\n")
    user()
    user.init.write_bytes(user.init.read_bytes() + b"two = 2\n")
    user("--uninstall")
    assert user.init.read_bytes() == b"one = 1\ntwo = 2\n"


def test_files_that_the_user_added_or_changed_are_kept_and_named(user: NukeUser) -> None:
    user()
    added, changed = user.plugin / "mine.gizmo", user.plugin / "void_nuke" / "knobs.py"
    added.write_text("mine")
    changed.write_text("changed")
    cache = user.plugin / "void_nuke" / "__pycache__"
    cache.mkdir()
    (cache / "knobs.cpython-311.pyc").write_bytes(b"")
    ran = user("--uninstall")
    assert str(added) in ran.stdout and str(changed) in ran.stdout
    assert {n for n, data in state(user.plugin).items() if data is not None} == {
        "mine.gizmo",
        "void_nuke/knobs.py",
    }


def test_a_changed_file_is_as_shipped_again_after_the_next_run(user: NukeUser) -> None:
    user()
    changed = user.plugin / "void_nuke" / "knobs.py"
    shipped = changed.read_bytes()
    changed.write_text("changed")
    ran = user()
    assert f"{changed} was changed here" in ran.stdout
    assert changed.read_bytes() == shipped


def test_a_file_that_a_release_no_longer_has_goes(user: NukeUser) -> None:
    user()
    old = user.plugin / "void_nuke" / "old.py"
    old.write_bytes(b"old")
    record = json.loads((user.plugin / RECORD).read_text())
    record["files"]["void_nuke/old.py"] = hashlib.sha256(b"old").hexdigest()
    (user.plugin / RECORD).write_text(json.dumps(record))
    user()
    assert not old.exists()
    assert "nothing to do" in user().stdout


def test_an_interrupted_run_is_finished_by_the_next(user: NukeUser) -> None:
    user()
    (user.plugin / "void_nuke" / "knobs.py").unlink()
    user.init.unlink()
    assert user().returncode == 0
    assert "nothing to do" in user().stdout


def test_a_dry_run_changes_nothing_and_says_what_it_would(user: NukeUser) -> None:
    before = state(user.home)
    ran = user("--dry-run")
    assert ran.stdout.count("would do: ") == 2
    assert state(user.home) == before
    user()
    before = state(user.home)
    assert user("--dry-run", "--uninstall").stdout.count("would do: ") == 2
    assert state(user.home) == before


def test_with_dir_all_lies_there(user: NukeUser, tmp_path: Path) -> None:
    studio = tmp_path / "studio tools"
    studio.mkdir()
    assert user("--dir", str(studio)).returncode == 0
    assert (studio / "void" / "void_helper.json").exists()
    assert MARK in (studio / "init.py").read_bytes()
    assert state(user.home) == {".nuke": None}
    user("--dir", str(studio), "--uninstall")
    assert state(studio) == {}


def test_a_link_stays_a_link_and_permissions_stay(user: NukeUser, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.py"
    real.write_text("x = 1\n")
    real.chmod(0o640)
    user.init.symlink_to(real)
    user()
    assert user.init.is_symlink() and MARK in real.read_bytes()
    assert real.stat().st_mode & 0o777 == 0o640


def test_without_nuke_s_folder_dir_is_offered(user: NukeUser) -> None:
    (user.home / ".nuke").rmdir()
    ran = user()
    assert ran.returncode == 2 and "--dir" in ran.stderr
    assert state(user.home) == {}


def test_an_init_that_is_not_utf_8_is_left_and_the_line_is_told(user: NukeUser) -> None:
    user.init.write_bytes(b"# gr\xfc\xdfe\n")
    ran = user()
    assert ran.returncode == 2 and "pluginAppendPath" in ran.stderr
    assert state(user.home / ".nuke") == {"init.py": b"# gr\xfc\xdfe\n"}
    assert not user.plugin.exists()


def test_a_folder_of_somebody_else_is_not_touched(user: NukeUser) -> None:
    user.plugin.mkdir(parents=True)
    (user.plugin / "thesis.txt").write_text("mine")
    for ran in (user(), user("--uninstall")):
        assert ran.returncode == 2 and "did not make it" in ran.stderr
    assert state(user.plugin) == {"thesis.txt": b"mine"}


def test_a_place_that_cannot_be_written_to_is_told(user: NukeUser) -> None:
    user.init.mkdir()
    ran = user()
    assert ran.returncode == 2 and str(user.init) in ran.stderr
    user.init.rmdir()
    (user.home / ".local").write_text("a file")
    ran = user()
    assert ran.returncode in (2, 4) and ".local" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--helper", "/no/such/python"), "/no/such/python is no file"),
        (("--helper", "/bin/true"), "does not start"),
        (("--wheelhouse", "."), "belong together"),
        (("--wheelhouse", ".", "--python", sys.executable), "no wheel of void-for-hosts"),
        (("--helper", "x", "--python", "y"), "Give one of the two"),
        (("--dir", "/no/such/folder"), "is no folder"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_changed(
    user: NukeUser, arguments: tuple[str, ...], said: str
) -> None:
    before = state(user.home)
    ran = user(*arguments)
    assert ran.returncode == 2 and said in ran.stderr
    assert state(user.home) == before


def test_a_given_helper_program_is_the_command(user: NukeUser, tmp_path: Path) -> None:
    program = tmp_path / "void-helper"
    program.write_text(f'#!/bin/sh\nexec "{user.python}" -I -u -m void_client.helper\n')
    program.chmod(0o755)
    assert user("--helper", str(program)).returncode == 0
    assert json.loads((user.plugin / "void_helper.json").read_text())["command"] == [str(program)]


def test_the_help_teaches(user: NukeUser) -> None:
    text = user("--help").stdout
    for word in ("--dry-run", "--uninstall", "--wheelhouse", "NUKE_PATH", "Nuke 13", "exit codes"):
        assert word in text


# A Python of the helper's own, without a network.


def write_bridge(folder: Path, name: str, version: str) -> None:
    """A wheel of this name that leads to the running environment's packages: the real wheels are not at hand."""
    info = f"{name}-{version}.dist-info"
    members = {
        f"{name}_bridge.pth": f"{PACKAGES}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for file, text in members.items():
            archive.writestr(file, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{file},sha256={digest},{len(text)}\n"
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    build_own_wheel(folder / "wheels")
    for name, version in (("grpcio", "1.85.1"), ("protobuf", "7.35.1")):
        write_bridge(folder / "wheels", name, version)
    return folder


def test_our_wheel_holds_the_plugin_and_the_schema(wheels: Path) -> None:
    (own,) = wheels.glob("wheels/void_for_hosts-*.whl")
    names = set(zipfile.ZipFile(own).namelist())
    hosts = "void_client/hosts/"
    held = {n.removeprefix(hosts) for n in names if n.startswith(hosts)}
    inside = {n.partition("/")[2] if not n.startswith("gizmos/") else n for n in held}
    assert inside == {*shipped_files("nuke"), *shipped_files("resolve")}
    assert "void_client/helper/messages.schema.json" in names


def test_a_bundle_gives_the_helper_a_python_of_its_own(user: NukeUser, wheels: Path) -> None:
    wish = ("--wheelhouse", str(wheels), "--python", sys.executable)
    ran = user(*wish)
    assert ran.returncode == 0, ran.stderr
    own = user.plugin.parent / "void_python" / "bin" / "python"
    assert json.loads((user.plugin / "void_helper.json").read_text())["command"][0] == str(own)
    assert "nothing to do" in user(*wish).stdout
    again = subprocess.run(
        [str(own), "-I", "-m", "void_client", "install", "nuke", "--dry-run"],
        capture_output=True,
        text=True,
        env={"HOME": str(user.home)},
        timeout=60,
    )
    assert again.returncode == 0, again.stderr
    user("--uninstall")
    assert (
        state(user.home / ".local" / "share") == {"void": None}
        or not (user.home / ".local" / "share").exists()
    )
