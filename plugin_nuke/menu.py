# SPDX-License-Identifier: Apache-2.0
"""VOID in Nuke's menus. Whatever fails here is printed, and Nuke starts as without it."""

try:
    import os
    import sys

    _here = os.path.dirname(os.path.abspath(__file__))
    for _folder in (_here, os.path.join(os.path.dirname(_here), "plugin_line")):
        if os.path.isdir(_folder) and _folder not in sys.path:
            # Behind everything else: a pipeline's modules keep their places.
            sys.path.append(_folder)

    from void_nuke.menus import add_menus

    add_menus()
except Exception:  # noqa: BLE001 - a raise in menu.py breaks the artist's start-up
    import traceback

    print("VOID could not be added to Nuke's menus:")
    traceback.print_exc()
