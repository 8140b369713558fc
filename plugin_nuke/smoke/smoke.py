# SPDX-License-Identifier: Apache-2.0
"""Checks in a real Nuke what the plugin assumes of one: `nuke -t smoke.py [--server HOST:PORT] [--out report.json]`.

Ends with 0 where all is as assumed, with 1 where something differs, with 2 where it could not be tried.
"""

from __future__ import annotations

import argparse
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_PLUGIN = os.path.dirname(_HERE)
for _folder in (_PLUGIN, os.path.join(os.path.dirname(_PLUGIN), "plugin_line")):
    if os.path.isdir(_folder) and _folder not in sys.path:
        sys.path.append(_folder)


def main() -> int:
    """Make the checks, write the report, print what matters; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="nuke -t smoke.py", description="Checks what VOID assumes of this Nuke."
    )
    parser.add_argument("--server", default="", help="HOST:PORT; left out = the site's, else your own")
    parser.add_argument("--out", default="void_check_report.json", help="file for the report")
    asked = parser.parse_args()
    from void_smoke import report, runner

    try:
        made = runner.in_terminal(asked.server, asked.out)
    except (runner.NotEmpty, OSError) as error:
        print(f"The check could not be made: {error}")
        return 2
    print(report.summary(made))
    print(f"Report: {os.path.abspath(asked.out)}")
    return 1 if made["counts"]["differs"] else 0


if __name__ == "__main__":
    sys.exit(main())
