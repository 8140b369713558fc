# SPDX-License-Identifier: Apache-2.0
"""The command that starts the helper, in a Python that has it: the running one, a given one, or one made for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from void_client.errors import BadInput
from void_client.helper import PROTOCOL
from void_client.install.plugin_files import digest_of
from void_client.version import DISTRIBUTION

PROBE_LIMIT_S = 60.0
"""Longest that a helper may take to greet."""

_MODULE = ("-I", "-u", "-m", "void_client.helper")
_PROMPT = "void-helper"
_WHEEL = f"{DISTRIBUTION.replace('-', '_')}-*.whl"
_LINES_OF_FAILURE = 4
_OF_ANOTHER_PYTHON = ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH")


def command_of(path: str) -> list[str]:
    """The command for a `void-helper`, or for a Python that has it.

    Raises:
        BadInput: there is no such file.
    """
    whole = os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - a link to a venv's Python must stay
    if not Path(whole).is_file():
        raise BadInput(
            f"{path} is no file.", fix="Give --helper a void-helper, or a Python that has it.", file=path
        )
    return [whole] if Path(whole).name.startswith("void-helper") else [whole, *_MODULE]


def check_greets(command: Sequence[str]) -> str:
    """Start a helper and be greeted; returns its version.

    Raises:
        BadInput: it does not greet, with its own last words.
    """
    hello = json.dumps({"id": 1, "do": "hello", "protocol": PROTOCOL, "host": "void install"})
    environment = {k: v for k, v in os.environ.items() if k not in _OF_ANOTHER_PYTHON}
    try:
        ran = subprocess.run(
            list(command),
            input=f"{hello}\n".encode(),
            capture_output=True,
            env=environment,
            timeout=PROBE_LIMIT_S,
            check=False,
        )
        said = ran.stderr.decode(errors="replace")
        answer = json.loads(ran.stdout.partition(b"\n")[0])
        if "reply" in answer:
            return str(answer["reply"]["version"])
        said = str(answer["error"]["message"])
    except subprocess.TimeoutExpired:
        said = f"it said nothing within {PROBE_LIMIT_S:.0f} s"
    except OSError as error:
        said = error.strerror or str(error)
    except (ValueError, KeyError, TypeError):
        pass
    raise BadInput(
        f"The helper does not start with {' '.join(command)}: {_last_lines(said) or 'it says nothing'}",
        fix="Give a Python that has void-for-hosts with --helper, or let one be made with --wheelhouse and --python.",
    )


def find_wheels(wheelhouse: str) -> tuple[Path, str]:
    """The folder of wheels in a wheelhouse or bundle, and the SHA-256 of our own wheel there.

    Raises:
        BadInput: ours is not among them.
    """
    for folder in (Path(wheelhouse).absolute(), Path(wheelhouse).absolute() / "wheels"):
        if wheels := sorted(folder.glob(_WHEEL)):
            return folder, digest_of(wheels[-1].read_bytes())
    raise BadInput(
        f"{wheelhouse} holds no wheel of {DISTRIBUTION} ({_WHEEL}).",
        fix="Give the bundle that `make bundle` writes (docs/install_offline.md), or its folder wheels.",
        file=wheelhouse,
    )


def python_in(environment: Path) -> Path:
    """The Python of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_environment(environment: Path, python: str, wheels: Path) -> None:
    """Make a virtual environment with our wheel, from wheels alone: no network is asked.

    Raises:
        BadInput: something else lies there, or Python or pip cannot do it; the message holds their last words.
    """
    remove_environment(environment)
    pip = (
        str(python_in(environment)),
        "-m",
        "pip",
        "--isolated",
        "--disable-pip-version-check",
        "--no-input",
    )
    _run("the Python environment", python, "-m", "venv", "--prompt", _PROMPT, str(environment))
    _run("pip", *pip, "install", "--quiet", "--no-index", "--find-links", str(wheels), DISTRIBUTION)


def remove_environment(environment: Path) -> bool:
    """Remove an environment that was made here; returns whether there was one.

    Raises:
        BadInput: something else lies there.
    """
    if not environment.exists():
        return False
    settings = environment / "pyvenv.cfg"
    if not settings.is_file() or _PROMPT not in settings.read_text(encoding="utf-8", errors="replace"):
        raise BadInput(
            f"{environment} is there already, and this command did not make it.",
            fix="Move it away.",
            file=str(environment),
        )
    shutil.rmtree(environment)
    return True


def _run(what: str, *command: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in _OF_ANOTHER_PYTHON}
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=environment, check=False
        )
    except OSError as error:
        raise BadInput(
            f"{command[0]} cannot be started: {error.strerror or error}.", fix="Check --python."
        ) from error
    if ran.returncode:
        said = _last_lines(ran.stdout + ran.stderr)
        raise BadInput(f"{what} failed: {said}", fix="Check that --python and the wheels fit each other.")


def _last_lines(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-_LINES_OF_FAILURE:])
