# SPDX-License-Identifier: Apache-2.0
"""One Ray cluster for all tests of this folder: it takes twelve seconds to start."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.pool.cluster import LocalCluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """A head node alone; tests `ensure` what they need. Its token is the one that this process has."""
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed: that units run on a cluster is not checked")
    # Ray's sockets lie below: their paths may have 107 bytes at most.
    with TemporaryDirectory(prefix="ray-") as folder, pytest.MonkeyPatch.context() as patch:
        running = LocalCluster(Path(folder))
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(running.token_file))
        patch.delenv("RAY_AUTH_TOKEN", raising=False)
        yield running
        running.stop()
