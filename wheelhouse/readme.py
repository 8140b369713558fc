# SPDX-License-Identifier: Apache-2.0
"""The README of a bundle: two commands a target."""

from __future__ import annotations

from collections.abc import Sequence

from wheelhouse.targets import Target

_HEAD = """\
VOID for Nuke and DaVinci Resolve: install without a network

wheels/         every package, stored once
requirements/   for each target its packages, with version and SHA-256
SHA256SUMS      of every file here; check a copy with: sha256sum -c SHA256SUMS

Copy this folder to the machine, open a shell in it, and run the two commands of its system. Nothing is fetched, and
pip refuses a package whose bytes are not those of the requirement file. pip itself comes with Python.
"""

_COMMANDS = {
    "posix": (
        "  python{python} -m venv {folder}\n"
        "  {folder}/bin/python -m pip install --no-index --find-links wheels --require-hashes"
        " -r requirements/{name}.txt\n"
    ),
    "nt": (
        "  py -{python} -m venv {folder}\n"
        "  {folder}\\Scripts\\python -m pip install --no-index --find-links wheels --require-hashes"
        " -r requirements\\{name}.txt\n"
    ),
}
_FOLDERS = {"posix": "/opt/void", "nt": "C:\\void"}

_TAIL = """
Then `void doctor` in the bin (Windows: Scripts) folder says whether all is well; a server machine has `void-server`
there, and `void` too. A workstation that has no server of its own needs --server, or a site file.
"""


def readme(targets: Sequence[Target]) -> str:
    """The text for these targets: one example for each side and platform, and the names of the others."""
    groups: dict[tuple[str, str], list[Target]] = {}
    for target in targets:
        groups.setdefault((target.side, target.platform.name), []).append(target)
    sections = []
    for (side, platform), members in groups.items():
        shown = members[-1]
        system = shown.platform.os_name
        commands = _COMMANDS[system].format(python=shown.python, name=shown.name, folder=_FOLDERS[system])
        others = ", ".join(t.python for t in members[:-1])
        also = f"  (as well for Python {others}: the file ends in their cp number)\n" if others else ""
        sections.append(f"\n{side}, {platform}, Python {shown.python}:\n{commands}{also}")
    return _HEAD + "".join(sections) + _TAIL
