# SPDX-License-Identifier: Apache-2.0
"""`void mask` runs the server's program and passes on what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.masks.small_masks import needs_ffmpeg, write_mattes
from void_client.cli import server_program
from void_client.cli.main import main


def void(*words, **options):
    command = [sys.executable, "-m", "void_client", "mask", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


@needs_ffmpeg
def test_a_mask_goes_from_exr_to_a_clip_and_back_and_is_the_same(tmp_path):
    pattern, clip = write_mattes(tmp_path, range(1001, 1004)), tmp_path / "quadmask_0.mp4"
    back = tmp_path / "back.####.exr"
    assert void("convert", pattern, clip).returncode == 0
    assert void("convert", clip, back, "--first", 1001).returncode == 0
    ran = void("compare", "--json", pattern, back)
    regions = json.loads(ran.stdout)["regions"]
    assert ran.returncode == 0 and {m["iou"]["worst"] for m in regions.values()} == {1.0}


def test_an_error_comes_with_its_exit_code_and_one_sentence(tmp_path):
    ran = void(
        "inspect", "none.####.exr", cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("void: No file fits none.####.exr.") and ran.stderr.count("\n") == 1


def test_the_help_of_an_action_speaks_of_void():
    ran = void("convert", "--help")
    assert ran.returncode == 0 and ran.stdout.startswith("usage: void mask convert")
    assert "void mask convert 'matte.####.exr' quadmask_0.mp4" in ran.stdout


def test_the_help_of_all_needs_no_server(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["mask", "--help"])
    assert ended.value.code == 0 and "compare" in capsys.readouterr().out


def test_without_the_servers_package_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(server_program, "is_server_here", lambda: False)
    assert main(["mask", "inspect", "--json", "m.####.exr"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and "pip install 'void-for-hosts[server]'" in told.err and told.err.count("\n") == 1


@pytest.mark.skipif(
    sys.platform == "win32", reason="a signal to one process is POSIX: Ctrl-C was not checked"
)
def test_a_signal_to_the_client_alone_ends_both_and_leaves_nothing(tmp_path):
    pattern = write_mattes(tmp_path, range(150))
    before = set(tmp_path.iterdir())
    words = ["convert", pattern, str(tmp_path / "o.####.exr")]
    process = subprocess.Popen([sys.executable, "-m", "void_client", "mask", *words])
    while process.poll() is None and not set(tmp_path.iterdir()) - before:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130 and set(tmp_path.iterdir()) == before
