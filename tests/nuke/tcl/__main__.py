# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.nuke.tcl [FILE …]`: checks these files, or all that are shipped."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.nuke.tcl import checks, python_in, reader


def main(arguments: list[str]) -> int:
    """Prints what is wrong, and what could not be checked; 1 if something is."""
    if reader.TCLSH is None:
        print(reader.NO_TCLSH)
        return 1
    if python_in.old_python() is None:
        print(python_in.NO_OLD)
    wrong = 0
    for path in [Path(argument) for argument in arguments] or checks.shipped():
        found = checks.problems(path)
        wrong += bool(found)
        print(f"{path}: {'whole' if not found else ''}")
        for problem in found:
            print(f"  {problem.kind}: {problem.text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
