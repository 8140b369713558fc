# SPDX-License-Identifier: Apache-2.0
"""A server under fire for each module; at its end all must hold that the oracle asks for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from void.v1 import jobs_pb2

from tests.fuzz.target import Target


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A warm server with few limits in its way."""
    with Target(tmp_path_factory.mktemp("target"), "--max-open-jobs", "20") as running:
        running.warm_up()
        yield running


@pytest.fixture(scope="module")
def job(target: Target) -> jobs_pb2.Job:
    """A finished job of the target."""
    return target.job
