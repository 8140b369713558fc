# SPDX-License-Identifier: Apache-2.0
"""The bundle as a folder, made by the real pip from small wheels that these tests write: no package index is asked."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.client.conftest import ROOT
from wheelhouse.__main__ import table
from wheelhouse.bundle import House, make_bundle
from wheelhouse.pip import CONSTRAINTS, PipFailed, build_own_wheel
from wheelhouse.readme import readme
from wheelhouse.targets import TARGETS, UnknownTarget, named
from wheelhouse.wheels import BrokenWheel, needed, read_wheel, sha256_of

PINNED = dict(
    line.split("==") for line in CONSTRAINTS.read_text().splitlines() if line and not line.startswith("#")
)
LINUX = named(["client-linux-cp310", "client-linux-cp312"])


def write_wheel(folder: Path, name: str, version: str, *needs: str, tag: str = "py3-none-any") -> Path:
    """An empty distribution; `needs` are lines of Requires-Dist or Provides-Extra."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-{tag}.whl"
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(f"{n}\n" for n in needs)
    files = {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = ""
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{file},sha256={digest},{len(text)}\n"
        archive.writestr(zipfile.ZipInfo(f"{info}/RECORD"), record + f"{info}/RECORD,,\n")
    return path


CLIENT_NEEDS = ("grpcio", "protobuf", "tomli")


def write_index(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Let pip find the packages of the client, without contents, and nothing else."""
    for name in CLIENT_NEEDS:
        write_wheel(folder, name, PINNED[name])
    patch.setenv("PIP_CONFIG_FILE", "/dev/null")
    patch.setenv("PIP_NO_INDEX", "1")
    patch.setenv("PIP_FIND_LINKS", str(folder))
    patch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return folder


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return write_index(tmp_path / "index", monkeypatch)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[House]]:
    """A bundle that several tests look at."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        write_index(folder / "index", patch)
        houses = make_bundle(folder / "bundle", LINUX, lambda _: None, own)
    return folder / "bundle", houses


def own(folder: Path) -> Path:
    """A wheel with our own client's needs."""
    return write_wheel(
        folder,
        "void-for-hosts",
        "0.1.0",
        "Requires-Dist: grpcio<2,>=1.85.1",
        "Requires-Dist: protobuf<8,>=7.35.1",
        "Requires-Dist: tomli>=2.0.1; python_version < '3.11'",
    )


def make(place: Path, targets=LINUX) -> list[str]:
    told: list[str] = []
    make_bundle(place, targets, told.append, own)
    return told


def lines_of(place: Path, target: str) -> list[str]:
    return (place / "requirements" / f"{target}.txt").read_text().splitlines()[1:]


def test_each_package_stands_in_the_requirement_file_with_the_hash_of_its_wheel(made):
    place, _ = made
    wheels = {w.name: w for w in map(read_wheel, (place / "wheels").iterdir())}
    assert lines_of(place, "client-linux-cp312") == [
        f"{name}=={wheels[name].version} --hash=sha256:{sha256_of(place / 'wheels' / wheels[name].file)}"
        for name in ("grpcio", "protobuf", "void-for-hosts")
    ]


def test_what_only_another_python_needs_is_there_for_that_one(made):
    place, _ = made
    assert any(line.startswith("tomli==") for line in lines_of(place, "client-linux-cp310"))
    assert not any(line.startswith("tomli==") for line in lines_of(place, "client-linux-cp312"))


def test_a_build_with_a_local_version_is_recorded_as_what_it_is(tmp_path, index):
    studio = write_wheel(index, "grpcio", f"{PINNED['grpcio']}+studio")
    make(tmp_path / "bundle")
    line = lines_of(tmp_path / "bundle", "client-linux-cp312")[0]
    assert line == f"grpcio=={PINNED['grpcio']}+studio --hash=sha256:{sha256_of(studio)}"


def test_the_checksums_are_of_every_file(made):
    place, _ = made
    sums = dict(reversed(line.split("  ")) for line in (place / "SHA256SUMS").read_text().splitlines())
    files = [p for p in place.rglob("*") if p.is_file() and p.name != "SHA256SUMS"]
    assert sums == {p.relative_to(place).as_posix(): sha256_of(p) for p in files}
    assert "README.txt" in sums and len(sums) == 7


def test_a_run_that_failed_leaves_the_old_bundle_and_the_next_goes_on(tmp_path, index):
    place = tmp_path / "bundle"
    make(place, LINUX[1:])
    before = (place / "SHA256SUMS").read_text()
    tomli = index / f"tomli-{PINNED['tomli']}-py3-none-any.whl"
    tomli.rename(index / "away")
    with pytest.raises(PipFailed, match="tomli"):
        make(place, (LINUX[1], LINUX[0]))
    assert (place / "SHA256SUMS").read_text() == before
    (index / "away").rename(tomli)
    told = make(place, (LINUX[1], LINUX[0]))
    assert [line.endswith("from the run before") for line in told[1:]] == [True, False]
    assert len(list((place / "requirements").iterdir())) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle", "index"]


def test_a_wheel_that_changed_between_two_runs_is_told(tmp_path, index):
    place = tmp_path / "bundle"
    (index / f"tomli-{PINNED['tomli']}-py3-none-any.whl").rename(index / "away")
    with pytest.raises(PipFailed):
        make(place, (LINUX[1], LINUX[0]))
    write_wheel(tmp_path / ".bundle.part" / "wheels", "grpcio", PINNED["grpcio"], "Summary: other")
    with pytest.raises(BrokenWheel, match="client-linux-cp312"):
        make(place, (LINUX[1], LINUX[0]))


def test_two_files_of_one_name_are_told(tmp_path, index):
    place = tmp_path / "bundle"
    (index / f"tomli-{PINNED['tomli']}-py3-none-any.whl").rename(index / "away")
    with pytest.raises(PipFailed):
        make(place, (LINUX[1], LINUX[0]))
    (index / "away").rename(index / f"tomli-{PINNED['tomli']}-py3-none-any.whl")
    write_wheel(index, "grpcio", PINNED["grpcio"], "Summary: other")
    with pytest.raises(BrokenWheel, match="Two files are named grpcio"):
        make(place, (LINUX[1], LINUX[0]))


def test_what_no_target_needs_any_more_leaves_the_bundle(tmp_path, index):
    place = tmp_path / "bundle"
    make(place)
    make(place, LINUX[1:])
    assert [p.name for p in (place / "requirements").iterdir()] == ["client-linux-cp312.txt"]
    assert not list((place / "wheels").glob("tomli*"))


def test_needs_are_followed_through_extras_and_markers(tmp_path):
    write_wheel(
        tmp_path, "a", "1", "Provides-Extra: x", "Requires-Dist: b[y]; extra == 'x'", "Requires-Dist: n"
    )
    write_wheel(
        tmp_path, "b", "2", "Provides-Extra: y", "Requires-Dist: w; sys_platform == 'win32' and extra == 'y'"
    )
    write_wheel(tmp_path, "w", "3")
    wheels = list(map(read_wheel, tmp_path.iterdir()))
    windows, linux = (named([f"client-{s}-cp311"])[0].markers() for s in ("windows", "linux"))
    found, missing = needed(Requirement("a[x]"), wheels, windows)
    assert ([w.name for w in found], missing) == (["a", "b", "w"], ("n",))
    found, _ = needed(Requirement("a[x]"), wheels, linux)
    assert [w.name for w in found] == ["a", "b"]
    found, _ = needed(Requirement("a"), wheels, windows)
    assert [w.name for w in found] == ["a"]


def test_a_wheel_of_another_version_meets_no_need(tmp_path):
    write_wheel(tmp_path, "a", "1")
    assert needed(Requirement("a>1"), map(read_wheel, tmp_path.iterdir()), {}) == ((), ("a>1",))


def test_a_file_that_is_no_wheel_is_told(tmp_path):
    (tmp_path / "a-1-py3-none-any.whl").write_bytes(b"PK")
    with pytest.raises(BrokenWheel, match="is no wheel"):
        read_wheel(tmp_path / "a-1-py3-none-any.whl")


def test_our_own_wheel_has_the_same_bytes_each_time_and_the_sources_are_left_alone(tmp_path):
    """Takes about 15 s: the contract is generated and packed twice."""
    generated = ROOT / "build" / "contract" / "void" / "__init__.py"
    before = generated.stat().st_mtime_ns if generated.exists() else None
    first, second = build_own_wheel(tmp_path / "a"), build_own_wheel(tmp_path / "b")
    assert sha256_of(first) == sha256_of(second)
    assert (generated.stat().st_mtime_ns if generated.exists() else None) == before
    names = zipfile.ZipFile(first).namelist()
    assert "void/v1/jobs_pb2.py" in names and "void_server/main.py" in names
    assert not [n for n in names if n.startswith(("wheelhouse", "tests"))]


def test_every_system_and_python_of_the_release_has_a_target():
    names = {t.name for t in TARGETS}
    assert len(names) == 29
    assert {f"client-{s}-cp3{v}" for s in ("windows", "macos-arm64", "linux") for v in range(10, 15)} <= names
    assert {f"server-linux-cp3{v}" for v in range(11, 15)} <= names


def test_a_target_that_is_not_there_is_told_with_all_that_are():
    with pytest.raises(UnknownTarget, match=r"no target client-amiga-cp311.*client-linux-cp311"):
        named(["client-amiga-cp311"])


def test_the_readme_has_two_commands_for_each_side_and_platform():
    text = readme(TARGETS)
    for name in ("client-windows-cp314", "client-macos-arm64-cp314", "server-linux-cp314"):
        assert name in text
    assert text.count("-m venv") == text.count("--no-index --find-links wheels --require-hashes") == 6


def test_the_table_counts_a_shared_wheel_once(made):
    assert table(made[1]).splitlines()[-1].split()[:4] == ["all,", "stored", "once", "4"]
