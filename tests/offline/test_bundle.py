# SPDX-License-Identifier: Apache-2.0
"""Client and server installed from a real bundle, where there is no network, and put to work there.

The wheels come from whatever pip is configured with, as the development environment did.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.offline.alone import isolated
from tests.offline.contacts import bare_environment, record
from tests.offline.test_demo import demo_arguments
from wheelhouse.bundle import make_bundle
from wheelhouse.targets import named

ABI = f"cp{sys.version_info.major}{sys.version_info.minor}"
CLIENT, SERVER = f"client-linux-{ABI}", f"server-linux-{ABI}"

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"),
        reason="there is a server bundle for Linux only",
    ),
]


@pytest.fixture(scope="module")
def client_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes about 10 s: our own wheel is built, 8 MiB are downloaded."""
    place = tmp_path_factory.mktemp("made") / "bundle"
    make_bundle(place, named([CLIENT]), print)
    return place


def alone(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command where there is no network."""
    environment = bare_environment(folder) | {"PIP_CONFIG_FILE": "/dev/null"}
    return subprocess.run(
        isolated(command), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def install(bundle: Path, target: str, folder: Path) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The two commands of the bundle's README; gives the folder of the programs, and how pip ended."""
    shutil.copytree(bundle, folder / "copied")
    made = alone([sys.executable, "-m", "venv", str(folder / "venv")], folder)
    assert made.returncode == 0, made.stderr
    programs = folder / "venv" / "bin"
    pip = [str(programs / "python"), "-m", "pip", "install", "--no-compile", "--no-index"]
    pip += ["--find-links", str(folder / "copied" / "wheels"), "--require-hashes"]
    pip += ["-r", str(folder / "copied" / "requirements" / f"{target}.txt")]
    return programs, alone(pip, folder)


def test_a_client_installs_without_a_network_and_stays_light(client_bundle, tmp_path):
    """Takes about 20 s: an environment is made and filled."""
    programs, ran = install(client_bundle, CLIENT, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    helped = alone([str(programs / "void"), "remove", "--help"], tmp_path)
    assert helped.returncode == 0 and "--plate" in helped.stdout
    doctor = alone([str(programs / "void"), "doctor"], tmp_path)
    assert doctor.returncode == 3 and "No server program is installed" in doctor.stdout
    listed = alone([str(programs / "python"), "-m", "pip", "list", "--format=freeze"], tmp_path).stdout
    names = {line.partition("==")[0] for line in listed.splitlines()} - {"pip", "setuptools", "wheel"}
    assert names <= {"grpcio", "protobuf", "typing_extensions", "tomli", "void-for-hosts"}


def test_a_server_installs_without_a_network_and_does_the_demo(tmp_path):
    """Takes about a minute: 130 MiB are downloaded and unpacked, and a whole removal runs."""
    make_bundle(tmp_path / "bundle", named([SERVER]), print)
    programs, ran = install(tmp_path / "bundle", SERVER, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    doctor = alone([str(programs / "void"), "doctor", "--local"], tmp_path)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    (tmp_path / "run").mkdir()
    demo = [str(programs / "void"), *demo_arguments(tmp_path / "out")]
    recorded = record(demo, tmp_path / "run", bare_environment(tmp_path))
    assert recorded.code == 0, recorded.said
    assert recorded.foreign == []
    assert (tmp_path / "out" / "demo.1010.exr").exists() and (tmp_path / "out" / "demo.json").exists()


def test_a_wheel_with_one_changed_byte_is_refused(client_bundle, tmp_path):
    shutil.copytree(client_bundle, tmp_path / "tampered")
    wheel = next((tmp_path / "tampered" / "wheels").glob("typing_extensions*"))
    data = bytearray(wheel.read_bytes())
    data[len(data) // 2] ^= 1
    wheel.write_bytes(data)
    _, ran = install(tmp_path / "tampered", CLIENT, tmp_path)
    assert ran.returncode != 0
    assert "DO NOT MATCH THE HASHES" in ran.stderr and "typing" in ran.stderr
