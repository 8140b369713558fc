# SPDX-License-Identifier: Apache-2.0
"""Where a process may not write code and run it, a server offers no model, and says what to change."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kills.works import write_weights
from void_server.pipeline.new_code import FORBIDDEN, NVIDIA

ASK = """
import ctypes, sys
if "forbid" in sys.argv:
    # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN (linux/prctl.h): the kernel's own form of what systemd does.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(65, 1, 0, 0, 0):
        sys.exit(ctypes.get_errno())
from void_server.pipeline.engine_choice import missing_for_void
from void_server.pipeline.finders import missing_for_grounding
from void_server.pipeline.sam2_weights import missing_for_sam2
for missing in (missing_for_void, missing_for_sam2, missing_for_grounding):
    print(missing())
"""

pytestmark = pytest.mark.skipif(NVIDIA.exists(), reason="there is a GPU here, for which nothing is refused")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A folder in which nothing is missing."""
    folder = write_weights(tmp_path_factory.mktemp("weights") / "all")
    for name in ("sam2/tiny", "grounding"):
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text("{}")
    return folder


def missing(weights: Path, *arguments: str) -> list[str]:
    """What the engine `void`, SAM2 and the text-grounding model lack in a process of their own."""
    ran = subprocess.run(
        [sys.executable, "-c", ASK, *arguments],
        env={**os.environ, "VOID_WEIGHTS": str(weights)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if ran.returncode == errno.EINVAL:
        pytest.skip("this kernel is older than 6.3: it cannot be asked to refuse writable code")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_models_are_offered_where_code_may_be_made(weights):
    assert missing(weights) == ["", "", ""]


def test_without_it_the_server_says_what_to_change(weights):
    assert missing(weights, "forbid") == [FORBIDDEN] * 3
