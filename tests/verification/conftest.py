# SPDX-License-Identifier: Apache-2.0
"""A removal that a real server with a signing key made, delivered as `void remove` writes it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import RunningServer
from tests.server.calls import spec_of
from tests.small_shot import SmallShot
from void_client.results import result_folder
from void_server.signing import make_key_pair


@dataclass(frozen=True)
class Delivery:
    """A result folder with its plate, and the public half of the key that signed its sidecar."""

    folder: Path
    plate: str
    public_key: Path

    @property
    def sidecar(self) -> Path:
        return self.folder / "shot_void.json"

    @property
    def pattern(self) -> str:
        return str(self.folder / "shot_void.####.exr")

    def result(self, frame: int) -> Path:
        return self.folder / f"shot_void.{frame:04d}.exr"

    def matte(self, frame: int) -> Path:
        return self.folder / "matte" / f"shot_void_matte.{frame:04d}.exr"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, shot: SmallShot) -> Delivery:
    """One delivery for all; a test that changes it takes `delivery`."""
    folder = tmp_path_factory.mktemp("made")
    private, public = make_key_pair(folder / "site.pem")
    server = RunningServer(folder / "store", signing_key=private)
    try:
        for name in ("plate", "roto", "affected"):
            server.caller.upload_files(shot.files(name).values())
        spec = spec_of(shot, str(folder / "out"))
        spec.settings.options["passes"] = "qc"
        job = server.caller.run(spec)
        for output in job.outputs:
            path = result_folder(spec.output, False).path(output.kind, output.frame)
            if path is None:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(server.caller.download(output.blob.digest))
    finally:
        server.stop()
    return Delivery(folder / "out", str(shot.folder / "plate" / "plate.####.exr"), public)


@pytest.fixture
def delivery(made: Delivery, tmp_path: Path) -> Delivery:
    """A copy of it."""
    shutil.copytree(made.folder, tmp_path / "out")
    return Delivery(tmp_path / "out", made.plate, made.public_key)
