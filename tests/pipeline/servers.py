# SPDX-License-Identifier: Apache-2.0
"""A running server that holds the files of shots already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import RunningServer
from tests.small_shot import SmallShot


@contextmanager
def server_with(
    folders: pytest.TempPathFactory, *shots: SmallShot, weights: Path | None = None
) -> Iterator[RunningServer]:
    """Its workers find the models below `weights`, if given."""
    with pytest.MonkeyPatch.context() as patch:
        if weights:
            patch.setenv("VOID_WEIGHTS", str(weights))
        running = RunningServer(folders.mktemp("store"))
        try:
            for shot in shots:
                for name in ("plate", "roto", "affected"):
                    running.caller.upload_files(shot.files(name).values())
            yield running
        finally:
            running.stop()
