# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.small_store import SmallStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SmallStore]:
    made = SmallStore(tmp_path / "store")
    yield made
    made.close()
