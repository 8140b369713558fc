# SPDX-License-Identifier: Apache-2.0
"""What a person at a real terminal sees and presses."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from tests.client.conftest import Command
from tests.client.test_remove import wish
from tests.small_shot import write_small_shot


def seen_at_terminal(
    void: Command, *arguments: str, press_after: str = "", press: bytes = b""
) -> tuple[int, str]:
    """Run the command on a pseudo-terminal, press keys once some text is seen; exit code and all that was shown."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "void_client", *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**void.environment, "TERM": "xterm"},
        cwd=void.folder,
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )
    os.close(follower)
    shown = ""
    while True:
        try:
            data = os.read(leader, 4096)
        except OSError:
            break
        shown += data.decode()
        if press and re.search(press_after, shown):
            os.write(leader, press)
            press = b""
    os.close(leader)
    return process.wait(), shown


def test_progress_is_one_line_that_is_rewritten(void: Command, tmp_path: Path) -> None:
    shot = write_small_shot(tmp_path / "shot", frames=4, seed=31)
    code, shown = seen_at_terminal(void, *wish(shot))
    assert code == 0
    assert "\r\x1b[K" in shown
    assert re.search(r"\w+ \d+/\d+ \(stage \d+ of \d+\)", shown)
    assert shown.rstrip().splitlines()[-1].find("Done in") >= 0


def test_ctrl_c_cancels_the_job(void: Command, tmp_path: Path) -> None:
    shot = write_small_shot(tmp_path / "shot", frames=10, size=(270, 480), seed=32)
    code, shown = seen_at_terminal(void, *wish(shot), press_after=r"stage 1\d of \d+", press=b"\x03")
    assert code == 130
    assert "Asking the server to cancel" in shown
    assert "was cancelled" in shown
