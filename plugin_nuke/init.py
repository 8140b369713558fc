# SPDX-License-Identifier: Apache-2.0
"""VOID for Nuke: in every mode, so that a farm finds the groups. Starts nothing, and fails nobody's start-up."""

try:
    import os

    import nuke

    _here = os.path.dirname(os.path.abspath(__file__))
    for _folder in (os.path.join(_here, "gizmos"), os.path.join(os.path.dirname(_here), "gizmos")):
        if os.path.isdir(_folder):
            nuke.pluginAppendPath(_folder.replace("\\", "/"))
            break
except Exception:  # noqa: BLE001 - a raise in init.py ends a render on a farm, too
    import traceback

    print("VOID's groups could not be added to Nuke:")
    traceback.print_exc()
