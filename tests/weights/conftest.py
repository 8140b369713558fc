# SPDX-License-Identifier: Apache-2.0
"""The command with a weights folder of the test's own, and a stand-in for the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.weights.hub import Hub
from tests.weights.models import base_files, overlay_files, sam2_files, write
from void_server.main import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights folder; it is not there yet."""
    monkeypatch.setenv("VOID_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def run(folder: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `void-server weights …`."""

    def weights(*arguments: str | Path) -> Ran:
        capfd.readouterr()
        code = main(["weights", *map(str, arguments)])
        told = capfd.readouterr()
        return Ran(code, told.out, told.err)

    return weights


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder as somebody brings it: the base by its published name, the overlays one level down."""
    write(tmp_path / "usb" / "CogVideoX-Fun-V1.5-5b-InP", base_files())
    write(tmp_path / "usb" / "void-model", overlay_files())
    return tmp_path / "usb"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub on loopback with all files; the library is pointed at it, and has no cache or account of its own."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    hub = Hub()
    hub.publish("alibaba-pai/CogVideoX-Fun-V1.5-5b-InP", base_files())
    hub.publish("netflix/void-model", overlay_files())
    for name, data in sam2_files().items():
        repository = name.removesuffix(".pt").replace("_", "-")
        hub.publish(f"facebook/{repository}", {name: data})
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    yield hub
    hub.stop()
